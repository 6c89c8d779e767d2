"""Every kernel equals the reference loop, values and gradients, on every path that this machine has."""

import concurrent.futures
import functools

import pytest
import torch

from ostinato import kernels
from ostinato.cells.cell import scan
from ostinato.cells.gru import GRU
from ostinato.cells.lstm import LSTM
from ostinato.cells.rnn import RNN
from ostinato.kernels import lookup, native, packed

CELLS = {
    "lstm": LSTM,
    "lstm without bias": functools.partial(LSTM, bias=False),
    "gru": GRU,
    "gru without bias": functools.partial(GRU, bias=False),
    "rnn-tanh": RNN,
    "rnn-relu": functools.partial(RNN, activation="relu"),
}
# B, T, D, H, lengths
SHAPES = [
    (1, 1, 1, 1, None),
    (3, 4, 5, 7, None),
    (5, 6, 3, 16, [6, 0, 3, 1, 4]),
    (7, 5, 9, 33, [1, 1, 2, 2, 5, 4, 0]),
    (20, 3, 4, 70, None),
    (2, 9, 40, 130, [9, 2]),
    (3, 2, 2, 2, [0, 0, 0]),
    (13, 3, 3, 65, [3] * 13),
    (1, 300, 2, 17, [299]),
]
PATHS = [(isa, split, threads) for isa in native.instruction_sets for split in native.SPLITS for threads in (1, 2, 3)]

needs_native = pytest.mark.skipif(native.missing is not None, reason=f"not built: {native.missing}")


@pytest.fixture
def path(request, monkeypatch):
    """One instruction set, one way of sharing the work, so many threads."""
    isa, split, threads = request.param
    monkeypatch.setattr(native, "chosen", native.instruction_sets.index(isa))
    monkeypatch.setattr(native, "split", split)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    yield
    torch.set_num_threads(before)


def example(make, B, T, D, H, dtype=torch.float32, seed=0):
    """A cell, inputs, a state that is not zero, and what the results are weighed with."""
    generator = torch.Generator().manual_seed(seed)
    cell = make(D, H).to(dtype)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / H**0.5)
    random = functools.partial(torch.randn, generator=generator)
    x, state = random(B, T, D).to(dtype), tuple(random(B, H).to(dtype) for _ in range(cell.parts))
    return cell, x, state, [random(B, T, H), *(random(B, H) for _ in state)]


def results(run, cell, x, state, lengths, scales):
    """Outputs, last state, and the gradients of everything."""
    x, state = x.clone().requires_grad_(), tuple(part.clone().requires_grad_() for part in state)
    outputs, last = run(cell, x, state, lengths)
    found = [outputs, *last]
    sum((result * scale.to(result)).sum() for result, scale in zip(found, scales, strict=True)).backward()
    leaves = [x, *state, *cell.parameters()]
    return [result.detach() for result in found] + [leaf.grad for leaf in leaves]


def by_kernel(cell, x, state, lengths):
    assert lookup.why_not(cell, x, state, lengths) is None
    return kernels.find(cell, x, state, lengths)(cell, x, state, lengths)


def reversed_reference(cell, x, state, lengths):
    """Each row from its last real step to its first."""
    lengths = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
    rows = []
    for b, length in enumerate(lengths.tolist()):
        outputs, last = scan(cell, x[b : b + 1, :length].flip(1), tuple(part[b : b + 1] for part in state))
        rest = outputs.new_zeros(1, x.shape[1] - length, outputs.shape[2])
        rows.append((torch.cat([outputs.flip(1), rest], 1), last))
    return torch.cat([row[0] for row in rows]), tuple(
        torch.cat(parts) for parts in zip(*(r[1] for r in rows), strict=True)
    )


def close(found, expected):
    for a, b in zip(found, expected, strict=True):
        if b is None:  # a parameter that took no part
            assert a is None or not a.any()
            continue
        torch.testing.assert_close(a.double(), b.double(), rtol=0, atol=1e-5 * max(1.0, b.abs().max().item()))


