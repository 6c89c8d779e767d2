"""How likely a language model finds a long text: every token once, the state carried from its beginning to its end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.batching.batch import IGNORE
from ostinato.layers.truncated_bptt import restart

STEPS = 4096  # tokens that go through the network at a time


@torch.inference_mode()
def losses_of(
    network: nn.Module,
    numbers: np.ndarray,
    *,
    first: int,
    rows: int = 1,
    context: int = 0,
    steps: int | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(places in the text, -log p of the tokens there), piece by piece.

    One row reads all of it. Several, each a part, are quicker; each but the first then reads the `context` tokens before its part
    beforehand, which are not counted again. The answer does not depend on `steps`, how many are read at a time."""
    device = next(network.parameters(), torch.zeros(())).device
    length = -(-len(numbers) // rows)
    rows = -(-len(numbers) // length) if length else 0
    begins = np.arange(rows)[:, None] * length
    state = network.initial_state(rows)
    if rows > 1 and context:
        inputs, targets = window(numbers, begins + np.arange(-context, 0), first, device)
        _, state = network.losses(inputs, targets, state)
        state = restart(
            state, torch.arange(rows) == 0, network.initial_state(rows)
        )  # nothing stands before the first part
    size = steps or max(1, STEPS // max(1, rows))
    for start in range(0, length, size):
        places = begins + np.arange(start, min(start + size, length))
        inputs, targets = window(numbers, places, first, device)
        losses, state = network.losses(inputs, targets, state)
        real = places < len(numbers)
        yield places[real], losses.cpu().numpy()[real]


def window(
    numbers: np.ndarray, places: np.ndarray, first: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """(inputs, targets) of places in the text: a target's input is the token before it; -100 beyond the text's end."""
    inside = np.clip(places, 0, len(numbers) - 1)
    inputs = numbers[np.clip(places - 1, 0, len(numbers) - 1)].astype(np.int64)
    inputs[places <= 0] = first
    targets = np.where(places < len(numbers), numbers[inside].astype(np.int64), IGNORE)
    return torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device)


def sums_by_group(pieces: Iterator[tuple[np.ndarray, np.ndarray]], ends: np.ndarray) -> np.ndarray:
    """The losses of each group of neighbouring tokens: `ends` [G] is where each group ends."""
    sums = np.zeros(len(ends))
    for places, losses in pieces:
        groups = np.searchsorted(ends, places, side="right")
        sums += np.bincount(groups, weights=losses, minlength=len(ends))
    return sums
