"""Backpropagation's parts against automatic differentiation, in float64."""

import re

import pytest
import torch

from ostinato.cells import CELLS, GRU, LSTM, RNN
from ostinato.cells.cell import scan
from ostinato.inspection.gradients import (
    bptt_terms,
    draw,
    gradient_norms,
    jacobian,
    memory,
    scalar_growth,
    step_jacobians,
)
from ostinato.inspection.recorded_calls import record_calls
from ostinato.layers.recurrent import Recurrent

every = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


def a_layer(cell, **options):
    return Recurrent(cell, 3, 4, **options).double()


def a_sequence(steps=7):
    return torch.randn(steps, 3, dtype=torch.float64)


def by_autograd(layer, x, step, earlier, of, by):
    """d(part `of` after `step`)/d(part `by` after `earlier`), by running on from there."""
    (cell,) = layer.cells
    _, (call,) = record_calls(layer, x[None])
    state = tuple(part.detach() for part in call.states[earlier])

    def run(part):
        given = tuple(part if place == by else other for place, other in enumerate(state))
        return scan(cell, x[None, earlier:step], given)[1][of][0]

    return torch.autograd.functional.jacobian(run, state[by])[:, 0]


@every
@pytest.mark.parametrize(("step", "earlier"), [(7, 0), (6, 5), (5, 2), (7, 6)])
def test_jacobian_is_exact(cell, step, earlier):
    layer, x = a_layer(cell), a_sequence()
    for of, name in enumerate(layer.cells[0].part_names):
        for by, other in enumerate(layer.cells[0].part_names):
            found = jacobian(layer, x, step=step, earlier=earlier, of=name, by=other)
            torch.testing.assert_close(
                found, by_autograd(layer, x, step, earlier, of, by), rtol=1e-9, atol=1e-13
            )


def test_jacobian_of_a_step_with_itself_is_one():
    torch.testing.assert_close(
        jacobian(a_layer(GRU), a_sequence(), step=3, earlier=3), torch.eye(4).double()
    )


def test_jacobian_of_the_vanilla_network_is_its_formula():
    layer, x = a_layer(RNN), a_sequence()
    h = layer(x[None])[0][0]
    weight = layer.cells[0].from_hidden.weight
    expected = torch.stack([torch.diag(1 - state**2) @ weight for state in h])
    torch.testing.assert_close(step_jacobians(layer, x), expected.detach())


@every
@pytest.mark.parametrize("step", [1, 5, 7])
def test_terms_of_the_sum_add_up_to_the_gradient(cell, step):
    layer, x = a_layer(cell), a_sequence()
    terms = bptt_terms(layer, x, lambda h: (h**2).sum(), step=step)
    (layer(x[None])[0][0, step - 1] ** 2).sum().backward()
    for name, parameter in layer.cells[0].named_parameters():
        assert len(terms[name]) == step
        torch.testing.assert_close(terms[name].sum(0), parameter.grad)


def test_one_term_is_the_path_through_one_step():
    layer, x = a_layer(RNN), a_sequence()
    terms = bptt_terms(layer, x, torch.sum, step=6)["from_hidden.weight"]
    h = layer(x[None])[0][0].detach()
    by_hand = jacobian(layer, x, step=6, earlier=3).sum(0) * (1 - h[2] ** 2)
    torch.testing.assert_close(terms[2], torch.outer(by_hand, h[1]))


def test_gradient_norms_of_two_layers_in_both_directions():
    layer = a_layer(LSTM, layers=2, bidirectional=True)
    x, lengths = torch.randn(2, 5, 3, dtype=torch.float64), torch.tensor([5, 3])
    norms = gradient_norms(layer, x, lambda outputs: (outputs[:, 0] ** 2).sum(), lengths)
    assert [list(one) for one in norms] == [["hidden", "cell"]] * 4
    assert norms[0]["hidden"].shape == (2, 5)
    last_forward = norms[2]["hidden"]
    assert (last_forward[:, 0] > 0).all()
    assert not last_forward[
        :, 1:
    ].any()  # nothing after the first step matters to its forward output
    outputs = layer(x, lengths)[0]
    torch.testing.assert_close(last_forward[:, 0], (2 * outputs[:, 0, :4]).norm(dim=-1).detach())


