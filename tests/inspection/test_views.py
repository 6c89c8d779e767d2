"""Views of modules: their numbers against hand-written loops and autograd, their choices and
their errors.
"""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest
import torch
from torch import nn

import ostinato
from ostinato.cells import CELLS, Cell
from ostinato.errors import InputError
from ostinato.inspection.panels import Lines, Table
from ostinato.inspection.view import View, place_side_by_side
from ostinato.inspection.views.neurons import describe_tokens
from ostinato.inspection.views.parameters import name_blocks
from ostinato.inspection.views.states import search
from ostinato.layers.recurrent import Recurrent

pytestmark = pytest.mark.pictures


@pytest.fixture
def lstm():
    torch.manual_seed(0)
    return nn.LSTM(3, 4, batch_first=True)


@pytest.fixture
def x():
    return torch.randn(1, 7, 3, generator=torch.Generator().manual_seed(1))


def by_hand(lstm, x):
    """The gates and states of an LSTM, as the equations say, in float64: {name: [T, H]}."""
    w, u, b, c_ = (value.detach().double().numpy() for value in lstm.parameters())
    h = c = np.zeros(4)
    sigmoid = lambda value: 1 / (1 + np.exp(-value))  # noqa: E731
    rows = []
    for each in x[0].double().numpy():
        i, f, g, o = np.split(w @ each + u @ h + b + c_, 4)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        rows.append((i, f, g, o, h, c))
    names = ("input", "forget", "candidate", "output", "hidden", "cell")
    return {
        name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)
    }


def test_gates_are_those_of_the_equations(lstm, x):
    view = ostinato.inspect(lstm, x, "gates")
    (layer,) = view.data["layers"]
    for name, wanted in by_hand(lstm, x).items():
        np.testing.assert_allclose(layer["values"][name], wanted, atol=1e-12)
        assert layer["summary"][name]["shut"] == (wanted < 0.1).mean()
    read = json.loads(view.json())
    assert read["view"] == "gates"
    assert np.array(read["data"]["layers"][0]["values"]["forget"]).shape == (7, 4)


def test_gradients_equal_autograds(lstm, x):
    layer = ostinato.inspect(lstm, x, "gradients").data["layers"][0]
    cell, states = nn.LSTMCell(3, 4).double(), []
    cell.load_state_dict({name.removesuffix("_l0"): v for name, v in lstm.state_dict().items()})
    state = torch.zeros(1, 4).double().requires_grad_(), torch.zeros(1, 4).double().requires_grad_()
    states.append(state)
    for t in range(7):
        state = cell(x[:, t].double(), state)
        states.append(state)
    loss = states[-1][0].sum()
    for t in range(1, 8):
        for part, name in enumerate(("hidden", "cell")):
            (wanted,) = torch.autograd.grad(
                loss, states[t][part], retain_graph=True, allow_unused=True
            )
            wanted = 0.0 if wanted is None else float(wanted.norm())
            assert layer["loss_gradient"][name][t - 1] == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    for k in range(8):
        rows = [
            torch.autograd.grad(
                states[7][0][0, unit], states[k], retain_graph=True, allow_unused=True
            )
            for unit in range(4)
        ]
        jacobian = torch.stack(
            [row[0][0] if row[0] is not None else torch.zeros(4) for row in rows]
        )
        if k == 7:
            jacobian = torch.eye(4).double()
        assert layer["jacobian_norm"][k] == pytest.approx(float(jacobian.norm()), rel=1e-9)
        wanted = torch.linalg.svdvals(jacobian)
        np.testing.assert_allclose(
            layer["singular_values"].get(k, wanted), wanted, rtol=1e-7, atol=1e-12
        )
    forget = by_hand(lstm, x)["forget"]
    for k in range(8):
        product = forget[k:7].prod(0).mean()
        assert layer["memory_forget_product"][k] == pytest.approx(product)
    rows = [
        torch.autograd.grad(states[7][1][0, u], states[2][1], retain_graph=True)[0]
        for u in range(4)
    ]
    exact = float(torch.cat(rows).diagonal().mean())
    assert layer["memory_exact"][2] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("view", ["unrolled", "gates", "gradients", "lags"])
def test_a_row_of_a_padded_batch_is_as_alone(view):
    """Rows that end earlier keep their state, which must not change a number of the others."""
    lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    x, lengths = torch.randn(9, 3, 3, generator=torch.Generator().manual_seed(0)), [9, 6, 4]
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths)
    for row, steps in enumerate(lengths):
        found = ostinato.inspect(lstm, packed, view, row=row).data
        alone = ostinato.inspect(lstm, x[:steps, row : row + 1], view).data
        assert_close(found, alone)
    if view == "gradients":
        assert any(
            each["memory_exact"] != each["memory_forget_product"] for each in found["layers"]
        )


