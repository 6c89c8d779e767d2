"""Layers of torch.nn, inspected: run as a Recurrent, with torch.nn's arguments and results.

Letters: B batch, T time, D input, H hidden, R layers x directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ostinato.layers.checks import check_lengths
from ostinato.layers.drop_in.cell_views import cell_around
from ostinato.layers.recurrent import Recurrent


def share_weights(module: Any) -> Recurrent:
    """A Recurrent that shares the parameters of torch.nn's RNN, GRU or LSTM."""
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
    """Calls a Recurrent's forward with arguments and results in the form of torch.nn.

    Args:
        module: torch.nn's layer, for its `mode` and `batch_first`
        run: run(x [B, T, D], lengths [B], state) -> (outputs [B, T, H], state); a state is a
            tuple of R cell states, each a tuple of [B, H]
        input: [T, B, D], [B, T, D] with `batch_first`, [T, D], or a PackedSequence
        hx: h [R, B, H], for an LSTM (h, c); zeros if None
        lengths: [B], or None

    Returns:
        The outputs and the final state, in torch.nn's form.
    """
    packed, is_lstm = isinstance(input, PackedSequence), module.mode == "LSTM"
    if packed:  # rows in order of decreasing length, as the packed data are
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
