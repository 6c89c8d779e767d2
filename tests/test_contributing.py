"""The examples of CONTRIBUTING.md are run as they are printed there."""

import importlib
import json
import random
import re
import sys
import types
from pathlib import Path

import pytest
import torch

import ostinato.tasks
from ostinato.cli import main
from ostinato.layers.recurrent import Recurrent

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()


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


@pytest.fixture
def syllables(monkeypatch, tmp_path):
    """The task of CONTRIBUTING.md, written to files and registered, as a reader would do it."""
    section = TEXT.split("## Add a task\n", 1)[1].split("\n## ", 1)[0]
    files = re.findall(r"`tasks/syllables/(\w+\.py)`\n\n```python\n(.*?)```", section, re.DOTALL)
    folder = tmp_path / "tasks" / "syllables"
    folder.mkdir(parents=True)
    for name, code in files:
        (folder / name).write_text(code)
    paths = [*ostinato.tasks.__path__, str(folder.parent)]
    monkeypatch.setattr(ostinato.tasks, "__path__", paths)
    task = importlib.import_module("ostinato.tasks.syllables").TASK
    monkeypatch.setitem(ostinato.tasks.TASKS, "syllables", task)
    yield {name.removesuffix(".py") for name, _ in files}
    for name in [name for name in sys.modules if name.startswith("ostinato.tasks.syllables")]:
        del sys.modules[name]
    del ostinato.tasks.syllables


def spell_words(seed: int, number: int) -> str:
    """A table of made-up words: one or several consonants and a vowel, one to four times."""
    draw = random.Random(seed)
    onsets = ["b", "d", "str", "ststst", "mbstr"]
    rows = []
    for _ in range(number):
        count = draw.randint(1, 4)
        word = "".join(draw.choice(onsets) + draw.choice("aeiou") for _ in range(count))
        rows.append(f"{word}\t{count}\n")
    return "word\tsyllables\n" + "".join(rows)


def test_the_task(syllables, tmp_path, capsys):
    assert syllables == {
        *("options", "reader", "preprocessing", "network", "prediction", "baseline", "__init__")
    }
    train, test, run = tmp_path / "train.tsv", tmp_path / "test.tsv", str(tmp_path / "run")
    train.write_text(spell_words(1, 400))
    test.write_text(spell_words(2, 50))
    sizes = ["--hidden-size", "16", "--epochs", "8", "--learning-rate", "0.01"]
    files = ["--train", str(train), "--test", str(test)]
    assert main(["train", "syllables", *files, "--out", run, *sizes, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["metrics"]["mae"] < 0.5 < report["baseline"]["metrics"]["mae"]
    assert main(["evaluate", run, str(test), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["metrics"]["mae"] == pytest.approx(report["metrics"]["mae"])
    model = ostinato.load(run)
    assert model.predict(["badeba", "do", ""]) == ["3", "1", "0"]
    test.write_text("word\tsyllables\nmo\tone\n")
    assert main(["evaluate", run, str(test)]) == 2
    assert "test.tsv:2: expected a number of syllables; got 'one'" in capsys.readouterr().err


def test_the_kernel_of_the_docs_is_one_that_is_built():
    """docs/kernels.md prints the whole of native/rnn.h, which test_every_kernel.py runs."""
    page = (ROOT / "docs" / "kernels.md").read_text()
    (code,) = re.findall(r"### A kernel in 40 lines.*?```cpp\n(.*?)```", page, re.DOTALL)
    assert code == (ROOT / "src/ostinato/kernels/native/rnn.h").read_text()
