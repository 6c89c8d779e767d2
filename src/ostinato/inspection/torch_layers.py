"""torch.nn's RNN, GRU and LSTM run as a Recurrent is, with their own arguments and results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ostinato.layers.drop_in.cell_views import cell_around
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.validation import check_lengths


def share_weights(module: Any) -> Recurrent:
    """torch.nn's RNN, GRU or LSTM as a Recurrent around the same parameters."""
    weights = [getattr(module, name) for name in module._flat_weights_names]
    rows = module.num_layers * (2 if module.bidirectional else 1)
    each = len(weights) // rows
    made = iter(
        cell_around(
            module.mode,
            weights[row * each : (row + 1) * each],
            bias=module.bias,
            training=module.training,
        )
        for row in range(rows)
    )
    own = Recurrent(
        lambda input_size, hidden_size: next(made),
        module.input_size,
        module.hidden_size,
        layers=module.num_layers,
        bidirectional=module.bidirectional,
        dropout=module.dropout,
    )
    return own.train(module.training)


def call_torch(
    module: nn.RNNBase, run: Callable, input: Any, hx: Any, lengths: Any
) -> tuple[Any, Any]:
    """Calls `run` as a Recurrent is called, for arguments and results in torch.nn's form."""
    packed, is_lstm = isinstance(input, PackedSequence), module.mode == "LSTM"
    if packed:  # in the order of its lengths, as the data are
        x, lengths = pad_packed_sequence(
            PackedSequence(input.data, input.batch_sizes), batch_first=True
        )
    else:
        batched = input.dim() == 3
        x = input[None] if not batched else input if module.batch_first else input.transpose(0, 1)
    lengths = None if lengths is None else check_lengths(lengths, x)
    state = None
    if hx is not None:
        parts = tuple(hx) if is_lstm else (hx,)
        if not packed and not batched:
            parts = tuple(part[:, None] for part in parts)
        if packed and input.sorted_indices is not None:
            parts = tuple(part.index_select(1, input.sorted_indices) for part in parts)
        state = tuple(zip(*(part.unbind(0) for part in parts), strict=True))
    outputs, last = run(x, lengths, state)
    parts = tuple(torch.stack(part) for part in zip(*last, strict=True))
    if packed:
        full = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
        data = pack_padded_sequence(outputs, full, batch_first=True).data
        outputs = PackedSequence(data, *input[1:])
        if input.unsorted_indices is not None:
            parts = tuple(part.index_select(1, input.unsorted_indices) for part in parts)
    elif not batched:
        outputs, parts = outputs[0], tuple(part[:, 0] for part in parts)
    elif not module.batch_first:
        outputs = outputs.transpose(0, 1)
    return outputs, parts if is_lstm else parts[0]
