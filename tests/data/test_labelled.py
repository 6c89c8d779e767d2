"""Labelled texts from every form they come in."""

import gzip

import pytest

from ostinato.data.files.wording import format_counts
from ostinato.data.labelled import Labelled, read_labelled, read_unlabelled
from ostinato.data.labelled_table import labels_come_first
from ostinato.errors import InputError
from ostinato.notices import collect_notices

EXPECTED = [("a fine film", "good"), ("a dull one", "bad"), ("fine", "good")]
ROWS = "".join(f"{text}\t{label}\n" for text, label in EXPECTED)
TABLES = {
    "header.tsv": "label\ttext\n" + "".join(f"{label}\t{text}\n" for text, label in EXPECTED),
    "aliases.tsv": "tag\tid\tsentence\n"
    + "".join(f"{label}\t7\t{text}\n" for text, label in EXPECTED),
    "bare.tsv": ROWS,
    "bare.txt": ROWS,
    "crlf.tsv": ROWS.replace("\n", "\r\n"),
    "mark.tsv": "\ufeff" + ROWS,
    "quotes.csv": "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in EXPECTED),
    "lines.jsonl": "".join(
        f'{{"label": "{label}", "text": "{text}"}}\n' for text, label in EXPECTED
    ),
}


def pairs(records):
    return [(record.inputs, record.label) for record in records]


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("packed", [False, True])
def test_tables(tmp_path, name, packed):
    path = tmp_path / (name + ".gz" * packed)
    path.write_bytes(gzip.compress(TABLES[name].encode()) if packed else TABLES[name].encode())
    assert pairs(read_labelled([path])) == EXPECTED
    assert [record.inputs for record in read_unlabelled([path])] == [
        text for text, _ in EXPECTED
    ] or name == "bare.txt"


def test_named_columns_and_numbers_as_labels(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"review": "fine", "stars": 5, "label": "x"}\n')
    assert pairs(read_labelled([path], text_column="review", label_column="stars")) == [
        ("fine", "5")
    ]


def test_line_ends_inside_a_text_become_spaces(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"one\ntwo",x\n')
    assert read_labelled([path]) == [Labelled("one two", "x", f"{path}:2")]


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(
        pyarrow.table({"text": ["a", "b"], "label": [0, 1]}), tmp_path / "a.parquet"
    )
    assert pairs(read_labelled([tmp_path / "a.parquet"])) == [("a", "0"), ("b", "1")]


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        (["a", None], ["x", "y"], "a.parquet:2: no text; complete the row or remove it"),
        (["a", "b", "c"], ["x", "y", None], "a.parquet:3: no label; complete the row or remove it"),
        (["a", "b"], [float("nan"), 1.0], "a.parquet:1: no label; complete the row or remove it"),
        ([["a"], ["b"]], ["x", "y"], "a.parquet:1: 'text' is list, not text"),
    ],
)
def test_parquet_with_missing_values(tmp_path, ostinato, text, label, message):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": text, "label": label}), file)
    found = ostinato(
        "train", "classification", "--train", str(file), "--out", str(tmp_path / "run")
    )
    assert (found.status, found.err.splitlines()) == (2, [f"{tmp_path}/{message}"])


def test_parquet_to_be_labelled_keeps_its_rows(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"text": ["a", None, "b"]}), tmp_path / "a.parquet")
    assert [record.inputs for record in read_unlabelled([tmp_path / "a.parquet"])] == ["a", "", "b"]


def test_null_is_no_text_in_json_either(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "label": true}\n{"text": "", "label": false}\n')
    assert pairs(read_labelled([path])) == [("a", "true"), ("", "false")]
    path.write_text('{"text": "a", "label": "x"}\n{"text": null, "label": "y"}\n')
    with pytest.raises(InputError, match="a.jsonl:2: no text; complete the row or remove it"):
        read_labelled([path])


