"""What captioning and video say to pictures, films and networks that they cannot use: exit
status 2, one line, nothing left behind.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TINY = ["--hidden-size", "4", "--epochs", "1", "--no-tensorboard"]
SMALL = ["--embedding-size", "4", "--channels", "4", "--image-size", "8"]
PIXELS = np.random.default_rng(0).integers(0, 255, (10, 4, 6, 6), dtype=np.uint8)
FEATURES = np.arange(120.0).reshape(10, 4, 3)
LABELS = np.arange(10) % 2


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with pictures, train.tsv, clips.npz, features.npz, and runs of them: `run`,
    `film` and `series`.
    """
    from ostinato.cli import main

    folder = tmp_path_factory.mktemp("pictures")
    for number in range(6):
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(folder / f"{number}.png")
    (folder / "train.tsv").write_text(
        "image\tcaption\n" + "".join(f"{number}.png\tred {number}\n" for number in range(6))
    )
    np.savez(folder / "clips.npz", X=PIXELS, y=LABELS)
    np.savez(folder / "features.npz", X=FEATURES, y=LABELS)
    assert (
        main(
            [
                "train",
                "captioning",
                "--train",
                str(folder / "train.tsv"),
                "--out",
                str(folder / "run"),
                *TINY,
                *SMALL,
            ]
        )
        == 0
    )
    for name, run in [("clips", "film"), ("features", "series")]:
        assert (
            main(
                [
                    "train",
                    "video",
                    "--train",
                    str(folder / f"{name}.npz"),
                    "--out",
                    str(folder / run),
                    *TINY,
                ]
            )
            == 0
        )
    return folder


def npz(**arrays):
    return lambda: np.savez("bad.npz", **arrays)


def table(row: str, first: str = "image\tcaption"):
    return lambda: Path("bad.tsv").write_text(f"{first}\n{row}\n")


def cut_short():
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(
        "bad.png"
    )
    Path("bad.png").write_bytes(Path("bad.png").read_bytes()[:3000])
    Path("bad.tsv").write_text("image\tcaption\n0.png\tx\nbad.png\ty\n")


