"""Images with captions from tables and .npz files."""

import json

import numpy as np
import pytest
from PIL import Image

from ostinato.data.images.captioned import read_captioned, read_images
from ostinato.data.images.picture_arrays import read_features
from ostinato.errors import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    for name in "abc":
        Image.new("RGB", (4, 4)).save(tmp_path / "pictures" / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_table_of_several_captions_an_image(folder):
    (folder / "pictures" / "train.tsv").write_text(
        "file_name\tcaption\na.png\ta  cat\nb.png\ta dog\na.png\tone cat\n"
    )
    first, second = read_captioned(["pictures/train.tsv"])
    assert (first.image, first.captions, first.where) == (
        "pictures/a.png",
        ("a cat", "one cat"),
        "pictures/train.tsv:2",
    )
    assert second.captions == ("a dog",)
    rows = [
        {"img": str(folder / "pictures/c.png"), "said": "x"},
        {"img": "pictures/c.png#xywh=0,0,2,2", "said": "y"},
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    records = read_captioned(["train.jsonl"], image_column="img", caption_column="said")
    assert [record.captions for record in records] == [("x",), ("y",)]


def test_arrays(folder):
    np.savez(
        "a.npz",
        images=np.zeros((2, 4, 4, 3), np.uint8),
        captions=np.array([["one", "two"], ["three", ""]]),
    )
    first, second = read_captioned(["a.npz"])
    assert (
        first.image.shape == (4, 4, 3)
        and first.captions == ("one", "two")
        and second.captions == ("three",)
    )
    assert second.where == "a.npz: image 2" and not second.ordered
    np.savez("b.npz", features=np.ones((2, 5)), captions=np.array(["x", "y"]))
    assert [record.image.shape for record in read_captioned(["b.npz"])] == [(1, 5), (1, 5)]
    np.savez(
        "c.npz",
        frames=np.ones((2, 4, 5), np.float32),
        lengths=[4, 2],
        captions=np.array(["x", "y"]),
    )
    assert [(record.image.shape, record.ordered) for record in read_captioned(["c.npz"])] == [
        ((4, 5), True),
        ((2, 5), True),
    ]
    np.savez(
        "d.npz",
        frames=np.zeros((6, 8, 8, 3), np.uint8),
        lengths=[4, 2],
        captions=np.array(["x", "y"]),
    )
    assert [record.image.shape for record in read_captioned(["d.npz"])] == [
        (4, 8, 8, 3),
        (2, 8, 8, 3),
    ]


def test_features_by_name(folder):
    np.savez("f.npz", features=np.arange(12.0).reshape(2, 3, 2), names=np.array(["a.png", "b"]))
    features = read_features("f.npz")
    (folder / "t.tsv").write_text("image\tcaption\npictures/a.png\tx\nb.png\ty\n")
    assert [record.image[0, 0] for record in read_captioned(["t.tsv"], features=features)] == [0, 6]
    (folder / "t.tsv").write_text("image\tcaption\nz.png\tx\n")
    with pytest.raises(
        InputError, match=r"t.tsv:2: no image 'z.png' among the 2 names of features"
    ):
        read_captioned(["t.tsv"], features=features)


def test_what_is_to_be_captioned(folder):
    (folder / "list").write_text("pictures/a.png\n\n")
    (folder / "pictures" / "list").write_text("b.png\npictures/c.png\n")
    (folder / "t.tsv").write_text("image\tcaption\npictures/a.png\tx\n")
    found = list(read_images(["pictures/a.png", "list", "pictures/list", "t.tsv"]))
    images = [
        "pictures/a.png",
        "pictures/a.png",
        "",
        "pictures/b.png",
        "pictures/c.png",
        "pictures/a.png",
    ]
    assert [record.image for record in found] == images and found[-1].captions == ("x",)


NAN = np.array([[1.0, np.nan]])
ROWS = [
    (
        "a caption without its image",
        "image\tcaption\n\tx\n",
        "t.tsv:2: a caption without its image; complete the row or remove it",
    ),
    (
        "an image without a caption",
        "image\tcaption\npictures/a.png\t \n",
        "t.tsv:2: an image without a caption; complete the row",
    ),
    (
        "no such image",
        "image\tcaption\npictures/d.png\tx\n",
        "t.tsv:2: pictures/d.png: no such file; did you mean 'pictures/",
    ),
    (
        "no such column",
        "picture\tcaption\tx\na\tb\tc\n",
        "t.tsv:1: no column 'image' or 'file_name'",
    ),
    ("nothing", "image\tcaption\n", r"t.tsv: no examples \(0 lines\)"),
    (
        "no arrays",
        {"x": 1},
        "bad.npz: expected one array of images, features or frames; got none of them",
    ),
    ("two arrays", {"images": [[[1]]], "features": [[1]]}, "got images and features"),
    ("text", {"features": [["a"]]}, r"features must be numbers \[N, ...\]; got <U1"),
    (
        "objects",
        {"features": np.array([[1], [1, 2]], dtype=object)},
        "refused: 'features' holds Python objects",
    ),
    (
        "NaN",
        {"features": NAN, "captions": ["x"]},
        r"bad.npz: feature 1: the value at \[2\] is not a finite number",
    ),
    ("captions missing", {"features": [[1.0]]}, "bad.npz: feature 1: an image without a caption"),
    (
        "too few captions",
        {"features": [[1.0], [2.0]], "captions": ["x"]},
        r"captions must be text \[N\] or \[N, K\] for 2 images",
    ),
    (
        "a length beyond T",
        {"frames": np.ones((2, 3, 2)), "lengths": [3, 4], "captions": ["x", "y"]},
        "bad.npz: series 2 has length 4, but frames only 3 steps",
    ),
]


@pytest.mark.parametrize("name, content, message", ROWS, ids=[row[0] for row in ROWS])
def test_refused(folder, name, content, message):
    if isinstance(content, str):
        (folder / "t.tsv").write_text(content)
    else:
        np.savez("bad.npz", **content)
    with pytest.raises(InputError, match=message):
        read_captioned(["t.tsv" if isinstance(content, str) else "bad.npz"])


def test_names_that_do_not_fit(folder):
    for names, message in [
        (["a"], "one for each of 2 images, each once; got 1"),
        (["a", "a"], "got 2, 1 different ones"),
    ]:
        np.savez("f.npz", features=np.ones((2, 3)), names=names)
        with pytest.raises(InputError, match=message):
            read_features("f.npz")
    np.savez("f.npz", features=np.ones((2, 3)))
    with pytest.raises(
        InputError,
        match=r"expected arrays features \[N, D\] or \[N, R, D\] and names \[N\]; got features",
    ):
        read_features("f.npz")
