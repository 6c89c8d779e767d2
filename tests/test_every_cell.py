"""Every registered cell under every law: a new cell is tested by being registered."""

import copy
from functools import partial

import pytest
import torch
from torch.autograd import gradcheck

from ostinato import kernels
from ostinato.cells import CELLS, GRU, LSTM, RNN, Jordan, PeepholeLSTM
from ostinato.cells.state import detach, map_state, select
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.truncated_bptt import chunks

VARIANTS = CELLS | {
    "rnn relu": partial(RNN, activation="relu"),
    "rnn sigmoid": partial(RNN, activation="sigmoid"),
    "rnn of a function": partial(RNN, activation=torch.nn.functional.softsign),
    "rnn without bias": partial(RNN, bias=False),
    "jordan narrow": partial(Jordan, output_size=3),
    "lstm projected": partial(LSTM, output_size=3),
    "lstm peephole projected": partial(PeepholeLSTM, output_size=3),
    "lstm chrono": partial(LSTM, chrono=20),
    "gru chrono": partial(GRU, chrono=20),
    "gru without bias": partial(GRU, bias=False),
    "lstm without bias": partial(LSTM, bias=False),
}
every = pytest.mark.parametrize("cell", VARIANTS.values(), ids=VARIANTS)
LENGTHS = torch.tensor([6, 0, 3, 1])
DOUBLE = {"dtype": torch.float64}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


def a_layer(cell, **options) -> Recurrent:
    return Recurrent(cell, 4, 5, **options).double()


def a_state(layer: Recurrent, rows: int = 4):
    return map_state(torch.randn_like, layer.initial_state(rows))


def leaves(state) -> list:
    return [part for cell in state for part in cell]


def assert_same(first, second, **tolerance) -> None:
    for a, b in zip([first[0], *leaves(first[1])], [second[0], *leaves(second[1])], strict=True):
        torch.testing.assert_close(a, b, **tolerance)


def gradients(layer, x, lengths, state) -> list:
    outputs, last = layer(x, lengths, state)
    loss = sum(
        (part * torch.linspace(-1, 1, part.numel(), dtype=x.dtype).view_as(part)).sum()
        for part in [outputs, *leaves(last)]
    )
    return torch.autograd.grad(loss, [x, *leaves(state), *layer.parameters()])


@every
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "padded"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_kernel_equals_reference(cell, lengths, dtype):
    layer = Recurrent(cell, 4, 5, layers=2, bidirectional=True).to(dtype)
    x = torch.randn(4, 6, 4, dtype=dtype, requires_grad=True)
    state = map_state(torch.Tensor.requires_grad_, a_state(layer))
    tolerance = {
        torch.float32: {"rtol": 1e-5, "atol": 2e-6},
        torch.float64: {"rtol": 1e-10, "atol": 1e-12},
    }[dtype]
    with kernels.disabled():
        expected, expected_gradients = layer(x, lengths, state), gradients(layer, x, lengths, state)
    assert_same(layer(x, lengths, state), expected, **tolerance)
    if dtype == torch.float32:  # normalisation over five units magnifies what is rounded away
        tolerance["atol"] = 2e-6 * max(
            gradient.abs().max().item() for gradient in expected_gradients
        )
    torch.testing.assert_close(gradients(layer, x, lengths, state), expected_gradients, **tolerance)


@every
@pytest.mark.parametrize("reference", [False, True], ids=["kernel", "reference"])
@pytest.mark.parametrize("padding", [7.0, float("nan")])
def test_batch_equals_one_by_one(cell, reference, padding):
    layer = a_layer(cell, layers=2, bidirectional=True)
    x, state = torch.randn(4, 9, 4, **DOUBLE), a_state(layer)
    for row, length in enumerate(LENGTHS):
        x[row, length:] = padding
    with kernels.disabled() if reference else torch.no_grad():
        outputs, last = layer(x, LENGTHS, state)
        for row, length in enumerate(LENGTHS):
            index = torch.tensor([row])
            alone, end = layer(x[row : row + 1, :length], None, select(state, index))
            torch.testing.assert_close(outputs[row, :length], alone[0])
            assert not outputs[row, length:].any()
            for a, b in zip(leaves(select(last, index)), leaves(end), strict=True):
                torch.testing.assert_close(a, b)


