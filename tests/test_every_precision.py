"""Every kernel in bfloat16: what rounding the factors of its products explains, and no more."""

import functools

import pytest
import torch
from torch.nn import functional

from ostinato import kernels, nn
from ostinato.cells.cell import scan
from ostinato.cells.gru import GRU
from ostinato.cells.lstm import LSTM
from ostinato.kernels import bindings, dispatch, precision
from ostinato.layers.recurrent import Recurrent
from test_every_kernel import (
    CELLS,
    DROPPED,
    SHAPES,
    drawn_like,
    exactly,
    example,
    expected,
    needs_native,
    results,
    reversed_reference,
)

WAYS = [  # instruction set, way of sharing the work, threads, large products by torch
    *(
        (name, split, threads, by_torch)
        for name in bindings.bfloat16_sets
        for split, threads, by_torch in [
            ("automatic", 1, False),
            ("rows", 2, False),
            ("units", 3, False),
            ("automatic", 2, True),
        ]
    ),
    ("float32", "automatic", 1, False),  # without instructions it stays in float32
]
FORMS = [  # each with what odd sizes leave over in pairs, vectors and blocks
    *SHAPES[1:6],
    (18, 7, 31, 72, [7, 7, 5, 3] * 4 + [0, 1]),
]


class RoundedLinear(torch.autograd.Function):
    """A linear layer in float64 whose factors are rounded to bfloat16, in both passes."""

    @staticmethod
    def forward(context, x, weight, bias):
        context.save_for_backward(rounded(x), rounded(weight))
        context.biased = bias is not None
        y = rounded(x) @ rounded(weight).t()
        return y if bias is None else y + bias

    @staticmethod
    def backward(context, dy):
        x, weight = context.saved_tensors
        narrow = rounded(dy)
        d_weight = narrow.flatten(0, -2).t() @ x.flatten(0, -2)
        return narrow @ weight, d_weight, dy.flatten(0, -2).sum(0) if context.biased else None


def rounded(x):
    return x.bfloat16().to(x.dtype)


@functools.lru_cache(256)
def rounded_results(name, B, T, D, H, lengths):
    """What the reference computes in float64 of rounded factors."""
    cell, x, state, scales = example((CELLS | DROPPED)[name], B, T, D, H)
    lengths = None if lengths is None else torch.tensor(lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functional, "linear", lambda x, w, b=None: RoundedLinear.apply(x, w, b))
        patch.setattr(torch, "rand_like", drawn_like)
        return results(scan, *exactly(cell, x, state), lengths, scales)


@pytest.fixture
def way(request, monkeypatch):
    """An instruction set, a way of sharing the work, threads, and whose the large products are."""
    name, split, threads, by_torch = request.param
    if name == "float32":
        monkeypatch.setattr(bindings, "bfloat16_sets", ())
    monkeypatch.setattr(bindings, "split", split)
    monkeypatch.setattr(bindings, "large_by_torch", by_torch)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    yield name
    torch.set_num_threads(before)


def under_autocast(cell, x, state, lengths):
    with torch.autocast("cpu", torch.bfloat16):
        assert dispatch.why_not(cell, x, state, lengths) is None
        return kernels.find(cell, x, state, lengths)(cell, x, state, lengths)


def explained(found, exact, narrow, factor=2):
    """Errors are those of rounded factors, or twice as large: what lies between two numbers of
    bfloat16 is rounded the other way if the last bit of a float32 differs.

    torch's products round their results once more: four times.
    """
    for ours, best, theirs in zip(found, exact, narrow, strict=True):
        if best is None or ours is None:
            continue
        size = max(1.0, float(best.abs().max()) if best.numel() else 1.0)
        assert ours.dtype == torch.float32
        if best.numel():
            allowed = factor * (float((theirs - best).abs().max()) + 0.002 * size)
            assert (ours.double() - best).abs().max() <= allowed


