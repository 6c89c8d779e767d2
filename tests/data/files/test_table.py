"""Tables: columns by name, and one line of complaint that names the row."""

import csv
import gzip
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.files.table import is_table, read_table
from ostinato.errors import InputError

PAIR = ("source", "target")


def saved(folder, content, name):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(path, columns=PAIR, **options):
    return [
        (row.line, *(row.text(column) for column in columns))
        for row in read_table(path, columns, **options)
    ]


@pytest.mark.parametrize(
    "name, content, expected",
    [
        ("a.tsv", "source\ttarget\na\tb\n", [(2, "a", "b")]),
        ("a.tsv", "a\tb\nc\td\n", [(1, "a", "b"), (2, "c", "d")]),  # no header
        ("a.tsv", "\ufeffsrc\ttrg\r\na\tb\r\n", [(2, "a", "b")]),
        ("a.tsv", "TGT\tid\tSRC\nb\t1\ta\n", [(2, "a", "b")]),
        ("a.tsv", 'source\ttarget\n"a" b\t"c"\n', [(2, '"a" b', '"c"')]),
        ("a.tsv", 'source\ttarget\n"say ""a"""\t"" b ""\n', [(2, 'say "a"', '"" b ""')]),
        ("a.tsv", "source\ttarget\n\na\tb\n\t\n", [(3, "a", "b")]),
        (
            "a.csv",
            'source,target\n"a\nb","c, ""d"""\ne,f\n',
            [(2, "a\nb", 'c, "d"'), (4, "e", "f")],
        ),
        ("a.csv", "source;target\na,b;c\n", [(2, "a,b", "c")]),
        (
            "a.jsonl",
            '{"src": "a", "tgt": "b", "n": 1}\n\n{"tgt": "d", "src": 3}\n',
            [(1, "a", "b"), (3, "3", "d")],
        ),
        ("a.jsonl", '{"source": null, "target": "\\ud83d\\ude00"}\n', [(1, "", "😀")]),
        ("no ending", '{"source": "a", "target": "b"}\n', [(1, "a", "b")]),
        ("no ending", "source\ttarget\na\tb\n", [(2, "a", "b")]),
        ("no ending", "source,target\na,b\n", [(2, "a", "b")]),
        ("a.tsv", "", []),
        ("a.csv", "source,target\n", []),
        ("a.jsonl", "\n\n", []),
    ],
)
def test_rows(tmp_path, name, content, expected):
    assert rows(saved(tmp_path, content, name)) == expected
    assert rows(saved(tmp_path, gzip.compress(content.encode()), name + ".gz")) == expected


def test_columns_named_by_option(tmp_path):
    path = saved(tmp_path, "source,english,target\nx,a,b\n", "a.csv")
    (row,) = read_table(path, PAIR, names={"source": "english"})
    assert row.values == {"source (unused)": "x", "source": "a", "target": "b"}


def test_blank_lines_are_kept_on_request(tmp_path):
    assert rows(saved(tmp_path, "source\ttarget\n\na\tb\n\n", "a.tsv"), keep_blank=True) == [
        (2, "", ""),
        (3, "a", "b"),
        (4, "", ""),
    ]
    assert rows(saved(tmp_path, "\na\tb\n", "a.tsv"), keep_blank=True) == [
        (1, "", ""),
        (2, "a", "b"),
    ]
    assert rows(saved(tmp_path, "\nsource\ttarget\na\tb\n", "a.tsv"), keep_blank=True) == [
        (3, "a", "b")
    ]
    assert rows(saved(tmp_path, "\n\n", "a.tsv"), keep_blank=True) == [(1, "", ""), (2, "", "")]
    assert rows(saved(tmp_path, "", "a.tsv"), keep_blank=True) == []
    assert rows(saved(tmp_path, '\n{"source": "a", "target": ""}\n', "a.jsonl"), keep_blank=True)[
        0
    ] == (1, "", "")