@every
def test_padding_changes_no_gradient(cell):
    layer = a_layer(cell, bidirectional=True)
    short, lengths = torch.randn(2, 4, 4, **DOUBLE), torch.tensor([4, 2])
    long = torch.cat([short, torch.full((2, 3, 4), 9.0, **DOUBLE)], dim=1)
    layer(short, lengths)[0].square().sum().backward()
    expected = [parameter.grad.clone() for parameter in layer.parameters()]
    layer.zero_grad()
    layer(long, lengths)[0].square().sum().backward()
    torch.testing.assert_close([parameter.grad for parameter in layer.parameters()], expected)


@every
def test_padding_on_the_left(cell):
    layer = a_layer(cell, bidirectional=True)
    x, mask = torch.randn(4, 6, 4, **DOUBLE), torch.arange(6) < LENGTHS[:, None]
    outputs, state = layer(x, LENGTHS)
    shifted = torch.stack([x[row].roll(6 - int(length), 0) for row, length in enumerate(LENGTHS)])
    moved, last = layer(shifted, mask.flip(1))
    back = torch.stack([moved[row].roll(int(length) - 6, 0) for row, length in enumerate(LENGTHS)])
    assert_same((back, last), (outputs, state))


@every
def test_order_does_not_matter(cell):
    layer = a_layer(cell, bidirectional=True)
    x, order = torch.randn(4, 6, 4, **DOUBLE), torch.tensor([2, 0, 3, 1])
    outputs, state = layer(x, LENGTHS)
    assert_same(layer(x[order], LENGTHS[order]), (outputs[order], select(state, order)))


@every
@pytest.mark.parametrize("size", [1, 4])
def test_chunked_equals_whole(cell, size):
    layer = a_layer(cell, layers=2)
    x, state = torch.randn(4, 6, 4, **DOUBLE), a_state(layer)
    expected = layer(x, LENGTHS, state)
    outputs = []
    for part, lengths in chunks(x, LENGTHS, size):
        out, state = layer(part, lengths, detach(state))
        outputs.append(out)
    assert_same((torch.cat(outputs, dim=1), state), expected)


@every
def test_step_is_the_layer(cell):
    layer = a_layer(cell)
    (one,) = layer.cells
    x, state = torch.randn(4, 6, 4, **DOUBLE), a_state(layer)
    outputs, last = layer(x, None, state)
    (state,) = state
    for t in range(6):
        state = one.step(one.project(x[:, t]), state)
        torch.testing.assert_close(state[0], outputs[:, t])
    torch.testing.assert_close(state, last[0])


@every
def test_backward_direction_is_the_forward_one_reversed(cell):
    both = a_layer(cell, bidirectional=True)
    one = a_layer(cell)
    one.cells[0].load_state_dict(both.cells[1].state_dict())
    x = torch.randn(1, 6, 4, **DOUBLE)
    outputs, state = both(x)
    alone, last = one(x.flip(1))
    torch.testing.assert_close(outputs[..., one.output_size :], alone.flip(1))
    torch.testing.assert_close(state[1], last[0])


@every
def test_gradcheck(cell):
    layer = Recurrent(cell, 2, 3, bidirectional=True, learned_initial_state=True).double()
    x = torch.randn(2, 3, 2, requires_grad=True, **DOUBLE)
    names, values = zip(*layer.named_parameters(), strict=True)

    def run(x, *parameters):
        given = dict(zip(names, parameters, strict=True))
        outputs, state = torch.func.functional_call(layer, given, (x, torch.tensor([3, 2])))
        return outputs, *leaves(state)

    assert gradcheck(run, (x, *(value.detach().requires_grad_() for value in values)), atol=1e-6)


@every
def test_empty_batches_and_empty_sequences(cell):
    layer = a_layer(cell, layers=2, bidirectional=True)
    outputs, _ = layer(torch.randn(0, 6, 4, **DOUBLE))
    assert outputs.shape == (0, 6, layer.output_size)
    state = a_state(layer)
    expected = torch.zeros(4, 0, layer.output_size, **DOUBLE), state
    assert_same(layer(torch.randn(4, 0, 4, **DOUBLE), None, state), expected)


@every
def test_bfloat16_is_near_float32(cell):
    layer = Recurrent(cell, 4, 5)
    x = torch.randn(4, 6, 4).bfloat16()
    expected, _ = layer(x.float(), LENGTHS)
    outputs, _ = layer.bfloat16()(x, LENGTHS)
    assert outputs.dtype == torch.bfloat16
    torch.testing.assert_close(outputs.float(), expected, rtol=0.05, atol=0.05)


