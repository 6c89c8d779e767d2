"""Every task keeps the contract: its description, options and sample, and what a caller may
expect.
"""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import ostinato
from ostinato import options
from ostinato.commands.run.parts import fit_network, make_batches
from ostinato.commands.run.splits import Splits
from ostinato.data.files.samples import sample_files
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.tasks import TASKS, find_task
from ostinato.tasks.run_folder import load_baseline, save_weight
from ostinato.training.loop import train
from ostinato.training.options import Options

LARGEST_SAMPLE = {"transcription": 3_000_000}  # bytes: 48 minutes of speech
every_task = pytest.mark.parametrize("name", TASKS)
TINY = {
    "hidden_size": 8,
    "embedding_size": 6,
    "unit": "word",
    "epochs": 0.01,
    "vocabulary_size": 300,
    "beam": 1,
    "tensorboard": False,
}


@every_task
def test_describes_itself(name):
    task = TASKS[name]
    assert task.name == name
    assert task.example.startswith(f"ostinato train {name}")
    assert set(task.metrics) <= set(METRICS)
    assert options.fields(task.options)["dev_metric"].default in (
        None,
        *task.metrics,
    )  # None: chosen by the data
    for defaults in (task.training, task.sample_training):
        assert set(defaults) <= set(options.fields(Options)) | set(options.fields(task.options))


@every_task
def test_every_option_has_help_and_no_training_option_shares_its_name(name):
    fields = options.fields(TASKS[name].options)
    assert all(field.metadata.get("help") for field in fields.values())
    assert not set(fields) & set(options.fields(Options))


@every_task
def test_has_a_sample_with_its_licence(name):
    files = sample_files(TASKS[name].sample)
    assert {"train", "dev", "test"} <= set(files)
    assert "licen" in (files["train"].parent / "LICENSE.txt").read_text().lower()
    size = sum(path.stat().st_size for path in files.values())
    assert size < LARGEST_SAMPLE.get(name, 1_000_000)
    assert TASKS[name].create({}).reader.read([str(files["test"])])


def train_tiny(name, folder):
    """A model of nothing, trained on the sample."""
    known = {*options.fields(TASKS[name].options), *options.fields(Options)}
    tiny = {option: value for option, value in TINY.items() if option in known}
    return ostinato.train(name, out=folder, **tiny)


@pytest.fixture(scope="module", params=TASKS)
def trained(request, tmp_path_factory):
    """The name of each task, and a trained model."""
    folder = tmp_path_factory.mktemp(request.param) / "run"
    return request.param, train_tiny(request.param, folder)


def test_the_road_in_python(trained):
    """train, load, predict, evaluate, score, stream."""
    name, model = trained
    records = TASKS[name].create({}).reader.read([str(sample_files(name)["test"])])[:6]
    inputs = [record[0] for record in records]
    answers = model.predict(inputs)
    assert len(answers) == len(records) > 1
    assert all(isinstance(answer, str) for answer in answers)
    loaded = ostinato.load(model.folder)
    assert loaded.predict(inputs) == answers
    assert loaded.score(records) == model.score(records)
    assert all(score < 0 for score in loaded.score(records))
    stream = loaded.stream()
    streamed = [stream(each) for each in inputs]
    assert stream.carries_state or streamed == answers
    assert list(loaded.stream().each(iter(inputs))) == streamed
    assert loaded.predict([]) == []
    empty, blank = loaded.predict(["", "   "])
    assert empty == blank
    assert loaded.predict([inputs[0], "", inputs[1]]) == [answers[0], empty, answers[1]]
    assert json.loads((model.folder / "report.json").read_text())["task"] == name
    with pytest.raises(InputError, match="holds a run already"):
        train_tiny(name, model.folder)


PROMPTS = {"language": "ROMEO:", "melody": "60 62 64 65"}  # of the tasks that generate


def new_network(name):
    """A network with its first weights and nothing dropped, and batches to train it on."""
    known = options.fields(TASKS[name].options)
    task = TASKS[name].create({option: TINY[option] for option in TINY if option in known})
    sample = [str(sample_files(TASKS[name].sample)["train"])]
    records = task.reader.read(sample, training=True)[:60]
    torch.manual_seed(0)
    task, network = fit_network(task, Splits(records, [], []))
    for module in network.modules():  # what is dropped depends on the dtype of what is drawn
        for rate in {"dropout", "rate", "p"} & {*vars(module)}:
            if isinstance(getattr(module, rate), float):
                setattr(module, rate, 0.0)
    return network, make_batches(task, Splits(records[-30:], [], []), Options(batch_size=3), 1)


