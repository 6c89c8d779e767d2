"""The examples of CONTRIBUTING.md are run as they are printed there."""

import re
import sys
import types
from pathlib import Path

import pytest
import torch

from ostinato.layers.recurrent import Recurrent

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()


def run_example(heading: str, monkeypatch) -> types.ModuleType:
    """The Python block under a heading as a module."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    module = types.ModuleType("contributed")
    monkeypatch.setitem(sys.modules, "contributed", module)
    exec(compile(code, f"CONTRIBUTING.md, {heading}", "exec"), module.__dict__)
    return module


def test_the_cell(monkeypatch):
    cell = run_example("Add a cell", monkeypatch).LeakyRNN
    torch.manual_seed(1)
    layer = Recurrent(cell, 3, 4)
    x = torch.randn(2, 5, 3)
    outputs, _ = layer(x)
    before, state = layer(x[:, :2])
    torch.testing.assert_close(before, outputs[:, :2])
    torch.testing.assert_close(layer(x[:, 2:], None, state)[0], outputs[:, 2:])
    zeros = {name: torch.zeros_like(value) for name, value in layer.state_dict().items()}
    layer.load_state_dict(zeros)
    kept = layer(x[:, :1], None, ((torch.ones(2, 4),),))[0]
    torch.testing.assert_close(kept, torch.full((2, 1, 4), 0.8))  # (1 - 0.2) * 1 + 0.2 tanh(0)


def test_the_metric(monkeypatch):
    metric = run_example("Add a metric", monkeypatch)
    counts = [metric.count("a dog", "a dog runs"), metric.count("yes", "yes")]
    assert counts == [(2, 3), (1, 1)]
    assert metric.score(tuple(map(sum, zip(*counts, strict=True)))) == 0.75
    with pytest.raises(ValueError, match="undefined"):
        metric.score((0, 0))


def test_the_command(monkeypatch, tmp_path):
    command = run_example("Add a command", monkeypatch)
    file = tmp_path / "text.txt"
    file.write_text("a b\na\na b c\n")
    assert command.lengths(str(file), longest=2) == [3, 2]
    assert list(command.lines([3, 2])) == ["3", "2"]
    assert list(command.lines([3], json=True))[0].replace(" ", "").replace("\n", "") == (
        '{"lengths":[3]}'
    )
