"""ostinato inspect remedies: the built-in problem, tasks, the table, and what bad input gets."""

from __future__ import annotations

import json

import pytest
import torch
from torch.nn import functional

from ostinato.commands.run import recall_problem
from ostinato.commands.run.recall_problem import (
    REMEDIES,
    RecallNetwork,
    draw_sequences,
    look_through_time,
    try_remedy,
)
from ostinato.inspection.panels import Heatmap, Table
from ostinato.inspection.views.remedies import Trial, view_remedies


@pytest.fixture
def short(monkeypatch):
    """The problem with short lags and few steps."""
    monkeypatch.setattr(recall_problem, "LAGS", (2, 5))
    monkeypatch.setattr(recall_problem, "LOOKED_AT", 12)
    monkeypatch.setattr(recall_problem, "STEPS", 24)
    monkeypatch.setattr(try_remedy, "__kwdefaults__", {"steps": 24})


def test_the_symbol_is_shown_first_and_noise_at_every_step():
    x, symbols = draw_sequences(50, 7, torch.Generator().manual_seed(1))
    assert x.shape == (50, 8, recall_problem.SYMBOLS + 1)
    assert torch.equal(x[:, 0, :-1].argmax(-1), symbols)
    assert float(x[:, 1:, :-1].abs().sum()) == 0
    assert bool((x[..., -1] != 0).all())


def test_the_first_step_of_all_remedies_of_a_cell_is_the_same(short):
    trials = {each.name: try_remedy(each, seed=3) for each in REMEDIES}
    plain, clipped = trials["RNN, no clipping"], trials["RNN, clipped by norm"]
    assert plain.losses[0] == clipped.losses[0] and plain.norms[0] == clipped.norms[0]
    assert plain.losses[0] != trials["RNN, orthogonal start"].losses[0]
    for trial in trials.values():
        assert len(trial.losses) == len(trial.norms) == 24
        assert set(trial.by_lag) == {2, 5} and trial.score == sum(trial.by_lag.values()) / 2
        assert len(trial.before) == len(trial.after) == 13 == len(trial.missing)
    assert try_remedy(REMEDIES[0], seed=3).losses == plain.losses


def test_truncation_has_no_gradient_from_before_its_chunk():
    network = RecallNetwork(REMEDIES[3])
    x, symbols = draw_sequences(2, 14, torch.Generator().manual_seed(1))
    x.requires_grad_()
    functional.cross_entropy(network(x, 10), symbols).backward()
    assert float(x.grad[:, :10].abs().sum()) == 0 and float(x.grad[:, 10:].abs().sum()) > 0
    torch.testing.assert_close(network(x, 10), network(x))


def test_the_gradient_through_time_is_autograds():
    torch.manual_seed(0)
    network = RecallNetwork(REMEDIES[0])
    found, _ = look_through_time(network, 1)
    generator = torch.Generator().manual_seed(1 + 10**6)
    x, symbols = draw_sequences(1, recall_problem.LOOKED_AT, generator)
    cell, state = network.recurrent.typed_cells[0].double(), None
    states = []
    state = torch.zeros(1, recall_problem.HIDDEN, dtype=torch.float64)
    for t in range(x.shape[1]):
        (state,) = cell.step(cell.project(x[:, t].double()), (state,))
        states.append(state)
    loss = functional.cross_entropy(network.output.double()(state), symbols)
    for t in (0, 40, 80):
        (wanted,) = torch.autograd.grad(loss, states[t], retain_graph=True)
        assert found[t] == pytest.approx(float(wanted.norm()), rel=1e-9)


def test_orthogonal_start():
    weight = RecallNetwork(REMEDIES[4]).recurrent.typed_cells[0].from_hidden.weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(len(weight)), atol=1e-5, rtol=0)


def test_the_longest_lag_and_a_diverged_trial_are_reported():
    good = Trial("a", [1.0, 0.5], [2.0, 3.0], score=0.9, by_lag={2: 1.0, 10: 0.95, 20: 0.5, 40: 1})
    good.after = [0.5, 1.0]
    bad = Trial("b", [1.0], [5.0], by_lag={2: 0.1, 10: 0.1, 20: 0.1, 40: 0.1}, diverged_at=2)
    view = view_remedies([good, bad], "title", [])
    assert view.notes == ["b: training diverged at step 2."]
    table = next(panel for panel in view.panels if isinstance(panel, Table))
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["longest lag learned"] for row in rows] == [10, "none"]
    assert rows[0]["|dL/dh_1| / |dL/dh_T|"] == 0.5 and rows[0]["largest |g|"] == 3.0
    heatmap = next(panel for panel in view.panels if isinstance(panel, Heatmap))
    assert heatmap.values.tolist() == [[1.0, 0.95, 0.5, 1.0], [0.1] * 4]


@pytest.mark.pictures
def test_by_command(short, tmp_path, ostinato):
    outcome = ostinato("inspect", "remedies", "--json")
    trials = json.loads(outcome.out)["data"]["trials"]
    assert list(trials) == [remedy.name for remedy in REMEDIES]
    for suffix in ("png", "html"):
        file = tmp_path / f"remedies.{suffix}"
        assert ostinato("inspect", "remedies", "recall", "--output", file).status == 0
        assert file.stat().st_size > 10_000


def test_of_a_task(ostinato):
    outcome = ostinato("inspect", "remedies", "tagging", "--time-limit", "0.2s", "--json")
    assert outcome.status == 0, outcome.err
    trials = json.loads(outcome.out)["data"]["trials"]
    assert "RNN, clipped by value" in trials and "RNN, truncated after 10" not in trials
    for trial in trials.values():
        assert trial["loss"] and trial["loss_gradient_after"] and trial["accuracy"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "remedies: no problem or task 'nowhere'; known: recall, translation"),
        (["recal"], "remedies: no problem or task 'recal'; did you mean 'recall'?"),
        (["recall", "x.txt"], "a file is for the remedies of a task"),
        (["recall", "--time-limit", "3s"], "--time-limit is for the remedies of a task"),
        (["tagging", "gone.conllu"], "gone.conllu"),
        (["--seed", "-1"], "--seed must be between 0"),
        (["tagging", "--time-limit", "soon"], "--time-limit"),
    ],
)
def test_what_bad_input_gets(arguments, message, ostinato):
    outcome = ostinato("inspect", "remedies", *arguments)
    assert outcome.status == 2 and message in outcome.err
    assert "Traceback" not in outcome.err


def test_another_view_needs_a_run(ostinato):
    outcome = ostinato("inspect", "gates")
    assert outcome.status == 2 and "ostinato inspect gates RUN" in outcome.err
