"""Shapes at the edges: nothing, one of everything, sizes that no vector divides, very long
sequences.
"""

import pytest
import torch

from ostinato import CELLS, Recurrent, kernels
from ostinato.kernels import bindings

pytestmark = pytest.mark.skipif(
    bindings.missing is not None, reason=f"not built: {bindings.missing}"
)
NAMES = [
    "rnn",
    "lstm",
    "lstm-peephole",
    "lstm-layer-norm",
    "gru",
    "gru-reset-before",
    "gru-layer-norm",
]
# B, T, D, H
SHAPES = [
    (0, 3, 2, 5),
    (2, 0, 2, 5),
    (1, 1, 1, 1),
    (1, 2, 1, 15),
    (2, 1, 3, 17),
    (3, 2, 1, 31),
    (13, 3, 2, 49),
    (1, 20_000, 1, 3),
]


@pytest.mark.parametrize("instruction_set", bindings.instruction_sets)
@pytest.mark.parametrize("name", NAMES)
def test_odd_shapes(name, instruction_set, monkeypatch):
    monkeypatch.setattr(bindings, "chosen", bindings.instruction_sets.index(instruction_set))
    for rows, steps, width, size in SHAPES:
        torch.manual_seed(0)
        layer = Recurrent(CELLS[name], width, size, bidirectional=True)
        x = torch.randn(rows, steps, width, requires_grad=True)
        outputs, _ = layer(x)
        assert outputs.shape == (rows, steps, 2 * size)
        if outputs.numel():
            outputs.sum().backward()
            assert x.grad.isfinite().all()
        if steps < 100:
            with kernels.disabled():
                torch.testing.assert_close(layer(x)[0], outputs, rtol=1e-4, atol=1e-4)
