"""The recurrent layer: order of layers and directions, merging, options, and bad input."""

import re
from functools import partial

import pytest
import torch

from ostinato import kernels
from ostinato.cells import CELLS, GRU, LSTM, RNN, Cell, MinGRU
from ostinato.cells.state import detach
from ostinato.layers.dropout import dropout
from ostinato.layers.recurrent import Recurrent, bidirectional_hidden_size
from ostinato.layers.truncated_bptt import chunks, restart
from ostinato.padding import reverse


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_equals_torch(name):
    theirs = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[name](
        3, 5, num_layers=2, bidirectional=True, batch_first=True
    )
    ours = Recurrent(CELLS[name], 3, 5, layers=2, bidirectional=True)
    with torch.no_grad():
        for number, cell in enumerate(ours.cells):
            suffix = f"l{number // 2}" + ("_reverse" if number % 2 else "")
            cell.from_input.weight.copy_(getattr(theirs, f"weight_ih_{suffix}"))
            cell.from_hidden.weight.copy_(getattr(theirs, f"weight_hh_{suffix}"))
            b, u = getattr(theirs, f"bias_ih_{suffix}"), getattr(theirs, f"bias_hh_{suffix}")
            cell.from_input.bias.copy_(b if name == "gru" else b + u)
            if name == "gru":
                cell.from_hidden.bias.copy_(u)
    x, lengths = torch.randn(3, 7, 3), torch.tensor([7, 2, 4])
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        x, lengths, batch_first=True, enforce_sorted=False
    )
    expected, last = theirs(packed)
    expected = torch.nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)[0]
    outputs, state = ours(x, lengths)
    torch.testing.assert_close(outputs, expected)
    last = last if name == "lstm" else (last,)
    for part, tensor in enumerate(last):
        torch.testing.assert_close(torch.stack([cell[part] for cell in state]), tensor)


@pytest.mark.parametrize(
    ("merge", "width"), [("concat", 10), ("sum", 5), ("mean", 5), ("product", 5)]
)
def test_merging_directions(merge, width):
    layer = Recurrent(GRU, 3, 5, bidirectional=True, merge=merge)
    concat = Recurrent(GRU, 3, 5, bidirectional=True)
    concat.load_state_dict(layer.state_dict())
    x = torch.randn(2, 4, 3)
    outputs, both = layer(x)[0], concat(x)[0]
    forward, backward = both.chunk(2, dim=-1)
    expected = {
        "concat": both,
        "sum": forward + backward,
        "mean": (forward + backward) / 2,
        "product": forward * backward,
    }[merge]
    assert outputs.shape[2] == layer.output_size == width
    torch.testing.assert_close(outputs, expected)


def test_sizes_by_layer():
    layer = Recurrent(LSTM, 3, [8, 4], layers=2, bidirectional=True)
    outputs, state = layer(torch.randn(2, 5, 3))
    assert outputs.shape == (2, 5, 8)
    assert [part[0].shape[1] for part in state] == [8, 8, 4, 4]


def test_residual_adds_what_came_in():
    layer, plain = Recurrent(GRU, 3, 4, layers=2, residual=True), Recurrent(GRU, 3, 4, layers=2)
    plain.load_state_dict(layer.state_dict())
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 2])
    trace = plain.trace(x, lengths)
    torch.testing.assert_close(layer(x, lengths)[0], trace.outputs + trace.get("hidden", layer=0))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_pre_norm_stands_before_layers_and_at_the_end(bidirectional):
    layer = Recurrent(
        GRU, 3, 4, layers=2, residual=True, pre_norm=True, bidirectional=bidirectional
    )
    first, second = (
        Recurrent(GRU, 3, 4, bidirectional=bidirectional),
        Recurrent(GRU, layer.output_size, 4, bidirectional=bidirectional),
    )
    first.cells, second.cells = layer.cells[: layer.directions], layer.cells[layer.directions :]
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 2])
    y, _ = first(x, lengths)
    y = y + second(layer.norms[0](y), lengths)[0]
    outputs, _ = layer(x, lengths)
    torch.testing.assert_close(outputs[0], layer.norms[1](y)[0])
    torch.testing.assert_close(outputs[1, :2], layer.norms[1](y)[1, :2])
    assert not outputs[1, 2:].any()
    torch.testing.assert_close(layer.trace(x, lengths).outputs, outputs)


