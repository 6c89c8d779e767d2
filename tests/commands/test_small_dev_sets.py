"""Few examples: how many are held out, what chooses the weights, and that it is said."""

import pytest

import ostinato
from ostinato.commands.run.config import RunRequest, make_config
from ostinato.commands.run.splits import choose_dev_metric, read_splits

TINY = {"hidden_size": 8, "embedding_size": 6, "characters": "none", "tensorboard": False}


def write_texts(folder, number):
    path = folder / "train.tsv"
    rows = [f"{'good' if row % 2 else 'bad'} thing {row}\t{row % 2}" for row in range(number)]
    path.write_text("".join(f"{row}\n" for row in rows))
    return str(path)


def split(folder, number, **settings):
    config = make_config(
        RunRequest("classification", write_texts(folder, number), settings=settings)
    )
    task = config.build_task()
    splits = read_splits(config, task)
    return choose_dev_metric(task, splits, config).options.dev_metric, len(splits.dev)


@pytest.mark.parametrize(
    ("number", "held_out", "metric"),
    [
        (20, 4, "perplexity"),
        (100, 20, "perplexity"),
        (400, 30, "perplexity"),
        (2000, 100, "accuracy"),
    ],
)
def test_how_many_are_held_out_and_what_they_are_scored_by(tmp_path, number, held_out, metric):
    assert split(tmp_path, number) == (metric, held_out)


def test_a_metric_that_was_asked_for_stays(tmp_path):
    assert split(tmp_path, 100, dev_metric="f1") == ("f1", 20)


def test_very_few_examples_take_the_last_weights(tmp_path):
    model = ostinato.train(
        "classification",
        train=[write_texts(tmp_path, 20)],
        out=str(tmp_path / "run"),
        epochs=2,
        **TINY,
    )
    assert model.report["weights"] == "the last: 4 held-out examples are too few to choose by"
    assert any(
        note.startswith("4 dev examples: too few for accuracy") for note in model.report["notes"]
    )
    assert ostinato.load(tmp_path / "run").predict(["good thing"]) == model.predict(["good thing"])
