"""`--model feedforward` and `--model convolution` of tagging, from files to answers."""

import pytest

import ostinato as package
from ostinato.cli import main
from ostinato.errors import InputError

SENTENCE = "the DET\ncat NOUN\nsleeps VERB\n\na DET\ndog NOUN\nruns VERB\n\n"
TINY = {
    "hidden_size": 16,
    "embedding_size": 8,
    "characters": "none",
    "dropout": 0.0,
    "word_dropout": 0.0,
    "unknown": 0.0,
    "epochs": 30.0,
    "least_steps": 1,
    "learning_rate": 0.02,
    "tensorboard": False,
}


@pytest.mark.parametrize("model", ["feedforward", "convolution"])
def test_the_road(model, tmp_path):
    (tmp_path / "t.conll").write_text(SENTENCE * 8)
    files = {"train": [tmp_path / "t.conll"], "dev": [tmp_path / "t.conll"]}
    made = package.train("tagging", out=tmp_path / "run", model=model, **files, **TINY)
    assert made.report["metrics"]["accuracy"] == 1.0
    loaded = package.load(tmp_path / "run")
    assert loaded.predict(["the dog sleeps"]) == made.predict(["the dog sleeps"])
    long = " ".join(["the cat"] * 40)
    assert loaded.predict([long, "a dog runs"])[1] == loaded.predict(["a dog runs"])[0]
    assert not loaded.streamer().carries_state and "whole sentence" in loaded.streamer().why_not
    with pytest.raises(InputError, match="not recurrent is not exported"):
        from ostinato.exporting.build_program import build_program

        build_program(loaded)


def test_compare_knows_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.conll").write_text(SENTENCE * 8)
    models = "feedforward,convolution,gru"
    files = ["--train", "t.conll", "--dev", "t.conll", "--out", "c", "--models", models]
    small = ["--hidden-size", "8", "--embedding-size", "4", "--epochs", "1", "--least-steps", "1"]
    assert main(["compare", "tagging", *files, *small, "--no-tensorboard"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in models.split(","))
