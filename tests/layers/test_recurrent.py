"""The layer over time: the order of layers and directions, merging, and what it says of bad input."""

import pytest
import torch

from ostinato.cells import CELLS, GRU, LSTM, RNN
from ostinato.layers.recurrent import Recurrent


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
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected, last = theirs(packed)
    expected = torch.nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)[0]
    outputs, state = ours(x, lengths)
    torch.testing.assert_close(outputs, expected)
    last = last if name == "lstm" else (last,)
    for part, tensor in enumerate(last):
        torch.testing.assert_close(torch.stack([cell[part] for cell in state]), tensor)