def test_learned_initial_state():
    layer = Recurrent(LSTM, 3, 4, learned_initial_state=True)
    assert len(layer.first) == 2
    with torch.no_grad():
        layer.first[1].fill_(0.5)
    x = torch.randn(2, 3, 3)
    torch.testing.assert_close(
        layer(x)[0], layer(x, state=((torch.zeros(2, 4), torch.full((2, 4), 0.5)),))[0]
    )
    layer(x)[0].sum().backward()
    assert all(first.grad.abs().sum() > 0 for first in layer.first)


def test_locked_dropout_hides_the_same_units_at_each_step():
    dropped = dropout(torch.ones(3, 5, 40), 0.5, training=True, locked=True)
    assert (dropped == dropped[:, :1]).all()
    assert 0 < (dropped == 0).float().mean() < 1
    assert not (dropped[0] == dropped[1]).all()
    anew = dropout(torch.ones(3, 5, 40), 0.5, training=True)
    assert not (anew == anew[:, :1]).all()
    torch.testing.assert_close(
        dropout(torch.ones(3, 5, 4), 0.5, training=False), torch.ones(3, 5, 4)
    )


@pytest.mark.parametrize("locked", [False, True])
def test_dropout_between_layers_only_in_training(locked):
    layer = Recurrent(GRU, 3, 4, layers=2, dropout=0.5, locked=locked)
    x = torch.randn(2, 5, 3)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    assert torch.equal(layer.eval()(x)[0], layer(x)[0])


def test_zoneout_keeps_whole_units():
    layer = Recurrent(LSTM, 3, 50, zoneout=(0.5, 0.0))
    x, (h, c) = torch.randn(2, 1, 3), (torch.randn(2, 50), torch.randn(2, 50))
    _, ((new_h, new_c),) = layer(x, None, ((h, c),))
    assert 20 < (new_h == h).sum() < 80
    assert not (new_c == c).any()


def test_recompute_with_zoneout_draws_the_same_numbers_again():
    layer = Recurrent(GRU, 3, 4, zoneout=0.5, recompute=2).double()
    x = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)

    def run(x):
        torch.manual_seed(0)
        return layer(x)[0]

    assert torch.autograd.gradcheck(run, (x,))


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_truncated_gradients_are_full_ones_cut_at_the_chunk(cell):
    layer = Recurrent(cell, 3, 4, layers=2).double()
    x, lengths = torch.randn(3, 6, 3, dtype=torch.float64), torch.tensor([6, 4, 0])

    def of_chunks(cut):
        layer.zero_grad()
        state, total = layer.initial_state(3), 0
        for part, here in chunks(x, lengths, 3):
            outputs, state = layer(part, here, cut(state))
            total = total + outputs.square().sum()
        total.backward()
        return [parameter.grad.clone() for parameter in layer.parameters()]

    layer(x, lengths)[0].square().sum().backward()
    full = [parameter.grad.clone() for parameter in layer.parameters()]
    torch.testing.assert_close(of_chunks(lambda state: state), full)
    cut = of_chunks(detach)
    # by hand: the second chunk alone, from the numbers at which the first one ended
    layer.zero_grad()
    (first, here), (second, there) = chunks(x, lengths, 3)
    with torch.no_grad():
        _, state = layer(first, here)
    loss = layer(first, here)[0].square().sum() + layer(second, there, state)[0].square().sum()
    loss.backward()
    torch.testing.assert_close(cut, [parameter.grad for parameter in layer.parameters()])
    assert not all(torch.allclose(a, b) for a, b in zip(cut, full, strict=True))


def test_restart_begins_some_rows_anew():
    layer = Recurrent(LSTM, 3, 4)
    x = torch.randn(2, 4, 3)
    _, state = layer(x)
    state = restart(state, torch.tensor([False, True]), layer.initial_state(2))
    outputs, _ = layer(x, None, state)
    torch.testing.assert_close(outputs[1], layer(x)[0][1])
    assert not torch.allclose(outputs[0], layer(x)[0][0])
    assert restart(None, torch.tensor([True]), None) is None


def test_long_recomputed_run_equals_plain():
    layer = Recurrent(LSTM, 3, 4, recompute=True)
    x = torch.randn(2, 50, 3)
    layer(x)[0].sum().backward()
    expected = [parameter.grad.clone() for parameter in layer.parameters()]
    layer.recompute = False
    layer.zero_grad()
    layer(x)[0].sum().backward()
    torch.testing.assert_close([parameter.grad for parameter in layer.parameters()], expected)


def test_autocast():
    layer, x = Recurrent(LSTM, 3, 4, layers=2, bidirectional=True), torch.randn(2, 5, 3)
    expected, _ = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, _ = layer(x, torch.tensor([5, 2]))
    torch.testing.assert_close(outputs[0].float(), expected[0], rtol=0.05, atol=0.05)


