"""A learning rate that is far too large, in every task: an end with a line, or a model that
answers; never a traceback, and never weights that are not finite."""

from pathlib import Path

import numpy as np
import pytest
from corner_cases import SMALL, input_of, make_folder, small_name

from ostinato.data.files.weights_file import load_weights
from ostinato.decoding.inputs import BrokenLogits
from ostinato.metrics.metric import NotFinite
from ostinato.tasks import TASKS
from toy_language import TINY

WILD = ["--learning-rate", "1e9", "--epochs", "3"]
DIVERGED = "training diverged "


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_every_task(task, tmp_path, monkeypatch, ostinato):
    monkeypatch.chdir(make_folder(task, tmp_path / "files"))
    outcome = ostinato("train", task, "--train", small_name(task), *SMALL, *WILD, "--out", "new")
    last = outcome.err.splitlines()[-1]
    assert outcome.status == 0 or outcome.status == 2 and last.startswith(DIVERGED), outcome.err
    weights = Path("new/model.safetensors")
    if weights.exists():
        for tensor in load_weights(weights).values():
            assert not tensor.is_floating_point() or not tensor.isnan().any()
        assert ostinato("predict", "new", input_of(task)).status in (0, 2)
    else:
        assert "model is in" not in last and "weights are in" not in last


def test_data_of_which_no_loss_is_finite(tmp_path, monkeypatch, ostinato):
    """With a time limit steps are timed before the training; none can be taken here."""
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    values[7:50, 3] = 1e38 * np.sign(values[7:50, 3])
    np.savez("big.npz", X=values)
    line = ["train", "autoencoder", "--train", "big.npz", *SMALL, "--out", "new"]
    outcome = ostinato(*line)
    assert outcome.status == 2 and DIVERGED in outcome.err.splitlines()[-1], outcome.err


@pytest.mark.parametrize("error", [BrokenLogits("NaN"), NotFinite("NaN")])
@pytest.mark.parametrize("after", [0, 1])
def test_a_dev_set_that_cannot_be_scored(error, after, place, ostinato, monkeypatch):
    from ostinato.tasks.translation import TASK

    scored = []

    def score(self, *arguments):
        scored.append(arguments)
        if len(scored) > after:
            raise error
        return 2.0

    monkeypatch.setattr(TASK.predictor, "dev_score", score)
    line = ["train", "translation", "--train", "train.src", "train.tgt", "--out", "new", *TINY]
    outcome = ostinato(*line, "--epochs", "2")
    assert outcome.status == 2
    last = outcome.err.splitlines()[-1]
    assert last.startswith(DIVERGED) and "try a lower --learning-rate (now " in last
    assert last.endswith("; earlier weights are in new") == bool(after)
    assert Path("new/model.safetensors").exists() == bool(after)


def test_answers_that_are_not_finite(place, ostinato, monkeypatch):
    from ostinato.tasks.translation import TASK

    def count(self, *arguments):
        raise NotFinite("a log-probability is 0 or less; got nan")

    monkeypatch.setattr(TASK.predictor, "count", count)
    outcome = ostinato("evaluate", "run", "train.src", "train.tgt")
    assert outcome.status == 2
    assert outcome.err.startswith("the model's answers are not finite numbers: its weights are ")
    assert outcome.err.count("\n") == 1
