"""Tagged sentences from tables: a word a row, a sentence a row, lists; and what is refused."""

import json

import pytest

from ostinato.data.text.conll import read_blocks, read_conll
from ostinato.data.text.sentence import fill_tags
from ostinato.errors import InputError
from ostinato.notices import collect_notices

CARL = (["Carl", 'a, "b"'], ["B-per", "O"])
BERT = (["Bert"], ["O"])


@pytest.fixture
def file(tmp_path):
    def write(text, name="file.txt"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def plain(sentences):
    return [(list(each.words), list(each.tags)) for each in sentences]


TABLES = [  # name, text
    (
        "a.csv",
        'Sentence #,Word,POS,Tag\nSentence: 1,Carl,N,B-per\n,"a, ""b""",V,O\nSentence: '
        "2,Bert,N,O\n",
    ),
    ("a.csv", 'sentence_id;word;tag\n7;Carl;B-per\n7;"a, ""b""";O\n8;Bert;O\n'),
    ("a.csv", 'Word,Tag\nCarl,B-per\n"a, ""b""",O\n\n,\nBert,O\n'),
    ("a.txt", 'Sentence #,Word,POS,Tag\r\n1,Carl,N,B-per\r\n1,"a, ""b""",V,O\r\n2,Bert,N,O\r\n'),
    ("a.tsv", 'token\tlabel\nCarl\tB-per\na, "b"\tO\n\nBert\tO\n'),
    (
        "a.jsonl",
        '{"tokens": ["Carl", "a, \\"b\\""], "ner_tags": ["B-per", "O"]}\n\n'
        '{"tokens": ["Bert"], "ner_tags": ["O"]}\n',
    ),
    (
        "a.txt",
        '{"words": ["Carl", "a, \\"b\\""], "labels": ["B-per", "O"], "pos_tags": [1, 2]}\n'
        '{"words": ["Bert"], "labels": ["O"], "pos_tags": [1]}\n',
    ),
]


@pytest.mark.parametrize(("name", "text"), TABLES)
def test_tables_are_read(file, name, text):
    assert plain(read_conll(file(text, name))) == [CARL, BERT]
    words = [list(each.words) for each in read_blocks(file(text, name)) if each.words]
    assert words == [CARL[0], BERT[0]]


def test_a_sentence_a_row_of_texts(file):
    text = "text,labels\nCarl eats,B-per O\nHi,O\n"
    assert plain(read_conll(file(text, "a.csv"))) == [
        (["Carl", "eats"], ["B-per", "O"]),
        (["Hi"], ["O"]),
    ]


def test_lists_as_python_prints_them(file):
    """As pandas writes lists, and NumPy's arrays, into a CSV."""
    text = """Sentence #,Sentence,POS,Tag
Sentence: 1,Carl eats,"['N', 'V']","['B-per', 'O']"
Sentence: 2,Hi,['X'],['O']
"""
    assert plain(read_conll(file(text, "a.csv"))) == [
        (["Carl", "eats"], ["B-per", "O"]),
        (["Hi"], ["O"]),
    ]
    text = """,tokens,ner_tags\n0,"['Carl' ""it's""\n 'x']",[1 0 -3]\n1,['Hi'],[0]\n"""
    assert plain(read_conll(file(text, "a.csv"))) == [
        (["Carl", "it's", "x"], ["1", "0", "-3"]),
        (["Hi"], ["0"]),
    ]
    text = "word,tag\n[1],O\n['],B-x\n"  # words that look like lists
    assert plain(read_conll(file(text, "a.csv"))) == [(["[1]", "[']"], ["O", "B-x"])]


def test_a_column_called_sentence(file):
    """The words, if no other column has them; else which sentence a word belongs to."""
    wanted = [(["Carl", "eats"], ["B-per", "O"]), (["Hi"], ["O"])]
    text = "sentence,labels\nCarl eats,B-per O\nHi,O\n"
    assert plain(read_conll(file(text, "a.csv"))) == wanted
    text = "sentence,word,tag\n1,Carl,B-per\n1,eats,O\n2,Hi,O\n"
    assert plain(read_conll(file(text, "a.csv"))) == wanted
    text = "Sentence O\nends O\n\nSentence\tO\n"
    assert len(list(read_conll(file(text, "a.conll")))) == 2


def test_columns_by_name(file):
    text = '{"w": ["a", 7], "t": ["X", "Y"], "pos": [3, "N"], "ner_tags": [0, 0]}\n'
    found = next(read_conll(file(text), word_column="w", tag_column="t", feature_columns=["pos"]))
    assert plain([found]) == [(["a", "7"], ["X", "Y"])] and found.features == [("3",), ("N",)]
    text = "doc,tok,kind,tag\n1,a,X,1\n2,b,Y,2\n"
    settings = {"word_column": "tok", "tag_column": "kind", "sentence_column": "doc"}
    assert plain(read_conll(file(text), **settings)) == [(["a"], ["X"]), (["b"], ["Y"])]


def test_columns_of_conll_are_no_table(file):
    for name in ("a.tsv", "a.txt"):
        assert plain(read_conll(file("Carl\tB-per\nx\tO\n", name))) == [
            (["Carl", "x"], ["B-per", "O"])
        ]
    assert plain(read_conll(file("{ -LRB-\n} -RRB-\n"))) == [(["{", "}"], ["-LRB-", "-RRB-"])]


def test_names_of_numbered_tags(file):
    text = '{"tokens": ["a", "b"], "ner_tags": [0, 1]}\n'
    assert plain(read_conll(file(text))) == [(["a", "b"], ["0", "1"])]
    assert plain(read_conll(file(text), tag_names=["O", "B-X"])) == [(["a", "b"], ["O", "B-X"])]


def test_names_that_a_parquet_file_has(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"tokens": [["a", "b"]], "ner_tags": [[0, 1]]})
    features = {"ner_tags": {"feature": {"names": ["O", "B-X"], "_type": "ClassLabel"}}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    parquet.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    assert plain(read_conll(tmp_path / "a.parquet")) == [(["a", "b"], ["O", "B-X"])]
    assert next(read_blocks(tmp_path / "a.parquet")).words == ["a", "b"]


def test_rows_without_a_word_are_counted(file):
    with collect_notices() as notices:
        found = plain(read_conll(file("Sentence #,Word,Tag\n1,a,X\n1,,X\n1,b,Y\n", "a.csv")))
    assert found == [(["a", "b"], ["X", "Y"])]
    assert "1 rows without a word left out" in notices[0]


def test_line_ends_in_words_make_no_lines(file):
    found = next(read_blocks(file('{"tokens": ["a\\nb\\tc"], "ner_tags": [0]}\n')))
    assert found.words == ["a\nb\tc"] and fill_tags(found, ["X"]) == "a b c\tX\n"


FAULTS = [  # name, text, settings, message
    ("a.jsonl", '{"tokens": ["a", "b"], "ner_tags": [0]}\n', {}, ":1: 2 words, 1 tags; each word"),
    (
        "a.jsonl",
        '{"tokens": ["a", null], "ner_tags": [0, 0]}\n',
        {},
        ":1: the words must be a list of texts; one is null",
    ),
    (
        "a.jsonl",
        '{"tokens": {"a": 1}, "ner_tags": [0]}\n',
        {},
        ":1: the words must be a list of texts, not",
    ),
    (
        "a.jsonl",
        '{"text": "a b", "label": [[0, "PER"]]}\n',
        {},
        ":1: the tags must be a list of texts",
    ),
    (
        "a.jsonl",
        '{"tokens": ["a"], "ner_tags": [-100]}\n',
        {},
        ":1: the tag -100 is that of subwords",
    ),
    (
        "a.jsonl",
        '{"tokens": ["a"], "ner_tags": [2]}\n',
        {"tag_names": ["O", "X"]},
        ":1: the tag '2' is none of the 2 of tag_names, which are numbered from 0",
    ),
    (
        "a.jsonl",
        '{"tokens": ["a"], "x": [1]}\n',
        {},
        ":1: no column 'tag' or 'ner_tags'.*name it with tag_column",
    ),
    (
        "a.jsonl",
        '{"tokens": ["a"], "tags": [1]}\n',
        {"tag_column": "tokens"},
        ":1: one column is asked for twice",
    ),
    (
        "a.jsonl",
        '{"tokens": ["a"], "tags": [1]}\n',
        {"word_column": "1"},
        "a table; its columns have names: word_column 1 is a number",
    ),
    ("a.jsonl", '[["a"]]\n', {}, ":1: list where an object"),
    (
        "a.csv",
        "Carl,B-per\nx,O\n",
        {},
        ":1: no column 'word' or .* among 'Carl', 'B-per'; name it with word_column",
    ),
    ("a.csv", "Word,Tag\na,X\nb,\n", {}, ":3: a word without a tag; fill it in"),
    (
        "a.csv",
        "Word,Tag\n" + "a,X\n" * 1001,
        {},
        ":1002: 1,000 words, and nothing that separates sentences; name a column that does: "
        "sentence_column",
    ),
]


@pytest.mark.parametrize(("name", "text", "settings", "message"), FAULTS)
def test_faults_name_file_line_and_remedy(file, name, text, settings, message):
    with pytest.raises(InputError, match=message) as error:
        list(read_conll(file(text, name), **settings))
    assert name in str(error.value) and "\n" not in str(error.value)
