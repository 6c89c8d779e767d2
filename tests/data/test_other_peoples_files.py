"""Files as other people make them: tables without headers, archives' rows, padded arrays."""

import gzip
import io
import json
import sys

import numpy as np
import pytest

from ostinato.data.dna.bed import read_bed
from ostinato.data.files.table import begins_as_table, read_table
from ostinato.data.images.captioned import read_captioned
from ostinato.data.images.video_clips import read_clips
from ostinato.data.labelled import read_labelled, read_unlabelled
from ostinato.data.series.rows_of_numbers import has_rows_of_numbers
from ostinato.data.series.series import read_series
from ostinato.data.text.conversations import read_conversations
from ostinato.errors import InputError
from ostinato.notices import collect_notices

NEWS = '"2","wins","team wins, said Cy"\n"1","stocks","stocks, up"\n'


def labelled(path, content, **settings):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with collect_notices() as notices:
        return [tuple(record)[:2] for record in read_labelled([path], **settings)], notices


def test_columns_by_number(tmp_path):
    wanted = [("team wins, said Cy", "2"), ("stocks, up", "1")]
    columns = {"text_column": "3", "label_column": "1"}
    found, notices = labelled(tmp_path / "a.csv", NEWS, **columns)
    assert found == wanted
    assert notices == [f"{tmp_path}/a.csv: columns by number; line 1 is data, not a header"]
    found, notices = labelled(
        tmp_path / "b.csv", "Class Index,Title,Description\n" + NEWS, **columns
    )
    assert found == wanted and notices[0].endswith("line 1 is its header")
    with pytest.raises(InputError, match="a.csv:1: no column 5: it has 3 \\('2', 'wins', "):
        labelled(tmp_path / "a.csv", NEWS, text_column="5", label_column="1")
    with pytest.raises(InputError, match="or give its number, from 1, if there is no header"):
        labelled(tmp_path / "a.csv", NEWS)


def test_a_table_read_without_a_header_is_said(tmp_path):
    found, notices = labelled(tmp_path / "a.tsv", "review\tmood\nfine\tgood\n")
    assert found[0] == ("review", "mood")
    assert "its first line, 'review' and 'mood', is data; if that is its header" in notices[0]


def test_excel(tmp_path):
    wanted = [("größer; besser", "x"), ("b", "y")]
    text = "text\tlabel\ngrößer; besser\tx\nb\ty\n"
    assert labelled(tmp_path / "a.txt", text.encode("utf-16"))[0] == wanted
    text = 'sep=;\r\ntext;label\r\n"größer; besser";x\r\nb;y\r\n'
    assert labelled(tmp_path / "a.csv", text)[0] == wanted
    assert [row.line for row in read_table(tmp_path / "a.csv", ("text",))] == [3, 4]


def test_rows_of_numbers(tmp_path):
    path = tmp_path / "Gun_TRAIN.tsv"
    path.write_text("1\t0.5\t1\t2\n2.0\t1\t2\tNaN\n")
    assert has_rows_of_numbers(path)
    first, second = read_series(path)
    assert first.values.tolist() == [[0.5], [1], [2]] and first.label == "1"
    assert second.values.tolist() == [[1], [2]] and second.label == "2"
    path.write_text("1\t0.5\t1\t2\n2\t1\tNaN\t2\n")
    with pytest.raises(InputError, match="TRAIN.tsv:2: dimension 1, step 2: 'NaN' is not a finite"):
        list(read_series(path))
    path.write_text("fine\tgood\n")
    assert not has_rows_of_numbers(path)


def test_padding_and_axes(tmp_path):
    x = np.ones((2, 5, 3))
    x[1, 3:] = np.nan
    path = tmp_path / "a.npz"
    np.savez(path, X_train=x, y_train=[0, 1])
    with collect_notices() as notices:
        assert [len(one.values) for one in read_series(path, training=True)] == [5, 3]
    assert notices == [
        f"{path}: read are its arrays X_train, y_train",
        f"{path}: 1 series end in NaN, which is read as padding",
    ]
    np.savez(path, X=np.arange(2 * 3 * 50.0).reshape(2, 3, 50), y=[0, 1])
    with collect_notices() as notices:
        assert next(read_series(path)).values.shape == (3, 50)
    assert notices == [
        f"{path}: 2 series of 3 steps of 50 numbers: other way round? then time_axis 2"
    ]
    assert next(read_series(path, time_axis=2)).values[1].tolist() == [1, 51, 101]
    np.savez(path, A=x)
    with pytest.raises(InputError, match="no array 'X' among A; expected X"):
        list(read_series(path))


