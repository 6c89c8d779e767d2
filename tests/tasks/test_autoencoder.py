"""Autoencoders: the linear one is principal component analysis; files, sequences, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import ostinato
from ostinato.baselines.principal_components import PrincipalComponents
from ostinato.cells.gru import GRU
from ostinato.data.batching.batch import Batch, Example, collate
from ostinato.data.files.samples import sample_files
from ostinato.data.vectors import read_vectors
from ostinato.models.autoencoder import (
    DeepAutoencoder,
    LinearAutoencoder,
    RecurrentAutoencoder,
    fit_linear_autoencoder,
    principal_angles,
)
from ostinato.tasks import TASKS

DIGITS = sample_files("autoencoder")


def waves(number, seed=0):
    random = np.random.default_rng(seed)
    found = []
    for length in random.integers(4, 12, number):
        t, f, p = np.arange(length), random.uniform(0.2, 0.8), random.uniform(0, 6)
        found.append(np.stack([np.sin(f * t + p), np.cos(f * t + p)], 1))
    return found


@pytest.mark.parametrize(("size", "code"), [(6, 1), (6, 3), (20, 5), (5, 5)])
def test_the_linear_autoencoder_finds_the_principal_subspace(size, code):
    random = np.random.default_rng(size + code)
    mixing = random.normal(size=(size, size)) * np.linspace(1, 4, size)
    x = random.normal(size=(500, size)) @ mixing
    x -= x.mean(0)
    covariance = x.T @ x / len(x)
    weight = fit_linear_autoencoder(covariance, code, seed=3)
    components = PrincipalComponents.fit(covariance, code)
    assert principal_angles(weight, components.basis).max() < 1e-4
    error = np.square(x - x @ weight.T @ weight).sum(1).mean()
    assert error == pytest.approx(components.discarded, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(weight @ weight.T, np.eye(code), atol=1e-5)
    np.testing.assert_allclose(components.eigenvalues.sum(), np.trace(covariance))


def test_principal_angles_by_hand():
    one = np.eye(3)[:1]
    for angle in (0.0, 1e-9, 1e-3, 0.7, np.pi / 2):
        other = np.array([[np.cos(angle), np.sin(angle), 0.0]])
        assert principal_angles(one, 5 * other)[0] == pytest.approx(angle, abs=1e-15, rel=1e-6)
    plane = np.array([[1.0, 0, 0], [0, 1, 0]])
    turned = np.array([[1.0, 0, 0], [0, np.cos(0.3), np.sin(0.3)]])
    np.testing.assert_allclose(principal_angles(plane, turned), [0.3, 0.0], atol=1e-12)


def test_components_agree_with_scikit_learn():
    decomposition = pytest.importorskip("sklearn.decomposition")
    x = np.stack([each.values[0] for each in read_vectors(DIGITS["train"])]).astype(np.float64)
    centred = x - x.mean(0)
    ours = PrincipalComponents.fit(centred.T @ centred / len(x), 8)
    theirs = decomposition.PCA(8, svd_solver="full").fit(x)
    assert principal_angles(ours.basis, theirs.components_).max() < 1e-6
    np.testing.assert_allclose(
        ours.eigenvalues[:8], theirs.explained_variance_ * (len(x) - 1) / len(x)
    )


def test_the_decoder_of_the_linear_one_is_its_encoder_transposed():
    network = LinearAutoencoder(5, 2)
    batch = Batch(torch.randn(3, 1, 5), torch.ones(3, dtype=torch.int64))
    wanted = batch.inputs[:, 0] @ network.weight.T @ network.weight
    torch.testing.assert_close(network.reconstruct(batch)[:, 0], wanted)
    total, count, _ = network.loss(batch)
    assert float(total) == pytest.approx(float((wanted - batch.inputs[:, 0]).square().sum()))
    assert count == 15


def test_all_that_a_recurrent_decoder_knows_went_through_the_code():
    torch.manual_seed(0)
    network = RecurrentAutoencoder(GRU, 2, 6, 3, layers=2).double().eval()
    batch = collate([Example(torch.randn(7, 2)), Example(torch.randn(4, 2))])
    batch = Batch(batch.inputs.double(), batch.lengths)
    codes = network.encode(batch)
    torch.testing.assert_close(
        network.reconstruct(batch),
        network.decode(codes, batch.lengths)
        * (torch.arange(7)[None, :, None] < batch.lengths[:, None, None]),
    )
    alone = Batch(batch.inputs[1:, :4], batch.lengths[1:])
    torch.testing.assert_close(network.encode(alone), codes[1:])
    torch.testing.assert_close(network.reconstruct(alone), network.reconstruct(batch)[1:, :4])
    assert float(network.reconstruct(batch)[1, 4:].abs().sum()) == 0
    total, count, _ = network.loss(batch)
    assert count == 22 and float(total) == pytest.approx(float(network.squared_errors(batch).sum()))
    scores = network.step_scores(batch)
    assert scores.shape == (2, 7) and float(scores[1, 4:].abs().sum()) == 0
    assert [part.name for part in network.recurrent_parts()] == ["encoder", "decoder"]


def test_a_deep_autoencoder_has_its_layers_in_reverse():
    network = DeepAutoencoder(9, [7, 5], 2)
    widths = lambda half: [each.weight.shape for each in half if hasattr(each, "weight")]  # noqa: E731
    assert widths(network.encoder) == [(7, 9), (5, 7), (2, 5)]
    assert widths(network.decoder) == [(5, 2), (7, 5), (9, 7)]


@pytest.mark.pictures
def test_the_report_shows_the_theorem(tmp_path, ostinato):
    run = tmp_path / "run"
    outcome = ostinato("train", "autoencoder", "--model", "linear", "--out", run)
    assert outcome.status == 0 and "training optimum" in outcome.out
    report = json.loads((run / "report.json").read_text())
    optimum = report["details"]["training optimum"]
    assert optimum["largest_principal_angle"] < 1e-4
    assert optimum["squared_error"] == pytest.approx(optimum["discarded_eigenvalues"], rel=1e-8)
    row = report["table"][0]
    assert row["metric"] == "mse" and row["score"] == pytest.approx(row["baseline"], rel=1e-5)
    assert (run / "reconstructions.png").stat().st_size > 10_000
    evaluated = json.loads(ostinato("evaluate", run, DIGITS["test"], "--json").out)
    assert evaluated["metrics"]["mse"] == pytest.approx(row["score"])
    records = list(read_vectors(DIGITS["test"]))[:3]
    x = np.stack([record.values[0] for record in records])
    codes = ostinato_codes(ostinato, run, x)
    model = load(run)
    weight = model.network.weight.detach().double().numpy()
    np.testing.assert_allclose(codes, (x - model.task.preprocessing.mean) @ weight.T, rtol=1e-4)


def load(run):
    return ostinato.load(run)


def ostinato_codes(command, run, x):
    file = run.parent / "x.npz"
    np.savez(file, X=x)
    lines = command("predict", run, file).out.splitlines()
    return np.array([[float(each) for each in line.split(",")] for line in lines])


def test_a_table_and_what_predict_shows(tmp_path, ostinato):
    table = tmp_path / "table.csv"
    random = np.random.default_rng(1)
    rows = [
        f"{a},{2 * a + b / 10},name{n},{b}" for n, (a, b) in enumerate(random.normal(size=(40, 2)))
    ]
    table.write_text("height,weight,who,age\n" + "\n".join(rows) + "\n")
    run = tmp_path / "run"
    options = ["--model", "linear", "--code-size", "3", "--scaling", "standard"]
    outcome = ostinato("train", "autoencoder", "--train", table, "--out", run, *options)
    assert outcome.status == 0 and "left out, as no numbers: who" in outcome.err
    rebuilt = ostinato("predict", run, table, "--show", "reconstructions").out.splitlines()
    given = [[float(a), float(b), float(c)] for a, b, _, c in (row.split(",") for row in rows)]
    found = [[float(each) for each in line.split(",")] for line in rebuilt]
    np.testing.assert_allclose(found, given, atol=1e-3)  # a code as large as the input
    errors = ostinato("predict", run, table, "--show", "errors").out.splitlines()
    assert len(errors) == 40 and max(map(float, errors)) < 1e-5
    first = json.loads(ostinato("predict", run, table, "--json").out.splitlines()[0])
    assert len(first["code"]) == 3 and len(first["reconstruction"][0]) == 3


def test_sequences_from_python(tmp_path):
    model = ostinato.train(
        "autoencoder",
        train=waves(40),
        test=waves(8, 1),
        out=tmp_path / "run",
        cell="gru",
        code_size=3,
        hidden_size=12,
        epochs=2.0,
        least_steps=0,
        tensorboard=False,
    )
    assert model.task.options.model == "recurrent"
    assert model.report["baseline"]["name"] == "principal components"
    sequence = waves(1, 2)[0]
    answer = model.predictions([sequence])[0]
    assert answer.reconstruction.shape == sequence.shape and answer.code.shape == (3,)
    assert json.loads((tmp_path / "run/report.json").read_text())["metrics"]["mse"] > 0
    view = ostinato.inspect(model, sequence, "gradients")
    assert {layer["part"] for layer in view.data["layers"]} == {"encoder", "decoder"}


def test_rows_from_python(tmp_path):
    rows = np.random.default_rng(0).normal(size=(30, 4))
    model = ostinato.train(
        "autoencoder", train=rows, out=tmp_path / "a", model="components", code_size=2
    )
    assert model.task.preprocessing.size == 4
    named = [{"a": float(row[0]), "b": float(row[1])} for row in rows]
    other = ostinato.train(
        "autoencoder", train=named, out=tmp_path / "b", model="linear", code_size=1
    )
    assert other.predict([[0.0, 1.0], "0, 1", "[0, 1]"])[0] == other.predict(["0,1"])[0]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a,b\n", "", "no examples (0 rows)"),
        ("a,b\nx,y\n", "", "t.csv:2: no column of numbers among"),
        ("a,b\n1,2\n3,x\n", "", "t.csv:3: b: 'x' is not a finite number"),
        ("a,b\n1,2\n3,nan\n", "", "t.csv:3: b: 'nan' is not a finite number"),
        ("a,b\n1,2\n3\n", "", "t.csv:3: 1 field, expected 2"),
        ("a,b\n1,2\n3,4\n5,6\n", "--model linear --code-size 3", "--code-size must be at most 2"),
        ("a,b\n1,2\n3,4\n5,6\n", "--model lstm", "--model recurrent: the inputs are single rows"),
        ("a,b\n1,2\n3,4\n5,6\n", "--model ltsm", "--model"),
        ("a,b\n1,2\n3,4\n5,6\n", "--code-size 0", "--code-size"),
    ],
)
def test_what_bad_tables_get(content, options, message, tmp_path, ostinato, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(content)
    outcome = ostinato(*f"train autoencoder --train t.csv --out run {options}".split())
    assert outcome.status == 2 and message in outcome.err, outcome.err
    assert "Traceback" not in outcome.err and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.ones(3)}, "no array 'X' or 'images' among z"),
        ({"X": np.ones(3)}, "expected numbers X [N, D]"),
        ({"X": np.array([["a", "b"]])}, "expected numbers X [N, D]"),
        ({"images": np.ones((3, 4))}, "images [N, H, W]"),
        ({"X": np.array([[1.0, np.inf], [1, 2]])}, "row 1: value 2 is not a finite number"),
        ({"X": np.ones((3, 4, 2)), "lengths": np.array([9, 2, 5])}, "series 1 has length 9"),
    ],
)
def test_what_bad_arrays_get(arrays, message, tmp_path, ostinato, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", **arrays)
    outcome = ostinato("train", "autoencoder", "--train", "a.npz", "--out", "run")
    assert outcome.status == 2 and message in outcome.err, outcome.err
    assert "Traceback" not in outcome.err


def test_an_input_of_another_size(tmp_path, ostinato):
    rows = np.random.default_rng(0).normal(size=(20, 4))
    run = tmp_path / "run"
    model = ostinato_train(rows, run)
    with pytest.raises(ValueError, match="the input: 3 values, but the model has 4"):
        model.predict([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="expected numbers between commas, or JSON"):
        model.predict(["a b"])
    np.savez(tmp_path / "x.npz", X=np.ones((2, 5)))
    outcome = ostinato("predict", run, tmp_path / "x.npz")
    assert outcome.status == 2 and "row 1: 5 values, but the model has 4" in outcome.err
    np.savez(tmp_path / "s.npz", X=np.ones((2, 5, 4)))
    outcome = ostinato("predict", run, tmp_path / "s.npz")
    assert outcome.status == 2 and "the model was trained on single rows" in outcome.err


def ostinato_train(rows, run):
    return ostinato.train("autoencoder", train=rows, out=run, model="components", code_size=2)


def test_it_is_a_task_that_compare_knows():
    assert TASKS["autoencoder"].compare_models[:2] == ("components", "linear")
