"""The sentence with which a report begins."""

import pytest

from ostinato.commands.run.verdict import count_epochs, describe_epochs, write_verdict


def result(score, low, high, **more):
    return {"metrics": {"accuracy": score}, "intervals": {"accuracy": [low, high]}, **more}


def baseline(score, simpler=0.5):
    return {
        "name": "bag of words",
        "metrics": {"accuracy": score},
        "simpler": [{"name": "most frequent", "metrics": {"accuracy": simpler}}],
    }


@pytest.mark.parametrize(
    ("score", "beside", "expected"),
    [
        (
            0.934,
            baseline(0.943),
            "accuracy 93.4 % (95 % interval 91.0 % .. 95.0 %), bag of words 94.3 %: the network is "
            "not better",
        ),
        (0.934, baseline(0.934), "not better"),
        (0.934, baseline(0.92), "the network is hardly better, within the interval"),
        (0.934, baseline(0.9), "the network is better"),
        (0.934, baseline(0.9, 0.95), "most frequent 95.0 %: the network is not better"),
        (0.934, None, "accuracy 93.4 % (95 % interval 91.0 % .. 95.0 %)"),
        (0.934, {"name": "x", "metrics": {}}, "accuracy 93.4 % (95 % interval 91.0 % .. 95.0 %)"),
        (float("nan"), None, ""),
    ],
)
def test_the_best_baseline_is_named(score, beside, expected):
    found = write_verdict(["accuracy"], result(score, 0.91, 0.95), beside)
    assert found.endswith(expected)


def test_of_a_perplexity_the_lower_is_better():
    found = {"metrics": {"perplexity": 13.3}, "intervals": {"perplexity": [13.1, 13.5]}}
    beside = {"name": "Kneser-Ney 8-gram", "metrics": {"perplexity": 3.46}}
    sentence = write_verdict(["perplexity"], found, beside)
    assert sentence.endswith("Kneser-Ney 8-gram 3.46: the network is not better")
    beside["metrics"]["perplexity"] = 20.0
    assert write_verdict(["perplexity"], found, beside).endswith("the network is better")


def test_network_and_baseline_together():
    found = result(0.95, 0.946, 0.96, alone={"accuracy": 0.934})
    assert write_verdict(["accuracy"], found, baseline(0.943)) == (
        "accuracy 95.0 % (95 % interval 94.6 % .. 96.0 %) by the network and its baseline "
        "together, the network alone 93.4 %, bag of words 94.3 %: together they are better"
    )


def test_how_a_run_that_was_cut_short_goes_on():
    assert describe_epochs(0.29, 30.0, 8.0, "ostinato train translation --out x --resume") == (
        "it saw 0.29 of 30 epochs: ostinato train translation --out x --resume --time-limit 15m"
    )
    assert describe_epochs(30.0, 30.0, 8.0, "") == describe_epochs(0.0, 30.0, 8.0, "") == ""


@pytest.mark.parametrize(
    ("epochs", "text"), [(0.0312, "0.031"), (4.52, "4.5"), (104.2, "104"), (1520.0, "1,520")]
)
def test_epochs_in_a_sentence(epochs, text):
    assert count_epochs(epochs) == text
