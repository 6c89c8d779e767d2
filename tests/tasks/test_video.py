"""Video from files to labels: a label a clip, a label a frame, pixels and features, every model."""

import json

import numpy as np
import pytest
import torch

import ostinato as package
from ostinato.cli import main
from ostinato.data.images.video_clips import Clip
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.tasks.video import TASK

TINY = {
    "hidden_size": 16,
    "embedding_size": 12,
    "channels": 8,
    "epochs": 20.0,
    "batch_size": 8,
    "learning_rate": 0.02,
    "dropout": 0.0,
    "evaluate_every": 10.0,
    "warmup": 0,
    "shift": 0.0,
    "zoom": 0.0,
    "tensorboard": False,
}


def make(path, *, pixels, per_frame, count=32, seed=0):
    """A bright column that wanders to the right or to the left; of a label a frame, in which
    half it stands.
    """
    chance = np.random.default_rng(seed)
    lengths = chance.integers(3, 7, count)
    y = np.arange(count) % 2
    x = np.zeros((count, 6, 6, 8), np.uint8)
    halves = np.zeros((count, 6), np.int64)
    for row, length in enumerate(lengths):
        start = chance.integers(0, 8 - length + 1) + (0 if y[row] else length - 1)
        places = start + np.arange(length) * (1 if y[row] else -1)
        x[row, np.arange(length), :, places] = 200
        halves[row, :length] = places >= 4
    np.savez(
        path,
        X=x if pixels else x[:, :, 0].astype(np.float32),
        lengths=lengths,
        y=halves if per_frame else y,
        labels=np.array(["west", "east"]),
    )
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("video")
    return {
        (pixels, per_frame): make(
            folder / f"{pixels}{per_frame}.npz", pixels=pixels, per_frame=per_frame
        )
        for pixels in (False, True)
        for per_frame in (False, True)
    }


def train(file, out, **settings):
    return package.train("video", train=[file], dev=[file], out=str(out), **{**TINY, **settings})


@pytest.mark.parametrize("pixels", [False, True])
@pytest.mark.parametrize("per_frame", [False, True])
def test_it_learns_and_is_loaded(files, tmp_path, pixels, per_frame, capsys):
    file = files[pixels, per_frame]
    model = train(file, tmp_path / "run")
    report = model.report
    assert set(report["metrics"]) == {"accuracy", "f1"} and report["metrics"]["accuracy"] > 0.9
    assert report["baseline"]["name"] == "flattened frames, linear"
    assert (tmp_path / "run" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    again = package.load(tmp_path / "run")
    assert again.evaluate([file])["metrics"] == report["metrics"]
    assert again.evaluate([file])["baseline"]["metrics"] == report["baseline"]["metrics"]
    with np.load(file) as arrays:
        first = arrays["X"][0, : arrays["lengths"][0]]
    answer, blank = again.predictions([first, " "])
    assert blank.text == "" and set(answer.text.split()) <= {"east", "west"}
    names = answer.text.split()
    assert len(names) == (len(first) if per_frame else 1)
    assert again.score([(first, tuple(names) if per_frame else answer.text)])[0] == pytest.approx(
        answer.details["log_probability"]
    )
    assert again.score([(first, ("up",) * len(first) if per_frame else "up")]) == [-np.inf]
    with pytest.raises(InputError, match="no label to compute the probability of"):
        again.score([first])
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "run"), file]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 32


@pytest.mark.parametrize("name", ["gru", "feedforward", "most-frequent"])
@pytest.mark.parametrize(
    "pixels, per_frame", [(True, False), (True, True), (False, False), (False, True)]
)
def test_every_model(files, tmp_path, name, pixels, per_frame):
    model = train(files[pixels, per_frame], tmp_path / "run", model=name, epochs=2.0)
    again = package.load(tmp_path / "run")
    assert again.evaluate([files[pixels, per_frame]])["metrics"] == model.report["metrics"]
    assert model.report["metrics"]["accuracy"] >= 0.3