def test_coco_and_lists_of_captions(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(b"")
    coco = {
        "images": [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b.png"}],
        "annotations": [
            {"image_id": 7, "caption": "a cat"},
            {"image_id": 7, "caption": "it\nsleeps"},
        ],
    }
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(coco))
    (record,) = read_captioned([path])
    assert record.captions == ("a cat", "it sleeps") and record.image.endswith("a.png")
    coco["annotations"][0]["image_id"] = 9
    path.write_text(json.dumps(coco, indent=1))
    with pytest.raises(InputError, match="annotation 1: 'image_id' '9' is not the id of an image"):
        read_captioned([path])
    path = tmp_path / "list.jsonl"
    path.write_text('{"image": "a.png", "captions": ["one", " ", "two"]}\n')
    assert read_captioned([path])[0].captions == ("one", "two")
    path.write_text('{"image": "a.png", "captions": ["one", null]}\n')
    with pytest.raises(
        InputError, match="list.jsonl:1: 'captions' must be a list of texts; one is null"
    ):
        read_captioned([path])


def test_conversations(tmp_path):
    path = tmp_path / "a.yml"
    path.write_text("conversations:\n- - hello\n  -\n- - hi\n  - null\n- - a\n  - 'null'\n")
    assert read_conversations([path]) == [["hello", ""], ["hi", ""], ["a", "null"]]
    path.write_text("conversations:\n- - Opening hours: Monday?\n  - nine\n")
    with pytest.raises(
        InputError, match="a.yml:2: a turn with a colon and a space .* put it in quotes"
    ):
        read_conversations([path])
    path = tmp_path / "a.jsonl"
    path.write_text('{"turns": ["a", null]}\n')
    with pytest.raises(InputError, match="a.jsonl:1: 'turns' must be a list of texts; one is null"):
        read_conversations([path])


@pytest.mark.parametrize(
    ("content", "column", "found"),
    [
        ('{"idx": 1, "sentence": "fine"}\n', "text", True),
        ("text\tlabel\nfine\tgood\n", "text", True),
        ("\nsrc\ttgt\n", "source", True),
        ('{"tokens": []}\n', "text", False),
        ('{"text": \n', "text", False),
        ("text\n", "text", False),
        ("a text\tof two columns\n", "text", False),
        ('[{"text": "fine", "label": 1},\n {"text": ', "text", True),
        ("[\n {\n", "text", False),
        ("id,text,label\n1,fine,good\n", "text", True),
        ("Text, and more of it\n", "text", False),
    ],
)
def test_a_table_without_its_ending_is_seen(tmp_path, content, column, found):
    path = tmp_path / "a.txt"
    path.write_text(content)
    with collect_notices() as notices:
        assert begins_as_table(path, column) is found
    assert notices == [f"{path}: read as a table, its column '{column}'"] * found


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lambda text: text.decode().encode("utf-16")]
)
def test_standard_input_may_be_a_table(monkeypatch, pack):
    """As a file with the same lines, of which nothing is lost by looking at them."""
    lines = '{"text": "one"}\n{"text": "two"}\n'
    for content, wanted in [
        (lines, ["one", "two"]),
        ("text\tlabel\none\tx\n\ntwo\ty\n", ["one", "", "two"]),
        ("one\n\n{two}\n", ["one", "", "{two}"]),
        ('{"text": "' + "long " * 4000 + '"}\n', ["long " * 4000]),
    ]:
        stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(content.encode()))))
        monkeypatch.setattr(sys, "stdin", stream)
        assert [record.inputs for record in read_unlabelled(["-"])] == wanted


def test_fasttext(tmp_path):
    found, _ = labelled(
        tmp_path / "a.txt", "__label__x a film\n\n__label__y , no\ngood __label__x\n"
    )
    assert found == [("a film", "x"), ("no", "y"), ("good", "x")]
    path = tmp_path / "a.txt"
    assert [each.inputs for each in read_unlabelled([path])] == ["a film", "", "no", "good"]
    path.write_text("__label__x __label__y both\n__label__x one\n")
    assert [tuple(each) for each in read_labelled([path], separator="|")] == [
        ("both", "x|y", f"{path}:1", True),
        ("one", "x", f"{path}:2", False),
    ]
    path.write_text("__label__x a film\nno label\n")
    with pytest.raises(InputError, match="a.txt:2: no label; complete the row or remove it"):
        read_labelled([path])


