"""Tagged sentences from columns, and every kind of file that is none."""

import gzip
import os

import pytest

from ostinato.data.text.columns_or_sentences import Trained
from ostinato.data.text.conll import read_blocks, read_conll
from ostinato.data.text.sentence import Sentence, fill_tags
from ostinato.errors import InputError
from ostinato.notices import collect_notices

COLUMNS = "West NNP I-NP I-MISC\nIndian NNP I-NP I-MISC\n\nLONDON NNP I-NP I-LOC\n"
WORDS = [["West", "Indian"], ["LONDON"]]
CONLLU = """# sent_id = 1
# text = I don't know
1\tI\tI\tPRON\tPRP\t_\t4\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t_\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_
3.1\tthat\tthat\tPRON\tDT\t_\t_\t_\t4:obj\t_
4\t10 000\tknow\tVERB\tVB\t_\t0\troot\t_\t_

# sent_id = 2
1\t#\t#\tSYM\tSYM\t_\t0\troot\t_\t_
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="file.txt"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def plain(sentences):
    return [(list(each.words), list(each.tags)) for each in sentences]


def test_columns_between_spaces_or_tabs(file):
    expected = [(["West", "Indian"], ["I-MISC", "I-MISC"]), (["LONDON"], ["I-LOC"])]
    for text in (
        COLUMNS,
        COLUMNS.replace(" ", "\t"),
        COLUMNS.replace("\n", "\r\n"),
        "\ufeff" + COLUMNS,
        "\n\n" + COLUMNS + "\n \n",
        COLUMNS.replace(" ", "  "),
        gzip.compress(COLUMNS.encode()),
    ):
        assert plain(read_conll(file(text))) == expected
    assert [tags for _, tags in plain(read_conll(file(COLUMNS), tag_column="2"))] == [
        ["NNP", "NNP"],
        ["NNP"],
    ]
    assert [tags for _, tags in plain(read_conll(file(COLUMNS), tag_column="-2"))] == [
        ["I-NP", "I-NP"],
        ["I-NP"],
    ]
    assert next(read_conll(file(COLUMNS))).file_columns == 4
    assert not list(read_conll(file("")))


def test_conllu_with_ranges_empty_nodes_and_comments(file):
    path = file(CONLLU, "a.conllu")
    assert plain(read_conll(path)) == [
        (["I", "do", "n't", "10 000"], ["PRON", "AUX", "PART", "VERB"]),
        (["#"], ["SYM"]),
    ]
    assert plain(read_conll(path, tag_column="XPOS"))[0][1] == ["PRP", "VBP", "RB", "VB"]
    assert plain(read_conll(path, word_column="lemma", tag_column="5"))[0] == (
        ["I", "do", "not", "know"],
        ["PRP", "VBP", "RB", "VB"],
    )


def test_named_columns_comments_and_documents(file):
    text = "# global.columns = FORM UPOS\n-DOCSTART-\tX\n\n# a comment\nHello\tINTJ\n#\tSYM\n\n"
    assert plain(read_conll(file(text), tag_column="upos")) == [(["Hello", "#"], ["INTJ", "SYM"])]
    # a number sign is a token where its line has the columns of one
    assert plain(read_conll(file("# B-NP\n5 I-NP\n"))) == [(["#", "5"], ["B-NP", "I-NP"])]
    assert plain(read_conll(file("# made by hand, all of it\na X\nb Y\n"))) == [
        (["a", "b"], ["X", "Y"])
    ]


def test_other_white_space_is_part_of_a_word(file):
    assert plain(read_conll(file("10\u00a0000 NUM\na\u2028b X\n"))) == [
        (["10\u00a0000", "a\u2028b"], ["NUM", "X"])
    ]


FAULTS = [
    ("a X\nb\n", {}, r":2: 1 column, expected 2 as in line 1; is a token without its tag\?"),
    ("a X\nb Y Z\n", {}, r":2: 3 columns, expected 2 as in line 1$"),
    ("a\nb\n", {}, r":1: the word and its tag would both be column 1; a token needs its tag"),
    ("a\tX\nb\t\n", {}, r":2: the token 'b' has no tag in column 2; fill it in"),
    ("a\tX\n\tY\n", {}, r":2: no word in column 1"),
    (
        "a X\n",
        {"tag_column": "3"},
        r":1: tag_column 3: the columns are 1 to 2, or -1 for the last",
    ),
    ("a X\n", {"tag_column": "0"}, r"tag_column 0: the columns are 1 to 2"),
    (
        "a X\n",
        {"tag_column": "upos"},
        r":1: tag_column upos: no such column; the columns have no names here, give a number",
    ),
    (
        CONLLU,
        {"tag_column": "upso"},
        r":3: tag_column upso: no such column; did you mean 'upos'\?",
    ),
    (CONLLU, {"word_column": "word"}, r"word_column word: no such column"),
    (CONLLU.replace("\tAUX\t", "\t_\t"), {}, r":5: the token 'do' has no tag in column 4"),
    (
        CONLLU.replace("\n3\tn't", "\nx\tn't"),
        {},
        r":6: 'x' is not the number of a CoNLL-U token; expected 1, 1-2 or 1.1",
    ),
    (
        CONLLU.replace("\t4\taux\t_\t_", ""),
        {},
        r":5: 6 columns, expected 10 as in line 3; is a token",
    ),
    (b"a X\nb\xff Y\n", {}, r":2:2: byte 0xff is not UTF-8"),
]


@pytest.mark.parametrize(("text", "settings", "message"), FAULTS)
def test_faults_name_file_line_and_remedy(file, text, settings, message):
    with pytest.raises(InputError, match=message) as error:
        list(read_conll(file(text), **settings))
    assert "file.txt" in str(error.value) and "\n" not in str(error.value)


def test_conllu_must_have_its_columns(file):
    with pytest.raises(
        InputError,
        match=r"a.conllu:2: 2 columns; a CoNLL-U file has the 10 of CoNLL-U between tabs",
    ):
        list(read_conll(file("# c\na\tX\n", "a.conllu")))


def output(path, **settings):
    """What is read, each word tagged with its capital letters, as `predict` prints it."""
    return "".join(
        fill_tags(each, [word.upper() for word in each.words]) + "\n"
        for each in read_blocks(path, **settings)
    )


def test_output_keeps_every_line_of_columns(file):
    assert (
        output(file("a X\nb Y\n\n# made by hand\nc Z\n"), columns=True)
        == "a X A\nb Y B\n\n# made by hand\nc Z C\n"
    )
    text = "-DOCSTART- X\n\n\na\tX\n\n\n\nb\tY\n\n"
    assert output(file(text)) == "-DOCSTART- X\tO\n\n\na\tX\tA\n\n\n\nb\tY\tB\n\n"
    assert output(file("a\nb\n\nc\n", "x.conll")) == "a\tA\nb\tB\n\nc\tC\n"


def test_output_replaces_the_tag_of_conllu(file):
    lines = output(file(CONLLU)).split("\n")
    assert len(lines) == len(CONLLU.split("\n"))
    assert (
        lines[2].split("\t")[3] == "I"
        and lines[4].split("\t")[3] == "DO"
        and lines[10].split("\t")[3] == "#"
    )
    assert [line for place, line in enumerate(lines) if place not in (2, 4, 5, 7, 10)] == [
        line for place, line in enumerate(CONLLU.split("\n")) if place not in (2, 4, 5, 7, 10)
    ]
    assert output(file(CONLLU), tag_column="xpos").split("\n")[4].split("\t")[3:5] == ["AUX", "DO"]


def test_sentences_a_line_become_columns(file):
    assert (
        output(file("The cat\n\nsat down .\n"))
        == "The\tTHE\ncat\tCAT\n\n\nsat\tSAT\ndown\tDOWN\n.\t.\n\n"
    )
    assert (
        output(file("")) == ""
        and output(file("\n")) == "\n"
        and output(file("Hi\n")) == "Hi\tHI\n\n"
    )
    assert fill_tags(Sentence(["a"]), ["X"], ["Y"]) == "a\tX\tY\n"


KINDS = [  # text, what training had, whether it is read as columns
    ("a X\nb Y\n", 2, {"X", "Y"}, True),
    ("the cat\nsat down\n", 2, {"X", "Y"}, False),
    ("a\nb\n", 4, {"X"}, True),
    ("West NNP I-NP\nIndies NNP I-NP\n. . O\n\n", 4, {"I-LOC"}, True),
    ("one two\nthree\n", 2, {"X"}, False),
    ("a\tX\n", 9, set(), True),
    ("Hello\n", 2, {"X"}, False),
]


@pytest.mark.parametrize(("text", "columns", "tags", "expected"), KINDS)
def test_columns_are_told_from_sentences(file, text, columns, tags, expected):
    found = list(read_blocks(file(text), trained=Trained(columns, frozenset(tags))))
    assert (found[0].block is not None) == expected
    assert next(read_blocks(file(text), columns=False)).block is None


def test_a_file_is_read_as_it_comes(tmp_path):
    """Ten thousand sentences, of which the first two are read: a later fault is not yet met."""
    path = tmp_path / "long.txt"
    path.write_text("a\tX\n\n" * 10_000 + "broken\n")
    stream = read_blocks(path)
    assert [next(stream).words, next(stream).words] == [["a"], ["a"]]
    with pytest.raises(InputError, match="long.txt:20001: 1 column, expected 2"):
        list(stream)


COMMENTED = [  # text, the sentences in it
    ("# id 1 x\na _ _ B-X\nb _ _ O\n\n# id 2 y\nc _ _ O\n", [["a", "b"], ["c"]]),
    ("# id 1\tdomain=en\na _ B-X\n\n# id 2\tx\nc _ O\n", [["a"], ["c"]]),
    ("a X\n\n# 17\nb Y\n", [["a"], ["b"]]),
    ("# sent_id = 3\na _ _ 3\n", [["a"]]),  # a key and its value, whatever the last column
    ("#begin document (x);\na O B-X\n\n#end document\n", [["a"]]),
    ("a X\n\n# X\nb Y\n", [["a"], ["#", "b"]]),  # a number sign with a tag of others
    ("#oslo B-LOC\nx O\n\nb I-LOC\n", [["#oslo", "x"], ["b"]]),  # a tag of a type of others
    ("# O\nb B-LOC\n", [["#", "b"]]),
    ("# #\n5 CD\n", [["#", "5"]]),  # a part of speech of the Penn Treebank
    ("a X\n# 9\n", [["a", "#"]]),  # inside a sentence there are no comments
    ("-docstart- -x- o\n\na x o\n", [["a"]]),
]


@pytest.mark.parametrize(("text", "expected"), COMMENTED)
def test_comments_are_known_by_where_they_stand(file, text, expected):
    assert [list(each.words) for each in read_conll(file(text))] == expected
    lines = output(file(text), columns=True).split("\n")
    assert len(lines) == len(text.split("\n"))
    comments = [line for line in text.split("\n") if line.startswith("# id")]
    assert [line for line in lines if line.startswith("# id")] == comments


SPACED = [  # text, the words, the tags
    ("graz\tB-LOC \nx \tO\t\ny\tO\u00a0\n", ["graz", "x", "y"], ["B-LOC", "O", "O"]),
    ("x\tO\ngraz\t\tB-LOC\n", ["x", "graz"], ["O", "B-LOC"]),
    ("x\tO\t\ny\tB-X\t\n", ["x", "y"], ["O", "B-X"]),
    ("x O\u200b\ny\u00a0O\n", ["x", "y"], ["O", "O"]),
    ("x\u00a0O\ny\u3000B-X\n", ["x", "y"], ["O", "B-X"]),
    ("10\u00a0000\tO\n\u00a0\tO\n", ["10\u00a0000", "\u00a0"], ["O", "O"]),
]


@pytest.mark.parametrize(("text", "words", "tags"), SPACED)
def test_odd_spaces_make_no_words_and_no_tags(file, text, words, tags):
    assert plain(read_conll(file(text))) == [(words, tags)]


WORDS = {"Anna", "runs", "sleeps", ".", "the", "cat", "sat", "down"}
DECIDED = [  # text, trained columns, whether read as columns, what is said
    ("Berlin NNP B-NP\nnews NN I-NP\n\nAnna NNP B-NP\nruns VBZ B-VP\n", 4, True, "3 columns"),
    ("Anna NNP B-NP B-MISC\nruns VBZ B-VP O\n\nAnna NNP B-NP B-PER\n", 4, True, "4 columns"),
    ("a _ _ _\nb _ _ _\n\nc _ _ _\n", 4, True, "4 columns"),
    ("a X B-ODD\nb X B-OTHER\nc X B-ODD\n\nd X B-ODD\n", 4, True, "3 columns"),
    ("Anna runs .\nAnna sleeps .\nthe cat .\nAnna runs .\n", 4, False, "a sentence a line"),
    ("the cat\nsat down\n", 2, False, "a sentence a line"),
    ("Hi\nthere\n\nThis is it\n", 2, False, ""),
    ("Hello there Anna .\nthe cat\n", 4, False, ""),
    ("#fun is fun\n#other is fun\n", 4, False, ""),
]


@pytest.mark.parametrize(("text", "columns", "expected", "said"), DECIDED)
def test_all_that_is_at_hand_decides(file, text, columns, expected, said):
    trained = Trained(columns, frozenset(("O", "B-PER")), WORDS.__contains__)
    with collect_notices() as notices:
        found = list(read_blocks(file(text), trained=trained))
    assert (found[0].block is not None) == expected
    assert bool(notices) == bool(said) and all(f"read as {said}" in each for each in notices)


def test_a_broken_line_does_not_make_columns_sentences(file):
    text = "a NN O\nb NN O\n" * 6 + "broken\n" + "c NN O\n" * 8
    with pytest.raises(InputError, match="file.txt:13: 1 column, expected 3 as in line 1"):
        list(read_blocks(file(text), trained=Trained(3, frozenset("O"))))


def test_sentences_are_read_as_they_come(tmp_path):
    """With layout sentences, each line is given before the next is read."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with path.open("r+b", buffering=0) as pipe:
        pipe.write(b"a b\n")
        stream = read_blocks(path, columns=False)
        assert next(stream).words == ["a", "b"]
        pipe.write(b"c\n")
        assert next(stream).words == ["c"]


