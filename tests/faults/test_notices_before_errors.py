"""What was noted while reading is a part of the error when the reading then fails."""

from pathlib import Path


def test_lines_left_out_are_told_when_another_file_cannot_be_read(place, ostinato):
    with Path("train.src").open("a") as file:
        file.write("\n")
    with Path("train.tgt").open("a") as file:
        file.write("ONE\n")
    files = ["--train", "train.src", "train.tgt", "--dev", "nosuch.src", "nosuch.tgt"]
    outcome = ostinato("train", "translation", *files, "--out", "new")
    assert outcome.status == 2 and len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith("nosuch.src: no such file")
    assert "(noted before: " in outcome.err and "blank side" in outcome.err


def test_without_notices_the_error_is_as_it_is(place, ostinato):
    Path("a.src").write_text("one\n")
    Path("a.tgt").write_text("")
    outcome = ostinato("train", "translation", "--train", "a.src", "a.tgt", "--out", "new")
    assert outcome.status == 2 and "noted" not in outcome.err
