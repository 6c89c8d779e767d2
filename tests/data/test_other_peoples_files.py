"""Files as other people make them: tables without headers, archives' rows, padded arrays."""

import json

import numpy as np
import pytest

from ostinato.data.files.table import begins_as_table, read_table
from ostinato.data.images.captioned import read_captioned
from ostinato.data.labelled import read_labelled
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
    ],
)
def test_a_table_without_its_ending_is_seen(tmp_path, content, column, found):
    path = tmp_path / "a.txt"
    path.write_text(content)
    with collect_notices() as notices:
        assert begins_as_table(path, column) is found
    assert notices == [f"{path}: read as a table, its column '{column}'"] * found
