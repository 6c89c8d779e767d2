"""Labels the bases of sequences of any length window by window, in constant memory.

A unidirectional network reads the windows in order and carries its hidden state: the labels are
those of the whole sequence. Other networks read batches of windows, each with a margin of context
on either side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from ostinato.data.batching.batch import Example, collate
from ostinato.data.dna import nucleotides
from ostinato.tasks.shared.inference import device_of

BASES_PER_BATCH = 1 << 16


class Window(NamedTuple):
    """A part of a sequence.

    Args:
        name: The name of the sequence.
        start: Position in the sequence of the first base that is labelled.
        bases: The bases, margins included.
        left, right: Sizes of the margins, which are context only.
        last: Whether the sequence ends here.
        truth: The true label id of each base outside the margins [size]; None if unknown.
        ends_block: Whether a block of bases with common metric counts ends here.
    """

    name: str
    start: int
    bases: str
    left: int
    right: int
    last: bool
    truth: np.ndarray | None = None
    ends_block: bool = True

    @property
    def size(self) -> int:
        """The number of bases that are labelled."""
        return len(self.bases) - self.left - self.right

    @property
    def end(self) -> int:
        return self.start + self.size

    @property
    def labelled_bases(self) -> str:
        """The bases without the margins."""
        return self.bases[self.left : self.left + self.size]


def split_windows(
    name: str,
    pieces: Iterable[str],
    size: int,
    margin: int = 0,
    *,
    truth: np.ndarray | None = None,
    windows_per_block: int = 1,
) -> Iterator[Window]:
    """Splits a sequence into windows; an empty sequence has one empty window.

    Args:
        name: The name of the sequence.
        pieces: Its bases, in pieces of any size.
        size: Bases of a window that are labelled.
        margin: Bases of context on either side.
        truth: The label id of each base of the sequence [T], if known.
        windows_per_block: Windows per block of common metric counts.
    """
    text, offset = "", 0  # the bases in memory; the first has position `offset`
    start, number = 0, 0  # of the next window
    # later pieces, joined only when they are needed: joining each at once would be quadratic
    unjoined: list[str] = []
    unjoined_size = 0

    def make_window(end: int, last: bool) -> Window:
        first = max(0, start - margin)
        final = min(offset + len(text), end + margin)
        return Window(
            name,
            start,
            text[first - offset : final - offset],
            left=start - first,
            right=final - end,
            last=last,
            truth=None if truth is None else truth[start:end],
            ends_block=last or (number + 1) % windows_per_block == 0,
        )

    for piece in pieces:
        unjoined.append(piece)
        unjoined_size += len(piece)
        if offset + len(text) + unjoined_size <= start + size + margin:
            continue
        text, unjoined, unjoined_size = text + "".join(unjoined), [], 0
        while offset + len(text) > start + size + margin:
            yield make_window(start + size, last=False)
            start, number = start + size, number + 1
        text, offset = text[max(0, start - margin) - offset :], max(0, start - margin)
    text += "".join(unjoined)
    total = offset + len(text)
    while True:
        end = min(start + size, total)
        yield make_window(end, last=end == total)
        start, number = end, number + 1
        if start == total:
            return


class LabelledWindow(NamedTuple):
    """A window with the network's probabilities [size, K] and label ids [size]."""

    window: Window
    probabilities: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class WindowLabeller:
    """Labels the bases of windows with a network.

    Args:
        network: A segmenter.
        labels: Number of labels K.
        carries_state: Whether the hidden state is carried from window to window.
        both_strands: Whether the probabilities of both strands are averaged.
    """

    network: Any
    labels: int
    carries_state: bool = False
    both_strands: bool = False

    @torch.inference_mode()
    def label(
        self, windows: Iterable[Window], *, bases_per_batch: int = BASES_PER_BATCH
    ) -> Iterator[LabelledWindow]:
        """Labels windows, in order; those of a sequence are consecutive.

        Args:
            windows: The windows of any number of sequences.
            bases_per_batch: Size of a batch, padding included.
        """
        batch: list[Window] = []
        state = None
        for window in windows:
            if self.carries_state and not (window.start == 0 and window.last):
                yield from self.label_batch(batch)[0]
                batch = []
                state = None if window.start == 0 else state
                found, state = self.label_batch([window], state)
                yield from found
                continue
            longest = max(len(each.bases) for each in (*batch, window))
            if batch and (len(batch) + 1) * longest > bases_per_batch:
                yield from self.label_batch(batch)[0]
                batch = []
            batch.append(window)
        yield from self.label_batch(batch)[0]

    def label_batch(
        self, windows: list[Window], state: Any = None
    ) -> tuple[list[LabelledWindow], Any]:
        """Labels a batch of windows; returns the labelled windows and the new state."""
        ids = [nucleotides.encode(window.bases) for window in windows]
        nonempty = [each for each in ids if len(each)]
        rows: list[tuple[np.ndarray, np.ndarray]] = []
        if nonempty:
            probabilities, labels, state = self.run_network(nonempty, state)
            if self.both_strands:
                reversed_ids = [nucleotides.reverse_complement_ids(each) for each in nonempty]
                other, _, _ = self.run_network(reversed_ids, None)
                probabilities = [
                    (one + two[::-1]) / 2 for one, two in zip(probabilities, other, strict=True)
                ]
                labels = [each.argmax(1) for each in probabilities]
            rows = list(zip(probabilities, labels, strict=True))
        answers = iter(rows)
        no_answer = (np.zeros((0, self.labels), np.float32), np.zeros(0, np.int64))
        found = []
        for window in windows:
            probability, best = next(answers) if window.bases else no_answer
            inner = slice(window.left, window.left + window.size)
            found.append(LabelledWindow(window, probability[inner], best[inner]))
        return found, state

    def run_network(
        self, ids: list[np.ndarray], state: Any
    ) -> tuple[list[np.ndarray], list[np.ndarray], Any]:
        """Probabilities [T, K] and label ids [T] of each row of ids [T], and the new state."""
        examples = [Example(torch.from_numpy(each.astype(np.int64))) for each in ids]
        batch = collate(examples).to(device_of(self.network))
        probabilities, labels, state = self.network.answers(batch, state)
        all_probabilities = probabilities.float().cpu().numpy()  # [B, T, K]
        all_labels = labels.cpu().numpy()  # [B, T]
        return (
            [all_probabilities[row, : len(each)] for row, each in enumerate(ids)],
            [all_labels[row, : len(each)] for row, each in enumerate(ids)],
            state,
        )
