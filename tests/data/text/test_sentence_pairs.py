"""Pairs stay pairs, and what is left out is said."""

import gzip
import random

import pytest

from ostinato.data.text.misalignment import describe_misalignment
from ostinato.data.text.sentence_pairs import Pair, read_pairs
from ostinato.errors import InputError


def saved(folder, content, name):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def files(tmp_path):
    def make(source, target):
        return [saved(tmp_path, source, "train.en"), saved(tmp_path, target, "train.fr")]

    return make


def test_two_files(files, tmp_path):
    expected = [Pair("a b", "c"), Pair("d\u2028e", "f\rg")]
    assert read_pairs(files("a b\nd\u2028e\n", "c\nf\rg\n")) == expected
    assert read_pairs(files("\ufeffa b\r\nd\u2028e\r\n", "c\r\nf\rg")) == expected
    assert read_pairs(files(gzip.compress("a b\nd\u2028e\n".encode()), "c\nf\rg\n")) == expected


def test_tables(tmp_path):
    table = saved(tmp_path, "source\ttarget\na\tb\n", "a.tsv")
    lines = saved(tmp_path, '{"src": "c\\nd", "tgt": "e"}\n', "b.jsonl")
    assert read_pairs([table]) == [Pair("a", "b")]
    assert read_pairs([table, lines]) == [
        Pair("a", "b"),
        Pair("c d", "e"),
    ]  # one line in, one line out
    other = saved(tmp_path, "x,y\na,b\n", "a.csv")
    assert read_pairs([other], source_column="y", target_column="x") == [Pair("b", "a")]


def test_blank_sides(files):
    both = files("a\n\nc\n", "x\ny\n \n")
    notices = []
    assert read_pairs(both, notices=notices) == [Pair("a", "x")]
    assert len(notices) == 1 and notices[0].endswith("train.fr: 2 pairs with a blank side left out")
    with pytest.warns(UserWarning, match="2 pairs with a blank side left out"):
        read_pairs(both)
    assert read_pairs(both, keep_blank=True) == [Pair("a", "x"), Pair("", "y"), Pair("c", " ")]


def test_long_lines(files):
    both = files("short\n" + "word " * 1_000_000 + "\n", "kurz\nlang\n")
    notices = []
    pairs = read_pairs(both, notices=notices)
    assert pairs[1].source == "word " * 3999 + "word" and pairs[1].target == "lang"
    assert "1 line of more than 20,000 characters cut to that" in notices[0]
    with pytest.raises(
        InputError, match="example 2 has 5,000,000 characters, more than 20,000; shorten it"
    ):
        read_pairs(both, long_lines="refuse")
    with pytest.raises(ValueError, match="long_lines: expected 'cut' or 'refuse'; got 'drop'"):
        read_pairs(both, long_lines="drop")
    assert (
        read_pairs(files("x" * 50 + "\n", "y\n"), maximum_line=20, notices=[])[0].source == "x" * 20
    )


@pytest.mark.parametrize(
    "source, target, message",
    [
        ("", "", r"train.fr: no examples \(0 lines\)"),
        ("\n\n", "\n\n", r"train.fr: no examples \(2 lines, each with a blank side\)"),
        (
            "a\nb\n",
            "a\n",
            r"train.en has 2 lines, .*train.fr 1; they must be line by line translations$",
        ),
        ("a\n", "", r"train.en has 1 lines, .*train.fr 0"),
    ],
)
def test_nothing_to_learn_from(files, source, target, message):
    with pytest.raises(InputError, match=message):
        read_pairs(files(source, target))


def test_other_numbers_of_files(files, tmp_path):
    one, two = files("a\n", "b\n")
    with pytest.raises(InputError, match="no file given; expected two aligned text files"):
        read_pairs([])
    with pytest.raises(
        InputError, match="3 files given; expected two aligned text files, or tables"
    ):
        read_pairs([one, two, one])
    with pytest.raises(InputError, match="header.tsv: no examples"):
        read_pairs([saved(tmp_path, "source\ttarget\n", "header.tsv")])


def pairs_that_resemble(count, seed=0):
    """Sentences of random lengths, with translations of about that length that end alike."""
    draw = random.Random(seed)
    sources, targets = [], []
    for _ in range(count):
        length, end, number = (
            draw.randrange(5, 25),
            draw.choice(".?!"),
            draw.choice(["", "", " 7", " 1999"]),
        )
        sources.append("word " * length + number + end)
        targets.append("mot et " * max(1, int(length * draw.gauss(1, 0.1))) + number + end)
    return sources, targets


@pytest.mark.parametrize("missing", [1, 3, 20])
@pytest.mark.parametrize("place", [40, 500, 960])
def test_where_two_files_part(missing, place):
    sources, targets = pairs_that_resemble(1000)
    for one, other in ((sources, targets), (targets, sources)):
        said = describe_misalignment(one, other[:place] + other[place + missing :])
        assert said.startswith("; they seem to part near line ")
        assert abs(int(said.split()[-1]) - place) <= 8


def test_where_they_part_is_not_guessed():
    sources, targets = pairs_that_resemble(1000)
    cut = describe_misalignment(sources, targets[:-30])
    assert cut == "; they seem to correspond up to line 970, where the shorter one ends"
    random.Random(1).shuffle(targets)
    assert describe_misalignment(sources, targets[1:]) == ""
    assert describe_misalignment(["a"] * 100, ["b"] * 99) == ""
    assert describe_misalignment([""] * 100, [""] * 90) == ""
    assert describe_misalignment(sources[:10], targets[:9]) == ""
    assert describe_misalignment(sources, []) == ""


def test_the_message_says_where(files):
    sources, targets = pairs_that_resemble(300)
    del targets[100]
    with pytest.raises(
        InputError, match=r"has 300 lines, .* 299; .*; they seem to part near line \d+$"
    ):
        read_pairs(files("\n".join(sources), "\n".join(targets)))
