"""The kernels inside torch.compile, torch.export, torch.func and autocast."""

import pytest
import torch

from ostinato import kernels
from ostinato.cells.cell import scan
from ostinato.cells.gru import GRU, GRUResetBefore
from ostinato.cells.layer_norm import LayerNormGRU, LayerNormLSTM
from ostinato.cells.lstm import LSTM, PeepholeLSTM
from ostinato.cells.regularisation import regularise
from ostinato.cells.rnn import RNN
from ostinato.kernels import bindings, dispatch
from ostinato.kernels.formulas import FORMULAS
from ostinato.kernels.sequence import forward, launch
from ostinato.kernels.sequence.autograd import flatten

pytestmark = pytest.mark.skipif(
    bindings.missing is not None, reason=f"not built: {bindings.missing}"
)


def projected(input_size, hidden_size):
    return PeepholeLSTM(input_size, hidden_size, output_size=3)


def dropped(input_size, hidden_size):
    """A mask that hides units from the product with the output before."""
    return regularise(LSTM(input_size, hidden_size), 3, recurrent_dropout=0.5)


CELLS = [LSTM, GRU, RNN, GRUResetBefore, LayerNormGRU, LayerNormLSTM, projected, dropped]


def example(cell):
    torch._dynamo.reset()
    torch.manual_seed(1)
    cell = cell(5, 7)
    return cell, torch.randn(3, 4, 5), torch.tensor([4, 2, 0])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("padded", [False, True])
def test_operator_is_sound(cell, padded):
    cell, x, lengths = example(cell)
    state = cell.initial_state(3, x)
    weights, inputs = launch.weights_of(cell), x.requires_grad_()
    if FORMULAS[cell.kernel_name].projected_inputs:
        inputs, weights = (
            cell.project(x).detach().requires_grad_(),
            weights._replace(from_input=None, input_bias=None),
        )
    arguments = (
        *(
            cell.kernel_name,
            *flatten(inputs, state, weights._replace(cell_parameters=())),
            forward.joint_parameters(weights),
        ),
        *(lengths if padded else None, False, True, *launch.dropout_of(cell, x, state)),
    )
    outcome = torch.library.opcheck(torch.ops.ostinato.recurrence.default, arguments)
    assert set(outcome.values()) == {"SUCCESS"}


@pytest.mark.parametrize("cell", CELLS)
def test_compiled_without_a_break(cell):
    cell, x, lengths = example(cell)

    def run(x, lengths):
        outputs, state = cell.run(x, cell.initial_state(3, x), lengths)
        return outputs, *state

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(x, lengths), run(x, lengths), rtol=0, atol=0)
    x.requires_grad_()
    results = [function(x, lengths) for function in (compiled, run)]
    leaves = [x, *cell.parameters()]
    found, expected = (
        torch.autograd.grad(sum(r.square().sum() for r in result), leaves) for result in results
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("cell", CELLS)
def test_exported(cell):
    cell, x, lengths = example(cell)

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = cell

        def forward(self, x, lengths):
            return self.cell.run(x, self.cell.initial_state(3, x), lengths)[0]

    program = torch.export.export(Model(), (x, lengths))
    assert any("ostinato.recurrence" in str(node.target) for node in program.graph.nodes)
    assert torch.equal(program.module()(x, lengths), Model()(x, lengths))


@pytest.mark.parametrize("cell", CELLS[:-1])
def test_function_transforms_run_the_reference(cell):
    cell, x, _ = example(cell)
    rows = torch.func.vmap(lambda row: cell.run(row[None], cell.initial_state(1, row), None)[0][0])(
        x
    )
    torch.testing.assert_close(rows, scan(cell, x, cell.initial_state(3, x))[0])
    jacobian = torch.func.jacrev(lambda x: cell.run(x, cell.initial_state(3, x), None)[0].sum(0))(x)
    assert jacobian.shape == (4, cell.output_size, 3, 4, 5)


@pytest.mark.parametrize("cell", CELLS)
def test_autocast_runs_a_kernel_but_in_a_compiled_program(cell, monkeypatch):
    cell, x, _ = example(cell)
    with torch.autocast("cpu", torch.bfloat16):
        assert kernels.usable(cell, x, cell.initial_state(3, x))
        outputs, _ = cell.run(x, cell.initial_state(3, x), None)
        monkeypatch.setattr(bindings, "operations_are_recorded", lambda: True)
        why = dispatch.why_not(cell, x, cell.initial_state(3, x))
        assert why == "the call is compiled under autocast"
        reference, _ = cell.run(x, cell.initial_state(3, x), None)
    for found in (outputs, reference.float()):
        torch.testing.assert_close(
            found, scan(cell, x, cell.initial_state(3, x))[0], rtol=0.05, atol=0.05
        )
