"""Language models: chunked = whole, the loss is the sum of -log p, dropout and regularisation."""

from __future__ import annotations

import pytest
import torch

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Batch
from ostinato.layers.embedding import Embedding
from ostinato.models.ensemble import LanguageEnsemble
from ostinato.models.language_model import DropoutRates, LanguageModel


def model(cell: str = "lstm", size: int = 6, seed: int = 0, **settings) -> LanguageModel:
    torch.manual_seed(seed)
    return LanguageModel(Embedding(9, 5), CELLS[cell], size, **settings).eval()


def batch(rows: int = 3, steps: int = 12) -> Batch:
    numbers = torch.randint(0, 9, (rows, steps + 1), generator=torch.Generator().manual_seed(1))
    return Batch(
        numbers[:, :-1], torch.full((rows,), steps), numbers[:, 1:], torch.full((rows,), steps)
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tied": True},
        {"layers": 2, "size": [7, 5], "tied": True},
        {"zoneout": 0.2},
        {"layers": 2, "residual": True, "pre_norm": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_chunked_is_whole_and_one_step_at_a_time(cell, settings):
    made, given = model(cell, **settings), batch()
    whole = made.loss(given, made.initial_state(3))
    log_probabilities = torch.log_softmax(made.output(made.hidden(given.inputs, None)[0]), -1)
    wanted = -log_probabilities.gather(2, given.targets[..., None])[..., 0]
    assert whole.total.item() == pytest.approx(wanted.sum().item(), rel=1e-5)
    assert whole.count == 36
    for size in (1, 5):
        state, total, losses = made.initial_state(3), 0.0, []
        for start in range(0, 12, size):
            part = slice(start, start + size)
            each = Batch(given.inputs[:, part], given.lengths, given.targets[:, part])
            losses.append(made.losses(each.inputs, each.targets, state)[0])
            result = made.loss(each, state)
            total, state = total + result.total.item(), result.state
        assert total == pytest.approx(whole.total.item(), rel=1e-5)
        assert torch.allclose(torch.cat(losses, 1), wanted, atol=1e-5)
    state = made.initial_state(3)
    for step in range(12):
        logits, state = made.step(given.inputs[:, step], state)
        assert torch.allclose(logits.log_softmax(-1), log_probabilities[:, step], atol=1e-5)
    assert torch.allclose(made.read(given.inputs, made.initial_state(3))[0], logits, atol=1e-5)


def test_targets_that_are_ignored_count_for_nothing():
    made, given = model(), batch()
    targets = given.targets.clone()
    targets[0, 5:] = -100
    loss = made.loss(Batch(given.inputs, given.lengths, targets), None)
    losses, _ = made.losses(given.inputs, targets, made.initial_state(3))
    assert loss.count == 29
    assert loss.total.item() == pytest.approx(losses.sum().item(), rel=1e-5)
    assert not losses[0, 5:].any()


def test_tied_weights_are_one():
    made = model(tied=True)
    assert made.output.weight is made.embedding.weight
    assert made.readout is not None
    assert model(size=5, tied=True).readout is None
    assert (
        sum(each.numel() for each in made.parameters())
        < sum(each.numel() for each in model(size=6).parameters()) + 40
    )


def test_the_pulls_are_added_while_training():
    """alpha times the mean squared output, beta times that of its change, for each token."""
    given = batch()
    plain, pulled = model(), model(activation=2.0, temporal=3.0)
    _, (raw, outputs), _ = plain.hidden(given.inputs, None)
    added = 36 * (2 * outputs.square().mean() + 3 * (raw[:, 1:] - raw[:, :-1]).square().mean())
    assert pulled.loss(given).total.item() == pytest.approx(
        plain.loss(given).total.item(), rel=1e-6
    )
    difference = pulled.train().loss(given).total - plain.train().loss(given).total
    assert difference.item() == pytest.approx(added.item(), rel=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"rates": DropoutRates(0.5)},
        {"rates": DropoutRates(layers=0.5), "layers": 2},
        {"rates": DropoutRates(outputs=0.5)},
        {"rates": DropoutRates(0.3, 0.3, 0.3, locked=True), "layers": 2},
        {"weight_drop": 0.5},
        {"recurrent_dropout": 0.5},
        {"zoneout": 0.3},
    ],
    ids=str,
)
def test_whatever_is_dropped_is_dropped_while_training_alone(settings):
    made, given = model(**settings), batch()
    assert made.loss(given).total.item() == made.loss(given).total.item()
    made.train()
    assert made.loss(given).total.item() != made.loss(given).total.item()
    made.loss(given).total.backward()
    assert all(parameter.grad.isfinite().all() for parameter in made.parameters())


def test_a_state_is_forgotten_while_training_alone():
    """Each row has the loss of a new text, or of a continued one, and nothing else."""
    given = batch()
    never, always, at_random = (
        model().train(),
        model(state_reset=1.0).train(),
        model(state_reset=0.5).train(),
    )
    _, _, state = never.hidden(given.inputs, None)
    afresh, carried = never.loss(given), never.loss(given, state)
    assert always.loss(given, state).total.item() == afresh.total.item() != carried.total.item()
    assert always.eval().loss(given, state).total.item() == carried.total.item()
    torch.manual_seed(0)
    behind = {at_random.loss(given, state).state[0][0][0].sum().item() for _ in range(20)}
    assert behind == {each.state[0][0][0].sum().item() for each in (afresh, carried)}


def test_bfloat16_rounds_while_training_alone():
    exact, rounded = model(size=16), model(size=16, output_precision="bfloat16")
    assert exact.loss(batch()).total.item() == rounded.loss(batch()).total.item()
    found = rounded.train().loss(batch()).total.item()
    assert found != exact.train().loss(batch()).total.item()
    assert found == pytest.approx(exact.loss(batch()).total.item(), rel=0.01)


def test_locked_dropout_hides_the_same_units_at_each_step():
    made = model(rates=DropoutRates(outputs=0.5, locked=True)).train()
    hidden, _, _ = made.hidden(batch().inputs, None)
    assert ((hidden == 0) == (hidden[:, :1] == 0)).all()
    assert (hidden == 0).any()


def test_an_ensemble_is_the_mean_of_probabilities():
    members, given = [model(seed=1), model("gru", seed=2)], batch()
    both = LanguageEnsemble(members)
    spreads = torch.stack(
        [each.read(given.inputs, each.initial_state(3))[0].softmax(-1) for each in members]
    ).mean(0)
    assert torch.allclose(
        both.read(given.inputs, both.initial_state(3))[0].softmax(-1), spreads, atol=1e-6
    )
    losses, _ = both.losses(given.inputs, given.targets, both.initial_state(3))
    assert torch.allclose(
        losses[:, -1].neg().exp(), spreads.gather(1, given.targets[:, -1:])[:, 0], atol=1e-6
    )
