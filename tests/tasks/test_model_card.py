"""save_pretrained writes a folder that loads, with a card that hubs accept."""

import json
from pathlib import Path

import pytest

import ostinato
from ostinato.errors import InputError
from ostinato.hub import fetch_from_hub
from ostinato.tasks.model_card import format_model_card, save_card


def test_saved_and_loaded(trained, tmp_path):
    first = ostinato.load(trained)
    folder = first.save_pretrained(tmp_path / "card", licence="mit")
    names = {path.name for path in folder.iterdir()}
    expected = {"model.json", "model.safetensors", "report.json", "README.md", "baseline.json"}
    assert expected <= names and "training" not in names
    inputs = ["one two", "three"]
    assert ostinato.load(folder).predict(inputs) == first.predict(inputs)
    again = ostinato.load(folder).save_pretrained(tmp_path / "again")
    assert (again / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_the_card_is_one_for_a_hub(trained, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    run = ostinato.load(trained)
    folder = run.save_pretrained(tmp_path / "toy-model", licence="mit")
    data = hub.ModelCard.load(folder / "README.md").data
    assert data.license == "mit" and data.library_name == "ostinato"
    assert data.pipeline_tag == "translation"
    found = {each.metric_type: each for each in data.eval_results}
    assert set(found) == set(run.report["metrics"])
    assert found["perplexity"].metric_value == pytest.approx(run.report["metrics"]["perplexity"])
    text = (folder / "README.md").read_text()
    plan = json.loads((trained / "training" / "plan.json").read_text())
    assert "ostinato train translation --train train.src train.tgt" in text
    assert "--hidden-size 8" in text and plan["train"][0] not in text  # no folder of this machine
    assert f"--seed {plan['seed']}" in text


def test_a_run_folder_has_its_card_from_the_start(trained):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard.load(trained / "README.md")
    assert card.data.license == "unknown" and card.data.pipeline_tag == "translation"
    assert card.data.model_name == trained.name
    metrics = {each.metric_type: each for each in card.data.eval_results}
    report = json.loads((trained / "report.json").read_text())
    assert set(metrics) == set(report["metrics"])
    low, high = report["intervals"]["bleu"]
    assert metrics["bleu"].metric_name == f"bleu (95 % {low:.4g} to {high:.4g})"
    assert "ostinato train translation" in card.text


def test_a_readme_of_the_users_stays(tmp_path):
    report = {"metrics": {"bleu": 31.25}}
    save_card(tmp_path, "translation", {"metrics": {"bleu": 1.0}})
    save_card(tmp_path, "translation", report)  # its own card is replaced
    assert "31.25" in (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text("mine")
    save_card(tmp_path, "translation", report)
    assert (tmp_path / "README.md").read_text() == "mine"
    (tmp_path / "README.md").unlink()
    (tmp_path / "README.md").symlink_to(tmp_path / "elsewhere.md")
    save_card(tmp_path, "translation", report)
    assert not (tmp_path / "elsewhere.md").exists()


def test_intervals_and_the_baseline():
    report = {
        "metrics": {"bleu": 31.25},
        "intervals": {"bleu": [30.0, 32.5]},
        "baseline": {"name": "word for word", "metrics": {"bleu": 12.0}},
        "tested_on": "test.de test.en",
    }
    text = format_model_card("x", "translation", report, {}, "unknown")
    assert '"name": "bleu (95 % 30 to 32.5)"' in text
    assert "| bleu | 31.25 | 30 to 32.5 | 12 |" in text and "Made by" not in text


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_column_of_a_table_is_a_list_of_inputs(library, trained):
    tables = pytest.importorskip(library)
    model = ostinato.load(trained)
    table = tables.DataFrame({"text": ["one two", "three", ""], "number": [1, 2, 3]})
    assert model.predict(table["text"]) == model.predict(["one two", "three", ""])
    with pytest.raises(InputError, match=r"columns text, number: .* answers for one column"):
        model.predict(table)
    with pytest.raises(InputError, match="1"):
        model.predict(table["number"])


def test_what_cannot_be_saved(trained, tmp_path):
    run = ostinato.load(trained)
    with pytest.raises(InputError, match="the run's own folder"):
        run.save_pretrained(trained)
    with pytest.raises(InputError, match="an ensemble is several runs"):
        ostinato.load(f"{trained},{trained}").save_pretrained(tmp_path / "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        run.save_pretrained(tmp_path / "file" / "x")


def test_a_name_of_the_hub(trained, tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    asked = []

    def download(name, allow_patterns):
        asked.append((name, allow_patterns))
        return str(trained)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "snapshot_download", download)
    assert ostinato.load("someone/toy").folder == trained
    assert asked == [("someone/toy", ["*.json", "*.safetensors", "kept-*"])]

    def refuse(name, allow_patterns):
        raise OSError("offline mode is on\nand more")

    monkeypatch.setattr(hub, "snapshot_download", refuse)
    with pytest.raises(InputError, match="someone/toy: no such folder, .*: offline mode is on$"):
        ostinato.load("someone/toy")
    Path("runs").mkdir()  # a misspelt run is not looked for on the hub
    assert fetch_from_hub("runs/toy") == "runs/toy"