def first_step(network, batches, precision):
    """The loss and the norm of the gradient."""
    torch.manual_seed(1)
    still = torch.optim.SGD(network.parameters(), 0.0)
    step = next(train(network, batches, still, epochs=1, precision=precision))
    gradients = [each.grad for each in network.parameters() if each.grad is not None]
    assert gradients and all(gradient.dtype == torch.float32 for gradient in gradients)
    return step.loss, step.gradient_norm


@every_task
def test_a_step_in_bfloat16(name):
    """The loss and the size of the gradient are those of float32 but for rounding."""
    network, batches = new_network(name)
    exact_loss, exact_norm = first_step(network, batches, "float32")
    loss, norm = first_step(network, batches, "bfloat16")
    assert loss == pytest.approx(exact_loss, rel=0.02) and loss != exact_loss
    # batch norm over three pictures divides by a small deviation: rounding grows with it
    assert norm == pytest.approx(exact_norm, rel=0.2)
    for module in network.modules():  # another device would not be told of these
        assert not [key for key, value in vars(module).items() if isinstance(value, torch.Tensor)]


@every_task
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_on_a_gpu(name, precision):
    network, batches = new_network(name)
    expected = first_step(network, batches, "float32")
    found = first_step(network.cuda(), batches, precision)
    assert found == pytest.approx(expected, rel=1e-3 if precision == "float32" else 0.2)


def calls(name, model, records, folder, *, prompt=None, output=None):
    """One call of each kind that a model has, by its name, as functions without arguments."""
    inputs = [record[0] for record in records]
    predictor = model.task.predictor

    def generate():
        results = model.generate(length=12, seed=2, prompt=prompt)
        files = predictor.save_generated(results, folder / "made.png")
        return results, [path.read_bytes() for path in files]

    found = {
        "predict": lambda: [(each.text, each.details) for each in model.predictions(inputs)],
        "lines": lambda: [*predictor.format_lines(iter(model.predictions(inputs)), output)],
        "score": lambda: model.score(records),
        "stream": lambda: [*model.stream().each(iter(inputs))],
    }
    return {**found, "generate": generate} if name in PROMPTS else found


def test_a_call_leaves_nothing_to_the_next(trained, tmp_path):
    """A call gives what it gives on a model newly loaded, whatever calls came before it."""
    name, model = trained
    records = TASKS[name].create({}).reader.read([str(sample_files(name)["test"])])[:5]
    used, before, after = ostinato.load(model.folder), records[:2], records[2:]
    settings = {"prompt": PROMPTS.get(name), "output": "page.html"}
    for call in calls(name, used, before, tmp_path, **settings).values():
        call()
    for kind, call in calls(name, used, after, tmp_path).items():
        alone = calls(name, ostinato.load(model.folder), after, tmp_path)[kind]()
        assert call() == alone, kind


def test_it_is_served(trained):
    """Over HTTP: predictions as in Python, a session as a stream, a description."""
    pytest.importorskip("starlette", reason="needs pip install 'ostinato[serve]'")
    from starlette.testclient import TestClient

    from ostinato.commands.serve import build_application
    from ostinato.serving.settings import Settings

    name, model = trained
    record = TASKS[name].create({}).reader.read([str(sample_files(name)["test"])])[0]
    if name == "captioning":
        value = model.task.preprocessing.load(record)[0].transpose(1, 2, 0)
    elif name == "video":
        value = record.frames.transpose(0, 2, 3, 1).tolist()
    elif name == "autoencoder":
        value = record.values.tolist()
    elif name == "transcription":
        value = record.audio[:80].tolist()
    elif name in ("forecasting", "anomaly"):
        value = [*np.nan_to_num(record.series.values[:60]).tolist(), None]
    else:
        value = [60, 62, 64] if name == "melody" else record[0]
        value = list(value) if name == "tagging" else value
    application = build_application({name: model}, Settings(), snapshot=False)
    with TestClient(application.asgi) as client:
        assert client.get("/model").json()["task"] == name
        if name == "captioning":
            from PIL import Image

            file = io.BytesIO()
            Image.fromarray(value).save(file, "PNG")
            headers = {"Content-Type": "image/png"}
            response = client.post("/predict", content=file.getvalue(), headers=headers)
            refused = client.post("/predict", json={"inputs": ["/etc/passwd"]})
            assert refused.status_code == 422
        else:
            response = client.post("/predict", json={"inputs": [value]})
            id = client.post("/sessions").json()["session"]
            [output] = client.post(f"/sessions/{id}", json={"inputs": [value]}).json()["outputs"]
            assert output["prediction"] == model.stream()(value)
            views = client.get("/model").json()["views"]
            assert {"parameters", "learning"} <= set(views)
            view = "encoding" if "encoding" in views else views[0]
            assert client.post(f"/inspect/{view}", json={"input": value}).status_code == 200
        [prediction] = response.json()["predictions"]
        assert prediction["prediction"] == model.predict([value])[0]
        about = client.get("/model").json()
        assert about["carries_state"] == model.stream().carries_state
        wrong = client.post("/predict", json={"inputs": [{"a": 1}]})
        assert wrong.status_code == 422


