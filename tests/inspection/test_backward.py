"""What is recorded and differentiated equals what autograd gives, for torch.nn, every cell,
and user's cells.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import ostinato
from ostinato.cells import CELLS
from ostinato.cells.cell import Cell
from ostinato.inspection.backward import differentiate, split_by_lag, walk_back
from ostinato.inspection.gradients import jacobian
from ostinato.inspection.recording import record
from ostinato.layers.recurrent import Recurrent
from ostinato.models.inspectable import name_parts

TOLERANCE = {"rtol": 1e-6, "atol": 1e-9}


def double(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Leaky(Cell):
    """A user's own cell."""

    def step(self, projected, state):
        (h,) = state
        return (0.5 * h + 0.5 * (projected + self.from_hidden(h)).tanh(),)


def torch_layers():
    torch.manual_seed(3)
    return {
        "lstm": nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True),
        "lstm time first": nn.LSTM(5, 4),
        "lstm projected": nn.LSTM(5, 4, proj_size=2, batch_first=True),
        "gru": nn.GRU(5, 4, num_layers=2, batch_first=True),
        "gru without bias": nn.GRU(5, 4, bias=False, batch_first=True),
        "rnn relu": nn.RNN(5, 4, nonlinearity="relu", bidirectional=True, batch_first=True),
        "ostinato.nn": ostinato.nn.LSTM(5, 4, batch_first=True),
    }


@pytest.mark.parametrize("name", torch_layers())
def test_a_recorded_torch_layer_gives_its_own_outputs_and_gradients(name):
    module = torch_layers()[name].double()
    x = double(3, 6, 5)
    outputs, state = module(x)
    wanted = torch.autograd.grad(outputs.square().sum(), list(module.parameters()))
    with record(name_parts(module)) as recording:
        again, last = module(x)
    torch.testing.assert_close(again, outputs, **TOLERANCE)
    torch.testing.assert_close(last, state, **TOLERANCE)
    found = torch.autograd.grad(again.square().sum(), list(module.parameters()))
    torch.testing.assert_close(found, wanted, **TOLERANCE)
    assert "forward" not in vars(module)
    assert recording.parts["recurrent"].layers == module.num_layers


def test_a_recorded_packed_sequence_and_a_given_state():
    torch.manual_seed(1)
    module = nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True).double()
    x, lengths = double(3, 6, 5), torch.tensor([2, 6, 4])
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    state = double(4, 3, 4), double(4, 3, 4, seed=1)
    outputs, last = module(packed, state)
    with record(name_parts(module)) as recording:
        again, found = module(packed, state)
    torch.testing.assert_close(again.data, outputs.data, **TOLERANCE)
    assert again.batch_sizes.tolist() == outputs.batch_sizes.tolist()
    torch.testing.assert_close(found, last, **TOLERANCE)
    run = recording.parts["recurrent"].run(1, 1)
    padded, _ = pad_packed_sequence(outputs, batch_first=True)
    longest = run.values(row=0)["hidden"]  # rows are in the order of their lengths
    torch.testing.assert_close(longest, padded[1, :, 4:], **TOLERANCE)
    assert [run.length(row) for row in range(3)] == [6, 4, 2]


def test_without_a_batch():
    module = nn.GRU(5, 4).double()
    x = double(6, 5)
    with record(name_parts(module)):
        again, last = module(x)
    torch.testing.assert_close((again, last), module(x), **TOLERANCE)


def make_cells():
    """One small Recurrent of every cell, and of a user's own."""
    torch.manual_seed(0)
    return {name: (cell, name) for name, cell in {**CELLS, "leaky": Leaky}.items()}


@pytest.mark.parametrize("name", make_cells())
def test_gradients_of_every_cell_equal_autograds(name):
    recurrent = Recurrent(make_cells()[name][0], 3, 4, bidirectional=True, layers=2).double().eval()
    x = double(2, 5, 3)
    with record(name_parts(recurrent)) as recording:
        outputs, _ = recurrent(x)
    loss = (outputs[1] * double(5, outputs.shape[2], seed=2)).sum()
    runs = recording.parts["recurrent"].runs
    for run, found in zip(runs, differentiate(loss, runs, row=1), strict=True):
        named = dict(run.cell.named_parameters())
        wanted = torch.autograd.grad(
            loss, list(named.values()), retain_graph=True, allow_unused=True
        )
        terms = list(split_by_lag(run, found.direct, row=1))
        assert len(terms) == 5
        for parameter, gradient in zip(named, wanted, strict=True):
            total = sum(term[parameter] for term in terms)
            expected = torch.zeros_like(total) if gradient is None else gradient
            torch.testing.assert_close(total, expected, **TOLERANCE)
        last = torch.autograd.grad(loss, run.states[3], retain_graph=True)
        torch.testing.assert_close(found.total[0][2], last[0][1], **TOLERANCE)


@pytest.mark.parametrize("name", make_cells())
@pytest.mark.parametrize("direction", [0, 1])
def test_walking_back_gives_the_jacobians(name, direction):
    torch.manual_seed(5)
    recurrent = Recurrent(make_cells()[name][0], 3, 4, bidirectional=True).double().eval()
    x = double(1, 6, 3)
    with record(name_parts(recurrent)) as recording:
        recurrent(x)
    run = recording.parts["recurrent"].run(0, direction)
    for k, rows in walk_back(run, 0, 5):
        wanted = jacobian(recurrent, x[0], step=5, earlier=k, direction=direction)
        torch.testing.assert_close(rows[:, :4], wanted, **TOLERANCE)


def test_a_decoder_that_is_called_step_by_step_is_one_run():
    torch.manual_seed(2)
    recurrent = Recurrent(CELLS["gru"], 3, 4).double()
    x = double(1, 5, 3)
    with record(name_parts(recurrent)) as recording:
        state, outputs = None, []
        for t in range(5):
            output, state = recurrent(x[:, t : t + 1], None, state)
            outputs.append(output)
    run = recording.parts["recurrent"].run(0)
    whole, _ = recurrent(x)
    torch.testing.assert_close(run.values()["hidden"], whole[0], **TOLERANCE)
    loss = torch.cat(outputs, 1).square().sum()
    (found,) = differentiate(loss, [run])
    terms = list(split_by_lag(run, found.direct))
    wanted = torch.autograd.grad(whole.square().sum(), run.cell.from_hidden.weight)[0]
    torch.testing.assert_close(sum(t["from_hidden.weight"] for t in terms), wanted, **TOLERANCE)
