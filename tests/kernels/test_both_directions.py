"""Two directions of a layer in one call: the numbers of one after the other, the same bits
each time.
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


def results(layer, x, lengths):
    layer.zero_grad()
    x = x.clone().requires_grad_()
    torch.manual_seed(2)
    outputs, state = layer(x, lengths)
    (
        outputs.square().sum() + sum((part * part).sum() for cell in state for part in cell)
    ).backward()
    return [
        outputs.detach(),
        x.grad,
        *(part.detach() for cell in state for part in cell),
        *(p.grad for p in layer.parameters()),
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("merge", ["concat", "mean"])
def test_both_equal_the_reference(name, threads, merge):
    torch.manual_seed(0)
    layer = Recurrent(
        CELLS[name],
        6,
        20,
        layers=2,
        bidirectional=True,
        merge=merge,
        recurrent_dropout=0.2,
        zoneout=0.1,
    )
    x, lengths = torch.randn(5, 7, 6), torch.tensor([7, 2, 0, 5, 7])
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for given in (None, lengths):
            found, again = results(layer, x, given), results(layer, x, given)
            assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))
            with kernels.disabled():
                expected = results(layer, x, given)
            for a, b in zip(found, expected, strict=True):
                torch.testing.assert_close(
                    a, b, rtol=1e-4, atol=2e-5 * max(1.0, b.abs().max().item())
                )
    finally:
        torch.set_num_threads(before)
