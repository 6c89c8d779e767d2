"""Samples at another rate, from chunks of any size, with a state that can be kept."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ostinato.errors import InputError

HOP_SECONDS = 0.04  # of sound that is converted at a time
CONTEXT_SECONDS = 0.02  # heard on either side: soxr's filter reaches less far, to 1e-7


class Resampler:
    """Samples at another rate (soxr), to the bit the same whatever the chunks' sizes.

    Soxr's own stream keeps its state to itself. Here it converts overlapping blocks, each from
    the beginning, and the middle of each is taken: all state is the samples of one block.

    Args:
        before: Samples a second of what comes in.
        after: Samples a second of what goes out.
    """

    def __init__(self, before: int, after: int):
        try:
            import soxr
        except ImportError:
            raise InputError(
                f"audio of {before:,} Hz for a model of {after:,} Hz needs soxr: "
                "pip install 'ostinato[audio]'"
            ) from None
        self.before, self.after = before, after
        # blocks begin where an output falls on an input
        period = before // math.gcd(before, after)
        self.hop = max(1, round(HOP_SECONDS * before / period)) * period
        self.context = max(1, round(CONTEXT_SECONDS * before / period)) * period
        self.converter = soxr.ResampleStream(before, after, 1, dtype="float32")
        self.rest = np.zeros(self.context, np.float32)  # the context of the next block, and on

    def __call__(self, samples: np.ndarray, *, last: bool = False) -> np.ndarray:
        """Samples [N] -> those of the other rate that are known now; all where it is the `last`."""
        rest = np.concatenate([self.rest, np.asarray(samples, np.float32)])
        due = math.floor((len(rest) - self.context) * self.after / self.before + 0.5)
        if last:  # silence follows
            rest = np.concatenate([rest, np.zeros(self.hop + self.context, np.float32)])
        width = self.hop + 2 * self.context
        blocks = max(0, (len(rest) - width) // self.hop + 1)
        found = [self.convert(rest[n * self.hop :][:width]) for n in range(blocks)]
        self.rest = rest[blocks * self.hop :].copy()
        if last:
            self.rest = np.zeros(self.context, np.float32)
        return np.concatenate([np.zeros(0, np.float32), *found])[: due if last else None]

    def convert(self, block: np.ndarray) -> np.ndarray:
        """The middle of a block, without its context."""
        self.converter.clear()
        found = self.converter.resample_chunk(np.ascontiguousarray(block), last=True)
        start = self.context * self.after // self.before
        return found[start : start + self.hop * self.after // self.before]

    def state(self) -> dict[str, Any]:
        """The rate of what comes in, and the samples whose turn is to come."""
        return {"rate": self.before, "rest": self.rest.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state that `state()` gave. ValueError for one of another rate."""
        rest = np.array(state["rest"], np.float32)
        fits = self.context <= len(rest) < self.hop + 2 * self.context and rest.ndim == 1
        if state["rate"] != self.before or not fits:
            raise ValueError("the state of another resampler")
        self.rest = rest


def resample(samples: np.ndarray, before: int, after: int) -> np.ndarray:
    """All of a recording at another rate."""
    return samples if before == after else Resampler(before, after)(samples, last=True)