@needs_native
@pytest.mark.parametrize("path", PATHS, indirect=True, ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_equals_the_reference(name, path):
    for B, T, D, H, lengths in SHAPES:
        lengths = None if lengths is None else torch.tensor(lengths)
        cell, x, state, scales = example(CELLS[name], B, T, D, H)
        exact = example(CELLS[name], B, T, D, H, torch.float64)
        found = results(by_kernel, cell, x, state, lengths, scales)
        close(found, results(scan, *exact[:3], lengths, scales))
        with torch.no_grad():  # nothing is kept for a backward pass, and nothing else changes
            outputs, last = by_kernel(cell, x, state, lengths)
        assert all(torch.equal(a, b) for a, b in zip(found, [outputs, *last], strict=False))


@needs_native
@pytest.mark.parametrize("name", CELLS)
def test_backward_in_time(name):
    run = functools.partial(lookup.run, reverse=True)
    for B, T, D, H, lengths in SHAPES[:-1]:
        lengths = None if lengths is None else torch.tensor(lengths)
        cell, x, state, scales = example(CELLS[name], B, T, D, H)
        exact = example(CELLS[name], B, T, D, H, torch.float64)
        close(results(run, cell, x, state, lengths, scales), results(reversed_reference, *exact[:3], lengths, scales))


@needs_native
@pytest.mark.parametrize("name", CELLS)
def test_only_what_is_asked_for(name):
    """Gradients of the last state alone, of the outputs alone, of the inputs alone, of the weights alone."""
    cell, x, state, scales = example(CELLS[name], 4, 5, 3, 18)
    for weights, inputs, states, part in [(0, 1, 0, 0), (1, 0, 0, 1), (0, 0, 1, 0), (1, 1, 1, -1)]:
        grads = []
        for run in (by_kernel, scan):
            cell.requires_grad_(bool(weights)).zero_grad()
            leaf, first = (
                x.clone().requires_grad_(bool(inputs)),
                tuple(s.clone().requires_grad_(bool(states)) for s in state),
            )
            outputs, last = run(cell, leaf, first, torch.tensor([5, 2, 0, 4]))
            (([outputs, *last][part]) * scales[part]).sum().backward()
            grads.append([tensor.grad for tensor in (leaf, *first, *cell.parameters())])
        for a, b in zip(*grads, strict=True):
            assert (a is None) == (b is None) or not (a if b is None else b).any()
            if a is not None and b is not None:
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@needs_native
@pytest.mark.parametrize("name", CELLS)
def test_twice_backward_and_second_derivatives(name):
    cell, x, state, scales = example(CELLS[name], 2, 3, 3, 5)
    leaf = x.clone().requires_grad_()
    loss = (by_kernel(cell, leaf, state, None)[0] * scales[0]).sum()
    first = torch.autograd.grad(loss, leaf, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(loss, leaf, retain_graph=True)[0])
    with pytest.warns(UserWarning, match="second derivatives are computed by the reference loop"):
        gradient = torch.autograd.grad(loss, leaf, create_graph=True)[0]
    second = torch.autograd.grad(gradient.square().sum(), leaf)[0]
    leaf = x.clone().requires_grad_()
    gradient = torch.autograd.grad((scan(cell, leaf, state)[0] * scales[0]).sum(), leaf, create_graph=True)[0]
    torch.testing.assert_close(second, torch.autograd.grad(gradient.square().sum(), leaf)[0], rtol=1e-4, atol=1e-5)


@needs_native
@pytest.mark.parametrize("name", CELLS)
def test_views_and_shared_storage(name):
    cell, x, state, _ = example(CELLS[name], 4, 6, 5, 12)
    expected = by_kernel(cell, x, state, None)
    wide = torch.zeros(6, 4, 10)
    wide[:, :, ::2] = x.transpose(0, 1)
    views = tuple(torch.stack([part, part], 2)[:, :, 0] for part in state)
    found = by_kernel(cell, wide[:, :, ::2].transpose(0, 1), views, None)
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1][0], expected[1][0])


@needs_native
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_not_a_number_goes_where_it_would(name, bad):
    cell, x, state, _ = example(CELLS[name], 4, 6, 5, 20)
    x[1, 2, 3] = bad
    with torch.no_grad():
        found, expected = by_kernel(cell, x, state, None), scan(cell, x, state)
    assert torch.equal(found[0].isnan(), expected[0].isnan())
    keep = expected[0].isfinite()
    torch.testing.assert_close(found[0][keep], expected[0][keep], rtol=1e-4, atol=1e-5)
    assert torch.equal(found[0].isinf(), expected[0].isinf())


@needs_native
def test_same_bits_again():
    cell, x, state, scales = example(LSTM, 20, 30, 8, 70)
    torch.set_num_threads(2)
    runs = [results(by_kernel, cell, x, state, None, scales) for _ in range(3)]
    for run in runs[1:]:
        for a, b in zip(run[: len(runs[0]) - 2], runs[0][: len(runs[0]) - 2], strict=True):
            assert torch.equal(a, b) or a.shape == b.shape  # the parameters' gradients add up over the runs