INPUTS = torch.zeros(2, 5, 3)
BAD_CALLS = {
    "not a tensor": (([[0.0]],), "x must be a tensor [B, T, 3]; got list"),
    "rank": ((torch.zeros(5, 3),), "x must be [B, T, 3]; got [5, 3]"),
    "width": ((torch.zeros(2, 5, 4),), "x must be [B, T, 3]; got [2, 5, 4]"),
    "dtype": ((INPUTS.double(),), "x must be torch.float32, as the weights are; got torch.float64"),
    "device": ((INPUTS.to("meta"),), "x must be on cpu, as the weights are; got meta"),
    "float lengths": (
        (INPUTS, torch.tensor([5.0, 1.0])),
        "lengths must be whole numbers; got torch.float32",
    ),
    "number of lengths": ((INPUTS, [5]), "lengths must be [2], one for each row of x; got [1]"),
    "long": ((INPUTS, [6, 1]), "lengths must lie between 0 and 5, the steps of x; got [6, 1]"),
    "negative": (
        (INPUTS, [5, -1]),
        "lengths must lie between 0 and 5, the steps of x; got [5, -1]",
    ),
    "mask": (
        (INPUTS, torch.ones(2, 4, dtype=torch.bool)),
        "lengths given as a mask must be [2, 5], as x is; got [2, 4]",
    ),
    "gaps": (
        (INPUTS, torch.tensor([[True] * 5, [True, False, True, True, True]])),
        "lengths given as a mask must have each row's real steps together; row 1 has gaps",
    ),
    "no tuple": (
        (INPUTS, None, torch.zeros(2, 4)),
        "state must be a tuple of 1, one for each layer and direction; got Tensor",
    ),
    "layers": (
        (INPUTS, None, (1, 2)),
        "state must be a tuple of 1, one for each layer and direction; got 2 parts",
    ),
    "parts": (
        (INPUTS, None, ((torch.zeros(2, 4),),)),
        "state[0] must be a tuple of tensors of shapes [[2, 4], [2, 4]]; got [[2, 4]]",
    ),
    "state's kind": (
        (INPUTS, None, (torch.zeros(2, 4),)),
        "state[0] must be a tuple of tensors of shapes [[2, 4], [2, 4]]; got Tensor",
    ),
    "state's dtype": (
        (INPUTS, None, ((torch.zeros(2, 4), torch.zeros(2, 4).double()),)),
        "state[0][1] must be torch.float32, as the weights are; got torch.float64",
    ),
}


