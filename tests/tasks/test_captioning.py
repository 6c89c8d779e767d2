"""Captioning from files to sentences: pictures, features, frames, a network of one's own, and
the page.
"""

import io
import json

import numpy as np
import pytest
from PIL import Image

import ostinato as package
from ostinato.cli import main
from ostinato.data.images.image_loader import ImageCache
from ostinato.data.images.picture import Picture
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.tasks.captioning import TASK
from ostinato.tasks.captioning.baseline import image_vector
from ostinato.tasks.captioning.page import caption_page

COLOURS = {"red": (220, 20, 20), "blue": (20, 20, 220), "green": (20, 180, 20)}
TINY = {
    "hidden_size": 32,
    "embedding_size": 12,
    "channels": 16,
    "image_size": 8,
    "epochs": 30.0,
    "batch_size": 8,
    "learning_rate": 0.01,
    "dropout": 0.0,
    "evaluate_every": 15.0,
    "warmup": 0,
    "tensorboard": False,
    "shift": 0.05,
    "zoom": 0.0,
}


def paint(folder, count=36):
    """folder/*.png, of one colour with a little noise, and folder/train.tsv: "red", "a red
    one" for each red one.
    """
    chance = np.random.default_rng(0)
    rows = ["image\tcaption"]
    for number in range(count):
        name = list(COLOURS)[number % 3]
        pixels = np.clip(
            np.array(COLOURS[name]) + chance.integers(-15, 16, (8, 8, 3)), 0, 255
        ).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows += [f"{number}.png\t{name}", f"{number}.png\ta {name} one"]
    (folder / "train.tsv").write_text("\n".join(rows) + "\n")
    return str(folder / "train.tsv")