def assert_close(found, wanted):
    """Numbers inside dictionaries and lists are the same up to rounding."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert_close(found[name], value)
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_close(one, other)
    elif isinstance(wanted, float | np.ndarray):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    else:
        assert found == wanted


def test_a_cell_whose_output_is_not_made_of_its_memory():
    class Apart(Cell):
        gates, parts, part_names = 2, 2, ("hidden", "cell")

        def step(self, projected, state):
            h, c = state
            forget, new = (projected + self.from_hidden(h)).chunk(2, -1)
            forget = forget.sigmoid()
            self.record(forget=forget)
            return c.tanh(), forget * c + new

    view = ostinato.inspect(Recurrent(Apart, 3, 4), torch.randn(1, 5, 3), "gradients")
    assert len(view.data["layers"][0]["memory_exact"]) == 6


def test_a_row_or_labels_that_the_input_has_not(lstm, x):
    with pytest.raises(InputError, match="row must be 0: there is no other; got 1"):
        ostinato.inspect(lstm, x, "gates", row=1)
    with pytest.raises(InputError, match="labels: 2 for an input of 7 steps"):
        ostinato.inspect(lstm, x, "gates", labels=["a", "b"])


def test_lags_add_up_and_truncation_loses_what_it_leaves_out(lstm, x):
    view = ostinato.inspect(lstm, x, "lags")
    (layer,) = view.data["layers"]
    double = nn.LSTM(3, 4, batch_first=True).double()
    double.load_state_dict(lstm.state_dict())
    double(x.double())[0][0, -1].sum().backward()
    whole = torch.cat([value.grad.flatten() for value in double.parameters()])
    assert layer["gradient_norm"] == pytest.approx(float(whole.norm()), rel=1e-9)
    assert sum(layer["shares"]) == pytest.approx(1.0)
    assert layer["missing"] == sorted(layer["missing"], reverse=True) or layer["missing"][-1] == 0
    # truncated by hand: the state before the last 3 steps is taken as given
    double.zero_grad()
    with torch.no_grad():
        _, state = double(x[:, :4].double())
    double(x[:, 4:].double(), state)[0][0, -1].sum().backward()
    cut = torch.cat([value.grad.flatten() for value in double.parameters()])
    lost = float((whole - cut).norm() / whole.norm())
    assert layer["missing"][2] == pytest.approx(lost, rel=1e-9)
    assert view.data["scalar"]["w = 0.5"][2] == pytest.approx(3 * 0.5**2)


def test_a_network_that_explodes_and_one_that_vanishes_are_named():
    for scale, word in ((3.0, "EXPLODES"), (0.1, "VANISHES")):
        rnn = nn.RNN(2, 2, nonlinearity="relu", batch_first=True)
        with torch.no_grad():
            for value in rnn.parameters():
                value.zero_()
            rnn.weight_hh_l0.copy_(scale * torch.eye(2))
            rnn.bias_ih_l0.fill_(1.0)
        view = ostinato.inspect(rnn, torch.zeros(1, 9, 2), "gradients")
        assert any(word in note for note in view.notes)
        largest = view.data["layers"][0]["singular_values"][0][0]
        assert largest == pytest.approx(scale**9)


class Network(nn.Module):
    """Somebody's own network."""

    def __init__(self, cell):
        super().__init__()
        self.embed = nn.Embedding(9, 3)
        self.encode = Recurrent(cell, 3, 4, bidirectional=True)
        self.score = nn.Linear(8, 2)

    def forward(self, ids):
        return self.score(self.encode(self.embed(ids))[0][:, -1])


@pytest.mark.parametrize(
    "name", ["unrolled", "gates", "neurons", "gradients", "lags", "parameters"]
)
def test_somebodys_own_network(name, tmp_path):
    network = Network(CELLS["gru"])
    ids = torch.tensor([[1, 2, 3, 4, 5, 6]])
    view = ostinato.inspect(
        network, ids, name, loss=lambda scores: scores[0, 1], labels=list("abcdef")
    )
    assert view.panels and json.loads(view.json())["data"]
    for suffix in ("svg", "html", "json"):
        view.draw(tmp_path / f"view.{suffix}")
        assert (tmp_path / f"view.{suffix}").stat().st_size > 300
    assert "<iframe srcdoc=" in view._repr_html_()
    assert network.training and next(network.parameters()).dtype == torch.float32


def test_a_clamped_unit_stays(lstm, x):
    from ostinato.inspection.recording import Clamp

    view = ostinato.inspect(lstm, x, "gates", clamps=[Clamp(0, 2, 0.25)])
    as_text = ostinato.inspect(lstm, x, "gates", clamp=["0.2=0.25"])
    assert as_text.json() == view.json()
    hidden = view.data["layers"][0]["values"]["hidden"]
    assert (hidden[:, 2] == 0.25).all()
    free = by_hand(lstm, x)["hidden"]
    assert not np.allclose(hidden[1:, 0], free[1:, 0])