@pytest.mark.parametrize(("given", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_calls_say_what_came_and_what_was_expected(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Recurrent(LSTM, 3, 4)(*given)


BAD_OPTIONS = {
    "layers must be a positive whole number; got 0": {"layers": 0},
    "hidden_size must be one number or one for each of the 2 layers; got [4]": {
        "hidden_size": [4],
        "layers": 2,
    },
    "hidden_size must be a positive whole number; got 0": {"hidden_size": 0},
    "hidden_size must be a positive whole number; got 4.0": {"hidden_size": [4.0]},
    "input_size must be a positive whole number; got -1": {"input_size": -1},
    "output_size must be a positive whole number; got 0": {"cell": partial(LSTM, output_size=0)},
    "activation is for cells that have one, such as RNN; LSTM has none; got 'relu'": {
        "activation": "relu"
    },
    "activation must be callable or one of tanh, relu, sigmoid; got 'elu'": {
        "cell": RNN,
        "activation": "elu",
    },
    "merge must be one of concat, sum, mean, product; got 'add'": {"merge": "add"},
    "dropout must be at least 0 and below 1; got 1.5": {"dropout": 1.5},
    "zoneout must be at least 0 and below 1; got -0.1": {"zoneout": -0.1},
    "zoneout must be one number or one for each of ('hidden', 'cell'); got (0.1,)": {
        "zoneout": (0.1,)
    },
    "weight_drop needs a product with the hidden state, and MinGRU has none": {
        "cell": MinGRU,
        "weight_drop": 0.1,
    },
    "residual needs layers of equal output size; got 4 before 5": {
        "hidden_size": [4, 5],
        "layers": 2,
        "residual": True,
    },
    "chrono must be a whole number above 2, the longest dependency in steps; got 1": {
        "cell": partial(LSTM, chrono=1)
    },
    "chrono sets where biases start: it needs bias=True; got bias=False": {
        "cell": partial(GRU, chrono=9, bias=False)
    },
    "activation must be callable or one of tanh, relu, sigmoid; got 'tahn'": {
        "cell": partial(RNN, activation="tahn")
    },
}


@pytest.mark.parametrize(("message", "options"), BAD_OPTIONS.items())
def test_bad_options(message, options):
    with pytest.raises(ValueError, match=re.escape(message)):
        Recurrent(**{"cell": LSTM, "input_size": 3, "hidden_size": 4} | options)


def test_bad_questions_to_a_trace():
    layer = Recurrent(LSTM, 3, 4)
    trace = layer.trace(INPUTS)
    assert trace.names() == ("input", "forget", "candidate", "output", "hidden", "cell")
    with pytest.raises(ValueError, match="name must be one of input, forget, .*; got 'reset'"):
        trace.get("reset")
    with pytest.raises(
        ValueError, match="layer must be below 1 and direction below 1; got 1 and 0"
    ):
        trace.get("input", layer=1)
    with pytest.raises(ValueError, match="got a mask"):
        layer.trace(INPUTS, torch.ones(2, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match="at least one step"):
        layer.trace(INPUTS[:, :0])


def test_chunks_need_a_size():
    with pytest.raises(ValueError, match="size must be at least one step; got 0"):
        list(chunks(INPUTS, None, 0))


@pytest.mark.parametrize(
    ("cell", "got"), [("lstm", "'lstm'"), (torch.nn.LSTM, "LSTM"), (None, "NoneType")]
)
def test_what_is_no_cell(cell, got):
    with pytest.raises(
        ValueError,
        match=re.escape(
            f"cell must be a Cell class, or a function of two sizes that gives a Cell, such as "
            f"CELLS['lstm']; got {got}"
        ),
    ):
        Recurrent(cell, 4, 8)


def test_a_cell_without_a_formula_says_so():
    with pytest.raises(TypeError, match=r"Cell has no step\(projected, state\)"):
        Recurrent(Cell, 3, 4)(INPUTS)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_activations(activation, bidirectional):
    layer = Recurrent(RNN, 3, 4, layers=2, activation=activation, bidirectional=bidirectional)
    same = Recurrent(
        partial(RNN, activation=activation), 3, 4, layers=2, bidirectional=bidirectional
    )
    same.load_state_dict(layer.state_dict())
    x, lengths = torch.randn(3, 12, 3), torch.tensor([12, 5, 0])
    outputs, _ = layer(x, lengths)
    torch.testing.assert_close(same(x, lengths)[0], outputs)
    with kernels.disabled():
        torch.testing.assert_close(layer(x, lengths)[0], outputs)
    cell, h = layer.cells[0], torch.zeros(3, 4)
    first = getattr(torch, activation)(cell.from_input(x[:, 0]) + cell.from_hidden(h))
    torch.testing.assert_close(layer.trace(x).get("hidden")[:, 0], first)


@pytest.mark.parametrize("merge", ["sum", "mean", "product"])
def test_a_merged_layer_is_made_of_its_halves(merge):
    """Both directions by a kernel, and each by itself: outputs and gradients."""
    layer = Recurrent(LSTM, 3, 5, bidirectional=True, merge=merge)
    forward, backward = Recurrent(LSTM, 3, 5), Recurrent(LSTM, 3, 5)
    forward.cells, backward.cells = layer.cells[:1], layer.cells[1:]
    x, lengths = torch.randn(4, 20, 3, requires_grad=True), torch.tensor([20, 3, 11, 0])
    a, b = forward(x, lengths)[0], reverse(backward(reverse(x, lengths), lengths)[0], lengths)
    expected = {"sum": a + b, "mean": (a + b) / 2, "product": a * b}[merge]
    outputs, state = layer(x, lengths)
    torch.testing.assert_close(outputs, expected)
    found, wanted = (
        torch.autograd.grad(each.square().sum(), [x, *layer.parameters()], retain_graph=True)
        for each in (outputs, expected)
    )
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)
    assert len(state) == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, 4),
        ({"bidirectional": False}, 8),
        ({"merge": "sum"}, 8),
        ({"merge": "mean", "bidirectional": False}, 8),
    ],
)
def test_the_hidden_size_of_a_direction(arguments, expected):
    assert bidirectional_hidden_size(8, **arguments) == expected


def test_an_odd_hidden_size_is_not_halved():
    assert bidirectional_hidden_size(7, merge="sum") == 7
    message = "hidden_size must be even, half of it for each direction; got 7"
    with pytest.raises(ValueError, match=message):
        bidirectional_hidden_size(7)
