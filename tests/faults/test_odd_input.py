"""Input that is odd, but no mistake: there is an answer, a line for each line, and a word on
what was left out.
"""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toy_language import TINY

TRAIN = ["train", "translation", *TINY, "--out", "new", "--train"]

ODD = {
    "nothing": b"",
    "an empty line": b"\n",
    "blank lines": b"\n \n\t\n",
    "no end of line": b"one two",
    "empty among others": b"one\n\ntwo\n",
    "words nobody knows": b"quux zork\nblah\n",
    "other scripts": "Привет\n你好\n\U0001f600\n".encode(),
    "CRLF": b"one\r\ntwo\r\n",
    "a mark at the start": b"\xef\xbb\xbfone\n",
    "line ends that are none": "one\u2028two\x85three\x0bfour\rfive\n".encode(),
    "zeros and controls": b"one\x00two\x01\x1b[31m\n",
    "bidi and zero width": "\u202eone\u200b\u200d\ufeff\n".encode(),
    "special tokens spelled out": b"<pad> <unk> <bos> <eos>\n",
    "one very long word": b"x" * 15_000 + b"\n",
    "many words": b"one " * 4000 + b"\n",
}


@pytest.mark.parametrize("name", ODD)
def test_one_line_out_for_each_line_in(name, place, ostinato):
    Path("odd").write_bytes(ODD[name])
    lines = ODD[name].count(b"\n") + (ODD[name][-1:] not in (b"", b"\n"))
    for flags in ([], ["--json", "--align", "--n-best", "2"], ["--copy-unknown"], ["--sampling"]):
        outcome = ostinato("predict", "run", "odd", *flags)
        cut = "note: 1 of 1 input longer than the model reads: 3,880 tokens were left out\n"
        assert (outcome.status, outcome.err) == (0, cut if name == "many words" else "")
        assert outcome.out.count("\n") == lines


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=12),
        max_size=6,
    )
)
def test_any_text_gets_an_answer_a_line(place, ostinato, texts):
    Path("any").write_bytes("".join(text + "\n" for text in texts).encode())
    outcome = ostinato("predict", "run", "any", "--copy-unknown")
    if outcome.status == 2:  # what looks like another kind of file is said to be one
        assert "looks like" in outcome.err or "gzip" in outcome.err
    else:
        assert outcome.out.encode().count(b"\n") == len(texts)


def test_files_may_stand_behind_flags(place, ostinato):
    plain = ostinato("predict", "run", "train.src").out
    assert plain.count("\n") == 20
    for arguments in (
        "--beam 2 run train.src",
        "run --beam 2 train.src",
        "run --no-json --beam 2 ./train.src",
    ):
        outcome = ostinato("predict", *arguments.split())
        assert (outcome.status, outcome.out) == (
            0,
            ostinato("predict", "run", "train.src", "--beam", "2").out,
        )


def test_standard_input_may_be_named_behind_flags(place, ostinato, monkeypatch):
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"one\n\ntwo\n")))
    )
    outcome = ostinato("predict", "run", "--json", "-")
    assert (
        outcome.status == 0
        and ["prediction" in json.loads(line) for line in outcome.out.splitlines()] == [True] * 3
    )


def test_a_dev_set_that_takes_much_says_so(place, ostinato):
    Path("a").write_text("one\ntwo\n" * 10)
    Path("b").write_text("ONE\nTWO\n" * 10)
    assert (
        "no --dev: 10 training examples, 50% of all as so few differ, held out (seed 1, "
        "whatever --seed is)" in ostinato(*TRAIN, "a", "b").err
    )


def test_empty_lines_have_empty_answers(place, ostinato):
    Path("odd").write_text("\none\n  \n")
    lines = ostinato("predict", "run", "odd").out.split("\n")
    assert lines[0] == lines[2] == ""


def test_a_source_of_unknown_words_says_so(place, ostinato):
    Path("odd").write_text("quux zork\none quux\none\n")
    answers = map(json.loads, ostinato("predict", "run", "odd", "--json").out.splitlines())
    assert [answer.get("unknown") for answer in answers] == [1.0, 0.5, None]