@every
def test_nan_stays_in_its_row(cell):
    layer = a_layer(cell)
    x = torch.randn(2, 5, 4, **DOUBLE)
    expected, _ = layer(x)
    x[0, 2] = float("nan")
    outputs, _ = layer(x)
    assert outputs[0, 2:].isnan().all()
    torch.testing.assert_close(outputs[0, :2], expected[0, :2])
    torch.testing.assert_close(outputs[1], expected[1])


@every
def test_learns_to_copy(cell):
    """A symbol at the first step, to be named at each of four."""
    layer = Recurrent(cell, 4, 16)
    read = torch.nn.Linear(layer.output_size, 4)
    optimizer = torch.optim.Adam([*layer.parameters(), *read.parameters()], lr=0.02)
    symbols = torch.arange(4)
    x = torch.zeros(4, 4, 4)
    x[:, 0] = torch.nn.functional.one_hot(symbols, 4).float()
    for _ in range(150):
        scores = read(layer(x)[0])
        loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), symbols.repeat_interleave(4))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3


@every
def test_trace_shows_the_run(cell):
    layer = a_layer(cell, layers=2, bidirectional=True)
    x, state = torch.randn(4, 6, 4, **DOUBLE), a_state(layer)
    expected = layer(x, LENGTHS, state)
    trace = layer.trace(x, LENGTHS, state)
    assert_same((trace.outputs, trace.state), expected)
    one = layer.cells[0]
    for name in one.part_names:
        assert name in trace.names()
    last = torch.cat([trace.get(one.part_names[0], layer=1, direction=d) for d in (0, 1)], dim=-1)
    torch.testing.assert_close(last, expected[0])
    assert all(not values[1].any() for values in trace.steps[0].values())  # the row of length zero


@every
def test_recomputing_changes_nothing(cell):
    layer = a_layer(cell, layers=2, bidirectional=True)
    x = torch.randn(4, 6, 4, requires_grad=True, **DOUBLE)
    state = map_state(torch.Tensor.requires_grad_, a_state(layer))
    expected, expected_gradients = layer(x, LENGTHS, state), gradients(layer, x, LENGTHS, state)
    layer.recompute = 2
    assert_same(layer(x, LENGTHS, state), expected)
    torch.testing.assert_close(gradients(layer, x, LENGTHS, state), expected_gradients)


@every
def test_copies_and_weights(cell):
    layer = a_layer(cell)
    x = torch.randn(4, 6, 4, **DOUBLE)
    expected = layer(x)
    assert_same(copy.deepcopy(layer)(x), expected, rtol=0, atol=0)
    other = a_layer(cell)
    other.load_state_dict(layer.state_dict())
    assert_same(other(x), expected, rtol=0, atol=0)


@every
def test_zoneout_without_training_is_the_expected_mixture(cell):
    layer = a_layer(cell, zoneout=0.3).eval()
    (one,), (state,) = layer.cells, a_state(layer)
    x = torch.randn(4, 1, 4, **DOUBLE)
    _, (found,) = layer(x, None, (state,))
    new = one.step(one.project(x[:, 0]), state)
    torch.testing.assert_close(
        found, tuple(0.3 * a + 0.7 * b for a, b in zip(state, new, strict=True))
    )


@every
@pytest.mark.parametrize("option", ["recurrent_dropout", "weight_drop", "zoneout"])
def test_dropping_inside_the_recurrence(cell, option):
    if option != "zoneout" and cell(4, 5).from_hidden is None:
        with pytest.raises(ValueError, match=f"{option} needs a product with the hidden state"):
            a_layer(cell, **{option: 0.5})
        return
    layer, plain = a_layer(cell, **{option: 0.5}), a_layer(cell)
    plain.load_state_dict(layer.state_dict())
    x, state = torch.randn(4, 6, 4, **DOUBLE), a_state(layer)
    torch.manual_seed(3)
    first = layer(x, None, state)
    torch.manual_seed(3)
    assert_same(layer(x, None, state), first, rtol=0, atol=0)
    assert not torch.equal(first[0], plain(x, None, state)[0])
    layer(x, None, state)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    if option != "zoneout":
        assert_same(layer.eval()(x, None, state), plain(x, None, state))
