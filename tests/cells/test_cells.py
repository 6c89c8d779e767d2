"""What is particular to single cells: where weights start, what gates are called, how forms
relate.
"""

from functools import partial

import pytest
import torch

from ostinato.cells import GRU, LSTM, RNN, Cell, GRUResetBefore, IndRNN, LinearCell, MinGRU, MinLSTM
from ostinato.cells.minimal import positive
from ostinato.layers.recurrent import Recurrent


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


def bias(cell: Cell, gate: int) -> torch.Tensor:
    return cell.from_input.bias.detach().chunk(cell.gates)[gate]


def test_forget_bias():
    assert (bias(LSTM(3, 4), 1) == 1).all()
    assert (bias(LSTM(3, 4, forget_bias=2.5), 1) == 2.5).all()
    assert not (bias(LSTM(3, 4), 0) == 1).any()


@pytest.mark.parametrize(
    ("cell", "keeps", "lets_in"),
    [(LSTM, 1, 0), (GRU, 1, None), (GRUResetBefore, 1, None), (MinLSTM, 0, 1)],
)
def test_chrono_biases_span_the_longest_dependency(cell, keeps, lets_in):
    one = cell(3, 2000, chrono=100)
    steps = bias(one, keeps).exp()  # a gate with bias log(n) forgets over n steps
    assert 1 <= steps.min() < 3
    assert 97 < steps.max() <= 99
    if lets_in is not None:
        assert (bias(one, lets_in) == -bias(one, keeps)).all()


def test_chrono_of_the_minimal_gru_is_the_other_way_round():
    assert (
        -5
        < bias(MinGRU(3, 100, chrono=100), 0).min()
        < bias(MinGRU(3, 100, chrono=100), 0).max()
        <= 0
    )


def test_the_two_forms_of_the_gru_differ_unless_the_reset_gate_is_open():
    after, before = GRU(3, 4), GRUResetBefore(3, 4)
    with torch.no_grad():
        for ours, theirs in [
            (before.from_input, after.from_input),
            (before.from_hidden, after.from_hidden),
        ]:
            ours.weight.copy_(theirs.weight)
        before.from_input.bias.copy_(after.from_input.bias)
        after.from_hidden.bias.zero_()
    x, state = torch.randn(2, 3), (torch.randn(2, 4),)
    assert not torch.allclose(
        after.step(after.project(x), state)[0], before.step(before.project(x), state)[0]
    )
    with torch.no_grad():
        after.from_input.bias[:4] = before.from_input.bias[:4] = 1e3
    torch.testing.assert_close(
        after.step(after.project(x), state), before.step(before.project(x), state)
    )


def test_independent_units_stay_within_their_bound():
    cell = IndRNN(3, 4)
    with torch.no_grad():
        cell.from_hidden.weight.copy_(torch.tensor([3.0, -2.0, 0.5, 1.0]))
    cell.constrain(longest=10)
    bound = 2**0.1
    torch.testing.assert_close(
        cell.from_hidden.weight.detach(), torch.tensor([bound, -bound, 0.5, 1.0])
    )


def test_positive_is_positive_and_continuous():
    x = torch.tensor([-30.0, -1e-6, 0.0, 2.0])
    torch.testing.assert_close(positive(x), torch.tensor([0.0, 0.5, 0.5, 2.5]))


def test_minimal_lstm_with_both_gates_shut_is_no_nan():
    cell = MinLSTM(1, 2)
    a, b = cell.coefficients(torch.tensor([[-200.0, -200.0, -200.0, -210.0, 1.0, 1.0]]))
    torch.testing.assert_close(a, torch.tensor([[0.5, 1.0]]), atol=1e-4, rtol=0)
    assert b.isfinite().all()


def test_any_function_of_a_tensor_is_an_activation():
    layer = Recurrent(partial(RNN, activation=torch.sin), 3, 4)
    x = torch.randn(2, 1, 3)
    torch.testing.assert_close(layer(x)[0][:, 0], layer.cells[0].from_input(x[:, 0]).sin())


def test_resetting_starts_anew_but_keeps_normalisation():
    from ostinato.cells import LayerNormLSTM

    cell = LayerNormLSTM(3, 4)
    before = cell.from_input.weight.detach().clone()
    cell.reset_parameters()
    assert not torch.equal(before, cell.from_input.weight)
    assert (cell.norm_cell.weight == 1).all()


def test_an_own_cell_linear_in_its_state_is_scanned():
    from ostinato import kernels
    from ostinato.kernels.sequence import linear_scan

    class Average(LinearCell):
        gates = 1

        def coefficients(self, projected):
            return torch.full_like(projected, 0.9), 0.1 * projected

    layer = Recurrent(Average, 3, 4)
    x = torch.randn(2, 30, 3)
    cell, state = layer.cells[0], layer.initial_state(2)[0]
    assert kernels.find(cell, x, state, None) is linear_scan.run
    outputs, _ = layer(x)
    with kernels.disabled():
        torch.testing.assert_close(layer(x)[0], outputs)


def test_a_linear_cell_without_coefficients_says_so():
    with pytest.raises(TypeError, match=r"LinearCell has no coefficients\(projected\)"):
        LinearCell(3, 0 + 1).coefficients(torch.zeros(1))


def test_an_heir_with_another_step_is_not_taken_for_its_parent():
    from ostinato import kernels

    class Half(GRU):
        def step(self, projected, state):
            return (super().step(projected, state)[0] / 2,)

    layer = Recurrent(Half, 3, 4)
    x = torch.randn(2, 5, 3)
    outputs, _ = layer(x)
    with kernels.disabled():
        torch.testing.assert_close(layer(x)[0], outputs, rtol=0, atol=0)
