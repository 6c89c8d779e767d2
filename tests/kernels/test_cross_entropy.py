"""The large softmax in pieces equals linear + cross_entropy: values and gradients."""

import contextlib

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from ostinato.kernels import bindings, linear_cross_entropy
from ostinato.kernels import cross_entropy as module
from ostinato.kernels.availability import disabled


def both(N, H, V, *, bias=True, smoothing=0.0, ignored=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(N * 100 + V)
    leaves = [
        torch.randn(N, H, generator=generator, dtype=dtype),
        torch.randn(V, H, generator=generator, dtype=dtype),
    ]
    leaves.append(torch.randn(V, generator=generator, dtype=dtype) if bias else None)
    targets = torch.randint(V, (N,), generator=generator)
    targets[:ignored] = -100
    results = []
    for ours in (True, False):
        hidden, weight, b = (
            None if leaf is None else leaf.clone().requires_grad_() for leaf in leaves
        )
        if ours:
            loss = linear_cross_entropy(hidden, weight, b, targets, smoothing)
        else:
            loss = cross_entropy(
                linear(hidden, weight, b), targets, reduction="sum", label_smoothing=smoothing
            )
        (loss * 0.3).backward()
        results.append(
            [loss.detach()] + [leaf.grad for leaf in (hidden, weight, b) if leaf is not None]
        )
    return results


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("N", "ignored"), [(1, 0), (1, 1), (7, 0), (7, 3), (40, 40), (0, 0)])
def test_equals_linear_and_cross_entropy(monkeypatch, N, ignored, smoothing, bias):
    monkeypatch.setattr(module, "PIECE", 4)
    monkeypatch.setattr(module, "TOGETHER", 1)
    for a, b in zip(*both(N, 5, 11, bias=bias, smoothing=smoothing, ignored=ignored), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("isa", range(len(bindings.instruction_sets)) or [None])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    ("N", "H", "V"), [(33, 8, 1), (33, 40, 1000), (1, 1, 17), (7, 3, 16), (100, 65, 33)]
)
def test_float32(monkeypatch, N, H, V, smoothing, isa):
    if isa is not None:
        monkeypatch.setattr(bindings, "chosen", isa)
    monkeypatch.setattr(module, "PIECE", 20)
    monkeypatch.setattr(module, "TOGETHER", 1)
    monkeypatch.setattr(module, "WORDS", 40)
    for a, b in zip(
        *both(N, H, V, smoothing=smoothing, ignored=N // 5, dtype=torch.float32), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("wanted", [(True, True, True), (True, False, False), (False, True, True)])
def test_products_of_bfloat16(monkeypatch, kernels, wanted):
    """Off by what rounding to 8 binary digits does, 1 part in 256 at most, and exact where
    nothing is rounded.
    """
    monkeypatch.setattr(module, "TOGETHER", 3000)
    generator = torch.Generator().manual_seed(1)
    shapes = (50, 64), (300, 64), (300,)
    leaves = [torch.randn(shape, generator=generator) / 2 for shape in shapes]
    targets = torch.randint(300, (50,), generator=generator)
    targets[3] = -100
    found = {}
    for precision in ("float32", "bfloat16"):
        inputs = [
            leaf.clone().requires_grad_(needed) for leaf, needed in zip(leaves, wanted, strict=True)
        ]
        with contextlib.nullcontext() if kernels else disabled():
            loss = linear_cross_entropy(*inputs, targets, 0.1, precision=precision)
        loss.backward()
        assert [each.grad is not None for each in inputs] == list(wanted)
        found[precision] = [loss.detach(), *(each.grad for each in inputs if each.grad is not None)]
    for exact, rounded in zip(*found.values(), strict=True):
        assert rounded.dtype == torch.float32
        assert (rounded - exact).norm() < 0.01 * exact.norm()
        assert not torch.equal(rounded, exact)
    whole = (
        torch.randint(-3, 4, (4, 8), generator=generator).float(),
        torch.randint(-3, 4, (9, 8), generator=generator).float(),
    )
    losses = [
        linear_cross_entropy(*whole, None, torch.arange(4), precision=precision)
        for precision in module.PRECISIONS
    ]
    assert torch.equal(*losses)


def test_a_second_backward_pass_finds_the_same(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 4)
    monkeypatch.setattr(module, "TOGETHER", 1)
    hidden, weight, bias = (
        torch.randn(shape, requires_grad=True) for shape in ((9, 4), (11, 4), (11,))
    )
    targets = torch.tensor([1, 2, -100, 3, 4, 5, 6, 7, 8])
    loss = linear_cross_entropy(hidden, weight, bias, targets)
    passes = [
        torch.autograd.grad(loss * scale, (hidden, weight, bias), retain_graph=True)
        for scale in (1.0, 3.0)
    ]
    for first, second in zip(*passes, strict=True):
        torch.testing.assert_close(3 * first, second)


def test_extreme_logits_and_not_a_number():
    hidden, targets = torch.tensor([[300.0], [-300.0], [float("nan")]]), torch.tensor([1, 1, 0])
    weight = torch.tensor([[1.0], [2.0], [-1.0]])
    for row in range(3):
        ours = linear_cross_entropy(hidden[row : row + 1], weight, None, targets[row : row + 1])
        theirs = cross_entropy(
            hidden[row : row + 1] @ weight.t(), targets[row : row + 1], reduction="sum"
        )
        torch.testing.assert_close(ours, theirs, equal_nan=True)


def test_a_target_out_of_range():
    for target in (5, -1):
        with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
            linear_cross_entropy(torch.zeros(1, 4), torch.zeros(5, 4), None, torch.tensor([target]))


def test_without_gradients_and_with_some():
    hidden, weight, targets = (
        torch.randn(6, 4),
        torch.randn(9, 4, requires_grad=True),
        torch.arange(6),
    )
    with torch.no_grad():
        loss = linear_cross_entropy(hidden, weight, None, targets)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, cross_entropy(hidden @ weight.t(), targets, reduction="sum"))
    linear_cross_entropy(hidden, weight, None, targets).backward()
    assert hidden.grad is None and weight.grad.shape == weight.shape


def test_bfloat16_and_autocast():
    hidden, weight, targets = torch.randn(6, 4), torch.randn(9, 4), torch.arange(6)
    expected = cross_entropy(hidden @ weight.t(), targets, reduction="sum")
    leaf = weight.bfloat16().requires_grad_()
    loss = linear_cross_entropy(hidden.bfloat16(), leaf, None, targets)
    loss.backward()
    assert loss.dtype == torch.float32 and leaf.grad.dtype == torch.bfloat16
    torch.testing.assert_close(loss, expected, rtol=0.03, atol=0.1)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(
            linear_cross_entropy(hidden, weight, None, targets), expected, rtol=0.03, atol=0.1
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (torch.zeros(2, 3, 4), torch.zeros(5, 4), None, torch.zeros(2).long()),
            r"hidden must be .*\(2, 3, 4\)",
        ),
        (
            (torch.zeros(2, 3), torch.zeros(5, 4), None, torch.zeros(2).long()),
            r"weight .*\(2, 3\) and \(5, 4\)",
        ),
        (
            (torch.zeros(2, 4), torch.zeros(5, 4), None, torch.zeros(3).long()),
            r"targets must be \[N\] = \[2\].*\(3,\)",
        ),
        (
            (torch.zeros(2, 4), torch.zeros(5, 4), None, torch.zeros(2).long(), 1.5),
            r"0\.\.1; got 1\.5",
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        linear_cross_entropy(*arguments)


def test_no_such_precision():
    with pytest.raises(ValueError, match="precision must be one of float32, bfloat16; got 'half'"):
        linear_cross_entropy(
            torch.zeros(2, 4), torch.zeros(5, 4), None, torch.zeros(2).long(), precision="half"
        )
