"""Series from the CSV files that people have: long tables, a file a series, labels beside them."""

from __future__ import annotations

import numpy as np
import pytest

from ostinato.data.labelled import read_labelled, read_unlabelled
from ostinato.errors import InputError
from ostinato.notices import collect_notices

LONG = """id,time,speed,turn,label
b,2,1.5,0,walk
b,1,0.5,1,walk
a,1,7,2,run
a,10,9,4,run
a,2,8,3,run
"""


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "clips"
    path.mkdir()
    (path / "one.csv").write_text("time,x,y\n2024-01-01,1,2\n2024-01-02,3,4\n2024-01-03,5,6\n")
    (path / "two.csv").write_text("x,y\n7,8\n9,10\n")
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])  # as Excel writes it
def test_a_long_table(tmp_path, encoding):
    path = tmp_path / "long.csv"
    path.write_bytes(LONG.encode(encoding))
    first, second = read_labelled([path])
    assert first.label == "walk" and first.inputs.tolist() == [[0.5, 1], [1.5, 0]]
    assert second.label == "run" and second.inputs.tolist() == [[7, 2], [8, 3], [9, 4]]
    assert second.where.endswith("long.csv:4")


def test_a_folder_with_a_table_of_labels(folder):
    (folder / "labels.csv").write_text("file,label\none.csv,walk\ntwo,run\n")
    one, two = read_labelled([folder])
    assert one.label == "walk" and one.inputs.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert two.label == "run" and two.inputs.dtype == np.float32
    unlabelled = list(read_unlabelled([folder / "one.csv"], rows_of_numbers=True))
    assert [each.inputs.shape for each in unlabelled] == [(3, 2)]


def test_a_folder_a_class(tmp_path):
    for kind in ("up", "down"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "1.csv").write_text("1\n2\n3\n")
    assert [(each.label, each.inputs.shape) for each in read_labelled([tmp_path])] == [
        ("down", (3, 1)),
        ("up", (3, 1)),
    ]


def test_texts_in_a_table_stay_texts(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("id,text,label\n1,good,yes\n2,bad,no\n")
    assert [each.inputs for each in read_labelled([path])] == ["good", "bad"]


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("a,10,9,4,run", "a,10,nine,4,run", "long.csv:5: 'nine' in column 'speed' is not a finite"),
        ("a,10,9,4,run", "a,10,9,4,walk", "long.csv:5: series 'a' has the labels 'run' and 'walk'"),
        ("a,10,9,4,run", "a,10,9,4", "long.csv:5: 4 fields, expected 5; complete the row"),
    ],
)
def test_faults_of_a_long_table(tmp_path, old, new, message):
    path = tmp_path / "long.csv"
    path.write_text(LONG.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_labelled([path])


@pytest.mark.parametrize(
    "labels, message",
    [
        ("file,label\none.csv,walk\n", "two.csv: has no label in .*labels.csv; add it, or remove"),
        ("file,label\nsix.csv,walk\n", "labels.csv:2: there is no file 'six.csv' in"),
        ("a,b,c\n1,2,3\n", "labels.csv:1: expected the columns file and label, got 'a', 'b', 'c'"),
    ],
)
def test_faults_of_a_table_of_labels(folder, labels, message):
    (folder / "labels.csv").write_text(labels)
    with pytest.raises(InputError, match=message):
        read_labelled([folder])


def test_faults_of_a_series(folder):
    (folder / "labels.csv").write_text("file,label\none.csv,walk\ntwo.csv,run\n")
    (folder / "two.csv").write_text("x,y\n7,8\n9,ten\n")
    with pytest.raises(InputError, match="two.csv:3: 'ten' in column 'y' is not a finite number"):
        read_labelled([folder])
    (folder / "two.csv").write_text("x,y\n7,8\n9\n")
    with pytest.raises(InputError, match="two.csv:3: 1 fields, expected 2; complete the row"):
        read_labelled([folder])
    (folder / "two.csv").write_text("x,y\n")
    with pytest.raises(InputError, match="two.csv: no steps: it has no row of numbers"):
        read_labelled([folder])


def test_a_header_in_any_language_is_unlike_the_rest(tmp_path):
    path = tmp_path / "kommentare.tsv"
    rows = "".join(f"sehr gut {each}\tja\nsehr schlecht {each}\tnein\n" for each in range(5))
    path.write_text(f"Kommentar\tUrteil\n{rows}")
    with collect_notices() as notices:
        records = read_labelled([path])
    assert len(records) == 10 and {each.label for each in records} == {"ja", "nein"}
    assert "'Kommentar' and 'Urteil', is taken for its header" in notices[0]
    path.write_text(f"ganz gut\tja\n{rows}")
    assert len(read_labelled([path])) == 11