def bomb():
    import struct
    import zlib

    Image.new("1", (8, 8)).save("bad.png")
    data = bytearray(Path("bad.png").read_bytes())
    data[16:24] = struct.pack(">II", 30_000, 30_000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    Path("bad.png").write_bytes(data)
    Path("bad.tsv").write_text("image\tcaption\nbad.png\tx\n")


def nothing():
    pass


NAN = FEATURES.copy()
NAN[3, 1, 2] = np.nan
CAPTION, VIDEO = "train captioning --out new --train", "train video --out new --train"
ROWS = [
    (
        "an image cut short",
        cut_short,
        f"{CAPTION} bad.tsv",
        "bad.tsv:3: bad.png: cut short or damaged (",
    ),
    (
        "predict: an image cut short",
        cut_short,
        "predict run bad.png",
        "bad.png: cut short or damaged (",
    ),
    ("a decompression bomb", bomb, f"{CAPTION} bad.tsv", "bad.tsv:2: bad.png: refused: "),
    (
        "a caption without its image",
        table("\tx"),
        f"{CAPTION} bad.tsv",
        "bad.tsv:2: a caption without its image",
    ),
    (
        "an image without a caption",
        table("0.png\t"),
        f"{CAPTION} bad.tsv",
        "bad.tsv:2: an image without a caption",
    ),
    ("no such image", table("9.png\tx"), f"{CAPTION} bad.tsv", "bad.tsv:2: 9.png: no such file"),
    (
        "no picture",
        table("train.tsv\tx"),
        f"{CAPTION} bad.tsv",
        "bad.tsv:2: train.tsv: not a picture that Pillow can read",
    ),
    (
        "a part outside",
        table("0.png#xywh=4,4,8,8\tx"),
        f"{CAPTION} bad.tsv",
        "that part lies outside of the picture, which is 8 x 8",
    ),
    (
        "no such column",
        table("0.png\tx\t1", "photo\tcaption\tid"),
        f"{CAPTION} bad.tsv",
        "bad.tsv:1: no column 'image' or 'file_name'",
    ),
    (
        "objects",
        npz(features=np.array([[1], [1, 2]], dtype=object)),
        f"{CAPTION} bad.npz",
        "refused: 'features' holds Python objects",
    ),
    (
        "NaN in features",
        npz(features=NAN[:, 1], captions=LABELS.astype(str)),
        f"{CAPTION} bad.npz",
        "bad.npz: feature 4: the value at [3] is not a finite number",
    ),
    (
        "lengths beyond T",
        npz(frames=FEATURES, lengths=[5] * 10, captions=LABELS.astype(str)),
        f"{CAPTION} bad.npz",
        "bad.npz: series 1 has length 5, but frames only 4 steps",
    ),
    (
        "kinds mixed",
        npz(features=FEATURES[:, 0], captions=LABELS.astype(str)),
        f"{CAPTION} train.tsv bad.npz",
        "bad.npz: feature 1: regions, but the first one has pictures; give images of one kind",
    ),
    (
        "evaluate: features for pictures",
        npz(features=FEATURES[:, 0], captions=LABELS.astype(str)),
        "evaluate run bad.npz",
        "bad.npz: feature 1: regions, but the model was trained on pictures",
    ),
    (
        "predict: features for pictures",
        npz(features=FEATURES[:, 0]),
        "predict run bad.npz",
        "regions, but the model was trained on pictures",
    ),
    (
        "captions too long",
        nothing,
        f"{CAPTION} train.tsv --maximum-tokens 1",
        "no caption has --maximum-tokens 1 or less",
    ),
    (
        "features without names",
        npz(features=FEATURES),
        f"{CAPTION} train.tsv --features bad.npz",
        "expected arrays features [N, D] or",
    ),
    (
        "no such network",
        nothing,
        f"{CAPTION} train.tsv --encoder cnn.onnx",
        "cnn.onnx: no such file",
    ),
    (
        "video: objects",
        npz(X=np.array([[1], [1, 2]], dtype=object)),
        f"{VIDEO} bad.npz",
        "bad.npz: refused: 'X' holds Python objects",
    ),
    (
        "video: NaN",
        npz(X=NAN, y=LABELS),
        f"{VIDEO} bad.npz",
        "bad.npz: clip 4, frame 2: the value at [3] is not a finite number",
    ),
    (
        "video: a label that is not a number",
        npz(X=PIXELS, y=np.where(LABELS > 0, np.nan, 1)),
        f"{VIDEO} bad.npz",
        "bad.npz: y: the label at [2] is nan",
    ),
    (
        "predict video: frames of differing shape",
        lambda: Path("bad").write_text("[[1, 2, 3], [4, 5]]\n"),
        "predict series bad",
        "bad:1: frames of differing shape, or no numbers",
    ),
    (
        "video: lengths beyond T",
        npz(X=PIXELS, y=LABELS, lengths=[9] * 10),
        f"{VIDEO} bad.npz",
        "series 1 has length 9, but X only 4 steps",
    ),
    (
        "video: frames of differing shape",
        npz(X=PIXELS[..., :5], y=LABELS),
        f"{VIDEO} clips.npz bad.npz",
        "bad.npz: clip 1: 5 x 6 pixels, but the first clip has 6 x 6 pixels",
    ),
    (
        "evaluate video: frames of another shape",
        npz(X=PIXELS[..., :5], y=LABELS),
        "evaluate film bad.npz",
        "bad.npz: clip 1: 5 x 6 pixels, but the model was trained on 6 x 6 pixels",
    ),
    (
        "train video: a dev set of another shape",
        npz(X=PIXELS[..., :5], y=LABELS),
        f"{VIDEO} clips.npz --dev bad.npz",
        "bad.npz: clip 1: 5 x 6 pixels, but the model was trained on 6 x 6 pixels",
    ),
    (
        "train video: a test set labelled otherwise",
        npz(X=PIXELS, y=np.zeros((10, 4), int)),
        f"{VIDEO} clips.npz --test bad.npz",
        "bad.npz: clip 1: a label a frame, but the model gives a label a clip",
    ),
    (
        "train captioning: a dev set of features",
        npz(features=FEATURES[:, 0], captions=LABELS.astype(str)),
        f"{CAPTION} train.tsv --dev bad.npz",
        "bad.npz: feature 1: regions, but the model was trained on pictures",
    ),
    (
        "predict video: features for pixels",
        nothing,
        "predict film features.npz",
        "3 features, but the model was trained on 6 x 6 pixels",
    ),
    (
        "predict video: no JSON",
        lambda: Path("bad").write_text("hello\n"),
        "predict series bad",
        "bad:1: not JSON; this model reads series",
    ),
    (
        "video: no labels",
        npz(X=PIXELS),
        f"{VIDEO} bad.npz",
        "bad.npz: clip 1: no label; add y [N], a label a clip",
    ),
    (
        "video: one label",
        npz(X=PIXELS, y=LABELS * 0),
        f"{VIDEO} bad.npz",
        "bad.npz: all 10 clips have the label '0'",
    ),
    (
        "video: labels of two kinds",
        npz(X=PIXELS, y=np.zeros((10, 4), int)),
        f"{VIDEO} clips.npz bad.npz",
        "bad.npz: clip 1: a label a frame, but the others have a label a clip",
    ),
    (
        "video: a page",
        nothing,
        "predict film clips.npz --output new/page.html",
        "new/page.html: there is no folder new; create it first",
    ),
    (
        "video: not an archive",
        lambda: Path("bad.npz").write_bytes(b"PK"),
        f"{VIDEO} bad.npz",
        "bad.npz: not a readable .npz file",
    ),
]


@pytest.mark.parametrize("name, make, command, message", ROWS, ids=[row[0] for row in ROWS])
def test_one_line_says_what_is_wrong(made, refused, name, make, command, message):
    refused(made, command, message, make)


def test_what_to_install_is_said(made, tmp_path, monkeypatch, ostinato):
    monkeypatch.chdir(made)
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    outcome = ostinato("predict", "run", "0.png")
    assert (
        outcome.status == 2
        and outcome.err == "pictures need Pillow; pip install 'ostinato[images]'\n"
    )
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    Path(tmp_path / "a.onnx").write_bytes(b"x")
    outcome = ostinato(
        "train",
        "captioning",
        "--train",
        "train.tsv",
        "--out",
        tmp_path / "new",
        "--encoder",
        tmp_path / "a.onnx",
    )
    assert (
        outcome.status == 2
        and outcome.err == "--encoder needs onnxruntime; pip install 'ostinato[onnx]'\n"
    )