def test_unusual_headers(tmp_path):
    """A header is one for training, evaluating and predicting alike."""
    rows = [(f"text {n}", "ab"[n % 2]) for n in range(10)]
    path = tmp_path / "a.tsv"
    content = "was\tart\n" + "".join(f"{text}\t{label}\n" for text, label in rows)
    found, notices = labelled(path, content)
    assert found == rows and len(notices) == 1
    assert "its first line, 'was' and 'art', is taken for its header: no other" in notices[0]
    found, notices = labelled(path, content, known=("a", "b"))
    assert found == rows and "the model knows all other labels" in notices[0]
    texts = [record.inputs for record in read_unlabelled([path], known=("a", "b"))]
    assert texts == [text for text, _ in rows]
    found, _ = labelled(path, "".join(f"{label}\t{text}\n" for text, label in rows[:2]), known="ab")
    assert found == rows[:2]
    assert [each.inputs for each in read_unlabelled([path], known="ab")] == ["text 0", "text 1"]
    content = "v1,v2,\n" + "".join(f"{label},{text},\n" for text, label in rows)
    assert labelled(tmp_path / "b.csv", content, text_column="2", label_column="1")[0] == rows
    content = "review,sentiment\nfine,a\nno,b\n"
    found, notices = labelled(tmp_path / "c.csv", content + content)
    assert found == [("fine", "a"), ("no", "b")] * 2
    assert notices == [f"{tmp_path}/c.csv: 1 line like its header left out"]
    assert labelled(tmp_path / "d.tsv", "fine\tcomment\nno\treview\n")[0][0] == ("fine", "comment")


def write_pictures(folder, *names):
    pillow = pytest.importorskip("PIL.Image")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pillow.new("L", (4, 4), 128).save(folder / name, format="PNG")


def test_folders_of_classes(tmp_path):
    """What systems leave behind is no example; parts are not classes."""
    write_pictures(
        tmp_path, "train/cat/1.png", "train/cat/in/2.PNG", "train/dog/1.Jpg", "test/cat/1.png"
    )
    for junk in ("train/cat/Thumbs.db", "train/dog/._1.png", "train/__MACOSX/cat/._1.png"):
        (tmp_path / junk).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / junk).write_bytes(b"\xd0\xcf")
    (tmp_path / "train/dog/notes.txt").write_text("ours")
    with collect_notices() as notices:
        found = read_labelled([tmp_path], training=True)
    assert [record.label for record in found] == ["cat", "cat", "dog"]
    assert notices == [
        f"{tmp_path}: read is its folder train",
        f"{tmp_path}/train: 1 file that is no picture left out",
    ]
    assert len(list(read_unlabelled([tmp_path]))) == 1
    two = [tmp_path / "train/cat", tmp_path / "train/dog"]
    assert [record.label for record in read_labelled([two[1]])] == ["dog"]
    (two[0] / "bad.png").write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match="bad.png: not a picture .*copy it again, or remove it"):
        read_labelled([tmp_path], training=True)


def test_folders_of_texts_are_predicted(tmp_path):
    for name, text in (("pos/1.txt", "fine\nfilm"), ("neg/1.txt", "no"), ("neg/.DS_Store", "x")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [each.inputs for each in read_unlabelled([tmp_path])] == ["no", "fine film"]


def rows_of(*labels, last=False, head=""):
    values = "0.5,1.25,-1,2"
    rows = [f"{values},{label}" if last else f"{label},{values}" for label in labels]
    return head + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("name", "content", "labels"),
    [
        ("Gun_TRAIN", rows_of(1, 2), ["1", "2"]),
        ("Gun_TRAIN.txt", rows_of("1.0e+00", "2.0e+00").replace(",", "  "), ["1", "2"]),
        ("Gun_TRAIN.tsv", rows_of("walk", "run").replace(",", "\t"), ["walk", "run"]),
        ("beats.csv", rows_of(*[0, 1] * 5, last=True), ["0", "1"] * 5),
        ("a.csv", rows_of("x", "y", last=True, head="t0,t1,t2,t3,Class\n"), ["x", "y"]),
        ("b.csv", rows_of(3, 4, head="label,t0,t1,t2,t3\n"), ["3", "4"]),
    ],
)
def test_a_series_a_line(tmp_path, name, content, labels):
    path = tmp_path / name
    path.write_text(content)
    found = read_labelled([path])
    assert [record.label for record in found] == labels
    assert all(record.inputs[:, 0].tolist() == [0.5, 1.25, -1, 2] for record in found)
    assert len(list(read_unlabelled([path], rows_of_numbers=True))) == len(labels)


@pytest.mark.parametrize(
    "names",
    [
        "x labels",
        "data target",
        "X Y",
        "Xtrain ytrain",
        "train_x train_y",
        "arr_0 arr_1",
        "features y",
    ],
)
def test_names_of_arrays(tmp_path, names):
    values, labels = names.split()
    x = np.arange(24.0).reshape(4, 3, 2)
    for y in (np.array([0, 1, 1, 0]), np.array([[0], [1], [1], [0]]), np.eye(2)[[0, 1, 1, 0]]):
        np.savez(tmp_path / "a.npz", **{values: x, labels: y})
        found = read_labelled([tmp_path / "a.npz"], training=True)
        assert [record.label for record in found] == ["0", "1", "1", "0"]
        assert found[1].inputs.shape == (3, 2)
    np.savez(tmp_path / "a.npz", **{values: x, labels: np.array([b"a", b"b"] * 2)})
    found = read_labelled([tmp_path / "a.npz"], training=True)
    assert [record.label for record in found] == ["a", "b"] * 2


