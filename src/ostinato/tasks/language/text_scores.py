"""Scores long texts: -log p of every token, with the state carried through the whole text.

N tokens, B rows that are read in parallel, T steps of a piece, G groups of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from ostinato.data.batching.batch import IGNORE
from ostinato.layers.truncated_bptt import restart
from ostinato.tasks.language.network import LanguageNetwork
from ostinato.tasks.shared.inference import device_of

TOKENS = 4096  # tokens per call of the network, over all rows


@torch.inference_mode()
def score_text(
    network: LanguageNetwork,
    ids: np.ndarray,
    *,
    first: int,
    rows: int = 1,
    context: int = 0,
    steps: int | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores a text piece by piece.

    Args:
        network: A language model.
        ids: The token ids of the text [N].
        first: The id of the token before the text, the context of its first token.
        rows: Parts of the text that are read in parallel.
        context: Number of tokens before each part that are read for its initial state, without
            being scored.
        steps: Tokens of each row per call of the network. The scores do not depend on it.

    Yields:
        Positions in the text, and -log p of the tokens there: two arrays of equal length.
    """
    device = device_of(network)
    length = -(-len(ids) // rows)  # tokens of a part
    rows = -(-len(ids) // length) if length else 0
    begins = np.arange(rows)[:, None] * length  # [B, 1]
    state = network.initial_state(rows)
    if rows > 1 and context:
        inputs, targets = read_window(ids, begins + np.arange(-context, 0), first, device)
        _, state = network.losses(inputs, targets, state)
        # nothing comes before the first part
        state = restart(state, torch.arange(rows) == 0, network.initial_state(rows))
    size = steps or max(1, TOKENS // max(1, rows))
    for start in range(0, length, size):
        positions = begins + np.arange(start, min(start + size, length))  # [B, T]
        inputs, targets = read_window(ids, positions, first, device)
        losses, state = network.losses(inputs, targets, state)
        inside = positions < len(ids)
        yield positions[inside], losses.cpu().numpy()[inside]


def read_window(
    ids: np.ndarray, positions: np.ndarray, first: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Inputs and targets [B, T] for positions of the text [B, T].

    The input is the token before the target, `first` before the text's beginning; the target
    beyond the text's end is -100."""
    last = len(ids) - 1
    inputs = ids[np.clip(positions - 1, 0, last)].astype(np.int64)
    inputs[positions <= 0] = first
    targets = ids[np.clip(positions, 0, last)].astype(np.int64)
    targets = np.where(positions <= last, targets, IGNORE)
    return torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device)


def sum_by_group(pieces: Iterable[tuple[np.ndarray, np.ndarray]], ends: np.ndarray) -> np.ndarray:
    """The sum of the scores in each group of consecutive positions [G].

    Args:
        pieces: Positions and scores, as yielded by `score_text`.
        ends: The position after the last one of each group [G].
    """
    sums = np.zeros(len(ends))
    for positions, losses in pieces:
        groups = np.searchsorted(ends, positions, side="right")
        sums += np.bincount(groups, weights=losses, minlength=len(ends))
    return sums
