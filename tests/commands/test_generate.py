"""generate: what it refuses, and how samples made side by side are shown."""

import json

import pytest

from ostinato.commands import generate as command
from ostinato.commands.generate import Generation, check_request
from ostinato.errors import InputError
from ostinato.tasks import TASKS
from ostinato.tasks.request import Piece, Request


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"length": -1}, "--length must be 0 or more; got -1"),
        ({"samples": 0}, "--samples must be 1 or more; got 0"),
        (
            {"temperature": -0.5},
            r"--temperature must be 0 \(greedy\) or more, and finite; got -0.5",
        ),
        ({"temperature": float("nan")}, "--temperature must be 0"),
        ({"top_k": -1}, "--top-k must be 0"),
        ({"top_p": 1.5}, "--top-p must be between 0 and 1; got 1.5"),
        ({"beam": -1}, "--beam must be 0"),
        (
            {"beam": 2, "temperature": 0.5},
            "--beam searches for the most probable text and does not sample: leave out "
            "--temperature",
        ),
        ({"beam": 2, "top_k": 5}, "--beam searches for the most probable text"),
        ({"beam": 2, "top_p": 0.9}, "--beam searches for the most probable text"),
        ({"stop": ""}, "--stop must not be empty"),
        ({"samples": 10**12}, "samples must be at most 1,000,000"),
        ({"length": 10**12}, "length must be at most 1,000,000,000"),
        ({"beam": 10**9}, "beam must be at most 1,000"),
    ],
)
def test_refuses(values, message):
    with pytest.raises(InputError, match=message):
        check_request(Request(**values))


def side_by_side(samples=2):
    made = [
        Piece(0, "a"),
        Piece(1, "x"),
        Piece(0, "b"),
        Piece(1, "y"),
        Piece(0, "", "ab"),
        Piece(1, "", "xy"),
    ]
    return Generation(TASKS["translation"].create({}), Request(samples=samples), iter(made))


def test_samples_made_side_by_side_are_shown_one_after_the_other():
    assert "".join(command.pieces(side_by_side())) == "ab\n\nxy\n"


def test_as_json_and_as_a_file(tmp_path):
    (line,) = command.lines(side_by_side(), json=True)
    assert json.loads(line)["samples"] == ["ab", "xy"]
    command.save(side_by_side(), str(tmp_path / "out.txt"))
    assert (tmp_path / "out.txt").read_text() == "ab\nxy\n"


def test_a_task_that_does_not_generate():
    with pytest.raises(
        InputError, match="a model of task translation does not generate; use predict"
    ):
        TASKS["translation"].create({}).predictor.generate(None, Request())
