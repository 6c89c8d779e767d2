"""Images with a label each: folders of pictures, .npz; feed-forward, convolution, recurrent."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import ostinato
from ostinato.baselines.convolution import ImageConvolution
from ostinato.data.files.samples import sample_files
from ostinato.data.images.labelled_images import resize
from ostinato.tasks.classification.image_encoder import ImageEncoder
from ostinato.tasks.classification.options import ClassificationOptions

Image = pytest.importorskip("PIL.Image")
DIGITS = sample_files("autoencoder")  # with labels y


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder a class: bright stripes across, or down."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name in ("across", "down"):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for number in range(30):
            pixels = random.integers(0, 80, (12, 10, 3), dtype=np.uint8)
            row = random.integers(2, 8)
            if name == "across":
                pixels[row : row + 2] = 230
            else:
                pixels[:, row : row + 2] = 230
            Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return tmp_path / "pictures"


@pytest.mark.parametrize("model", ["feedforward", "convolution", "gru"])
def test_a_folder_of_pictures_a_class(model, pictures, ostinato):
    outcome = ostinato(
        "train",
        "classification",
        "--train",
        "pictures",
        "--model",
        model,
        "--out",
        "run",
        "--epochs",
        "12",
        "--hidden-size",
        "16",
        "--filters",
        "16",
        "--dropout",
        "0.1",
    )
    assert outcome.status == 0, outcome.err
    assert "images of 12 x 10 pixels, colour" in outcome.err
    assert json.loads(Path("run/report.json").read_text())["metrics"]["accuracy"] >= 0.8
    first = ostinato("predict", "run", "pictures/down/03.png")
    assert first.out.strip() == "down", first.err
    (pictures.parent / "list.txt").write_text("pictures/across/00.png\n\npictures/down/01.png\n")
    assert ostinato("predict", "run", "list.txt").out.split("\n")[:3] == ["across", "", "down"]
    whole = ostinato("predict", "run", "pictures").out.split()
    assert len(whole) == 60 and whole[:30].count("across") > 25


def test_an_archive_of_images(tmp_path, ostinato):
    run = tmp_path / "run"
    model = package_train(run)
    assert model.task.preprocessing.kind == "images"
    answers = ostinato("predict", run, DIGITS["test"]).out.split()
    assert len(answers) == 300 and set(answers) <= set("0123456789")
    with np.load(DIGITS["test"]) as arrays:
        image, truth = arrays["images"][0], str(arrays["y"][0])
    assert model.predict([image])[0] == answers[0]
    assert model.score([(image, truth)])[0] < 0
    assert ostinato("evaluate", run, DIGITS["test"]).status == 0
    # an image file has pixels of 0 to 1, those of this archive go to 16
    Image.fromarray((image * 15.9375).astype(np.uint8)).save(tmp_path / "one.png")
    rows = json.loads(ostinato("predict", run, tmp_path / "one.png", "--json").out)
    given = json.loads(ostinato("predict", run, DIGITS["test"], "--json").out.splitlines()[0])
    for label, value in given["probabilities"].items():
        assert rows["probabilities"][label] == pytest.approx(value, abs=0.02)
    loaded = ostinato_load(run)
    assert loaded.predict([image, image]) == [answers[0]] * 2
    view = package_inspect(loaded, image)
    assert view.panels and view.data


def package_train(run):
    return ostinato.train(
        "classification",
        train=[str(DIGITS["train"])],
        dev=[str(DIGITS["dev"])],
        out=run,
        model="feedforward",
        hidden_size=32,
        epochs=1.0,
        least_steps=0,
        tensorboard=False,
    )


def ostinato_load(run):
    return ostinato.load(run)


def package_inspect(model, image):
    return ostinato.inspect(model, image, "parameters")


def test_the_convolution_reads_rows_as_the_image_that_they_are():
    torch.manual_seed(0)
    network = ImageConvolution((6, 4, 3), filters=5, hidden_size=7)
    image = torch.randn(2, 6, 4, 3)
    stages = network.stages(image.permute(0, 3, 1, 2)).flatten(1)
    wanted = network.layer(stages).relu()
    torch.testing.assert_close(network(image.reshape(2, 6, 12), torch.tensor([6, 6])), wanted)
    padded = torch.cat([image.reshape(2, 6, 12), torch.zeros(2, 10, 12)], 1)
    torch.testing.assert_close(network(padded, torch.tensor([6, 6])), wanted)


def test_size_channels_and_standardisation():
    images = [np.random.default_rng(n).random((9, 9, 3), dtype=np.float32) for n in range(20)]
    _, encoder = ImageEncoder.fit(ClassificationOptions(), images)
    rows = np.stack([encoder.encode(image).inputs.numpy() for image in images])
    assert rows.shape == (20, 9, 27)
    pixels = rows.reshape(-1, 3)
    np.testing.assert_allclose(pixels.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(pixels.std(0), 1, atol=1e-5)
    grey = [image[..., :1].repeat(3, 2) for image in images]
    assert ImageEncoder.fit(ClassificationOptions(), grey)[1].shape == (9, 9, 1)
    mixed = [*images, np.zeros((5, 70, 3), np.float32)]
    assert ImageEncoder.fit(ClassificationOptions(), mixed)[1].shape == (32, 32, 3)
    sized = ClassificationOptions(image_size=16)
    options, encoder = ImageEncoder.fit(sized, mixed)
    assert encoder.shape == (16, 16, 3)
    assert ImageEncoder.from_dict(options, encoder.to_dict()["image"]) == encoder
    flat = np.full((9, 9, 1), 0.25, np.float32)
    np.testing.assert_allclose(resize(flat, (4, 6)), np.full((4, 6, 1), 0.25))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train classification --train broken --out run", "not a picture that Pillow can read"),
        ("train classification --train mixed --out run", "texts and images cannot be mixed"),
        ("train classification --train a.npz --out run", "images must be numbers [N, H, W]"),
        ("train classification --train b.npz --out run", "4 images, but y has shape [3]"),
        ("train classification --train c.npz --out run", "image 1: no label"),
        ("train classification --train d.npz --out run", "image 2: a pixel is not a finite number"),
        ("train classification --train pictures --model bag-of-words --out run", "needs texts"),
        ("train classification --train pictures --unit character --out run", "these are images"),
        ("train classification --train pictures --image-size 2 --out run", "--image-size"),
    ],
)
def test_what_bad_pictures_get(command, message, pictures, ostinato):
    for folder, file, content in (("broken", "a/x.png", b"x"), ("mixed", "a/x.txt", b"text")):
        path = pictures.parent / folder / file
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    other = pictures.parent / "mixed/b"
    other.mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(other / "y.png")
    good = np.ones((4, 5, 5))
    bad = good.copy()
    bad[1, 0, 0] = np.nan
    np.savez("a.npz", images=np.ones((3, 4)), y=[0, 1, 0])
    np.savez("b.npz", images=good, y=[0, 1, 0])
    np.savez("c.npz", images=good)
    np.savez("d.npz", images=bad, y=[0, 1, 0, 1])
    outcome = ostinato(*command.split())
    assert outcome.status == 2 and message in outcome.err, outcome.err
    assert "Traceback" not in outcome.err and not (pictures.parent / "run").exists()


def test_what_a_model_of_images_says_to_other_inputs(tmp_path, ostinato):
    run = tmp_path / "run"
    model = package_train(run)
    with pytest.raises(ValueError, match="pixels of up to 255, but those of the training"):
        model.predict([np.full((8, 8), 255.0)])
    with pytest.raises(ValueError, match=r"expected pixels \[H, W\] or \[H, W, 3\]"):
        model.predict([[1.0, 2.0]])
    file = tmp_path / "gone.txt"
    file.write_text("nowhere.png\n")
    outcome = ostinato("predict", run, file)
    assert outcome.status == 2 and "nowhere.png" in outcome.err
    outcome = ostinato("export", run, "--format", "html", "--output", tmp_path / "x.html")
    assert outcome.status == 2 and "a model of images is not exported" in outcome.err
