"""Packed weights that are kept: never those of yesterday."""

import pytest
import torch

from ostinato import CELLS, Recurrent, kernels


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_weights_changed_behind_pytorchs_back_are_noticed(cell):
    torch.manual_seed(0)
    recurrent, x = Recurrent(CELLS[cell], 16, 24), torch.randn(3, 12, 16)
    with torch.no_grad():
        before, _ = recurrent(x)
        for parameter in recurrent.parameters():
            parameter.data.mul_(0.5)
        after, _ = recurrent(x)
        with kernels.disabled():
            expected, _ = recurrent(x)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, expected)