def train(file, out, **settings):
    return package.train(
        "captioning", train=[file], dev=[file], out=str(out), **{**TINY, **settings}
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captioning")
    return folder, paint(folder)


@pytest.fixture(scope="module")
def model(place):
    return train(place[1], place[0] / "run")


def test_it_learns_and_reports(model, place):
    report = model.report
    assert (
        set(report["metrics"]) == {"bleu", "exact_match", "perplexity"} == set(report["intervals"])
    )
    assert report["metrics"]["exact_match"] == 1.0 and report["metrics"]["perplexity"] < 3
    assert (
        report["baseline"]["name"] == "nearest neighbour"
        and report["baseline"]["metrics"]["exact_match"] == 1.0
    )
    assert (
        report["data"] == {"train": 36, "dev": 36, "test": 0}
        and "36 pictures, 72 captions, 9 words" in report["notes"]
    )
    assert set(report["examples"][0]) == {"image", "reference", "prediction"}


def test_answers(model, place):
    folder = place[0]
    files = [str(folder / f"{number}.png") for number in range(3)]
    assert [
        answer.split()[-1 if len(answer.split()) == 1 else 1] for answer in model.predict(files)
    ] == list(COLOURS)
    again = package.load(folder / "run")
    assert again.predict(files) == model.predict(files)
    opened = [Image.open(file) for file in files]
    assert (
        model.predict(opened)
        == model.predict([np.asarray(each) for each in opened])
        == model.predict(files)
    )
    first, blank = model.predictions([files[0], " "])
    assert blank.text == "" and first.details["image"] == files[0]
    both = model.score(
        [(files[0], first.text), (files[0], "blue"), (files[0], [first.text, "blue"])]
    )
    assert (
        both[0] == pytest.approx(first.details["log_probability"], abs=1e-4) and both[0] > both[1]
    )
    assert both[2] == pytest.approx(both[0] + both[1], abs=1e-4)
    with pytest.raises(InputError, match="0.png: no caption to compute the probability of"):
        model.score([files[0]])


def test_verify(model, place, capsys):
    assert main(["verify", str(place[0] / "run"), place[1], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"]


def test_on_the_command_line(model, place, tmp_path, capsys, monkeypatch):
    folder = place[0]
    run = str(folder / "run")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"0.png\n\n1.png\n")))
    )
    assert main(["predict", run]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert "red" in lines[0] and lines[1] == "" and "blue" in lines[2] and len(lines) == 4
    assert main(["predict", run, "0.png", "1.png", "--json", "--align", "--n-best", "2"]) == 0
    answer = json.loads(capsys.readouterr().out.split("\n")[0])
    assert len(answer["n_best"]) == 2 and sum(answer["looked_at"][0]) == pytest.approx(1, abs=0.01)
    assert main(["predict", run, place[1], "--output", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert page.count('<figure><img src="data:image/png;base64,') == 72 and page.rstrip().endswith(
        "</html>"
    )


def test_a_page_shows_text_as_text(tmp_path):
    frames = np.zeros((3, 4, 4, 3), np.uint8)
    records = [
        Picture(frames, ("<b>",), "clip <1>", True),
        Picture(np.ones((2, 3), np.float32), where="features"),
        Picture(""),
    ]
    page = "\n".join(caption_page((record, "<script>") for record in records))
    assert (
        "<script>" not in page
        and "&lt;script&gt;" in page
        and "&lt;b&gt;" in page
        and page.count("<img") == 1
    )


@pytest.mark.parametrize(
    "options",
    [
        {"attention": "none"},
        {"thumbnail": 0},
        {"members": 2},
        {"attention": "dot", "context": "every", "cell": "gru"},
        {"input_feeding": True},
    ],
    ids=str,
)
def test_other_ways_to_look(place, tmp_path, options):
    trained = train(place[1], tmp_path / "run", epochs=1.0, **options)
    assert len(package.load(tmp_path / "run").predict([str(place[0] / "0.png")])) == 1
    assert trained.report["metrics"]["perplexity"] < 20


@pytest.mark.parametrize("kind", ["features", "regions", "clips", "steps", "named"])
def test_other_inputs(tmp_path, kind):
    chance = np.random.default_rng(0)
    labels = np.arange(24) % 3
    names = np.array(list(COLOURS))[labels]
    telling = np.eye(3, dtype=np.float32)[labels]
    arrays = {
        "features": {"features": telling},
        "regions": {"features": np.stack([telling, np.zeros((24, 3))], 1)},
        "clips": {
            "frames": np.tile(
                np.array([COLOURS[name] for name in names], np.uint8)[:, None, None, None],
                (1, 4, 8, 8, 1),
            )
        },
        "steps": {"frames": telling[:, None].repeat(4, 1), "lengths": chance.integers(1, 5, 24)},
        "named": {"features": telling, "names": np.arange(24).astype(str)},
    }[kind]
    file, settings = str(tmp_path / "a.npz"), {}
    np.savez(file, **arrays, **({} if kind == "named" else {"captions": names}))
    if kind == "named":
        settings["features"] = file
        (tmp_path / "a.tsv").write_text(
            "image\tcaption\n" + "".join(f"{row}.jpg\t{name}\n" for row, name in enumerate(names))
        )
        file = str(tmp_path / "a.tsv")
    trained = train(file, tmp_path / "run", **settings)
    assert trained.report["metrics"]["exact_match"] == 1.0
    again = package.load(tmp_path / "run")
    assert again.evaluate([file])["metrics"] == trained.report["metrics"]
    inputs = list(again.task.reader.read_inputs([file]))
    answers = [each.text for each in again.task.predictor.predict(again.network, inputs)]
    if kind == "named":
        assert answers[1] == "blue"
    else:
        assert answers == names.tolist()


def test_variations_follow_from_the_seed_and_flips_are_asked_for(place):
    task = TASK.create({"image_size": 8, "shift": 0.3})
    records = task.reader.read([place[1]], training=True)
    preprocessing = task.fit(records).preprocessing
    one, same, other = (preprocessing.encode(records[0], draw=draw).inputs for draw in (1, 1, 2))
    assert (one == same).all() and (one != other).any() and preprocessing.varies
    assert not task.options.flip
    kept = preprocessing.trainable_records(records)
    assert [each.captions for each in kept[:2]] == [("red",), ("a red one",)]
    short = TASK.create({"image_size": 8, "maximum_tokens": 1}).fit(records).preprocessing
    with collect_notices() as notices:
        assert len(short.trainable_records(records)) == 36
    assert "36 captions of more than 1 tokens left out of training" in notices


def test_an_enormous_set_is_read_again_rather_than_remembered(place):
    task = TASK.create({"image_size": 8})
    records = task.reader.read([place[1]])
    loader = task.fit(records).preprocessing.loader
    record = records[0]
    loader.cache = ImageCache(free_bytes=0)
    assert (loader(record) == loader(record)).all() and not loader.cache.images


def test_what_the_baseline_compares():
    pixels = np.arange(3 * 64 * 64).reshape(1, 3, 64, 64) % 256
    assert image_vector(pixels).shape == (3 * 16 * 16,) and image_vector(
        pixels
    ).mean() == pytest.approx(pixels.mean() / 255)
    assert image_vector(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist() == [2, 3]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"input_feeding": True, "attention": "none"}, "input_feeding needs an attention"),
        ({"sampling": True, "n_best": 2}, "sampling gives one caption"),
        ({"hidden_size": 5}, "hidden_size must be even"),
        ({"features": "a.npz", "encoder": "b.onnx"}, "features and encoder exclude each other"),
    ],
)
def test_options_that_exclude_each_other(settings, message):
    with pytest.raises(InputError, match=message):
        TASK.create(settings)