GERMEVAL = (
    "#\thttp://de.wikipedia.org [2009]\n1\tAufgrund\tO\tO\n2\tBerlin\tB-LOC\tO\n\n"
    "#\thttp://de.wikipedia.org [2010]\n1\tSchartau\tB-PER\tO\n2\tsagte\tO\tO\n"
)


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_counts_the_tokens_holds_no_words(tmp_path, first):
    file = tmp_path / "germeval.tsv"
    counted = GERMEVAL if first else GERMEVAL.replace("\n1\t", "\n0\t").replace("\n2\t", "\n1\t")
    file.write_text(counted)
    with collect_notices() as said:
        found = list(read_conll(file, tag_column="3"))
    assert [each.words for each in found] == [["Aufgrund", "Berlin"], ["Schartau", "sagte"]]
    assert [each.tags for each in found] == [["O", "B-LOC"], ["B-PER", "O"]]
    assert "column 1 counts the tokens of each sentence; the word is column 2" in said[0]
    numbers = list(read_conll(file, word_column="1", tag_column="3"))
    assert numbers[0].words == [str(first), str(first + 1)]


def test_numbers_that_do_not_count_are_words(tmp_path):
    file = tmp_path / "prices.tsv"
    file.write_text("1\tCD\tO\n2\tCD\tO\n\n2\tCD\tO\n1\tCD\tO\n")
    assert [each.words for each in read_conll(file)] == [["1", "2"], ["2", "1"]]