def test_a_field_longer_than_the_csv_module_allows(tmp_path):
    path = saved(tmp_path, f"source,target\n{'long ' * 100_000},b\n", "a.csv")
    assert len(rows(path)[0][1]) == 500_000


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.tsv", "source\ttarget\na\tb\nc\n", "a.tsv:3: 1 field, expected 2 (source, target)"),
        ("a.tsv", "source\ttarget\na\tb\tc\n", "a.tsv:2: 3 fields, expected 2"),
        ("a.csv", 'source,target\n"a\nb",c\nd\n', "a.csv:4: 1 field, expected 2"),
        ("a.tsv", "source\tsource\n", "a.tsv:1: the column 'source' appears twice"),
        (
            "a.tsv",
            "id\ta\tb\n",
            "a.tsv:1: no column 'source' or 'src' among 'id', 'a', 'b'; name it with source_col",
        ),
        (
            "a.tsv",
            "source\tfrench\n",
            "a.tsv:1: no column 'target' or 'tgt' or 'trg' among 'source', 'french'",
        ),
        ("a.csv", "a,b\nc,d\n", "a.csv:1: no column 'source'"),
        ("a.csv", 'source,target\na,"b\nc,d\n', "a.csv:2: a quote opened here is not closed"),
        (
            "a.csv",
            'source,target\n"a"b,c\n',
            "a.csv:2: bad CSV: ',' expected after '\"'; quote the whole field",
        ),
        (
            "a.csv",
            "source,target\na\rb,c\n",
            "a.csv:2: bad CSV: new-line character seen in unquoted field",
        ),
        ("a.jsonl", '{"source": "a"}\n', "a.jsonl:1: no column 'target'"),
        (
            "a.jsonl",
            '{"source": "a", "target": "b"}\n{"source": \n',
            "a.jsonl:2:12: not JSON: Expecting value",
        ),
        ("a.jsonl", '{"source": NaN}', "a.jsonl:1: NaN is not a finite number"),
        ("a.jsonl", '{"source": -Infinity}', "a.jsonl:1: -Infinity is not a finite number"),
        ("a.jsonl", '{"source": 1e999}', "a.jsonl:1: 1e999 is not a finite number"),
        ("a.jsonl", '{"source": "a", "source": "b"}', "a.jsonl:1: the key 'source' appears twice"),
        ("a.jsonl", "[" * 100_000, "a.jsonl:1: nested too deep"),
        (
            "a.jsonl",
            '["a"]',
            "a.jsonl:1: str where an object {...} belongs",
        ),
        ("a.jsonl", '"a"', "a.jsonl:1: str where an object {...} belongs"),
        ("a.jsonl", '{"source": ' + "1" * 5000 + "}", "a.jsonl:1: a whole number of 5,000 digits"),
        ("a.jsonl", '{"source": "\\ud800", "target": ""}', "a.jsonl:1: half of a surrogate pair"),
        ("a.jsonl", '{"source": ["a"], "target": "b"}', "a.jsonl:1: 'source' is list, not text"),
        ("a.jsonl", '{"source": true, "target": "b"}', "a.jsonl:1: 'source' is bool, not text"),
        ("a.tsv", b"source\ttarget\na\t\xff\n", "a.tsv:2:3: byte 0xff is not UTF-8"),
    ],
)
def test_bad_tables(tmp_path, name, content, message):
    with pytest.raises(InputError) as error:
        rows(saved(tmp_path, content, name))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_column_that_is_not_there_names_the_nearest(tmp_path):
    path = saved(tmp_path, "english,french\na,b\n", "a.csv")
    with pytest.raises(InputError, match="a.csv:1: no column 'englsh'; did you mean 'english'?"):
        rows(path, names={"source": "englsh", "target": "french"})


plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(plain, plain).filter(any), max_size=5))
def test_what_programs_write_is_what_we_read(tmp_path_factory, pairs):
    folder = tmp_path_factory.mktemp("tables")
    expected = [tuple(side.replace("\r\n", "\n") for side in pair) for pair in pairs]
    with (folder / "a.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([PAIR, *pairs])
    assert [row[1:] for row in rows(folder / "a.csv")] == expected
    lines = "".join(json.dumps(dict(zip(PAIR, pair, strict=True))) + "\n" for pair in pairs)
    assert [row[1:] for row in rows(saved(folder, lines, "a.jsonl"))] == pairs


@given(st.binary(max_size=40), st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a", "a.gz"]))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, content, name):
    path = saved(tmp_path_factory.mktemp("bytes"), content, name)
    try:
        rows(path)
    except InputError as error:
        assert "\n" not in str(error)


def test_which_names_are_tables():
    names = ["a.tsv", "A.CSV.GZ", "a.jsonl", "a.parquet", "a.txt", "train.de", "a.gz", "-"]
    assert [is_table(name) for name in names] == [
        True,
        True,
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    parquet.write_table(
        pyarrow.table({"src": ["a", None], "tgt": ["b", "c"]}), tmp_path / "a.parquet"
    )
    assert rows(tmp_path / "a.parquet") == [(1, "a", "b"), (2, "", "c")]
    with pytest.raises(InputError, match="not a readable Parquet table"):
        rows(saved(tmp_path, b"PAR1 and no more", "b.parquet"))
    with pytest.raises(InputError, match="no such file"):
        rows(tmp_path / "c.parquet")


def test_parquet_gzipped_and_not_utf8(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    parquet.write_table(pyarrow.table({"source": ["a"], "target": ["b"]}), tmp_path / "a.parquet")
    packed = saved(tmp_path, gzip.compress((tmp_path / "a.parquet").read_bytes()), "a.parquet.gz")
    assert is_table(packed) and [row.values for row in read_table(packed, PAIR)] == [
        {"source": "a", "target": "b"}
    ]
    text = pyarrow.array([b"\xff"], pyarrow.binary()).cast(pyarrow.string(), safe=False)
    text = text if text.type == pyarrow.string() else text.view(pyarrow.string())
    parquet.write_table(pyarrow.table({"source": text, "target": ["b"]}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match="b.parquet: not a readable Parquet table: a text in it"):
        list(read_table(tmp_path / "b.parquet", PAIR))


def test_parquet_without_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        InputError, match=r"a.parquet: Parquet needs pyarrow; pip install ostinato\[tables\]"
    ):
        rows(saved(tmp_path, b"", "a.parquet"))