def test_channels_first(tmp_path):
    """As PyTorch has pixels; images, captioned pictures and clips alike."""
    pixels, path = np.arange(2 * 3 * 8 * 9, dtype=np.uint8).reshape(2, 3, 8, 9), tmp_path / "a.npz"
    np.savez(path, images=pixels, y=[0, 1], captions=["a", "b"])
    with collect_notices() as notices:
        assert read_labelled([path])[0].inputs.shape == (8, 9, 3)
        assert read_captioned([path])[0].image.shape == (8, 9, 3)
        np.savez(path, X=np.stack([pixels, pixels]), y=[0, 1])
        assert next(read_clips(path)).frames.tolist() == pixels.tolist()
    assert notices == [f"{path}: its pixels have the channels first, [..., C, H, W]"] * 3


def test_ways_to_write_captions(tmp_path):
    write_pictures(tmp_path, "a.png", "b.png")
    two = ("one", "two words")
    objects = [{"raw": "one"}, {"caption": "two words"}]
    coco = {"annotations": [{"image_id": 1, "caption": text} for text in two]}
    coco["images"] = [{"id": "1", "file_name": "a.png"}]
    for name, content in {
        "a.json": json.dumps({"a.png": two, "b.png": two}),
        "b.json": json.dumps([{"image": "a.png", "captions": two}], indent=1),
        "c.json": json.dumps(coco),
        "d.jsonl": json.dumps({"filename": "a.png", "sentences": objects}),
        "e.csv": "file_name,text\na.png,\"['one', 'two words']\"\n",
        "f.txt": "a.png#0\tone\na.png#1\ttwo words\n",
        "g.csv": "image_name| comment_number| comment\na.png| 0| one\na.png| 1| two words\n",
    }.items():
        (tmp_path / name).write_text(content)
        assert read_captioned([tmp_path / name])[0].captions == two, name


@pytest.mark.parametrize(
    ("name", "labels", "one"),
    [
        ("a.bed", ["peak_1", "peak_2", "peak_3"], True),
        ("a.narrowPeak", ["x", "y"], True),
        ("b.narrowPeak", ["peak_1"], True),
        ("a.gappedPeak", ["x1", "x2"], True),
        ("a.bed", ["exon", "intron", "utr"], False),
        ("a.bed", ["peak_1", "peak_1", "peak_2"], False),
        ("a.bed", ["exon1", "intron1", "exon2"], False),
    ],
)
def test_few_names_of_peaks(tmp_path, name, labels, one):
    path = tmp_path / name
    rows = [f"chr1\t{10 * n}\t{10 * n + 5}\t{label}\n" for n, label in enumerate(labels)]
    path.write_text("chrom\tchromStart\tchromEnd\tname\n" + "".join(rows))
    with collect_notices() as notices:
        found = [line.segment.label for line in read_bed(path)]
    assert found == (["segment"] * len(labels) if one else labels) and len(notices) == one


ARFF = "% made\n@RELATION 'Gun'\n@attribute att0 numeric\n@attribute target {1,2}\n\n@DATA\n"


def test_arff(tmp_path):
    path = tmp_path / "Gun_TRAIN.arff"
    path.write_text(ARFF + "0.5,1,2.5,?,1\n% in between\n1,2,3,4,2\n")
    first, second = read_labelled([path])
    assert first.inputs.tolist() == [[0.5], [1], [2.5]] and (first.label, second.label) == (
        "1",
        "2",
    )
    path.write_text(ARFF + "'1,2,3\\n4,5,6',a\n\"1,2\\n3,4\",b\n")
    first, second = read_labelled([path])
    assert first.inputs.tolist() == [[1, 4], [2, 5], [3, 6]] and second.label == "b"
    for data, message in [
        ("'1,2\\n4,5',a\n1,2,b\n", "arff:8: 1 dimension of 2 steps; all series need as many"),
        ("'1,2\\n4',a\n", "arff:7: 2 dimensions of 2 and 1 steps; all series"),
        ("a\n", "arff:7: a label without a series"),
        ("1,x,b\n", "arff:7: dimension 1, step 2: 'x' is not a finite number"),
    ]:
        path.write_text(ARFF + data)
        with pytest.raises(InputError, match=message):
            read_labelled([path])
    path.write_text(ARFF.replace("@DATA", "@attribute x numeric"))
    with pytest.raises(InputError, match="arff:6: no @data line; is it an .arff file?"):
        read_labelled([path])
    path.write_text("1,2,3\n")
    with pytest.raises(InputError, match="arff:1: expected a line such as @attribute; got '1,2,3'"):
        read_labelled([path])