def test_a_folder_a_class(tmp_path):
    for name, text in [
        ("pos/1.txt", "a fine\nfilm\n"),
        ("neg/1.txt", "dull\n"),
        ("neg/.hidden", "no\n"),
    ]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert pairs(read_labelled([tmp_path])) == [("dull", "neg"), ("a fine film", "pos")]


def test_a_file_a_class(tmp_path):
    (tmp_path / "French.txt").write_text("Dubois\n\nPetit\n")
    (tmp_path / "Irish.txt").write_text("O'Neal\n")
    expected = [("Dubois", "French"), ("Petit", "French"), ("O'Neal", "Irish")]
    assert pairs(read_labelled([tmp_path])) == expected
    assert pairs(read_labelled([tmp_path / "French.txt", tmp_path / "Irish.txt"])) == expected
    assert read_labelled([tmp_path])[1].where == f"{tmp_path / 'French.txt'}:3"


def test_labels_before_texts_are_seen_where_that_is_sure(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(
        "".join(f"{'ham' if n % 2 else 'spam'}\tmessage number {n}\n" for n in range(20))
    )
    with collect_notices() as notices:
        assert pairs(read_labelled([path]))[0] == ("message number 0", "spam")
    assert notices == [f"{path}: read as label, text: its first column has the labels"]
    assert labels_come_first(["ham"], ["hello there"], known=["ham", "spam"])
    assert not labels_come_first(["hello there"], ["ham"], known=["ham", "spam"])
    assert not labels_come_first(["yes", "no"] * 9, ["no", "yes"] * 9, known=[])
    assert not labels_come_first([f"a text {n}" for n in range(20)], ["good"] * 20, known=[])


def test_a_line_out_for_each_line_in(tmp_path):
    (tmp_path / "a").write_text("one\n\ntwo\n")
    (tmp_path / "a.tsv").write_text("text\nx\n\ny\n")
    assert [record.inputs for record in read_unlabelled([tmp_path / "a"])] == ["one", "", "two"]
    assert [record.inputs for record in read_unlabelled([tmp_path / "a.tsv"])] == ["x", "", "y"]


def test_counted():
    assert format_counts(["b", "a", "b"]) == "'b' 2, 'a' 1"
    assert format_counts(list("aabc"), most=1) == "'a' 2, and 2 others"


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.tsv", "text\tlabel\nx\n", r"a\.tsv:2: 1 field, expected 2"),
        (
            "a.tsv",
            "text\tlabel\nx\tgood\ny\t\n",
            r"a\.tsv:3: no label; complete the row or remove it",
        ),
        ("a.tsv", "text\tlabel\n", r"a\.tsv: no examples \(0 lines\)"),
        ("a.tsv", "", r"a\.tsv: no examples"),
        (
            "a.tsv",
            "text\tgenre\tyear\nx\ty\tz\n",
            r"a\.tsv:1: no column 'label' or 'tag' or .* among 'text', 'genre', 'year'",
        ),
        ("a.csv", "text,text,label\na,b,c\n", r"a\.csv:1: the column 'text' appears twice"),
        ("a.csv", 'text,label\n"open,x\n', r"a\.csv:2: a quote opened here is not closed"),
        ("a.jsonl", '{"text": "a", "label": NaN}\n', r"a\.jsonl:1: NaN is not a finite number"),
        (
            "a.jsonl",
            '{"text": "a", "text": "b", "label": "c"}\n',
            r"a\.jsonl:1: the key 'text' appears twice",
        ),
        ("a.txt", "no labels here\n", r"a\.txt: texts without labels; expected a table"),
    ],
)
def test_errors(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_labelled([path])


def test_errors_of_several_files(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="an empty folder; expected one folder a class"):
        read_labelled([tmp_path / "empty"])
    with pytest.raises(InputError, match="no file given"):
        read_labelled([])
    (tmp_path / "a.tsv").write_text("x\ty\n")
    (tmp_path / "b.ts").write_text("@classLabel true y\n@data\n1,2:y\n")
    with pytest.raises(InputError, match="texts and series of numbers cannot be mixed"):
        read_labelled([tmp_path / "a.tsv", tmp_path / "b.ts"])
