"""Runs that an earlier version wrote are read, and give the answers that they gave then.

golden/TASK/run is a tiny trained run. Beside it are an input and what `predict --json` or
`generate --json` said of it. They are not to be written anew because an answer differs: to show
that is their purpose.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ostinato.tasks import TASKS

GOLDEN = Path(__file__).parent / "golden"

# task -> the file of the answers and the command that gave them, in the folder golden
CALLS = [
    ("translation", "predict", "predict translation/run translation/input.txt --json"),
    ("dialogue", "predict", "predict dialogue/run dialogue/input.txt --json"),
    (
        "language",
        "generate",
        "generate language/run --prompt ROMEO: --length 60 --samples 2 --json",
    ),
    ("language", "beam", "generate language/run --length 30 --beam 3 --prompt The --json"),
    ("classification", "predict", "predict classification/run classification/input.txt --json"),
    ("tagging", "predict", "predict tagging/run tagging/input.txt --json"),
    ("genome", "predict", "predict genome/run genome/input.fa --json"),
    ("captioning", "predict", "predict captioning/run captioning/input.tsv --json"),
    ("video", "predict", "predict video/run video/input.npz --json"),
    ("melody", "predict", "predict melody/run melody/input.abc --json --bars 2"),
    ("anomaly", "predict", "predict anomaly/run anomaly/input.csv --json"),
    ("autoencoder", "predict", "predict autoencoder/run autoencoder/input.npz --json"),
    ("forecasting", "predict", "predict forecasting/run forecasting/input.csv --json"),
    ("transcription", "predict", "predict transcription/run transcription/input.npz --json"),
    ("melody", "generate", "generate melody/run --length 30 --samples 2 --json"),
]


def approximately(value: Any) -> Any:
    """The value, to compare another with: floats to 1e-6, everything else exactly."""
    if isinstance(value, dict):
        return {key: approximately(each) for key, each in value.items()}
    if isinstance(value, list):
        return [approximately(each) for each in value]
    return pytest.approx(value, rel=1e-6, abs=1e-6) if isinstance(value, float) else value


def read_answers(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(("task", "answers", "command"), CALLS)
def test_an_earlier_run_gives_the_same_answers(
    task, answers, command, tmp_path, monkeypatch, ostinato
):
    if task == "captioning":
        pytest.importorskip("PIL")
    shutil.copytree(GOLDEN / task, tmp_path / task)
    monkeypatch.chdir(tmp_path)
    outcome = ostinato(*command.split())
    assert outcome.status == 0, outcome.err
    before = read_answers((GOLDEN / task / f"{answers}.json").read_text())
    assert before
    assert read_answers(outcome.out) == approximately(before)


def test_every_task_has_an_earlier_run():
    assert {task for task, _, _ in CALLS} == set(TASKS)