def test_parameters_are_counted_gate_by_gate():
    view = ostinato.inspect(nn.LSTM(3, 4), None, "parameters")
    rows = view.data["gates"]
    assert [row["gate"] for row in rows] == ["input", "forget", "candidate", "output"]
    # each gate: 4 x 3 from the input, 4 x 4 from the state, two biases of 4
    assert all((row["input"], row["state"], row["biases"]) == (12, 16, 8) for row in rows)
    assert view.data["total"] == sum(row["parameters"] for row in rows)


@pytest.mark.parametrize("name", CELLS)
def test_a_block_of_weights_moves_its_gate(name):
    torch.manual_seed(4)
    cell = CELLS[name](3, 4).double().eval()
    names = name_blocks(cell)
    assert len(names) == cell.gates
    counted = ostinato.inspect(Recurrent(CELLS[name], 3, 4), None, "parameters").data
    assert sum(row["parameters"] for row in counted["gates"]) == counted["total"]


def test_similar_states_are_found_exactly():
    states = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    values, found = search(states, states[17] * 3, 4)
    wanted = nn.functional.cosine_similarity(states, states[17][None])
    assert found[0] == 17 and values[0] == pytest.approx(1.0)
    assert found.tolist() == wanted.topk(4).indices.tolist()


def test_traits_of_tokens():
    traits = describe_tokens(list('a (B) "c".'))
    assert traits["an open bracket"].tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 0, 0]
    assert traits["a quotation"].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 1, 0]
    assert traits["capital letters"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("view", "choices", "message"),
    [
        ("gate", {}, "no view 'gate'; did you mean 'gates'"),
        ("attention", {}, "this model has no view 'attention': it has unrolled, gates, neurons"),
        ("gates", {"layer": 3}, "layer must be 0: there is no other; got 3"),
        ("gates", {"direction": 1}, "direction must be 0"),
        ("gates", {"unit": 4}, "unit must be from 0 to 3; got 4"),
        ("gates", {"part": "decoder"}, "part 'decoder': no such part; known: recurrent"),
        ("gradients", {"step": 8}, "step must be from 1 to 7; got 8"),
        ("neurons", {"count": 0}, "count must be at least 1; got 0"),
        ("gates", {"clamp": ["0.1"]}, "clamp 0.1: expected LAYER.UNIT=VALUE with a fin"),
        (
            "gradients",
            {"unit": 3},
            "unit: the view gradients does not read it; it reads part, layer, direction, step, "
            "clamp$",
        ),
        ("parameters", {"unit": 3}, "unit: the view parameters does not read it; it reads no opt"),
        ("gates", {"corpus": ["x"]}, "corpus: the view gates does not read it"),
        ("gates", {"layr": 0}, "layr: no such setting; did you mean 'layer'"),
    ],
)
def test_what_there_is_not_is_said(lstm, x, view, choices, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        ostinato.inspect(lstm, x, view, **choices)


def test_what_cannot_be_inspected(lstm, x, tmp_path):
    with pytest.raises(InputError, match="Linear has no recurrent layer inside"):
        ostinato.inspect(nn.Linear(2, 2), torch.zeros(1, 2), "gates")
    with pytest.raises(InputError, match="expected a model that ostinato.load returns"):
        ostinato.inspect("runs/x", x, "gates")
    with pytest.raises(InputError, match="views are written as .png, .svg, .pdf, .html, .json"):
        ostinato.inspect(lstm, x, "gates").draw(tmp_path / "gates.bmp")


def test_large_inputs_take_seconds():
    torch.manual_seed(0)
    started = time.perf_counter()
    ostinato.inspect(nn.LSTM(64, 256), torch.randn(200, 1, 64), "gradients")
    assert time.perf_counter() - started < 60  # 4 s on an idle machine
    view = ostinato.inspect(nn.LSTM(32, 512), torch.randn(1000, 1, 32), "gates", unit=0)
    assert view.data["layers"][0]["values"]["forget"].shape == (1000, 512)
    assert math.isfinite(view.data["layers"][0]["summary"]["forget"]["mean"])


def test_lines_of_several_models_come_together():
    def make(columns, **series):
        lines = Lines("loss", columns, series)
        return View("x", "X", {}, [lines, Table("t", ["a"], [[1]])])

    both = place_side_by_side(
        [make(["1", "3"], a=[1.0, 2.0]), make(["2", "3"], a=[5.0, 6.0])], ["p", "q"]
    )
    joined, table = both.panels
    assert joined.columns == ["1", "2", "3"]
    assert joined.series == {"p: a": [1.0, None, 2.0], "q: a": [None, 5.0, 6.0]}
    assert (table.columns, table.rows) == (["of", "a"], [["p", 1], ["q", 1]])
    same = place_side_by_side([make(["x", "x"], a=[1, 2]), make(["x", "x"], a=[3, 4])], ["p", "q"])
    assert same.panels[0].series == {"p: a": [1, 2], "q: a": [3, 4]}
    other = place_side_by_side([make(["x"], a=[1]), make(["y"], a=[3])], ["p", "q"])
    assert [panel.title for panel in other.panels] == ["t", "p: loss", "q: loss"]
