"""Forecasters: quantiles in order, losses by hand, likelihoods against torch's, every cell and
decoder.
"""

import pytest
import torch

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Batch
from ostinato.models.autoregressive_forecaster import AutoregressiveForecaster
from ostinato.models.direct_forecaster import DirectForecaster
from ostinato.models.forecaster import LEVELS, MEDIAN, order_quantiles, pinball_loss
from ostinato.models.forecaster_ensemble import ForecasterEnsemble
from ostinato.models.segment_forecaster import SegmentForecaster
from ostinato.models.window_features import WindowFeatures

LOOK_BACK, HORIZON = 12, 5
FEATURES = WindowFeatures(past=1, known=2, static=3, series=4)


def windows(rows=3, *, features=FEATURES, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, LOOK_BACK + HORIZON, features.size, generator=generator)
    inputs[..., 1] = 1
    inputs[:, LOOK_BACK:, : 2 + features.past] = 0
    inputs[..., -1] = torch.arange(rows).unsqueeze(1) % 5
    targets = torch.randn(rows, HORIZON, generator=generator)
    lengths = torch.full((rows,), LOOK_BACK + HORIZON)
    return Batch(inputs, lengths, targets)


def build(decoder, cell="gru", **settings):
    torch.manual_seed(1)
    arguments = (CELLS[cell], LOOK_BACK, HORIZON, FEATURES)
    if decoder == "segments":
        return SegmentForecaster(*arguments, hidden_size=8, segment=3, skip=True, **settings)
    if decoder == "direct":
        return DirectForecaster(*arguments, hidden_size=8, skip=True, **settings)
    return AutoregressiveForecaster(*arguments, hidden_size=8, paths=50, **settings)


DECODERS = ("segments", "direct", "autoregressive")


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns_in_every_decoder(decoder, cell):
    model, batch = build(decoder, cell), windows(8)
    batch.targets[0, 2] = float("nan")  # a missing value counts nothing
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    losses = []
    for _ in range(12):
        loss = model.loss(batch)
        optimizer.zero_grad()
        (loss.total / loss.count).backward()
        optimizer.step()
        losses.append(float(loss.total))
    assert losses[-1] < losses[0]
    if decoder != "autoregressive":
        assert loss.count == 8 * HORIZON - 1
    quantiles = model.eval().quantiles(batch)
    assert quantiles.shape == (8, HORIZON, len(LEVELS))
    assert (quantiles.diff(dim=-1) >= 0).all()


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_window_gets_the_same_bits_whatever_else_is_in_the_batch(decoder):
    model, batch = build(decoder).eval(), windows(8)
    other = windows(8, seed=9)
    mixed = other.inputs.clone()
    mixed[5] = batch.inputs[2]
    with torch.no_grad():
        one = model.quantiles(batch)[2]
        two = model.quantiles(Batch(mixed, batch.lengths))[5]
    assert torch.equal(one, two)


def test_quantiles_never_cross():
    raw = 50 * torch.randn(1000, len(LEVELS), generator=torch.Generator().manual_seed(2))
    ordered = order_quantiles(raw)
    assert (ordered.diff(dim=-1) >= 0).all()
    assert torch.equal(ordered[:, MEDIAN], raw[:, MEDIAN])


def test_the_pinball_loss_by_hand():
    quantiles = torch.zeros(1, 2, len(LEVELS))
    loss = pinball_loss(quantiles, torch.tensor([[1.0, float("nan")]]))
    assert loss.count == 1
    assert float(loss.total) == pytest.approx(2 * sum(LEVELS) / len(LEVELS), rel=1e-6)


@pytest.mark.parametrize("likelihood", ["gaussian", "student-t"])
def test_likelihoods_are_torchs(likelihood):
    model = build("autoregressive", likelihood=likelihood)
    values, location = torch.tensor([0.3, -2.0]), torch.tensor([0.1, 0.5])
    scale = torch.tensor([0.7, 1.5])
    found = model.negative_log_likelihood(values, location, scale)
    normal = torch.distributions.Normal(location, scale)
    student = torch.distributions.StudentT(model.freedom, location, scale)
    wanted = normal if likelihood == "gaussian" else student
    assert torch.allclose(found, -wanted.log_prob(values), atol=1e-6)


def test_sample_paths_are_drawn_from_the_distribution_step_by_step():
    model, batch = build("autoregressive", likelihood="gaussian").eval(), windows(2)
    with torch.no_grad():
        paths = model.sample_paths(batch, paths=2000, seed=3)
        again = model.sample_paths(batch, paths=2000, seed=3)
        known, static = model.outside(batch.inputs)
        steps = torch.arange(1, LOOK_BACK + 1)
        values, seen = batch.inputs[:, :LOOK_BACK, 0], batch.inputs[:, :LOOK_BACK, 1]
        inputs = model.read_steps(values, seen, steps, known[:, 1 : LOOK_BACK + 1], static)
        outputs, _ = model.recurrent(inputs)
        location, scale = model.distribution(outputs[:, -1])
    assert torch.equal(paths, again) and paths.shape == (2, 2000, HORIZON)
    assert torch.allclose(paths[..., 0].mean(1), location, atol=0.1)
    assert torch.allclose(paths[..., 0].std(1), scale, atol=0.1)


def test_an_ensemble_is_the_mean_of_its_quantiles():
    models, batch = [build("direct").eval(), build("segments").eval()], windows()
    both = ForecasterEnsemble(models)
    wanted = (models[0].quantiles(batch) + models[1].quantiles(batch)) / 2
    assert torch.allclose(both.quantiles(batch), wanted)
    assert both.loss(batch).count == 3 * HORIZON
