"""Pairs stay pairs, and what is left out is said."""

import gzip
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.batching.held_out import hold_out, overlap
from ostinato.data.files.samples import sample
from ostinato.data.text.alignment import where_they_part
from ostinato.data.text.parallel import Pair, read_pairs, read_sources
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


@given(st.lists(st.text("ab \u2028\r", max_size=3), max_size=6))
def test_one_source_for_each_line(tmp_path_factory, lines):
    path = saved(
        tmp_path_factory.mktemp("sources"), "".join(line + "\n" for line in lines), "in.txt"
    )
    assert [text.strip() for text in read_sources([path])] == [line.strip() for line in lines]


def test_sources_of_tables(tmp_path):
    path = saved(tmp_path, 'id,src\n1,"a\nb"\n,\n2,c\n', "in.csv")
    assert read_sources([path]) == ["a b", "", "c"]
    assert read_sources([saved(tmp_path, "a\tb\n\nc\td\n", "pairs.tsv")]) == ["a", "", "c"]
    assert read_sources([saved(tmp_path, "target\tsource\na\tb\n", "pairs.tsv")]) == ["b"]


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
        said = where_they_part(one, other[:place] + other[place + missing :])
        assert said.startswith("; they seem to part near line ")
        assert abs(int(said.split()[-1]) - place) <= 8


def test_where_they_part_is_not_guessed():
    sources, targets = pairs_that_resemble(1000)
    cut = where_they_part(sources, targets[:-30])
    assert cut == "; they seem to correspond up to line 970, where the shorter one ends"
    random.Random(1).shuffle(targets)
    assert where_they_part(sources, targets[1:]) == ""
    assert where_they_part(["a"] * 100, ["b"] * 99) == ""
    assert where_they_part([""] * 100, [""] * 90) == ""
    assert where_they_part(sources[:10], targets[:9]) == ""
    assert where_they_part(sources, []) == ""


def test_the_message_says_where(files):
    sources, targets = pairs_that_resemble(300)
    del targets[100]
    with pytest.raises(
        InputError, match=r"has 300 lines, .* 299; .*; they seem to part near line \d+$"
    ):
        read_pairs(files("\n".join(sources), "\n".join(targets)))


def test_hold_out_keeps_groups_together():
    pairs = [Pair(f"s{i % 40}", f"t{i}") for i in range(100)]
    train, dev = hold_out(pairs, number=10, seed=3, key=lambda pair: pair.source)
    assert sorted(train + dev) == sorted(pairs) and 10 <= len(dev) <= 12
    assert overlap([pair.source for pair in dev], [pair.source for pair in train]) == 0
    assert (train, dev) == hold_out(pairs, number=10, seed=3, key=lambda pair: pair.source)
    assert dev != hold_out(pairs, number=10, seed=4, key=lambda pair: pair.source)[1]
    assert len(hold_out(range(100), fraction=0.05)[1]) == 5
    assert [len(part) for part in hold_out(range(2), number=1000)] == [1, 1]


@pytest.mark.parametrize(
    "options", [{}, {"fraction": 0.1, "number": 1}, {"fraction": 1.5}, {"number": 0}]
)
def test_hold_out_refuses(options):
    with pytest.raises(ValueError, match="fraction or number"):
        hold_out([1, 2, 3], **options)


def test_hold_out_of_one_group():
    with pytest.raises(InputError, match="^1 example: none can be held back; give --dev"):
        hold_out(["a"], number=1)
    many = ["a"] * 100 + ["b", "c", "d"]
    for seed in range(10):
        assert set(hold_out(many, number=2, seed=seed)[1]) < {"b", "c", "d"}
    assert hold_out(["a"] * 9 + ["b"] * 8, number=1)[1] == ["b"] * 8
    with pytest.raises(
        InputError, match="3 examples, all alike: none can be held back; give --dev"
    ):
        hold_out([1, 1, 1], number=1)


def test_overlap():
    assert overlap([1, 2, 3, 4], [4, 5, 3]) == 0.5
    assert overlap([], [1]) == 0


def test_the_sample_has_three_parts_that_share_no_sentence():
    parts = {name: read_pairs([path]) for name, path in sample("translation").items()}
    assert {name: len(pairs) for name, pairs in parts.items()} == {
        "train": 14000,
        "dev": 500,
        "test": 500,
    }
    for side in range(2):
        seen = [{" ".join(pair[side].split()) for pair in pairs} for pairs in parts.values()]
        assert len(set.union(*seen)) == sum(map(len, seen)) == 15000
    files = list(sample("translation")["train"].parent.iterdir())
    assert sum(file.stat().st_size for file in files) < 1e6
    assert "tatoeba.org" in (files[0].parent / "LICENSE.txt").read_text()


def test_a_task_without_a_sample():
    with pytest.raises(
        InputError, match="there is no sample for 'translatoin'; did you mean 'translation'"
    ):
        sample("translatoin")