@needs_native
@pytest.mark.parametrize("way", WAYS, indirect=True, ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_errors_are_those_of_rounded_factors(name, way):
    for B, T, D, H, lengths in FORMS:
        cell, x, state, scales = example(CELLS[name], B, T, D, H)
        exact = expected(name, B, T, D, H, None if lengths is None else tuple(lengths))
        narrow = rounded_results(name, B, T, D, H, None if lengths is None else tuple(lengths))
        lengths = None if lengths is None else torch.tensor(lengths)
        found = results(under_autocast, cell, x, state, lengths, scales)
        factor = 4 if bindings.large_by_torch else 2
        explained(found, exact, exact if way == "float32" else narrow, factor)
        torch.manual_seed(3)
        with torch.no_grad():
            outputs, last = under_autocast(cell, x, state, lengths)
        assert all(torch.equal(a, b) for a, b in zip(found, [outputs, *last], strict=False))


@needs_native
@pytest.mark.parametrize("name", DROPPED)
def test_with_dropout_inside(name):
    for B, T, D, H, lengths in (SHAPES[2], SHAPES[3]):
        cell, x, state, scales = example(DROPPED[name], B, T, D, H)
        key = (name, B, T, D, H, None if lengths is None else tuple(lengths))
        found = results(under_autocast, cell, x, state, torch.tensor(lengths), scales)
        explained(found, expected(*key), rounded_results(*key))


@needs_native
@pytest.mark.parametrize("name", CELLS)
def test_backward_in_time(name):
    lengths = torch.tensor([7, 5, 0, 1])
    cell, x, state, scales = example(CELLS[name], 4, 7, 5, 18)

    def run(*call):
        with torch.autocast("cpu", torch.bfloat16):
            return dispatch.run(*call, reverse=True)

    found = results(run, cell, x, state, lengths, scales)
    exact = results(reversed_reference, *exactly(cell, x, state), lengths, scales)
    for a, b in zip(found, exact, strict=True):
        if b is not None:
            torch.testing.assert_close(a.double(), b, rtol=0.03, atol=0.03 * float(b.abs().max()))


@needs_native
@pytest.mark.parametrize("name", CELLS)
def test_modules_in_bfloat16(name):
    """Inputs, weights, results and gradients in bfloat16; between them the same as elsewhere."""
    cell, x, state, scales = example(CELLS[name], 6, 5, 9, 20)
    exact = expected(name, 6, 5, 9, 20, None)
    cell, x, state = cell.bfloat16(), x.bfloat16(), tuple(part.bfloat16() for part in state)
    assert dispatch.why_not(cell, x, state) is None
    found = results(lambda *call: kernels.find(*call)(*call), cell, x, state, None, scales)
    for a, b in zip(found, exact, strict=True):
        if a is not None and b is not None:
            assert a.dtype == torch.bfloat16
            atol = 0.03 * max(1.0, float(b.abs().max()))
            torch.testing.assert_close(a.double(), b, rtol=0.03, atol=atol)


@needs_native
def test_a_module_in_bfloat16_has_no_second_derivatives():
    cell = LSTM(3, 4).bfloat16()
    x = torch.randn(2, 3, 3).bfloat16().requires_grad_()
    outputs, _ = cell.run(x, cell.initial_state(2, x))
    with (
        pytest.warns(UserWarning, match="second derivatives"),
        pytest.raises(RuntimeError, match="second derivatives of a cell in bfloat16.*autocast"),
    ):
        torch.autograd.grad(outputs.sum(), x, create_graph=True)


@needs_native
def test_second_derivatives_under_autocast_are_the_references():
    cell, x = GRU(3, 4), torch.randn(2, 3, 3, requires_grad=True)
    outputs, _ = under_autocast(cell, x, cell.initial_state(2, x), None)
    with pytest.warns(UserWarning, match="second derivatives are computed by the reference"):
        (gradient,) = torch.autograd.grad(outputs.sum(), x, create_graph=True)
    assert torch.autograd.grad(gradient.square().sum(), x)[0].isfinite().all()


@needs_native
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", CELLS)
def test_not_a_number_stays_in_its_row(name, bad):
    cell, x, state, _ = example(CELLS[name], 4, 6, 5, 20)
    x[1, 2, 3] = bad
    with torch.no_grad():
        found, exact = under_autocast(cell, x, state, None)[0], scan(cell, x, state)[0]
    assert torch.equal(found.isnan(), exact.isnan())
    assert torch.equal(found.isinf(), exact.isinf())


@needs_native
def test_packed_weights_of_two_precisions_do_not_meet():
    cell, x, state, _ = example(CELLS["lstm"], 3, 4, 6, 20)
    with torch.no_grad():
        plain = cell.run(x, state)[0]
        narrow = under_autocast(cell, x, state, None)[0]
        assert torch.equal(cell.run(x, state)[0], plain)
        assert torch.equal(under_autocast(cell, x, state, None)[0], narrow)
        with kernels.weights_as("bfloat16"):
            again = cell.run(x, state)[0]
    if bindings.bfloat16_sets:
        assert not torch.equal(plain, narrow) and torch.equal(again, narrow)
    torch.testing.assert_close(plain, narrow, rtol=0.02, atol=0.02)


@needs_native
def test_layers_under_autocast_keep_float32_outside_of_products():
    layer = Recurrent(LSTM, 8, 16, layers=2, bidirectional=True)
    x, lengths = torch.randn(3, 9, 8), torch.tensor([9, 4, 0])
    expected, _ = layer(x, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, state = layer(x.bfloat16(), lengths)
    assert outputs.dtype == state[0][0].dtype == torch.float32
    torch.testing.assert_close(outputs, expected, rtol=0.03, atol=0.03)
    outputs.sum().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in layer.parameters())


@needs_native
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_drop_ins_take_autocast_and_bfloat16(kind, monkeypatch):
    layer, x = getattr(nn, kind)(8, 16, batch_first=True), torch.randn(3, 12, 8)
    expected = layer(x)[0]
    ran = []
    native = bindings.forward
    monkeypatch.setattr(
        bindings, "forward", lambda *calls, **how: (ran.append(how), native(*calls, **how))[1]
    )
    with torch.autocast("cpu", torch.bfloat16):
        narrow = layer(x)[0]
    halved = layer.bfloat16()(x.bfloat16())[0]
    assert halved.dtype == torch.bfloat16 and [how["precision"] for how in ran] == ["bfloat16"] * 2
    for found in (narrow, halved):
        torch.testing.assert_close(found.float(), expected, rtol=0.03, atol=0.03)


@needs_native
def test_autocast_to_float16_is_the_references():
    cell, x = LSTM(3, 4), torch.randn(2, 3, 3)
    with torch.autocast("cpu", torch.float16):
        assert dispatch.why_not(cell, x, cell.initial_state(2, x)) == (
            "autocast to float16 is active"
        )
    assert precision.autocast_dtype() is None and precision.why_not_autocast() is None


@needs_native
def test_status_tells_the_precisions(monkeypatch):
    told = kernels.status()["precisions"]
    assert told["float32"] == bindings.instruction_sets[0]
    monkeypatch.setattr(bindings, "bfloat16_sets", ())
    told = kernels.status()["precisions"]["bfloat16"]
    assert told.startswith("float32 by") and "no AVX-512 BF16" in told
    monkeypatch.setattr(bindings, "missing", "no such file")
    assert kernels.status()["precisions"] == {"float32": None, "bfloat16": None}
