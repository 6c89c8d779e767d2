"""ostinato inspect: every view on a run of each task, what the numbers are, and what bad input
gets.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ostinato as package
from ostinato.cells.gru import GRU
from ostinato.cells.lstm import LSTM
from ostinato.commands.inspect import inspect as look
from ostinato.data.batching.batch import Batch, collate
from ostinato.errors import InputError
from ostinato.inspection.recording import record
from ostinato.inspection.views import VIEWS
from ostinato.models.autoregressive_forecaster import AutoregressiveForecaster
from ostinato.models.direct_forecaster import DirectForecaster
from ostinato.models.forecaster import LEVELS
from ostinato.models.segment_forecaster import SegmentForecaster
from ostinato.models.window_features import WindowFeatures
from ostinato.tasks import TASKS

pytestmark = pytest.mark.pictures

GOLDEN = Path(__file__).parents[1] / "golden"
EVERYWHERE = ("unrolled", "encoding", "gates", "neurons", "gradients", "lags", "connectivity")
INPUTS = {
    "translation": "I need a doctor.\tJ'ai besoin d'un médecin.",
    "dialogue": "do you know chemistry",
    "language": "To be (or not) to be",
    "classification": "a good film , not bad",
    "tagging": "Is that a money maker ?",
    "genome": str(GOLDEN / "genome/input.fa"),
    "captioning": str(GOLDEN / "captioning/input.tsv"),
    "video": str(GOLDEN / "video/input.npz"),
    "melody": str(GOLDEN / "melody/input.abc"),
    "transcription": str(GOLDEN / "transcription/input.npz"),
    "forecasting": str(GOLDEN / "forecasting/input.csv"),
    "anomaly": str(GOLDEN / "anomaly/input.csv"),
    "autoencoder": str(GOLDEN / "autoencoder/input.npz"),
}
FURTHER = {
    "translation": ("words", "attention", "beam", "forcing"),
    "dialogue": ("words", "attention", "beam", "forcing"),
    "language": ("words", "beam", "forcing", "suggestions"),
    "classification": ("words",),
    "tagging": ("words",),
    "captioning": ("words", "attention", "beam", "forcing"),
    "transcription": ("posteriors",),
    "melody": ("forcing",),
}


def run_of(task):
    return str(GOLDEN / task / "run")


@pytest.mark.parametrize("task", INPUTS)
def test_every_view_of_a_run_of_each_task(task, tmp_path, ostinato):
    if task == "captioning":
        pytest.importorskip("PIL")
    page = tmp_path / "page.html"
    outcome = ostinato("inspect", "all", run_of(task), INPUTS[task], "--output", page)
    assert outcome.status == 0, outcome.err
    assert 10_000 < page.stat().st_size <= 1_000_000
    wanted = [*EVERYWHERE, "parameters", *FURTHER.get(task, ())]
    outcome = ostinato("inspect", "all", run_of(task), INPUTS[task], "--json")
    views = {view["view"]: view for view in json.loads(outcome.out)["views"]}
    assert set(views) == set(wanted)
    assert all(view["data"] for view in views.values())


def test_every_task_has_an_input_here():
    assert set(TASKS) <= set(INPUTS), "add an input of the new task"


@pytest.mark.parametrize("given", [True, False])
def test_posteriors_are_the_models_and_the_transcript_is_aligned(given):
    model = package.load(run_of("transcription"))
    recording = next(iter(model.task.reader.read_inputs([INPUTS["transcription"]])))
    text = recording.text
    if not given:
        text = model.predict([recording])[0]
        recording = recording._replace(text="")
    data = package.inspect(model, recording, "posteriors").data
    rows = model.task.predictor.recogniser.score_labels(
        model.network, [model.task.preprocessing.encode(recording)]
    )[0]
    np.testing.assert_allclose(data["posteriors"], np.exp(rows), atol=1e-5)
    np.testing.assert_allclose(data["posteriors"].sum(1), 1, atol=1e-12)
    spelled = "".join(span["label"] for span in data["alignment"]).replace("space", " ")
    targets = model.task.preprocessing.targets(text)
    assert spelled == "".join(model.task.preprocessing.labels.decode(targets.tolist()))
    assert len(data["posteriors"]) == -(-len(data["features"]) // model.task.options.subsampling)


def test_step_scores_of_labels_add_up_to_the_best_path():
    model = package.load(run_of("transcription"))
    recording = next(iter(model.task.reader.read_inputs([INPUTS["transcription"]])))
    network, example = model.network.double(), model.task.preprocessing.encode(recording)
    batch = collate([example._replace(inputs=example.inputs.double(), targets=None)])
    labels = torch.tensor([[1, 1, 2]])
    scores = network.step_scores(replace(batch, targets=labels))[0].exp()
    frames, _ = network.log_probabilities_by_frame(batch)
    blank = [frames[0, :, 0]]
    spans = network.align(frames[0], labels[0])
    covered = {frame for span in spans for frame in range(span.start, span.end)}
    rest = sum(
        float(blank[0][frame].detach()) for frame in range(len(frames[0])) if frame not in covered
    )
    best = float(scores.log().sum()) + rest
    total = float(network.log_probabilities(replace(batch, targets=labels))[0])
    assert best <= total + 1e-9  # one path of all that write the labels
    assert [span.label for span in spans] == [1, 1, 2]


@pytest.mark.parametrize("decoder", ["direct", "segments", "autoregressive"])
def test_connectivity_of_a_forecaster_is_the_gradient_of_its_forecast(decoder):
    torch.manual_seed(0)
    sizes = {"hidden_size": 6}
    if decoder == "segments":
        network = SegmentForecaster(LSTM, 12, 3, WindowFeatures(), segment=4, **sizes)
    elif decoder == "direct":
        network = DirectForecaster(GRU, 12, 3, WindowFeatures(), **sizes)
    else:
        network = AutoregressiveForecaster(LSTM, 12, 3, WindowFeatures(), paths=5, **sizes)
    network = network.double().eval()
    inputs = torch.randn(1, 15, WindowFeatures().size, dtype=torch.float64)
    inputs[..., 1], inputs[..., -1] = 1, 0
    targets = torch.randn(1, 3, dtype=torch.float64)
    batch = Batch(inputs, torch.tensor([15]), targets)
    assert network.own_targets(batch).shape == (1, 3)
    scores = network.step_scores(batch)
    if decoder != "autoregressive":
        wanted = network.quantiles(batch)[..., LEVELS.index(0.5)]
        torch.testing.assert_close(scores, wanted)
    else:  # teacher forcing: all but the window's own steps are the loss
        losses, _, _ = network.step_losses(network.reader.read_window(batch))
        torch.testing.assert_close(scores, -losses[:, -3:])
    (part,) = network.recurrent_parts()
    with record([part]) as recording:
        value = network.step_scores(batch)[0, 1]
    given = recording.inputs[part.name][0]
    (gradient,) = torch.autograd.grad(value, given, retain_graph=True)
    change = torch.zeros_like(inputs)
    change[0, 2, 0] = 1e-6  # finite difference of a value of the window
    moved = network.step_scores(replace(batch, inputs=inputs + change))[0, 1]
    leaf = inputs.clone().requires_grad_()
    (exact,) = torch.autograd.grad(network.step_scores(replace(batch, inputs=leaf))[0, 1], leaf)
    assert float(moved - value.detach()) / 1e-6 == pytest.approx(float(exact[0, 2, 0]), abs=1e-4)
    assert gradient.shape[1] == {"direct": 12, "segments": 3, "autoregressive": 14}[decoder]
    assert bool(gradient.abs().sum() > 0)


def test_a_series_without_its_future_is_looked_at_before_its_last_steps(ostinato):
    task = "forecasting"
    outcome = ostinato("inspect", "connectivity", run_of(task), INPUTS[task], "--json")
    view = json.loads(outcome.out)
    assert "score" in view["data"] and "log_probability" not in view["data"]
    assert any("the forecast (median" in note for note in view["notes"])
    gradients = json.loads(
        ostinato("inspect", "gradients", run_of(task), INPUTS[task], "--json").out
    )
    assert gradients["data"]["loss_name"] == "the pinball loss of the targets that were given"


def test_gates_are_logged_while_training_and_shown(tmp_path, ostinato):
    package.train(
        "tagging",
        out=tmp_path / "run",
        epochs=0.05,
        hidden_size=8,
        embedding_size=6,
        tensorboard=False,
    )
    data = json.loads(ostinato("inspect", "learning", tmp_path / "run", "--json").out)["data"]
    layers = data["gates"]
    assert layers
    for gates in layers.values():
        assert {"forget", "hidden"} <= set(gates)
        for each in gates.values():
            assert len(each["steps"]) == len(each["mean"]) >= 1
            assert all(0 <= value <= 1 for value in [*each["shut"], *each["open"]])


def test_the_winner_of_the_beam_is_the_answer_and_attention_sums_to_one(ostinato):
    text = "I need a doctor."
    model = package.load(run_of("translation"))
    view = package.inspect(model, text, "beam")
    prediction = model.predictions([text])[0]
    first = view.data["ranking"][0]
    assert first["hypothesis"] == prediction.text == view.answer
    assert first["log_probability"] == pytest.approx(prediction.answers[0][1], rel=1e-5)
    scores = [row["score"] for row in view.data["ranking"]]
    assert scores == sorted(scores, reverse=True)
    assert {node["status"] for node in view.data["nodes"]} >= {"best", "pruned"}
    (attention,) = package.inspect(model, text, "attention").data["attention"]
    np.testing.assert_allclose(attention["weights"].sum(1), 1, atol=1e-9)
    forced = package.inspect(model, text, "beam", force="Je").data
    assert forced["ranking"][0]["hypothesis"].startswith("Je")


def test_connectivity_equals_autograds_and_occlusion_a_run_without_the_input():
    model = package.load(run_of("language"))
    text = "To be"
    view = package.inspect(model, text, "connectivity", step=4)
    (part,) = view.data["parts"]
    network = model.network.double()
    ids = torch.tensor([model.task.preprocessing.prompt_ids(text)])

    def score(vectors):
        logits = network.output(network.recurrent(vectors)[0])
        return logits.log_softmax(-1)[0, 3, ids[0, 4]]

    x = nn.functional.embedding(ids[:, :-1], network.embedding.weight).detach().requires_grad_()
    value = score(x)
    (gradient,) = torch.autograd.grad(value, x)
    assert view.data["log_probability"] == pytest.approx(float(value), abs=1e-9)
    np.testing.assert_allclose(part["gradient"], gradient[0].norm(dim=-1), rtol=1e-6, atol=1e-12)
    for step in range(5):
        without = x.detach().clone()
        without[0, step] = 0
        fall = float(value) - float(score(without))
        assert part["occlusion"][step] == pytest.approx(fall, abs=1e-9)
    assert part["steps"] == ["\n", "T", "o", " ", "b"]


def test_the_loss_of_a_task_equals_autograds():
    """|dL/dh_t| through pooling, output layer and loss, against a run without recording."""
    model = package.load(run_of("classification"))
    view = package.inspect(model, ("a good film", "positive"), "gradients")
    assert "targets that were given" in view.data["loss_name"]
    network = model.network.double()
    example = model.task.preprocessing.encode(
        model.task.reader.as_record(("a good film", "positive"))
    )
    loss = network.loss(collate([example])).total
    assert view.data["loss"] == pytest.approx(float(loss.detach()), abs=1e-9)
    lags = package.inspect(model, ("a good film", "positive"), "lags").data["layers"]
    loss.backward()
    for layer in lags:
        cell = network.body.recurrent.cells[layer["direction"]]
        wanted = torch.cat([value.grad.flatten() for value in cell.parameters()]).norm()
        assert layer["gradient_norm"] == pytest.approx(float(wanted), rel=1e-6)


def test_similar_states_of_a_corpus(tmp_path, ostinato):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("One line .\nTo be or not .\nThe third .\n")
    outcome = ostinato(
        "inspect", "states", run_of("language"), "To be", "--corpus", corpus, "--json"
    )
    data = json.loads(outcome.out)["data"]
    first = data["nearest"][0]
    assert first["cosine"] == pytest.approx(1.0, abs=1e-5)
    assert (first["example"], first["step"], first["token"]) == (2, 5, "b")
    assert data["states"] == sum(len(line) for line in corpus.read_text().splitlines())


def test_views_of_the_model_alone_take_any_input():
    model = package.load(run_of("autoencoder"))
    given = np.zeros((3, 2))
    alone = package.inspect(model, None, "parameters").data
    assert package.inspect(model, given, "parameters").data == alone


def test_learning_and_an_example_of_the_test_set(place, ostinato):
    data = json.loads(ostinato("inspect", "learning", "run", "--json").out)["data"]
    assert len(data["steps"]) == len(data["loss"]) == len(data["gradient_norm"])
    assert data["dev"]
    outcome = ostinato("inspect", "gates", "run", "--example", "2")
    assert outcome.status == 0 and "Over all steps and units" in outcome.out
    assert "(18 pictures: add --output" in outcome.out


def test_side_by_side(place, ostinato):
    both = json.loads(
        ostinato(
            "inspect", "gradients", "run", "one two", "--against", run_of("translation"), "--json"
        ).out
    )
    assert set(both["data"]) == {"run", run_of("translation")}
    texts = json.loads(ostinato("inspect", "gates", "run", "one two", "one six", "--json").out)
    assert set(texts["data"]) == {"one two", "one six"}
    held = json.loads(
        ostinato("inspect", "gates", "run", "one two", "--clamp", "0.1=0.5", "--json").out
    )
    layers = held["data"]["layers"]
    assert all(row[1] == 0.5 for layer in layers for row in layer["values"]["hidden"])


def test_a_long_text_is_cut_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr("ostinato.commands.inspect.STEPS", 50)
    (view,) = look("gates", run_of("language"), ["To be or not to be " * 20])
    assert "The first 50 of 380 steps are shown." in view.notes
    assert len(view.data["layers"][0]["steps"]) == 50


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("attention language x", "this model has no view 'attention': it has unrolled, encoding"),
        (
            "beam classification x",
            "this model has no view 'beam': it has unrolled, encoding, gates",
        ),
        ("gate language x", "no view 'gate'; did you mean 'gates'?"),
        ("gates language x --layer 4", "layer must be 0: there is no other; got 4"),
        ("gates language x --unit 99", "unit must be from 0 to 7; got 99"),
        ("gradients language xyz --step 9", "step must be from 1 to 3; got 9"),
        ("gates translation x --part middle", "part 'middle': no such part"),
        ("unrolled translation x --part middle", "part 'middle': no such part"),
        ("neurons translation x --direction 7", "direction must be from 0 to 1; got 7"),
        ("lags language --clamp 4.0=1", "clamp: layer must be from 0 to 0; got 4"),
        ("gradients language xyz --step 0", "step must be at least 1; got 0"),
        # options that the view does not read
        (
            "gradients language x --unit 3",
            "--unit: the view gradients does not read it; "
            "it reads --part, --layer, --direction, --step, --clamp, --example",
        ),
        ("parameters language --count 3", "--count: the view parameters does not read it; it rea"),
        ("learning language --example 2", "--example: the view learning does not read it; it re"),
        ("gates language x --corpus x.txt", "--corpus: the view gates does not read it; it reads"),
        ("gates,lags language x --step 1", "--step: the views gates, lags do not read it; they"),
        ("gates language x --example 2", "--example is for a file or the test set; a text is one"),
        ("gates language x --time-limit 1s", "--time-limit is for the view remedies, the only one"),
        ("gates language x --seed 2", "--seed is for the view remedies, the only one that trains"),
        (
            "remedies language --unit 2",
            "--unit: the view remedies does not read it; it reads --seed",
        ),
        ("gates language x --clamp 0=1", "--clamp 0=1: expected LAYER.UNIT=VALUE"),
        (
            "gates language x --clamp 0.1=nan",
            "--clamp 0.1=nan: expected LAYER.UNIT=VALUE with a fi",
        ),
        ("gates language x --clamp 0.99=1", "clamp: unit must be from 0 to 7; got 99"),
        ("gates language x --count 0", "--count must be at least 1; got 0"),
        ("gates language x --output gates.bmp", "gates.bmp: views are written as .png, .svg"),
        ("words translation zzzz", "'zzzz': not in the model's vocabulary"),
        ("beam translation x --force zzzz", "'zzzz': no token of the model's vocabulary"),
        ("learning language", "this model has no view 'learning'"),
        ("gates nowhere x", "nowhere/run: no such run folder"),
    ],
)
def test_what_bad_input_gets(command, message, ostinato, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view, task, *rest = command.split()
    outcome = ostinato("inspect", view, run_of(task), *rest)
    assert outcome.status == 2, outcome.err
    assert message in outcome.err and len(outcome.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_option_that_some_of_the_views_read(ostinato):
    """Of several views those that do not read it say so."""
    outcome = ostinato("inspect", "gates,gradients", run_of("language"), "x", "--unit", "3")
    assert outcome.status == 0
    found = [line for line in outcome.out.splitlines() if "does not read" in line]
    assert found == ["The view gradients does not read --unit."]


def test_the_width_of_a_beam_is_the_views_own_where_the_model_has_none(ostinato):
    """A language model generates by sampling: the search for the view has the width asked for."""
    for task, width in (("language", 2), ("translation", 3)):
        command = ("inspect", "beam", run_of(task), "to be", "--beam", str(width), "--json")
        outcome = ostinato(*command, "--length-penalty", "0.5")
        assert outcome.status == 0, outcome.err
        found = json.loads(outcome.out)["data"]
        assert (found["width"], found["length_penalty"]) == (width, 0.5)
        model = package.load(run_of(task))
        assert package.inspect(model, "to be", "beam", beam=width).data["width"] == width
    outcome = ostinato("inspect", "gates", run_of("language"), "to be", "--beam", "3")
    assert outcome.status == 2 and "--beam: the view gates does not read it" in outcome.err
    # of a model whose answer the beam finds, the loss is that of the answer
    assert ostinato("inspect", "gates", run_of("translation"), "to be", "--beam", "3").status == 0


def test_a_file_that_there_is_not_is_said_to_be_a_text(ostinato):
    for text, noted in (("book.txt", True), ("and so on...", False), ("Hm.", False)):
        outcome = ostinato("inspect", "encoding", run_of("language"), text)
        assert outcome.status == 0
        assert ("there is no such file; looked at as a text" in outcome.err) == noted


def test_an_option_of_a_trained_model_that_is_a_modules():
    model = package.load(run_of("language"))
    for choices in ({"labels": ["a"]}, {"row": 1}, {"loss": sum}):
        with pytest.raises(InputError, match="only for a torch.nn.Module; a trained model has"):
            package.inspect(model, "x", "gates", **choices)


def test_help_lists_the_views(ostinato):
    outcome = ostinato("inspect", "--help")
    assert outcome.status == 0
    assert all(name in outcome.out for name in VIEWS)


def test_without_an_input_and_without_the_test_set(place, ostinato):
    plan = place / "run/training/plan.json"
    plan.write_text(plan.read_text().replace("train.src", "gone.src"))
    outcome = ostinato("inspect", "gates", "run")
    assert outcome.status == 2
    assert "give a text or a file after the run: the files that it was tested on" in outcome.err
    assert ostinato("inspect", "parameters", "run").status == 0


def test_teacher_forcing_against_free_running(ostinato):
    text, target = "I need a doctor.", "J'ai besoin d'un médecin."
    model = package.load(run_of("translation"))
    data = package.inspect(model, (text, target), "forcing").data
    example = model.task.preprocessing.encode(model.task.reader.as_record((text, target)))
    forced = data["by_position"]["teacher_forcing"]
    assert len(forced) == len(example.targets)
    assert -sum(forced) == pytest.approx(model.score([(text, target)])[0], rel=1e-5)
    assert data["by_position"]["free_running"][0] == pytest.approx(forced[0])
    assert data["by_position"]["prefix_right"][0] == 1.0
    assert data["gap"] == pytest.approx(data["free_running"] - data["teacher_forcing"])
    # where the target is the model's own greedy answer, both prefixes are the same
    own = package.load(run_of("translation"), beam=1).predict([text])[0]
    data = package.inspect(model, (text, own), "forcing").data
    assert data["gap"] == pytest.approx(0.0, abs=1e-9)
    many = json.loads(ostinato("inspect", "forcing", run_of("translation"), "--json").out)["data"]
    assert many["examples"] == 100
    with pytest.raises(ValueError, match="this model has no view 'forcing'"):
        package.inspect(package.load(run_of("tagging")), "a b", "forcing")


@pytest.mark.parametrize("task", ["translation", "language"])
def test_evaluate_tells_what_free_running_costs(task, ostinato):
    outcome = ostinato(
        "evaluate", run_of(task), "--free-running", "--against", run_of(task), "--json"
    )
    result = json.loads(outcome.out)
    found = result["free_running"]
    assert found["examples"] == 100
    assert found["gap"] == pytest.approx(found["free_running"] - found["teacher_forcing"])
    assert result["against"]["free_running"] == found
    by_position = found["by_position"]
    weighted = zip(by_position["teacher_forcing"], by_position["examples"], strict=True)
    total = sum(value * count for value, count in weighted)
    assert found["teacher_forcing"] == pytest.approx(total / sum(by_position["examples"]))
    lines = ostinato("evaluate", run_of(task), "--free-running").out
    assert "gold prefix" in lines and "own prefix" in lines


def test_free_running_of_a_language_model_by_hand():
    model = package.load(run_of("language"))
    text = "To be or not"
    data = package.inspect(model, text, "forcing").data
    network, preprocessing = model.network, model.task.preprocessing
    ids = preprocessing.prompt_ids(text)
    logits = network.output(network.recurrent(network.embedding(torch.tensor([ids[:-1]])))[0])[0]
    gold = -logits.log_softmax(-1)[range(len(ids) - 1), ids[1:]]
    np.testing.assert_allclose(data["by_position"]["teacher_forcing"], gold.detach(), rtol=1e-5)
    own, free = [ids[0]], []
    for target in ids[1:]:
        row = network.output(network.recurrent(network.embedding(torch.tensor([own])))[0])[0, -1]
        scores = row.log_softmax(-1).detach()
        free.append(-float(scores[target]))
        scores[list(preprocessing.never_generated)] = -torch.inf
        own.append(int(scores.argmax()))
    np.testing.assert_allclose(data["by_position"]["free_running"], free, rtol=1e-5)


@pytest.mark.parametrize("view", ["forcing", "evaluate"])
def test_free_running_of_a_tune(view, ostinato):
    model = package.load(run_of("melody"))
    (tune, *_) = model.task.reader.read([INPUTS["melody"]])
    ((forced, free, agreed),) = model.task.predictor.prefix_losses(model.network, [tune])
    if view == "evaluate":
        result = json.loads(
            ostinato("evaluate", run_of("melody"), INPUTS["melody"], "--free-running", "--json").out
        )["free_running"]
        assert result["by_position"]["teacher_forcing"][0] > 0
        assert result["by_position"]["prefix_right"][0] == 1.0
        return
    assert -sum(forced) == pytest.approx(model.score([tune])[0], rel=1e-5)
    assert free[0] == pytest.approx(forced[0], rel=1e-5) and agreed[0]
    differing = agreed.index(False)  # while the own prefix is the gold one, so is the loss
    np.testing.assert_allclose(free[:differing], forced[:differing], rtol=1e-4)
    assert free != pytest.approx(forced)
    data = package.inspect(model, tune, "forcing").data
    np.testing.assert_allclose(data["by_position"]["free_running"], free, rtol=1e-4)
    np.testing.assert_allclose(data["by_position"]["teacher_forcing"], forced, rtol=1e-4)


def test_free_running_of_a_tagger(ostinato):
    outcome = ostinato("evaluate", run_of("tagging"), "--free-running")
    assert outcome.status == 2
    assert "--free-running: a model of task tagging does not read its own output" in outcome.err
