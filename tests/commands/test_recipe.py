"""Recipes: published settings are those of the paper, whatever the task's own defaults become."""

from __future__ import annotations

import gzip
import tomllib
from importlib.resources import files

import pytest

from ostinato.commands.run.config import (
    RunRequest,
    make_config,
    parse_duration,
    relative_path,
)
from ostinato.commands.run.recipe import names, read_recipe
from ostinato.errors import InputError


def plan(recipe: str, task: str = "translation", **settings):
    made = make_config(RunRequest(task, train=["a", "b"], recipe=recipe, settings=settings))
    return vars(made.build_task().options) | vars(made.build_options())


def test_sutskever2014_is_section_3_4_to_the_letter():
    wanted = {
        "unit": "word",
        "source_vocabulary_size": 160_000,
        "target_vocabulary_size": 80_000,
        "minimum_count": 1,
        "cell": "lstm",
        "layers": 4,
        "hidden_size": 1000,
        "embedding_size": 1000,
        "bidirectional": False,
        "reverse_source": True,
        "attention": "none",
        "input_feeding": False,
        "context": "initial",
        "tied": False,
        "initial_range": 0.08,
        "dropout": 0.0,
        "word_dropout": 0.0,
        "label_smoothing": 0.0,
        "teacher_forcing": 1.0,
        "optimizer": "sgd",
        "momentum": 0.0,
        "weight_decay": None,
        "initial_rate": 0.7,
        "warmup": 0,
        "schedule": "halve",
        "halve_from": 5.0,
        "halve_every": 0.5,
        "decay_factor": 0.5,
        "epochs": 7.5,
        "batch_size": 128,
        "batch_tokens": None,
        "accumulate": 1,
        "normalise": "sequences",
        "clip_norm": 5.0,
        "clip_value": None,
        "average_checkpoints": 1,
        "patience": None,
    }
    found = plan("sutskever2014")
    assert {name: found.get(name) for name in wanted if name != "initial_rate"} == {
        k: v for k, v in wanted.items() if k != "initial_rate"
    }
    assert found["learning_rate"] == wanted["initial_rate"]


def test_a_flag_overrides():
    assert plan("sutskever2014", layers=2, cell="gru")["layers"] == 2
    assert plan("sutskever2014", batch_tokens=500)["batch_tokens"] == 500


@pytest.mark.parametrize(
    ("recipe", "train", "settings", "batches"),
    [
        (None, ["a", "b"], {}, (None, 1200)),
        (None, ["a", "b"], {"batch_size": 32}, (32, None)),
        (None, ["a", "b"], {"batch_size": 32, "batch_tokens": 900}, (32, 900)),
        (None, ["a", "b"], {"batch_tokens": "none"}, (64, None)),
        (None, [], {}, (None, 500)),
        (None, [], {"batch_size": 32}, (32, None)),
        ("multi30k", ["a", "b"], {"batch_size": 32}, (32, None)),
        ("sutskever2014", ["a", "b"], {"batch_tokens": 500}, (None, 500)),
        ("sutskever2014", ["a", "b"], {}, (128, None)),
    ],
)
def test_one_batch_option_given_switches_the_other_off(recipe, train, settings, batches):
    made = make_config(RunRequest("translation", train=train, recipe=recipe, settings=settings))
    training = made.build_options()
    assert (training.batch_size, training.batch_tokens) == batches


@pytest.mark.parametrize("name", names())
def test_every_recipe_makes_a_plan(name):
    task = tomllib.loads((files("ostinato") / "recipes" / f"{name}.toml").read_text())["task"]
    assert plan(name, task)
    assert read_recipe(name, task)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("5", 5), ("0.5m", 30)],
)
def test_parse_duration(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-5s", "10 m", "soon", "1e9", "5d", "m5"])
def test_no_time(text):
    with pytest.raises(InputError, match="--time-limit: expected a time such as 90s, 10m or 2h"):
        parse_duration(text)


def test_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert relative_path(str(tmp_path / "a/b")) == "a/b"
    assert relative_path("/elsewhere/b") == "/elsewhere/b"
    assert relative_path("-") == "-"


def test_another_optimizer_does_not_take_over_what_suited_the_one_before():
    def made(**settings):
        request = RunRequest("translation", train=["a", "b"], settings=settings)
        return make_config(request).build_options()

    for optimizer, expected in {
        "sgd": (0.7, 0.0),
        "adamw": (0.001, 0.01),
        "adam": (0.002, 0.0),
    }.items():
        training = made(optimizer=optimizer)
        assert (training.initial_rate, training.decay) == expected
    assert made(optimizer="sgd", learning_rate=0.1).initial_rate == 0.1


def test_a_recipe_gzipped_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "mine.toml.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfhidden_size = 8\r\n"))
    assert read_recipe(str(path), "translation") == {"hidden_size": 8}
    path.write_text("a = " + "[" * 10_000)
    with pytest.raises(InputError, match=r"mine\.toml\.gz: not TOML: "):
        read_recipe(str(path), "translation")
    path.write_text('task = "' + "x" * 100_000 + '"')
    with pytest.raises(InputError, match=r"a recipe for x{60}, not for translation"):
        read_recipe(str(path), "translation")
