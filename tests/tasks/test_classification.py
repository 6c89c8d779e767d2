"""Classification from files to answers: training, saving, loading, predicting, every model and
kind of label.
"""

import io
import json
import random

import numpy as np
import pytest

import ostinato as package
from ostinato.baselines import bag_of_words
from ostinato.cli import main
from ostinato.commands.run.config import RunRequest, make_config
from ostinato.data.labelled import Labelled
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.tasks.classification import TASK
from ostinato.tasks.classification.encoders import BagEncoder, cut_tokens
from ostinato.tasks.classification.options import BAGS
from ostinato.tasks.run_folder import load_baseline
from ostinato.tasks.shared.label_counts import class_probabilities
from ostinato.tasks.shared.small_data import random_part
from ostinato.tasks.task import Task

WORDS = {
    "good": ["fine", "great", "warm"],
    "bad": ["dull", "cold", "poor"],
    "odd": ["weird", "strange", "eerie"],
}
OTHERS = ["a", "film", "and", "the", "one", "it"]
TINY = {
    "hidden_size": 16,
    "embedding_size": 8,
    "epochs": 15.0,
    "learning_rate": 0.02,
    "dropout": 0.0,
    "word_dropout": 0.0,
    "batch_size": 8,
    "evaluate_every": 3.0,
    "tensorboard": False,
    "minimum_count": 1,
    "members": 1,
}