def test_a_line_of_a_million_words_is_cut_and_counted(place, ostinato):
    Path("long.src").write_text("one " * 1_000_000 + "\n" + Path("train.src").read_text())
    Path("long.tgt").write_text("ONE\n" + Path("train.tgt").read_text())
    for command in (
        ["predict", "run", "long.src"],
        ["evaluate", "run", "long.src", "long.tgt"],
        ["score", "run", "long.src", "long.tgt"],
    ):
        outcome = ostinato(*command)
        assert outcome.status == 0
        assert "1 line of more than 20,000 characters cut to that" in outcome.err
    assert ostinato("predict", "run", "long.src").out.count("\n") == 21
    outcome = ostinato(*TRAIN, "long.src", "long.tgt")
    assert outcome.status == 0, outcome.err
    assert "1 line of more than 20,000 characters cut to that" in outcome.err
    assert "1 pair of more than 120 tokens left out of training" in outcome.err
    for flags in (["long.src"], ["long.src", "--output", "answers"]):
        outcome = ostinato("predict", "run", *flags, "--long-lines", "refuse")
        assert outcome.status == 2
        assert outcome.err.startswith("long.src:1: 4,000,000 characters, more than 20,000")
    assert not Path("answers").exists()


def test_pairs_with_a_blank_side_are_left_out_of_training_and_counted(place, ostinato):
    Path("a").write_text(Path("train.src").read_text() + "\none\n")
    Path("b").write_text(Path("train.tgt").read_text() + "ONE\n  \n")
    outcome = ostinato(*TRAIN, "a", "b")
    assert outcome.status == 0, outcome.err
    assert "2 pairs with a blank side left out" in outcome.err
    assert (place / "new/model.safetensors").read_bytes() == (
        place / "run/model.safetensors"
    ).read_bytes()
    outcome = ostinato("evaluate", "run", "a", "b", "--json")
    assert '"examples": 22' in outcome.out


def test_one_pair_is_enough(place, ostinato):
    Path("a").write_text("one\ntwo\n")
    Path("b").write_text("ONE\nTWO\n")
    outcome = ostinato(*TRAIN, "a", "b")
    assert outcome.status == 0, outcome.err


def test_a_single_pair_cannot_be_held_back_and_learned_from(place, ostinato):
    Path("a").write_text("one\n")
    Path("b").write_text("ONE\n")
    outcome = ostinato(*TRAIN, "a", "b")
    assert outcome.status in (0, 2)
    assert "Traceback" not in outcome.err
    assert ostinato(*TRAIN, "a", "b", "--dev", "a", "b", "--overwrite").status == 0


@pytest.mark.parametrize(
    "name", ["with a space", "ünïcødé", "-leading", "a,comma", "x" * 200, "quote'\"s"]
)
def test_names_of_any_kind(name, place, ostinato):
    for end in ("src", "tgt"):
        (place / f"train.{end}").rename(place / f"{name}.{end}")
    outcome = ostinato(
        "train",
        "translation",
        *TINY,
        "--train",
        f"./{name}.src",
        f"./{name}.tgt",
        "--out",
        f"./{name}",
    )
    assert outcome.status == 0, outcome.err
    if "," not in name:
        assert ostinato("predict", f"./{name}", f"./{name}.src").out.count("\n") == 20


def test_a_name_that_is_too_long(place, ostinato):
    outcome = ostinato(*TRAIN[:-3], "--out", "x" * 500, "--train", "train.src", "train.tgt")
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1


def test_a_run_is_read_from_a_folder_that_cannot_be_written(place, ostinato):
    for path in (place / "run").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (place / "run").chmod(0o555)
    assert ostinato("predict", "run", "train.src").status == 0
    assert ostinato("evaluate", "run", "train.src", "train.tgt").status == 0


@pytest.mark.skipif(
    not Path("/proc").is_dir(), reason="needs a folder in which not even root may write"
)
def test_a_folder_that_cannot_be_written(place, ostinato):
    outcome = ostinato(*TRAIN[:-3], "--out", "/proc/new", "--train", "train.src", "train.tgt")
    assert outcome.status == 2
    assert re.match("/proc/new: cannot be written: .*; choose another --out\n$", outcome.err)
