"""ostinato compare: several models, one table, one picture."""

import json
import random
from dataclasses import replace

import pytest

from ostinato.cli import main
from ostinato.commands.compare import compare
from ostinato.tasks import TASKS
from ostinato.tasks.classification import TASK as CLASSIFICATION

FLAGS = {
    "hidden_size": 8,
    "embedding_size": 8,
    "epochs": 10,
    "learning_rate": 0.02,
    "dropout": 0,
    "word_dropout": 0,
    "batch_size": 8,
    "minimum_count": 1,
}
FLAGS = [
    part for name, value in FLAGS.items() for part in (f"--{name.replace('_', '-')}", str(value))
]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chance = random.Random(0)
    for name, count in [("train.tsv", 60), ("test.tsv", 40)]:
        rows = [
            f"{chance.choice('abc')} {'fine' if number % 2 else 'dull'} "
            f"{chance.choice('abc')}\t{'good' if number % 2 else 'bad'}\n"
            for number in range(count)
        ]
        (tmp_path / name).write_text("".join(rows))
    return tmp_path


def test_one_table_and_one_picture(data, capsys):
    files = ["--train", "train.tsv", "--dev", "test.tsv", "--test", "test.tsv", "--out", "cmp"]
    command = [
        "compare",
        "classification",
        *files,
        "--models",
        "most-frequent,gru",
        "--no-tensorboard",
        *FLAGS,
    ]
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["best"] == "gru" and [row["model"] for row in result["models"]] == [
        "gru",
        "most-frequent",
    ]
    first, second = result["models"]
    assert (
        first["p"] is None
        and second["p"] < 0.01
        and first["score"] == 1.0
        and second["score"] == 0.5
    )
    assert first["parameters"] > second["parameters"] and result["examples"] == 40
    assert (data / "cmp" / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((data / "cmp" / "compare.json").read_text())["best"] == "gru"
    assert (data / "cmp" / "gru" / "model.json").is_file()
    assert main(command) == 2  # the runs are there already
    assert "holds a run already" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    out = capsys.readouterr().out
    assert "p against the best" in out and "cmp/compare.png" in out


def test_spans_are_compared_by_their_f1(data):
    """As everywhere the first metric of the report, which depends on the tags."""
    sentences = "".join(f"in\tO\n{place}\tB-LOC\n\n" for place in ["Rome", "Oslo", "Kiel"] * 4)
    (data / "names.txt").write_text(sentences)
    settings = {
        "train": ["names.txt"],
        "dev": ["names.txt"],
        "test": ["names.txt"],
        "tensorboard": False,
    }
    assert compare("tagging", models="most-frequent,hmm", out="cmp", **settings)["metric"] == "f1"
    (data / "names.txt").write_text(sentences.replace("B-LOC", "NOUN").replace("O\n", "ADP\n"))
    assert (
        compare("tagging", models="most-frequent,hmm", out="words", **settings)["metric"]
        == "accuracy"
    )


def test_what_cannot_be_had_here_is_left_out_unless_asked_for(data, capsys, monkeypatch):
    monkeypatch.setattr("ostinato.baselines.bag_of_words.available", lambda: False)
    models = ("most-frequent", "bag-of-words")
    monkeypatch.setitem(TASKS, "classification", replace(CLASSIFICATION, compare_models=models))
    result = compare("classification", train=["train.tsv"], out="cmp")
    assert [row["model"] for row in result["models"]] == ["most-frequent"]
    assert (
        "note: bag-of-words left out: model bag-of-words needs scikit-learn"
        in capsys.readouterr().err
    )
    assert (
        main(
            [
                "compare",
                "classification",
                "--train",
                "train.tsv",
                "--models",
                "bag-of-words",
                "--out",
                "other",
            ]
        )
        == 2
    )
    assert "needs scikit-learn; pip install" in capsys.readouterr().err
    assert (
        main(
            [
                "compare",
                "classification",
                "--train",
                "train.tsv",
                "--models",
                "gru,bag-of-words",
                "--out",
                "fourth",
            ]
        )
        == 2
    )
    assert not (data / "fourth" / "gru").exists()  # it was refused before anything was trained
    only = replace(CLASSIFICATION, compare_models=("bag-of-words",))
    monkeypatch.setitem(TASKS, "classification", only)
    assert main(["compare", "classification", "--train", "train.tsv", "--out", "third"]) == 2
    assert (
        "none of bag-of-words can be trained here; name others with --models"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["classification", "--models", "gru,lsmt"],
            "--model: no choice 'lsmt'; did you mean 'lstm'?",
        ),
        (["classification", "--models", ","], "--models: names none"),
        (
            ["classification", "--model", "gru"],
            "--model is what is compared: name the models with --models",
        ),
        (["translation", "--models", "gru,lsmt"], "--model: no choice 'lsmt'"),
        (["translation", "--time-limit", "soon"], "--time-limit: expected a time"),
        (["classifcation"], "no task 'classifcation'; did you mean 'classification'?"),
    ],
)
def test_errors(data, capsys, arguments, message):
    assert main(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (data / "runs").exists()