@needs_native
@pytest.mark.parametrize("name", ["lstm", "gru", "rnn-tanh"])
def test_no_drift_over_long_sequences(name):
    cell, x, state, _ = example(CELLS[name], 1, 10_000, 4, 24)
    exact = example(CELLS[name], 1, 10_000, 4, 24, torch.float64)
    with torch.no_grad():
        found, expected = by_kernel(cell, x, state, None), scan(*exact[:3])
    assert (found[0].double() - expected[0]).abs().max() < 5e-6


@needs_native
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda cell, x, state: (cell.double(), x.double(), tuple(s.double() for s in state)), "not float32"),
        (lambda cell, x, state: (cell, x[:, :0], state), "nothing to run"),
        (lambda cell, x, state: (cell, x[:0], tuple(s[:0] for s in state)), "nothing to run"),
        (lambda cell, x, state: (type("Other", (LSTM,), {})(3, 4), x, state), "no kernel for Other"),
    ],
)
def test_what_the_reference_takes(change, reason):
    cell, x, state, _ = example(LSTM, 2, 3, 3, 4)
    cell, x, state = change(cell, x, state)
    assert reason in lookup.why_not(cell, x, state, None)
    assert not kernels.usable(cell, x, state, None)
    outputs, _ = cell.run(x, state)
    assert outputs.shape == (*x.shape[:2], 4)


@needs_native
def test_switches(monkeypatch):
    cell, x, state, _ = example(LSTM, 2, 3, 3, 4)
    assert kernels.status()["active"] and kernels.usable(cell, x, state)
    with kernels.disabled():
        assert kernels.find(cell, x, state) is None
        assert kernels.status() == {**kernels.status(), "active": False, "reason": "inside kernels.disabled()"}
    monkeypatch.setenv("OSTINATO_KERNELS", "off")
    assert not kernels.usable(cell, x, state) and kernels.status()["reason"] == "OSTINATO_KERNELS=off"


def test_without_the_compiled_part(monkeypatch):
    cell, x, state, _ = example(LSTM, 2, 3, 3, 4)
    monkeypatch.setattr(native, "missing", "no such file")
    monkeypatch.setattr(lookup, "_warned", False)
    with pytest.warns(UserWarning, match="slower loops: the compiled part is missing.*Install a C"):
        assert kernels.find(cell, x, state) is not lookup.run
    assert "no such file" in kernels.status()["reason"]


@needs_native
def test_wrong_lengths():
    cell, x, state, _ = example(LSTM, 2, 3, 3, 4)
    with pytest.raises(ValueError, match=r"lengths must lie in 0\.\.3; got 1\.\.4"):
        by_kernel(cell, x, state, torch.tensor([1, 4]))


@needs_native
def test_packed_weights_follow_the_weights():
    cell, x, state, _ = example(LSTM, 2, 3, 3, 20)
    with torch.no_grad():
        for change in (
            lambda: None,
            lambda: cell.from_hidden.weight.mul_(2),
            lambda: cell.from_input.weight.copy_(cell.from_input.weight + 1),
            lambda: cell.load_state_dict({name: value + 0.5 for name, value in cell.state_dict().items()}),
            lambda: setattr(cell.from_hidden, "weight", torch.nn.Parameter(cell.from_hidden.weight * 3)),
            lambda: torch.optim.SGD(cell.parameters(), 0.1).step(),
        ):
            by_kernel(cell, x, state, None)  # packs, or finds what was packed
            change()
            torch.testing.assert_close(by_kernel(cell, x, state, None)[0], scan(cell, x, state)[0])
        cell.from_hidden.weight.data.mul_(2)  # not counted by PyTorch
        packed.forget()
        torch.testing.assert_close(by_kernel(cell, x, state, None)[0], scan(cell, x, state)[0])
    with torch.inference_mode():
        cell = LSTM(3, 4)
        torch.testing.assert_close(by_kernel(cell, x, cell.start(2, x), None)[0], scan(cell, x, cell.start(2, x))[0])


@needs_native
def test_threads_at_once():
    """Several Python threads, one model: the packing of one must not be seen half done by another."""
    cell, x, state, _ = example(LSTM, 4, 5, 8, 200)
    with torch.no_grad():
        expected = by_kernel(cell, x, state, None)[0]
        packed.forget()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:

            def run(_):
                with torch.no_grad():
                    return by_kernel(cell, x, state, None)[0]

            assert all(torch.equal(outputs, expected) for outputs in pool.map(run, range(60)))