def test_gradients_vanish_in_the_vanilla_network_sooner_than_in_the_lstm():
    x = torch.randn(1, 60, 3, dtype=torch.float64)

    def left(cell):
        (norms,) = gradient_norms(a_layer(cell), x, lambda outputs: outputs[:, -1].sum())
        return norms[list(norms)[-1]][0]

    vanilla, gated = left(RNN), left(LSTM)
    assert vanilla[0] / vanilla[-1] < 1e-6 * gated[0] / gated[-1]


def test_frozen_weights_have_gradients_through_time_too():
    layer = a_layer(GRU).requires_grad_(False)
    (norms,) = gradient_norms(layer, torch.randn(1, 4, 3, dtype=torch.float64), torch.sum)
    assert (norms["hidden"] > 0).all()


@pytest.mark.parametrize("w", [0.5, 1.0, 1.5, -2.0])
@pytest.mark.parametrize("steps", [0, 1, 2, 20])
def test_growth_of_the_scalar_network(w, steps):
    growth = scalar_growth(w, steps, first=0.7)
    assert growth.formula == pytest.approx(growth.exact, rel=1e-12)
    assert growth.exact == pytest.approx(steps * w ** (steps - 1) * 0.7 if steps else 0)


def test_forget_gates_beside_the_exact_memory():
    layer, x = a_layer(LSTM), a_sequence()
    product, exact = memory(layer, x, step=6, earlier=2)
    forget = layer.trace(x[None]).get("forget")[0]
    torch.testing.assert_close(product, forget[2:6].prod(0).detach())
    torch.testing.assert_close(exact, by_autograd(layer, x, 6, 2, 1, 1))
    with torch.no_grad():
        layer.cells[0].from_hidden.weight.zero_()
    product, exact = memory(layer, x, step=6, earlier=2)
    torch.testing.assert_close(
        exact, torch.diag(product)
    )  # no path through h: the product is all there is


def test_forget_gates_of_the_backward_direction():
    layer, x = a_layer(LSTM, bidirectional=True), a_sequence()
    with torch.no_grad():
        layer.cells[1].from_hidden.weight.zero_()
    product, exact = memory(layer, x, step=3, earlier=0, direction=1)
    torch.testing.assert_close(exact, torch.diag(product))


@pytest.mark.pictures
def test_a_picture(tmp_path):
    norms = gradient_norms(a_layer(LSTM), a_sequence()[None], torch.sum)
    draw(norms, tmp_path / "gradients.png")
    assert (tmp_path / "gradients.png").stat().st_size > 1000


REFUSED = {
    "x must be one sequence [T, D] of at least one step; got [1, 7, 3]": lambda layer, x: (
        step_jacobians(layer, x[None])
    ),
    "steps must be 0 <= earlier <= step <= 7; got earlier=3, step=9": lambda layer, x: jacobian(
        layer, x, step=9, earlier=3
    ),
    "of must be one of hidden; got 'cell'": lambda layer, x: jacobian(
        layer, x, step=2, earlier=1, of="cell"
    ),
    "layer must be below 1 and direction below 1; got 0 and 1": lambda layer, x: step_jacobians(
        layer, x, direction=1
    ),
    "recurrent must have a forget gate and a memory cell; GRU has none": lambda layer, x: memory(
        layer, x, step=2, earlier=1
    ),
}


@pytest.mark.parametrize(("message", "ask"), REFUSED.items())
def test_refusals(message, ask):
    with pytest.raises(ValueError, match=re.escape(message)):
        ask(a_layer(GRU), a_sequence())


def test_zoneout_in_training_is_refused():
    layer = a_layer(GRU, zoneout=0.1)
    with pytest.raises(ValueError, match="recurrent must be in evaluation mode"):
        step_jacobians(layer, a_sequence())
    assert step_jacobians(layer.eval(), a_sequence()).shape == (7, 4, 4)
