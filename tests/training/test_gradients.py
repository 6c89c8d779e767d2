from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from toy import batches, toy

from ostinato.cells import GRU, LSTM, RNN
from ostinato.layers.recurrent import Recurrent
from ostinato.training.gradient_watch import GradientWatch
from ostinato.training.gradients import (
    clip_gradients,
    collect_gradients,
    gradient_norm,
)
from ostinato.training.gradients_over_time import TimeProfiles


def parameters(*values: list[float]) -> list[nn.Parameter]:
    found = [nn.Parameter(torch.zeros(len(value))) for value in values]
    for parameter, value in zip(found, values, strict=True):
        parameter.grad = torch.tensor(value)
    return found


def result(found: list[nn.Parameter]) -> list[float]:
    return torch.cat([p.grad for p in found]).tolist()


@pytest.mark.parametrize(
    ("limits", "norm", "after"),
    [
        ({}, 5.0, [3.0, 4.0]),
        ({"norm": 10.0}, 5.0, [3.0, 4.0]),
        ({"norm": 2.5}, 5.0, [1.5, 2.0]),
        ({"value": 3.5}, 5.0, [3.0, 3.5]),
        ({"scale": 0.5}, 2.5, [1.5, 2.0]),
        ({"scale": 2.0, "norm": 5.0}, 10.0, [3.0, 4.0]),
        ({"scale": 2.0, "value": 6.0, "norm": 72**0.5 / 2}, 10.0, [3.0, 3.0]),
    ],
)
def test_clipping(limits, norm, after):
    found = parameters([3.0], [4.0])
    assert clip_gradients(found, **limits) == norm
    assert result(found) == pytest.approx(after)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_no_number_is_left_as_it_is(value):
    found = parameters([3.0], [value, -7.0])
    assert not clip_gradients(found, norm=1.0, value=1.0) < float("inf")
    assert result(found)[0] == 3.0 and result(found)[2] == -7.0


def test_repeated_rows_of_a_sparse_gradient_are_added_before_they_are_measured():
    table = nn.Parameter(torch.zeros(4, 2))
    table.grad = torch.sparse_coo_tensor([[1, 1, 3]], [[1.0, 0.0], [2.0, 0.0], [0.0, 4.0]], (4, 2))
    assert gradient_norm(collect_gradients([table])) == 5.0
    assert clip_gradients([table], norm=2.5) == 5.0
    assert table.grad.to_dense().tolist() == [[0, 0], [1.5, 0], [0, 0], [0, 2.0]]
    clip_gradients([table], value=1.0)
    assert table.grad.to_dense().tolist() == [[0, 0], [1.0, 0], [0, 0], [0, 1.0]]


def test_as_torch_clips():
    ours, theirs = toy(), toy()
    for model in (ours, theirs):
        torch.manual_seed(1)
        model.loss(batches(1)[0]).total.backward()
    norm = clip_gradients(ours.parameters(), norm=0.3)
    assert norm == pytest.approx(
        nn.utils.clip_grad_norm_(theirs.parameters(), 0.3).item(), rel=1e-6
    )
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-5, atol=1e-8)


def test_nothing_has_a_gradient():
    assert clip_gradients([nn.Parameter(torch.zeros(2))], norm=1.0) == 0.0


def test_an_explosion_is_told_once():
    watch = GradientWatch(toy(), window=5, factor=100)
    norms = [1.0] * 5 + [99.0] + [1.0] * 3 + [150.0, 200.0]
    told = [warning for norm in norms for warning in watch(norm)]
    assert told == [
        "the gradient exploded: its norm is 150, the usual one 1; limit it with clip_norm, or "
        "lower learning_rate"
    ]