def test_batch_is_one_by_one(files, tmp_path, capsys):
    train(files[True, False], tmp_path / "run", epochs=1.0)
    assert main(["verify", str(tmp_path / "run"), files[True, False], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"]


def test_unseen_labels_are_counted_and_said(files, tmp_path):
    model = train(files[False, False], tmp_path / "run", epochs=1.0)
    with np.load(files[False, False]) as arrays:
        np.savez(
            tmp_path / "other.npz",
            X=arrays["X"],
            lengths=arrays["lengths"],
            y=np.where(arrays["y"] == 1, "east", "up"),
        )
    result = model.evaluate([str(tmp_path / "other.npz")])
    assert (
        result["notes"][-1] == "16 labels unseen in training, counted as wrong: 'up' 16"
        and result["metrics"]["accuracy"] <= 0.5
    )
    assert (
        model.task.predictor.dev_score(
            model.network, model.task.reader.read([str(tmp_path / "other.npz")]), "perplexity"
        )
        > 1
    )


def test_an_ensemble_and_lines_of_json(files, tmp_path, capsys):
    for seed in (1, 2):
        train(files[False, False], tmp_path / str(seed), seed=seed, epochs=1.0)
    (tmp_path / "new").write_text(json.dumps([[0.0] * 8, [1.0] * 8]) + "\n\n")
    capsys.readouterr()
    assert main(["predict", f"{tmp_path}/1,{tmp_path}/2", str(tmp_path / "new"), "--json"]) == 0
    first, blank = map(json.loads, capsys.readouterr().out.splitlines())
    assert set(first["probabilities"]) == {"east", "west"} and blank["prediction"] == ""


def test_labels_with_spaces_stand_between_tabs():
    records = [Clip(np.zeros((1, 2), np.float32), name) for name in ("go left", "go right")]
    assert TASK.create({}).fit(records).predictor.separator == "\t"
    with pytest.raises(InputError, match="hidden_size must be even"):
        TASK.create({"hidden_size": 5})


def clips(count=20, frames=6, size=3):
    chance = np.random.default_rng(0)
    return [
        Clip(chance.normal(size=(frames, size)).astype(np.float32), "ab"[row % 2])
        for row in range(count)
    ]


def fitted(records, **options):
    return TASK.create(options).fit(records)


def test_few_features_are_learned_in_parts_by_several_networks():
    with collect_notices() as notices:
        task = fitted(clips())
    chosen, preprocessing = task.options, task.preprocessing
    assert (chosen.crop, chosen.members, preprocessing.varies) == (0.5, 4, True)
    assert "20 clips are few: training sees random parts" in notices[-1]
    lengths = {len(preprocessing.encode(clips()[0], draw=draw).inputs) for draw in range(50)}
    assert lengths == {3, 4, 5, 6} and len(preprocessing.encode(clips()[0]).inputs) == 6
    again = task.restore(json.loads(json.dumps(preprocessing.to_dict())))
    assert torch.equal(
        again.preprocessing.encode(clips()[0]).inputs, preprocessing.encode(clips()[0]).inputs
    )
    for other in (
        fitted(clips(), crop=1.0, members=1),
        fitted(clips(), model="feedforward"),
        fitted(clips(), pooling="last", members=1),
    ):
        assert not other.preprocessing.varies
        assert (other.options.crop, other.options.members) == (1.0, 1)


def test_frames_keep_their_labels_in_parts():
    frames = np.arange(40, dtype=np.float32).reshape(20, 2)
    record = Clip(frames, tuple(str(row % 3) for row in range(20)))
    task = fitted([record] * 3, crop=0.3).preprocessing
    for draw in range(20):
        example = task.encode(record, draw=draw)
        first = int(np.flatnonzero(np.isclose(task.values(record)[:, 0], example.inputs[0, 0]))[0])
        assert example.targets.tolist() == [(first + row) % 3 for row in range(len(example.inputs))]


def test_what_is_hardly_ever_seen_does_not_drown_the_rest():
    seen = clips()
    seen[0].frames[0] = 1e6
    assert fitted(seen).preprocessing.encode(seen[0]).inputs.abs().max() == 5
