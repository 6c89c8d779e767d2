"""The native linear layer equals torch's: values, gradients, and second derivatives."""

import pytest
import torch
from torch.nn import functional

from ostinato.kernels import bindings, disabled, packed_weights
from ostinato.kernels.linear_layer import LEAST, linear, why_not

pytestmark = pytest.mark.skipif(bool(bindings.missing), reason="no compiled part")


@pytest.mark.parametrize("isa", range(len(bindings.instruction_sets)))
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(LEAST, 5), (3, 40, 33), (2, 5, 16, 1)])
def test_equals_torch(monkeypatch, isa, bias, shape):
    monkeypatch.setattr(bindings, "chosen", isa)
    generator = torch.Generator().manual_seed(shape[0])
    leaves = [torch.randn(size, generator=generator) for size in (shape, (19, shape[-1]), (19,))]
    results = []
    for function in (linear, functional.linear):
        x, weight, b = (leaf.clone().requires_grad_() for leaf in leaves)
        inputs = (x, weight, b) if bias else (x, weight)
        assert why_not(x, weight, b) is None
        out = function(*inputs)
        results.append([out, *torch.autograd.grad((out**2).sum(), inputs)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)


def test_inputs_that_lie_apart():
    x, weight = torch.randn(33, LEAST).t().requires_grad_(), torch.randn(33, 7).t().requires_grad_()
    out = linear(x, weight)
    torch.testing.assert_close(out, functional.linear(x, weight))
    found = torch.autograd.grad(out.t()[::2].sum(), (x, weight))
    for ours, theirs in zip(
        found,
        torch.autograd.grad(functional.linear(x, weight).t()[::2].sum(), (x, weight)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_second_derivatives():
    leaves = (
        torch.randn(LEAST, 3, requires_grad=True),
        torch.randn(4, 3, requires_grad=True),
        torch.randn(4, requires_grad=True),
    )
    results = []
    for function in (linear, functional.linear):
        gradients = torch.autograd.grad((function(*leaves) ** 3).sum(), leaves, create_graph=True)
        results.append(torch.autograd.grad(sum((each**2).sum() for each in gradients), leaves))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (torch.zeros(LEAST - 1, 3), "there are few rows"),
        (torch.zeros(LEAST, 3).double(), "not float32"),
        (torch.zeros(0, 3), "few rows"),
        (torch._neg_view(torch.zeros(LEAST, 3)), "lazy negative bit"),
    ],
)
def test_calls_that_torch_takes(x, reason):
    weight = torch.zeros(4, 3, dtype=x.dtype)
    assert reason in why_not(x, weight, None)
    assert linear(x, weight).shape == (len(x), 4)


def test_switched_off_or_transformed():
    x, weight = torch.randn(LEAST, 3), torch.randn(4, 3)
    with disabled():
        assert why_not(x, weight, None) == "inside kernels.disabled()"
    torch.testing.assert_close(
        torch.func.vmap(lambda w: linear(x, w))(weight.expand(2, 4, 3))[1], x @ weight.t()
    )
    with torch.no_grad():
        assert "nothing is learned" in why_not(x, weight, None)
    with torch.autocast("cpu", torch.bfloat16):
        narrow = linear(x, weight.requires_grad_())
    assert narrow.dtype == torch.float32  # only the factors are rounded
    torch.testing.assert_close(narrow, x @ weight.t(), rtol=0.02, atol=0.02)
    narrow.sum().backward()
    torch.testing.assert_close(weight.grad, x.sum(0).expand(4, 3), rtol=0.02, atol=0.1)


def test_packed_weights_are_kept_and_follow_the_weight():
    x, weight = torch.randn(LEAST, 3), torch.nn.Parameter(torch.randn(4, 3))
    with torch.no_grad():
        for change in (
            lambda: None,
            lambda: weight.mul_(2),
            lambda: weight.copy_(weight + 1),
            lambda: None,
        ):
            change()
            found = linear(x, weight, keep_packed=True)
            torch.testing.assert_close(found, functional.linear(x, weight))
            assert packed_weights.find_packed(weight, "linear") is not None
    assert torch.equal(linear(x, weight), found)  # the same bits, with gradients and without


def test_what_does_not_fit_is_refused_by_torch():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        linear(torch.zeros(LEAST, 3), torch.zeros(4, 5))