def test_a_gradient_that_vanishes_before_it_reaches_a_layer_is_told_once():
    model = toy()
    watch = GradientWatch(model, window=3, every=2)
    told = []
    for _ in range(20):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        model.recurrent.weight_hh_l0.grad *= 1e-9
        told += watch(1.0)
    assert told == [
        "the gradient vanishes before it reaches recurrent.weight_hh_l0: it stayed under 1e-07 of "
        "the largest; "
        "a gated cell (cell lstm or gru), fewer layers or shorter sequences help"
    ]


def test_ordinary_training_gives_no_warning():
    from ostinato.training.loop import train

    model = toy()
    watch = GradientWatch(model, every=1)
    run = train(model, batches(5), torch.optim.SGD(model.parameters(), lr=0.1), epochs=8)
    assert [warning for progress in run for warning in watch(progress.gradient_norm)] == []


class LastStep(nn.Module):
    """A recurrent layer whose last output alone is judged."""

    def __init__(self, recurrent):
        super().__init__()
        self.recurrent = recurrent

    def forward(self, x, lengths=None):
        outputs = self.recurrent(x, lengths)[0] if lengths is not None else self.recurrent(x)[0]
        last = outputs.shape[1] - 1 if lengths is None else (lengths - 1)
        return outputs[torch.arange(len(x)), last].square().sum()


def told_over_time(model, x, lengths=None, *, looks=3):
    """The warnings of a few steps of training, two steps for each look."""
    watch = GradientWatch(model, window=looks, every=2)
    told = []
    for _ in range(4 * looks):
        model.zero_grad()
        model(x, lengths).backward()
        told += watch(1.0)
    return told


@pytest.mark.parametrize("kind", ["ours", "torch", "torch, time first"])
def test_a_gradient_that_vanishes_through_time_is_told_once(kind):
    torch.manual_seed(1)
    steps = 300
    if kind == "ours":
        model = LastStep(Recurrent(RNN, 3, 8))
    else:
        model = LastStep(nn.RNN(3, 8, batch_first=kind == "torch"))
    if kind == "torch, time first":
        model.forward = lambda x, lengths=None: model.recurrent(x.transpose(0, 1))[0][-1].sum()
    told = told_over_time(model, torch.randn(2, steps, 3))
    assert told == [
        "the gradient vanishes through time before it reaches every input of recurrent: over the "
        "300 steps of a "
        "sequence it fell under 1e-07 of its largest; a gated cell (cell lstm or gru) or shorter "
        "sequences help"
    ]


def test_short_sequences_and_losses_at_each_step_give_no_warning():
    torch.manual_seed(1)
    assert told_over_time(LastStep(Recurrent(RNN, 3, 8)), torch.randn(2, 5, 3)) == []
    model = LastStep(Recurrent(RNN, 3, 8))
    model.forward = lambda x, lengths=None: model.recurrent(x)[0].square().sum()
    assert told_over_time(model, torch.randn(2, 300, 3)) == []


def test_an_open_forget_gate_gives_no_warning():
    torch.manual_seed(1)
    layer = Recurrent(partial(LSTM, forget_bias=10.0), 3, 8)
    assert told_over_time(LastStep(layer), torch.randn(2, 300, 3)) == []


def test_padding_has_no_gradient_and_does_not_count():
    torch.manual_seed(1)
    model, x = LastStep(Recurrent(GRU, 3, 8)), torch.randn(2, 300, 3)
    assert told_over_time(model, x, torch.tensor([4, 6])) == []
    assert len(told_over_time(model, x, torch.tensor([4, 300]))) == 1


def test_recording_changes_no_gradient():
    torch.manual_seed(1)
    model, x = LastStep(Recurrent(LSTM, 3, 8, layers=2, bidirectional=True)), torch.randn(2, 9, 3)
    found = []
    for recording in (False, True):
        profiles = TimeProfiles(model)
        if recording:
            profiles.record()
        model.zero_grad()
        model(x).backward()
        found.append([parameter.grad.clone() for parameter in model.parameters()])
        assert list(profiles.collect()) == ["recurrent"] * recording
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert not any(module._forward_pre_hooks for module in model.modules())
