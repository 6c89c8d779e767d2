"""A label for each base, window by window, and the segments that they make: in memory that does not grow with the sequence.

A network that reads forwards takes the windows one after the other and carries its state: the answers are those of the whole
sequence. Any other takes many windows at once, each with a margin on either side that is only seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ostinato.data.batching.batch import Example, collate
from ostinato.data.dna import nucleotides
from ostinato.data.dna.bed import Segment, bed_line
from ostinato.metrics import METRICS
from ostinato.tasks.legacy import Counts, Prediction

if TYPE_CHECKING:
    from ostinato.tasks.genome.task import Genome

TOGETHER = 1 << 16  # bases in a batch of windows
REGION = 1000  # windows after which what is known of a long sequence is given
BLOCKS = 500  # a sequence is counted in so many blocks at most, from which intervals are drawn


class Window(NamedTuple):
    """Bases of a sequence: where those that are asked for begin, and how many at either end are only seen."""

    name: str
    start: int
    bases: str
    left: int
    right: int
    last: bool
    truth: np.ndarray | None = None  # of the whole sequence

    @property
    def size(self) -> int:
        return len(self.bases) - self.left - self.right


@dataclass(frozen=True)
class Marked(Prediction):
    """An answer, what metrics count of it where the truth is known, and what can be coloured: runs of (start, end, label)."""

    counts: dict[str, list[Counts]] = field(default_factory=dict)
    log_probability: float = 0.0
    name: str = ""
    start: int = 0
    bases: str = ""
    runs: tuple[Segment, ...] = ()


def windows(
    name: str, pieces: Iterable[str], size: int, margin: int, truth: np.ndarray | None = None
) -> Iterator[Window]:
    """A sequence that comes in pieces, in windows of `size` bases and the margins around them. An empty one is one empty window."""
    text, offset, start = "", 0, 0  # text is what is at hand from base `offset` on
    held: list[str] = []
    waiting = 0

    def window(end: int, last: bool) -> Window:
        first = max(0, start - margin)
        final = min(offset + len(text), end + margin)
        return Window(
            name,
            start,
            text[first - offset : final - offset],
            start - first,
            final - end,
            last,
            truth,
        )

    for piece in pieces:
        held.append(piece)
        waiting += len(piece)
        if offset + len(text) + waiting <= start + size + margin:
            continue
        text, held, waiting = text + "".join(held), [], 0
        while offset + len(text) > start + size + margin:
            yield window(start + size, False)
            start += size
        text, offset = text[max(0, start - margin) - offset :], max(0, start - margin)
    text += "".join(held)
    total = offset + len(text)
    while True:
        end = min(start + size, total)
        yield window(end, end == total)
        start = end
        if start == total:
            return


Answered = tuple[
    Window, np.ndarray, np.ndarray
]  # the window, probabilities [size, K], labels [size]


@torch.inference_mode()
def answer(
    task: Genome, network: nn.Module, given: Iterable[Window], together: int = TOGETHER
) -> Iterator[Answered]:
    """Each window with its probabilities and labels, in order."""
    batch: list[Window] = []
    state = None
    for window in given:
        if task.carries and not (window.start == 0 and window.last):
            yield from run(task, network, batch)[0]
            batch = []
            found, state = run(task, network, [window], None if window.start == 0 else state)
            yield from found
            continue
        if (
            batch
            and (len(batch) + 1) * max(len(each.bases) for each in (*batch, window)) > together
        ):
            yield from run(task, network, batch)[0]
            batch = []
        batch.append(window)
    yield from run(task, network, batch)[0]


def run(
    task: Genome, network: nn.Module, given: list[Window], state: Any = None
) -> tuple[list[Answered], Any]:
    numbers = [nucleotides.encode(window.bases) for window in given]
    real = [each for each in numbers if len(each)]
    empty = np.zeros((0, len(task.labels)), dtype=np.float32)
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    if real:
        probabilities, labels, state = answers(network, real, state)
        if task.averages:
            other, _, _ = answers(network, [nucleotides.other_strand(each) for each in real], None)
            probabilities = [
                (one + two[::-1]) / 2 for one, two in zip(probabilities, other, strict=True)
            ]
            labels = [each.argmax(1) for each in probabilities]
        rows = list(zip(probabilities, labels, strict=True))
    filled = iter(rows)
    found = []
    for window in given:
        each, best = next(filled) if window.bases else (empty, np.zeros(0, dtype=np.int64))
        inner = slice(window.left, window.left + window.size)
        found.append((window, each[inner], best[inner]))
    return found, state


def answers(
    network: nn.Module, numbers: list[np.ndarray], state: Any
) -> tuple[list[np.ndarray], list[np.ndarray], Any]:
    device = next(network.parameters()).device
    batch = collate([Example(torch.from_numpy(each.astype(np.int64))) for each in numbers]).to(
        device
    )
    probabilities, labels, state = network.answers(batch, state)
    probabilities, labels = probabilities.float().cpu().numpy(), labels.cpu().numpy()
    return (
        [probabilities[row, : len(each)] for row, each in enumerate(numbers)],
        [labels[row, : len(each)] for row, each in enumerate(numbers)],
        state,
    )


class Labelling:
    """What becomes of one sequence's windows: segments as they close, counts block by block, bases to be coloured."""

    def __init__(self, task: Genome, blocks: int = 1):
        self.task, self.windows_a_block = task, blocks
        self.open: tuple[int, int, int, float] | None = (
            None  # label, start, end, sum of probabilities
        )
        self.closed: list[tuple[Segment, float]] = []
        self.counts: dict[str, list[Counts]] = {metric: [] for metric in task.metrics}
        self.block: list[tuple[np.ndarray, ...]] = []
        self.log_probability = 0.0
        self.bases: list[str] = []
        self.runs: list[Segment] = []
        self.begun = 0

    def add(self, window: Window, probabilities: np.ndarray, labels: np.ndarray) -> None:
        if window.size:
            edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), window.size]
            chosen = probabilities[np.arange(window.size), labels].astype(np.float64)
            for first, end, total in zip(
                edges, edges[1:], np.add.reduceat(chosen, edges[:-1]).tolist(), strict=False
            ):
                self.join(int(labels[first]), window.start + first, window.start + end, total)
                if self.task.coloured:
                    self.runs.append(
                        Segment(
                            window.start + first,
                            window.start + end,
                            self.task.labels.tokens[int(labels[first])],
                        )
                    )
            if self.task.coloured:
                self.bases.append(window.bases[window.left : window.left + window.size])
        if window.truth is not None:
            self.block.append(
                (probabilities, labels, window.truth[window.start : window.start + window.size])
            )
        if window.last and self.open is not None:
            self.close()
        if self.block and (window.last or len(self.block) == self.windows_a_block):
            self.count()

    def join(self, label: int, start: int, end: int, total: float) -> None:
        if self.open is not None and self.open[0] == label:
            self.open = (label, self.open[1], end, self.open[3] + total)
            return
        if self.open is not None:
            self.close()
        self.open = (label, start, end, total)

    def close(self) -> None:
        label, start, end, total = self.open
        self.open = None
        if self.task.shows(label) and end - start >= self.task.minimum_length:
            self.closed.append(
                (Segment(start, end, self.task.labels.tokens[label]), total / (end - start))
            )

    def count(self) -> None:
        """What the metrics count of the windows since the last block."""
        probabilities, labels, truth = (
            np.concatenate(parts) for parts in zip(*self.block, strict=True)
        )
        self.block = []
        known = truth < len(self.task.labels)
        given = probabilities[np.arange(len(truth)), np.where(known, truth, 0)]
        self.log_probability += float(
            np.where(known, np.log(np.maximum(given, 1e-30)), -np.inf).sum()
        )
        self.counts["accuracy"].append((int((labels == truth).sum()), len(truth)))
        self.counts["f1"].append(METRICS["f1"].count_labels(labels, truth, self.task.foreground))
        ranked = self.task.ranked
        areas = METRICS["auroc"].count(probabilities[:, ranked], truth[:, None] == np.array(ranked))
        self.counts["auroc"].append(np.array(areas))
        self.counts["auprc"].append(self.counts["auroc"][-1])

    def take(self, name: str, end: int) -> Marked:
        """The answer so far; what is still open comes with the next."""
        segments, self.closed = self.closed, []
        text = "\n".join(bed_line(name, segment, score) for segment, score in segments)
        details = {
            "name": name,
            "start": self.begun,
            "end": end,
            "segments": [
                {**segment._asdict(), "score": round(score, 6)} for segment, score in segments
            ],
        }
        found = Marked(
            text,
            details,
            self.counts,
            self.log_probability,
            name,
            self.begun,
            "".join(self.bases),
            tuple(self.runs),
        )
        self.begun, self.bases, self.runs = end, [], []
        return found


def label_bases(
    task: Genome,
    network: nn.Module,
    sequences: Iterable[Iterator[Window]],
    *,
    blocks: Iterable[int] | None = None,
    together: int = TOGETHER,
    regions: bool = False,
) -> Iterator[Marked]:
    """An answer for each sequence of windows; with `regions`, of a long one an answer every so many windows."""
    blocks = None if blocks is None else iter(blocks)
    current, number = None, 0
    for window, probabilities, labels in answer(
        task, network, (each for sequence in sequences for each in sequence), together
    ):
        if current is None:
            current, number = Labelling(task, 1 if blocks is None else next(blocks)), 0
        current.add(window, probabilities, labels)
        number += 1
        if window.last or (regions and number % REGION == 0):
            yield current.take(window.name, window.start + window.size)
        if window.last:
            current = None
