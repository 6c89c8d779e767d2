"""ostinato benchmark: what is active, and a few ratios."""

import json

import pytest

from ostinato import kernels
from ostinato.commands.benchmark import benchmark, lines
from ostinato.errors import InputError


def test_prints_what_is_active_and_each_cell():
    result = benchmark(steps=3, batch=2, hidden_size=5, seconds=0.01, threads=1)
    text = "\n".join(lines(result))
    assert [row["cell"] for row in result["times"]] == ["rnn", "rnn", "gru", "gru", "lstm", "lstm"]
    assert all(row["milliseconds"] > 0 and row["torch"] > 0 for row in result["times"])
    assert ("kernels: active" in text) == kernels.status()["active"] and "lstm  training" in text
    assert json.loads("".join(lines(result, json=True)))["shape"] == [3, 2, 5]


def test_says_why_not():
    with kernels.disabled():
        text = next(iter(lines(benchmark(steps=2, batch=1, hidden_size=2, seconds=0.0, threads=1))))
    assert text == "kernels: not active: inside kernels.disabled()"


@pytest.mark.parametrize(
    "settings",
    [{"steps": 0}, {"batch": 0}, {"hidden_size": -1}, {"seconds": -1.0}, {"threads": -2}],
    ids=str,
)
def test_sizes_that_make_no_sense(settings):
    (name, value), *_ = settings.items()
    with pytest.raises(
        InputError, match=f"--{name.replace('_', '-')} must be at least [01]; got {value}"
    ):
        benchmark(**settings)
