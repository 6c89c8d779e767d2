"""Inputs longer than a model reads are counted and said by every command that reads them."""

import json

import ostinato as toolkit
from toy_language import TINY

LONG = " ".join(["one", "two"] * 40)


def test_what_is_cut_is_said_and_counted(place, ostinato):
    (place / "long.src").write_text(f"one two\n{LONG}\n")
    (place / "long.tgt").write_text("ONE TWO\nONE\n")
    run = ["train", "translation", "--train", "train.src", "train.tgt", "--out", "short"]
    assert ostinato(*run, *TINY, "--maximum-tokens", "10").status == 0
    said = "1 of 2 inputs longer than the model reads: 70 tokens were left out"

    outcome = ostinato("predict", "short", "long.src", "--json")
    objects = [json.loads(line) for line in outcome.out.splitlines()]
    assert "cut" not in objects[0] and objects[1]["cut"] == 70
    assert said in outcome.err
    assert said in ostinato("predict", "short", "long.src").err
    assert said in ostinato("score", "short", "long.src", "long.tgt").err
    outcome = ostinato("evaluate", "short", "long.src", "long.tgt", "--json")
    assert said in outcome.err and said in json.loads(outcome.out)["notes"]
    assert "longer" not in ostinato("predict", "short", "train.src").err


def test_a_model_in_python_says_it_too(place, caplog):
    files = ["train.src", "train.tgt"]
    settings = {"hidden_size": 8, "embedding_size": 6, "unit": "word", "epochs": 1}
    model = toolkit.train(
        "translation", train=files, out="short", maximum_tokens=10, tensorboard=False, **settings
    )
    caplog.clear()
    model.predict(["one", LONG])
    assert "1 of 2 inputs longer than the model reads" in caplog.text