# of the formats in which a model of each task's sample is not exported: the reason
NEEDS_ONNX = {"html": "use --format onnx", "folder": "use --format onnx"}
NEVER = ("onnx", "html", "folder")
NOT_EXPORTED = {
    "translation": NEEDS_ONNX,
    "dialogue": NEEDS_ONNX,
    "transcription": NEEDS_ONNX,
    "anomaly": NEEDS_ONNX,
    "genome": dict.fromkeys(NEVER, "--motifs 0"),
    "video": dict.fromkeys(NEVER, "of pixels is not exported"),
    "captioning": dict.fromkeys(NEVER, "images are read by a convolution"),
    "melody": dict.fromkeys(NEVER, "tunes are made of MIDI and ABC"),
    "autoencoder": dict.fromkeys(NEVER, "its decoder repeats"),
}


def test_it_is_exported_or_the_reason_is_told(trained, tmp_path, monkeypatch):
    pytest.importorskip("onnx", reason="needs pip install 'ostinato[onnx]'")
    from ostinato.commands import export as exporting

    # scores have tests of their own
    monkeypatch.setattr(exporting, "files_to_score", lambda model, needed: [])
    name, model = trained
    refused = NOT_EXPORTED.get(name, {})
    for format in ("onnx", "html", "folder"):
        for int8 in (False, True):
            output = tmp_path / f"{format}-{int8}"
            if format in refused:
                with pytest.raises(InputError, match=refused[format]):
                    exporting.export(model, format=format, output=str(output), int8=int8)
                assert not output.exists()
            else:
                found = exporting.export(model, format=format, output=str(output), int8=int8)
                assert found["bytes"] == sum(Path(file).stat().st_size for file in found["files"])


def test_an_unknown_task():
    with pytest.raises(InputError, match="no task 'translate'; did you mean 'translation'"):
        find_task("translate")
    with pytest.raises(InputError, match="no task 'x'; known: translation"):
        find_task("x")


def test_an_unknown_setting():
    with pytest.raises(InputError, match="hiden_size: no such option; did you mean 'hidden_size'"):
        ostinato.train("translation", hiden_size=3)


JOINT = {"classification", "genome", "language", "melody", "tagging", "video"}


def test_network_and_baseline_together(trained, tmp_path):
    """Together is what every verb answers; the same saved as loaded, in a batch as one by one; with
    --alone it is the network."""
    name, model = trained
    if TASKS[name].predictor.baseline_replaces and "alone" in options.fields(TASKS[name].options):
        return  # tests/tasks/test_dictionary_answers.py
    if name not in JOINT:
        assert "alone" not in options.fields(TASKS[name].options)
        return
    folder = shutil.copytree(model.folder, tmp_path / "run")
    task, network = model.task, model.networks[0]
    baseline = load_baseline(folder, task)
    records = task.reader.read([str(sample_files(name)["test"])])[:6]
    own, only, both = (
        task.predictor.unit_log_probabilities(
            task.predictor.join(network, baseline, weight), records
        )
        for weight in (1.0, 0.0, 0.25)
    )
    expected = np.log(0.25 * np.exp(own) + 0.75 * np.exp(only))
    np.testing.assert_allclose(both, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        own, task.predictor.unit_log_probabilities(network, records), rtol=1e-4, atol=1e-5
    )
    save_weight(folder, 0.25)
    together, alone = ostinato.load(folder), ostinato.load(folder, alone=True)
    inputs = [record[0] for record in records]
    again = ostinato.load(together.save_pretrained(tmp_path / "saved"))
    assert again.predictions(inputs) == together.predictions(inputs)
    assert together.predict(inputs) == [together.predict([each])[0] for each in inputs]
    scores = together.score(list(records))
    one_by_one = [together.score([each])[0] for each in records]
    assert scores == pytest.approx(one_by_one, rel=1e-4)
    assert again.score(list(records)) == scores
    assert together.score(list(records)) != alone.score(list(records))
    network_scores = task.predictor.log_probabilities(network, records)
    assert alone.score(list(records)) == network_scores
    evaluated = together.evaluate([str(sample_files(name)["test"])])
    assert evaluated["alone"].keys() == evaluated["metrics"].keys()
    assert "together" in evaluated["verdict"]
    with pytest.raises(InputError, match=r"^model.json|damaged \(network_weight"):
        save_weight(folder, 7)
        ostinato.load(folder)
