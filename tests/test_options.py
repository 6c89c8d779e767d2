"""Options: dataclass fields with checks; one place says what is allowed, for flags, recipes
and Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostinato import options
from ostinato.errors import InputError, as_flag, name_options_as_flags, nearest, option_name
from ostinato.options import build, option


@dataclass
class Model:
    size: int = option(256, "units", minimum=1, maximum=1000)
    rate: float | None = option(None, "size of a step", above=0)
    cell: Literal["lstm", "gru"] = option("lstm", "the cell")
    level: Literal[1, 2] = option(1, "a choice of numbers")
    loud: bool = option(False, "say more")
    files: list[str] = option([], "some files")
    column: str | None = option(None, "a name", when_predicting=True)


@dataclass
class Other:
    epochs: float = option(1.0, "how often", above=0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Model()),
        ({"size": 3.0}, Model(size=3)),
        ({"rate": 1}, Model(rate=1.0)),
        ({"rate": None}, Model()),
        ({"rate": "none"}, Model()),
        ({"column": "none"}, Model(column="none")),
        ({"files": "a"}, Model(files=["a"])),
        ({"files": ("a", "b")}, Model(files=["a", "b"])),
        ({"level": 2}, Model(level=2)),
    ],
)
def test_build(values, expected):
    made = build(Model, values)
    assert made == expected
    assert type(made.size) is int
    assert build(Model, options.to_dict(made)) == made


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 0}, "--size must be at least 1; got 0"),
        ({"size": 1001}, "--size must be at most 1000; got 1001"),
        ({"size": 1.5}, "--size: expected a whole number, got 1.5"),
        ({"size": "3"}, "--size: expected a whole number, got '3'"),
        ({"size": True}, "--size: expected a whole number, got True"),
        ({"size": None}, "--size: expected a whole number, got None"),
        ({"rate": 0}, "--rate must be above 0; got 0"),
        ({"rate": float("nan")}, "--rate must be a finite number; got nan"),
        ({"rate": float("inf")}, "--rate must be a finite number; got inf"),
        ({"cell": "lsmt"}, "--cell: no choice 'lsmt'; did you mean 'lstm'"),
        ({"cell": 3}, "--cell: no choice 3; known: lstm, gru"),
        ({"cell": ["lstm"]}, r"--cell: no choice \['lstm'\]"),
        ({"level": 3}, "--level: no choice 3; known: 1, 2"),
        ({"loud": "no"}, "--loud: expected true or false, got 'no'"),
        ({"loud": 1}, "--loud: expected true or false, got 1"),
        ({"files": [1]}, "--files: expected text, got 1"),
        ({"column": 1}, "--column: expected text, got 1"),
        ({"sise": 1}, "--sise: no such option; did you mean 'size'"),
    ],
)
def test_refused(values, message):
    with name_options_as_flags(), pytest.raises(InputError, match=message):
        build(Model, values)
    with pytest.raises(InputError, match=f"^{message.removeprefix('--')}"):  # in Python
        build(Model, values)


def test_the_option_is_called_as_the_user_knows_it():
    with pytest.raises(InputError, match="^recipe x: size must be at least 1; got 0$"):
        build(Model, {"size": 0}, lambda name: f"recipe x: {name}")


def test_split():
    assert options.split({"size": 3, "epochs": 2}, Model, Other) == [{"size": 3}, {"epochs": 2}]
    message = "epoch: no such option; did you mean 'epochs'"
    with name_options_as_flags(), pytest.raises(InputError, match=f"^--{message}"):
        options.split({"epoch": 3}, Model, Other)
    with pytest.raises(InputError, match=f"^{message}"):
        options.split({"epoch": 3}, Model, Other)


def test_defaults_are_not_shared():
    build(Model, {}).files.append("x")
    assert build(Model, {}).files == []


def test_fields():
    fields = options.fields(Model)
    assert fields["rate"].optional and not fields["size"].optional
    assert fields["files"].many
    assert fields["cell"].choices == ("lstm", "gru")
    assert fields["column"].metadata["when_predicting"]
    assert fields["size"].flag == "--size"
    assert as_flag("hidden_size") == "--hidden-size"


def test_messages_name_options_as_flags_on_the_command_line_alone():
    assert option_name("hidden_size") == "hidden_size"
    with name_options_as_flags():
        assert option_name("hidden_size") == "--hidden-size"
    assert option_name("hidden_size") == "hidden_size"


def test_nearest():
    assert nearest("lsmt", ["lstm", "gru"]) == "; did you mean 'lstm'?"
    assert nearest("xyz", ["lstm", "gru"]) == "; known: lstm, gru"


names = st.sampled_from(["size", "rate", "cell", "level", "loud", "files", "column", "other"])
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.text()),
    st.just({}),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(names, anything))
def test_anything_is_taken_or_refused_in_one_line(values):
    try:
        made = build(Model, values)
    except InputError as error:
        assert str(error)
    else:
        assert 1 <= made.size <= 1000
        assert made.cell in ("lstm", "gru")
        assert isinstance(made.loud, bool)


def test_a_text_that_may_be_a_number_takes_one_from_python():
    from ostinato.commands.train import train
    from ostinato.signature import parameters
    from ostinato.tasks.classification.options import ClassificationOptions

    column = options.fields(ClassificationOptions)["text_column"]
    assert options.check(column, 3, as_flag) == "3"
    flags = {field.name: field for field in parameters(train).flags}
    for name in ("threads", "time_limit", "process_timeout"):
        assert options.check(flags[name], 90, as_flag) == "90"
        with pytest.raises(InputError, match="expected text, got True"):
            options.check(flags[name], True, as_flag)
