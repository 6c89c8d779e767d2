"""All steps of a linear recurrence at once, and its gradients."""

import pytest
import torch

from ostinato.cells.minimal import MinGRU, MinLSTM
from ostinato.kernels.sequence.linear_scan import linear_scan


def one_by_one(a, b, h):
    states = []
    for t in range(a.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return torch.stack(states, dim=1)


@pytest.mark.parametrize("steps", [1, 2, 3, 16, 17, 100])
def test_equals_one_by_one(steps):
    a, b, h = (
        torch.rand(2, steps, 3).double(),
        torch.randn(2, steps, 3).double(),
        torch.randn(2, 3).double(),
    )
    torch.testing.assert_close(linear_scan(a, b, h), one_by_one(a, b, h))


def test_gradients_first_and_second():
    inputs = [
        torch.rand(2, 5, 2).double(),
        torch.randn(2, 5, 2).double(),
        torch.randn(2, 2).double(),
    ]
    inputs = [tensor.requires_grad_() for tensor in inputs]
    assert torch.autograd.gradcheck(linear_scan, inputs)
    assert torch.autograd.gradgradcheck(linear_scan, inputs)


@pytest.mark.parametrize("shut", [0.0, 1e-30])
def test_shut_gates_lose_no_digits(shut):
    a = torch.full((1, 200, 2), shut)
    a[:, ::2] = 1.0
    b, h = torch.rand(1, 200, 2), torch.ones(1, 2)
    torch.testing.assert_close(linear_scan(a, b, h), one_by_one(a, b, h), rtol=1e-6, atol=0)


def test_bfloat16_is_summed_in_float32():
    a, b = torch.full((1, 1000, 1), 1.0).bfloat16(), torch.full((1, 1000, 1), 0.01).bfloat16()
    last = linear_scan(a, b, torch.zeros(1, 1).bfloat16())[0, -1]
    assert last.dtype == torch.bfloat16
    torch.testing.assert_close(last.float(), torch.tensor([10.0]), rtol=0.01, atol=0)


@pytest.mark.parametrize("cell", [MinGRU, MinLSTM])
def test_outputs_may_be_changed_in_place(cell):
    """As torch.nn's: neither the state nor the gradients notice."""
    cell, x = cell(3, 4), torch.randn(2, 5, 3)
    gradients = []
    for in_place in (True, False):
        cell.zero_grad()
        outputs, (last,) = cell.run(x, cell.initial_state(2, x))
        kept = last.clone()
        outputs = outputs.mul_(2) if in_place else outputs * 2
        assert torch.equal(last, kept)
        outputs.square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in cell.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)