def toy(path, count=60, *, seed=0, kinds=("good", "bad"), label=lambda kind: kind):
    """path: a TSV of texts with one telling word among others."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        kind = kinds[number % len(kinds)]
        words = [*chance.choices(OTHERS, k=chance.randint(1, 5)), chance.choice(WORDS[kind])]
        chance.shuffle(words)
        rows.append(f"{' '.join(words)}\t{label(kind)}\n")
    path.write_text("text\tlabel\n" + "".join(rows))
    return str(path)


def toy_series(path, count=30, *, seed=0):
    """path: an .npz of rising and falling series of two dimensions, of 3 to 7 steps."""
    random = np.random.default_rng(seed)
    lengths = random.integers(3, 8, count)
    y = np.arange(count) % 2
    x = np.zeros((count, 7, 2))
    for row, length in enumerate(lengths):
        x[row, :length, 0] = (
            5 + np.arange(length) * (1 if y[row] else -1) + random.normal(0, 0.1, length)
        )
        x[row, :length, 1] = 40.0
    np.savez(path, X=x, lengths=lengths, y=y, labels=np.array(["falling", "rising"]))
    return str(path)


def train(train, test, folder, **settings):
    """A model in folder/run, its best weights chosen and reported on `test`."""
    return package.train(
        "classification",
        train=[train],
        dev=[test],
        test=[test],
        out=str(folder / "run"),
        **{**TINY, **settings},
    )


def fit(file, **settings) -> Task:
    """The task with these options, fitted to a training file."""
    task = TASK.create(settings)
    return task.fit(task.reader.read([file], training=True))


def probabilities(task, network, records):
    """The probability of each label for each record, [N, C]."""
    examples = [task.preprocessing.encode(record) for record in records]
    return class_probabilities(network, examples, len(task.preprocessing.labels))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classification")
    return {
        "train": toy(folder / "train.tsv"),
        "test": toy(folder / "test.tsv", 20, seed=1),
        "series": toy_series(folder / "train.npz"),
        "series_test": toy_series(folder / "test.npz", 10, seed=1),
        "folder": folder,
    }


@pytest.fixture(scope="module")
def model(files):
    return train(files["train"], files["test"], files["folder"])


def test_it_learns_and_reports(model, files):
    report = model.report
    assert report["metrics"]["accuracy"] == 1.0 and set(report["metrics"]) == {
        "accuracy",
        "f1",
        "calibration_error",
    }
    assert (
        report["baseline"]["name"]
        in ("bag of words", "word and character n-grams", "most frequent")
        and report["baseline"]["metrics"]["accuracy"] >= 0.5
    )
    assert report["notes"][-1].startswith("2 labels: 'bad'") or any(
        note.startswith("2 labels: ") for note in report["notes"]
    )
    assert {"answers", "confidence", "right"} == set(report["details"]["calibration_error"])
    assert (files["folder"] / "run" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert report["examples"][0].keys() == {"text", "label", "prediction"}
    assert report["tokens_per_second"] > 0 and len(model.counts["accuracy"]) == 20


def test_saved_and_loaded_it_answers_the_same(model, files):
    texts = ["a fine film", "dull and cold", "unheard words", ""]
    again = package.load(files["folder"] / "run")
    assert [vars(each) for each in again.predictions(texts)] == [
        vars(each) for each in model.predictions(texts)
    ]
    assert again.predict(texts)[:2] == ["good", "bad"]
    assert again.evaluate([files["test"]])["metrics"] == model.report["metrics"]


def test_answers(model):
    fine, unknown, empty = model.predictions(["a fine film", "zz yy", ""])
    assert sum(fine.details["probabilities"].values()) == pytest.approx(1)
    assert fine.details["log_probability"] == pytest.approx(
        np.log(fine.details["probabilities"]["good"])
    )
    assert unknown.details["unknown"] == 1.0 and "unknown" not in fine.details
    assert empty.text in ("good", "bad")
    assert model.score([("a fine film", "good")])[0] == pytest.approx(
        fine.details["log_probability"]
    )
    assert model.score([("a fine film", "other")]) == [-np.inf]
    assert model.stream()("a fine film") == "good"


def test_batch_is_one_by_one(model):
    texts = ["fine", "a dull film and the one it", "the strange one", ""]
    together = [each.details["log_probability"] for each in model.predictions(texts)]
    alone = [model.predictions([text])[0].details["log_probability"] for text in texts]
    assert together == pytest.approx(alone, abs=1e-5)


def test_verify(model, files, capsys):
    assert main(["verify", str(files["folder"] / "run"), files["test"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"]


def test_on_the_command_line(model, files, capsys, monkeypatch):
    run = str(files["folder"] / "run")
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"a fine film\n\ndull\n")))
    )
    assert main(["predict", run]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["predict", run, files["test"], "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 20 and set(answers[0]["probabilities"]) == {"good", "bad"}
    assert main(["score", run, files["test"]]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 20
    assert main(["evaluate", f"{run},{run}", files["test"], "--against", run]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_unseen_labels_are_counted_and_said(model, files, tmp_path, capsys):
    path = toy(tmp_path / "other.tsv", 30, kinds=("good", "bad", "odd"))
    assert main(["evaluate", str(files["folder"] / "run"), path, "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["notes"] == ["10 labels unseen in training, counted as wrong: 'odd' 10"]
    assert captured.err == "note: 10 labels unseen in training, counted as wrong: 'odd' 10\n"
    assert result["metrics"]["accuracy"] <= 2 / 3 and result["metrics"]["f1"] < 0.7


@pytest.mark.parametrize(
    "name",
    [
        "gru",
        "rnn",
        "convolution",
        "feedforward",
        "most-frequent",
        "bag-of-words",
        "character-ngrams",
        "word-and-character-ngrams",
    ],
)
def test_every_model(files, tmp_path, name):
    if name in BAGS:
        pytest.importorskip("sklearn")
    trained = train(files["train"], files["test"], tmp_path, model=name)
    again = package.load(tmp_path / "run")
    assert again.evaluate([files["test"]])["metrics"] == trained.report["metrics"]
    assert trained.report["metrics"]["accuracy"] >= (
        0.5 if name in ("most-frequent", "feedforward") else 0.9
    )
    assert len(again.predict(["", "a", "fine " * 50])) == 3
    assert trained.task.options.model == ("recurrent" if name in ("gru", "rnn") else name)


@pytest.mark.parametrize(
    "name",
    [
        "lstm",
        "convolution",
        "feedforward",
        "most-frequent",
        "nearest-neighbour",
        "random-convolutions",
    ],
)
def test_series(files, tmp_path, name):
    trained = train(files["series"], files["series_test"], tmp_path, model=name)
    baselines = trained.report["baseline"]
    names = [baselines["name"], *(each["name"] for each in baselines["simpler"])]
    assert sorted(names) == ["nearest neighbour", "random convolutions"]
    assert baselines["metrics"]["accuracy"] >= 0.9
    assert trained.report["metrics"]["accuracy"] >= (0.5 if name == "most-frequent" else 0.9)
    again = package.load(tmp_path / "run")
    rising = [[5, 40], [6, 40], [7, 40]]
    assert again.predict([rising, np.array(rising)])[0] in ("rising", "falling")
    assert again.evaluate([files["series_test"]])["metrics"] == trained.report["metrics"]


def test_series_as_lines_of_json(files, tmp_path, capsys):
    train(files["series"], files["series_test"], tmp_path)
    (tmp_path / "new").write_text("[[5, 40], [6, 40], [7, 40]]\n[[5, 40], [4, 40], [3, 40]]\n")
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out == "rising\nfalling\n"
    assert main(["predict", str(tmp_path / "run"), files["series_test"]]) == 0
    assert capsys.readouterr().out.split() == ["falling", "rising"] * 5


def test_several_labels(tmp_path):
    chance = random.Random(0)
    rows = []
    for _ in range(80):
        kinds = [kind for kind in WORDS if chance.random() < 0.5]
        words = [chance.choice(WORDS[kind]) for kind in kinds] + chance.choices(OTHERS, k=2)
        chance.shuffle(words)
        rows.append(f"{' '.join(words)}\t{';'.join(kinds)}\n")
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "".join(rows))
    path = str(tmp_path / "train.tsv")
    model = train(path, path, tmp_path, label_separator=";")
    assert model.report["metrics"]["f1"] > 0.9
    assert set(model.predict(["a fine dull one"])[0].split(";")) == {"good", "bad"}
    assert model.predict(["a film"]) == [""]
    assert set(package.load(tmp_path / "run", threshold=0.0).predict(["a film"])[0].split(";")) == {
        "good",
        "bad",
        "odd",
    }
    both = model.score(
        [("a fine dull one", "good;bad"), ("a fine dull one", "good"), ("a film", "unheard")]
    )
    assert both[0] > both[1] and both[2] == -np.inf


def test_grades(tmp_path):
    stars = {"bad": "1", "odd": "2.5", "good": "10"}
    path = toy(tmp_path / "train.tsv", kinds=("good", "bad", "odd"), label=stars.__getitem__)
    model = train(path, path, tmp_path, ordinal=True, dev_metric="mae", epochs=40.0)
    assert model.task.preprocessing.labels.tokens == ["1", "2.5", "10"]
    assert model.report["metrics"]["mae"] < 1 and model.predict(
        ["a great film", "a poor film"]
    ) == ["10", "1"]


@pytest.mark.parametrize("unit", ["character", "subword"])
def test_units(tmp_path, unit):
    path = toy(tmp_path / "train.tsv", 200)
    model = train(path, path, tmp_path, unit=unit, vocabulary_size=60)
    assert model.report["metrics"]["accuracy"] > 0.9


def test_pretrained_vectors_stay_frozen_when_resumed(files, tmp_path):
    (tmp_path / "vectors.txt").write_text("▁fine 1 0 0\nfine 1 0 0\ndull 0 1 0\n")
    settings = {
        **TINY,
        "embeddings": str(tmp_path / "vectors.txt"),
        "freeze_embeddings": True,
        "epochs": 1.0,
    }
    settings.pop("embedding_size")
    model = package.train(
        "classification", train=[files["train"]], out=str(tmp_path / "run"), **settings
    )
    weight = model.network.embedding.weight
    assert model.task.options.embedding_size == 3 and not weight.requires_grad
    assert weight[model.task.preprocessing.encoder.units.encode("fine")[0]].tolist() == [1, 0, 0]
    again = package.train(
        "classification",
        train=[files["train"]],
        out=str(tmp_path / "run"),
        resume=True,
        **{**settings, "epochs": 2.0},
    )
    assert (again.network.embedding.weight == weight).all()


def test_a_text_is_cut_where_it_is_said():
    cut = {kind: cut_tokens([1, 2, 3, 4, 5], 3, kind) for kind in ("end", "start", "middle")}
    assert cut == {"end": [1, 2, 3], "start": [3, 4, 5], "middle": [1, 2, 5]}
    assert cut_tokens([1, 2], 5, "end") == [1, 2]


def test_how_many_texts_are_cut_is_said():
    with collect_notices() as notices:
        TASK.create({"maximum_tokens": 2, "cut": "start"}).fit(
            [
                Labelled("far too long", "a"),
                Labelled("incomprehensible", "b"),
                Labelled("a b c", "b"),
            ]
        )
    assert "2 texts longer than maximum_tokens 2: the start is left out" in notices


def test_class_weights():
    labels = ["a"] * 9 + ["b"]
    records = [Labelled("x", label) for label in labels]
    weights = {}
    for kind in ("none", "root", "balanced"):
        fitted = TASK.create({"class_weights": kind, "minimum_count": 1}).fit(records).preprocessing
        weights[kind] = fitted.class_weights
        assert np.mean(
            [fitted.class_weights[fitted.labels.token_to_id(label)] for label in labels]
        ) == pytest.approx(1)
    assert weights["none"] == [1, 1]
    assert weights["balanced"][1] / weights["balanced"][0] == pytest.approx(9)
    assert weights["root"][1] / weights["root"][0] == pytest.approx(3)


def test_without_scikit_learn_the_report_says_so(files, tmp_path, monkeypatch):
    monkeypatch.setattr(bag_of_words, "available", lambda: False)
    report = package.train(
        "classification",
        train=[files["train"]],
        out=str(tmp_path / "run"),
        **{**TINY, "epochs": 1.0},
    ).report
    assert report["baseline"]["name"] == "most frequent"
    assert (
        "baseline: the most frequent label; pip install 'ostinato[baselines]' for a bag of words"
        in report["notes"]
    )


def test_wrong_inputs_from_python(model, files):
    with pytest.raises(
        InputError, match="the input: a series of numbers, but the model was trained on texts"
    ):
        model.predict([[[1.0], [2.0]]])
    with pytest.raises(InputError, match="the input: no label to compute the probability of"):
        model.score(["a fine film"])


def test_members_are_trained_side_by_side_and_answer_together(files):
    model = train(files["train"], files["test"], files["folder"] / "members", members=3)
    assert len(model.network.models) == 3 and model.report["metrics"]["accuracy"] > 0.9
    again = package.load(files["folder"] / "members" / "run")
    assert (
        again.predictions(["a fine film"])[0].details
        == model.predictions(["a fine film"])[0].details
    )
    whole = probabilities(model.task, model.network, [Labelled("a fine film", "")])
    alone = [
        probabilities(model.task, member, [Labelled("a fine film", "")])
        for member in model.network.models
    ]
    np.testing.assert_allclose(whole, np.mean(alone, 0), atol=1e-6)


def test_small_texts_are_learned_by_several_networks(files):
    tasks = {
        name: fit(files["train"], **settings)
        for name, settings in {
            "words": {},
            "characters": {"unit": "character"},
            "convolution": {"model": "convolution"},
            "plain": {"characters": "none"},
        }.items()
    }
    assert {name: task.options.members for name, task in tasks.items()} == {
        "words": 4,
        "characters": 1,
        "convolution": 1,
        "plain": 1,
    }


def test_unknown_words_are_told_apart_by_their_letters(files):
    sizes = {"hidden_size": 8, "embedding_size": 4}
    task = fit(files["train"], members=1, dropout=0.0, word_dropout=0.0, **sizes)
    network = task.build_network().eval()
    first, second = (
        probabilities(task, network, [Labelled(text, "")]) for text in ("warmer", "colder")
    )
    units = task.preprocessing.encoder.units
    assert units.encode("warmer") == units.encode("colder") and not np.allclose(first, second)
    plain = fit(files["train"], characters="none", **sizes)
    network = plain.build_network().eval()
    first, second = (
        probabilities(plain, network, [Labelled(text, "")]) for text in ("warmer", "colder")
    )
    np.testing.assert_allclose(first, second)


def test_few_series_are_learned_in_parts_by_several_networks(files):
    with collect_notices() as notices:
        fit(files["series"])
    assert "training sees random parts, each at least half of a series" in notices[-1]
    tasks = {
        name: fit(files["series"], **settings)
        for name, settings in {
            "few": {},
            "cell": {"model": "gru"},
            "whole": {"crop": 1.0},
            "last": {"pooling": "last"},
            "convolution": {"model": "convolution"},
            "feedforward": {"model": "feedforward"},
        }.items()
    }
    assert {
        name: (task.options.crop, task.options.members, task.preprocessing.varies)
        for name, task in tasks.items()
    } == {
        "few": (0.5, 4, True),
        "cell": (0.5, 4, True),
        "whole": (1.0, 4, False),
        "last": (1.0, 4, False),
        "convolution": (0.5, 1, True),
        "feedforward": (1.0, 1, False),
    }
    record = Labelled(np.arange(40.0).reshape(20, 2), "rising")
    whole = tasks["few"].preprocessing.encode(record).inputs
    parts = [tasks["few"].preprocessing.encode(record, draw=draw).inputs for draw in range(50)]
    assert {len(part) for part in parts} == set(range(10, 21))
    assert all(
        any((whole[start : start + len(part)] == part).all() for start in range(21 - len(part)))
        for part in parts
    )
    assert len(random_part(np.zeros((1, 2)), 0, 0.5)) == 1
    assert {tuple(random_part(list(range(5)), seed, 3.0)) for seed in range(30)} == {
        (0, 1, 2),
        (1, 2, 3),
        (2, 3, 4),
    }
    assert random_part([1, 2], 0, 3.0) == [1, 2]
    with pytest.raises(
        InputError, match="^crop must be a share up to 1, or a whole number of steps; got 2.5$"
    ):
        TASK.create({"crop": 2.5})


@pytest.mark.parametrize("unit", ["word", "character"])
def test_texts_may_be_learned_in_parts_too(files, unit):
    record = Labelled("a film and the one it great film dull", "good")
    settings = {"unit": unit, "members": 1, "minimum_count": 1}
    tasks = {
        crop: TASK.create({**settings, "crop": crop})
        .fit([record, Labelled("cold", "bad")])
        .preprocessing
        for crop in (None, 0.3)
    }
    assert not tasks[None].varies and tasks[0.3].varies
    assert (tasks[None].encode(record, draw=1).inputs == tasks[None].encode(record).inputs).all()
    whole = tasks[0.3].encode(record)
    for draw in range(20):
        part = tasks[0.3].encode(record, draw=draw)
        size = len(part.inputs)
        assert (
            0.3 * len(whole.inputs) - 0.5 <= size <= len(whole.inputs)
            and part.targets == whole.targets
        )
        starts = [
            start
            for start in range(len(whole.inputs) - size + 1)
            if (whole.inputs[start : start + size] == part.inputs).all()
        ]
        assert starts
        assert unit == "character" or any(
            part.spellings == whole.spellings[start : start + size] for start in starts
        )


def test_defaults_suit_the_unit():
    def made(**settings):
        plan = make_config(RunRequest("classification", train=["a"], settings=settings))
        task, training = plan.build_task(), plan.build_options()
        return (
            task.options.embedding_size,
            task.options.dropout,
            task.options.input_dropout,
            training.learning_rate,
            training.weight_decay,
            training.batch_size,
        )

    assert made() == made(unit="subword") == (300, 0.5, None, 0.002, 0.3, 32)
    assert made(unit="character") == (64, 0.3, 0.1, 0.005, 0.01, 64)
    assert made(unit="character", weight_decay=0.2, dropout=0.5, batch_size=8) == (
        64,
        0.5,
        0.1,
        0.005,
        0.2,
        8,
    )
    assert made(unit="character", optimizer="sgd") == (64, 0.3, 0.1, None, None, 64)


def test_series_dropout_and_parts_are_remembered(files, tmp_path):
    trained = train(files["series"], files["series_test"], tmp_path, epochs=1.0, members=None)
    again = package.load(tmp_path / "run").task.options
    assert (
        (again.crop, again.members)
        == (trained.task.options.crop, trained.task.options.members)
        == (0.5, 4)
    )
    assert trained.network.models[0].input_dropout.rate == 0.2


def test_short_texts_are_told_apart_by_their_characters(tmp_path):
    pytest.importorskip("sklearn")
    endings = {"Italian": "ini", "Russian": "ov", "Basque": "xea"}
    stems = ["Bar", "Cort", "Dam", "Fer", "Gal", "Kor", "Lem", "Mar", "Nik", "Par", "Ros", "Sal"]
    names = [(stem + end, country) for stem in stems for country, end in endings.items()]
    model = package.train(
        "classification",
        train=names[:30],
        test=names[30:],
        out=str(tmp_path / "run"),
        model="most-frequent",
    )
    baseline = model.report["baseline"]
    assert baseline["name"] == "word and character n-grams"
    assert baseline["metrics"]["accuracy"] == 1
    assert "simpler" not in baseline  # no word recurs
    restored = load_baseline(tmp_path / "run", model.task)
    (probabilities,) = restored.probabilities(model.records(["Tolini"]))
    assert restored.labels[int(probabilities.argmax())] == "Italian"
    assert model.evaluate(names[30:])["baseline"] == baseline


def test_a_model_says_what_it_is(model):
    first, second, third = repr(model).split("\n")
    assert first.startswith("classification model in ") and " network, " in first
    assert second.startswith("accuracy 1 (") and "predict(list)" in third
    assert "95 % interval" in repr(model.report) and "precision" in repr(model.report)
    assert "<table>" in model._repr_html_() and "<td>accuracy</td>" in model._repr_html_()
    assert set(model.report["classes"]) == {"bad", "good"}
    assert model.report["tokens_are"] == "a word of an input that was trained on"


@pytest.mark.parametrize(
    ("texts", "words", "letters"),
    [
        (["good film", "bad film"] * 3, False, True),  # too short for words to recur
        (["a very good film", "a very bad film"] * 3, True, True),
        (["a very good film " * 30_000] * 6, True, False),  # too many characters
    ],
    ids=["short", "sentences", "long"],
)
def test_which_ngrams_are_counted(texts, words, letters):
    pytest.importorskip("sklearn")
    model = "word-and-character-ngrams"
    records = [Labelled(text, "yn"[row % 2]) for row, text in enumerate(texts)]
    encoder = TASK.create({"model": model}).fit(records).preprocessing.encoder
    assert isinstance(encoder, BagEncoder)
    assert (len(encoder.bag) > 0) == words and (encoder.letters is not None) == letters
    ids, values = encoder.vector("a good actor")
    assert len(ids) == len(set(ids.tolist()) - {0}) + (ids == 0).sum() and ids.max() <= len(encoder)
    assert (values[ids == 0] == 0).all() and len(ids) == len(values)
    assert encoder.bag.weighting == "log-tf-idf"
