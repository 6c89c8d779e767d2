"""merge: the mean of the weights of several runs is one run."""

import json
import shutil

import pytest
import torch

import ostinato as library
from ostinato.commands.merge import refuse_worse
from ostinato.data.files.weights_file import load_weights
from ostinato.errors import InputError

FLAGS = ["--train", "train.src", "train.tgt", "--dev", "train.src", "train.tgt", "--epochs", "1"]


@pytest.fixture
def runs(place, ostinato):
    """Two runs that began with the weights of `run`, in the working directory."""
    for seed in ("2", "3"):
        begin = ["--init-from", "run", "--seed", seed, "--out", f"run-{seed}"]
        outcome = ostinato("train", "translation", *FLAGS, *begin, "--no-tensorboard")
        assert outcome.status == 0, outcome.err
    return ["run-2", "run-3"]


def test_the_mean_is_a_run(runs, place, ostinato):
    outcome = ostinato("merge", *runs, "--out", "merged", "--json")
    assert outcome.status == 0, outcome.err
    result = json.loads(outcome.out)
    assert set(result["members"]) == set(runs)
    one, other, mean = (
        load_weights(place / name / "model.safetensors") for name in [*runs, "merged"]
    )
    for name, tensor in mean.items():
        assert torch.allclose(tensor, (one[name] + other[name]) / 2, atol=1e-6), name
    evaluated = library.load("merged").evaluate(["train.src", "train.tgt"])
    assert evaluated["metrics"] == pytest.approx(result["metrics"])
    report = json.loads((place / "merged/report.json").read_text())
    assert report["weights"] == "mean of 2 runs"
    assert "ostinato merge run-2 run-3 --out merged" in (place / "merged/README.md").read_text()
    assert {row["metric"]: row["score"] for row in report["table"]} == report["metrics"]
    assert ostinato("predict", "merged", "train.src").status == 0
    again = ostinato("merge", *runs, "--out", "merged")
    assert again.status == 2
    assert "merged: exists and is not empty; choose another --out" in again.err


def test_what_is_refused(place, ostinato):
    assert "name two runs or more" in ostinato("merge", "run", "--out", "new").err
    shutil.copytree("run", "other", symlinks=False)
    description = json.loads((place / "other/model.json").read_text())
    description["state"] = {**description["state"], "more": 1}
    (place / "other/model.json").write_text(json.dumps(description))
    outcome = ostinato("merge", "run", "other", "--out", "new")
    assert outcome.status == 2
    assert "other: another task or vocabulary than run; the mean of weights is" in outcome.err
    assert not (place / "new").exists()


def test_a_mean_that_is_worse_than_each_is_refused():
    scores = {"a": {"metrics": {"bleu": 20.0}}, "b": {"metrics": {"bleu": 30.0}}}
    refuse_worse("bleu", {"metrics": {"bleu": 20.0}}, scores)
    with pytest.raises(InputError, match="bleu 19.5, the worst of them 20, and is not written"):
        refuse_worse("bleu", {"metrics": {"bleu": 19.5}}, scores)
    scores = {"a": {"metrics": {"perplexity": 20.0}}, "b": {"metrics": {"perplexity": 30.0}}}
    refuse_worse("perplexity", {"metrics": {"perplexity": 30.0}}, scores)
    with pytest.raises(InputError, match="perplexity 31, the worst of them 30"):
        refuse_worse("perplexity", {"metrics": {"perplexity": 31.0}}, scores)
