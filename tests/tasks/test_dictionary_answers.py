"""Translation after a training that was too short: the dictionary answers, and says so."""

from __future__ import annotations

import json
import shutil

import pytest

import ostinato
from ostinato.commands.evaluate import evaluate
from ostinato.commands.predict import predict
from ostinato.commands.run import joint
from ostinato.tasks import run_folder
from ostinato.tasks.translation.word_translator import DictionaryAnswers

COLOURS = [("rot", "red"), ("blau", "blue"), ("grün", "green"), ("gelb", "yellow")]
THINGS = [("haus", "house"), ("auto", "car"), ("hund", "dog"), ("baum", "tree"), ("kind", "child")]
DEEDS = [("steht", "stands"), ("fällt", "falls"), ("wartet", "waits"), ("brennt", "burns")]
PAIRS = [
    (f"{colour} {thing} {deed}" + " hier" * here, f"{red} {house} {stands}" + " here" * here)
    for colour, red in COLOURS
    for thing, house in THINGS
    for deed, stands in DEEDS
    for here in (0, 1)
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network of a single step, and its test file."""
    folder = tmp_path_factory.mktemp("short")
    files = {}
    for part, rows in (("train", PAIRS[::3]), ("dev", PAIRS[1::3]), ("test", PAIRS[2::3])):
        files[part] = folder / f"{part}.tsv"
        lines = ["source\ttarget", *("\t".join(row) for row in rows)]
        files[part].write_text("".join(f"{line}\n" for line in lines))
    model = ostinato.train(
        "translation",
        **{part: [str(path)] for part, path in files.items()},
        out=str(folder / "run"),
        hidden_size=8,
        embedding_size=8,
        epochs=0.01,
    )
    return model, str(files["test"])


def test_the_dictionary_answers_where_it_is_better_on_the_dev_set(run):
    model, _ = run
    assert isinstance(model.joint, DictionaryAnswers)
    assert model.predict(["gelb hund wartet hier"]) == ["yellow dog waits here"]
    report = model.report
    assert report["metrics"]["bleu"] == report["baseline"]["metrics"]["bleu"]
    assert report["alone"]["bleu"] < report["metrics"]["bleu"]
    assert report["metrics"]["perplexity"] == report["alone"]["perplexity"]
    assert "by word for word, which is better than the network on the dev set" in report["verdict"]
    assert any("the answers are those of the baseline" in note for note in report["notes"])


def test_it_answers_after_loading_too_unless_the_network_shall_alone(run):
    model, test = run
    report = model.report
    again = ostinato.load(model.folder)
    assert again.predict(["gelb hund"]) == ["yellow dog"]
    found = evaluate(str(model.folder), [test])
    assert found["metrics"]["bleu"] == report["metrics"]["bleu"]
    assert found["verdict"] == report["verdict"].split("; it saw")[0]
    alone = evaluate(str(model.folder), [test], alone=True)
    assert alone["metrics"]["bleu"] == report["alone"]["bleu"]
    assert "alone" not in alone


def test_what_a_dictionary_does_not_have_is_the_networks(run, tmp_path):
    model, _ = run
    alone = ostinato.load(model.folder, alone=True)
    pair = [("gelb hund", "yellow dog")]
    assert model.score(pair) == alone.score(pair)
    best = ostinato.load(model.folder, n_best=3).predictions(["rot haus"])[0]
    assert len(best.details["n_best"]) == 3 and "log_probability" in best.details
    aligned = ostinato.load(model.folder, align=True).predictions(["rot haus"])[0]
    assert "alignment" in aligned.details
    source = tmp_path / "source.txt"
    source.write_text("rot haus\n")
    line = next(iter(predict(str(model.folder), [str(source)], moses=True).lines()))
    assert float(line.split("|||")[-1]) < 0


def test_an_ensemble_of_such_runs_and_a_saved_copy_answer_likewise(run, tmp_path):
    model, _ = run
    both = ostinato.load(f"{model.folder},{model.folder}")
    assert both.predict(["gelb hund"]) == ["yellow dog"]
    copy = model.save_pretrained(tmp_path / "copy")
    assert ostinato.load(copy).predict(["gelb hund"]) == ["yellow dog"]
    assert json.loads((copy / "model.json").read_text())[run_folder.WEIGHT] == 0


def test_a_resumed_run_whose_network_is_better_answers_itself(run, tmp_path, monkeypatch):
    model, _ = run
    folder = shutil.copytree(model.folder, tmp_path / "run")
    assert isinstance(ostinato.load(folder).joint, DictionaryAnswers)
    monkeypatch.setattr(joint, "weigh_answers", lambda *_: None)
    resumed = ostinato.train("translation", out=str(folder), resume=True, epochs=1)
    assert resumed.joint is None
    assert run_folder.WEIGHT not in json.loads((folder / "model.json").read_text())
    assert ostinato.load(folder).joint is None
