"""Joins the labelled windows of a sequence into segments, and counts for the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.dna.bed import Segment
from ostinato.metrics import METRICS
from ostinato.metrics.f1 import count_labels
from ostinato.tasks.genome.windows import LabelledWindow, Window
from ostinato.tasks.prediction import Counts

LABEL_METRICS = ("accuracy", "f1", "auroc", "auprc")


class ScoredSegment(NamedTuple):
    """A segment and the mean probability of its label."""

    segment: Segment
    score: float


class Run(NamedTuple):
    """Consecutive bases of one label."""

    bases: str
    label: str


class Region(NamedTuple):
    """The prediction for bases start to end - 1 of a sequence.

    Args:
        start, end: Positions in the sequence.
        segments: The segments that are complete.
        runs: All bases with their labels; a run also ends at the end of a window.
        counts: For each metric, the counts of each block whose labels are known.
        log_probability: log P of the known labels so far.
    """

    start: int
    end: int
    segments: list[ScoredSegment]
    runs: list[Run]
    counts: dict[str, list[Counts]]
    log_probability: float


class OpenSegment(NamedTuple):
    """A segment that may continue in the next window; `total` is the sum of its probabilities."""

    label: int
    start: int
    end: int
    total: float


class BlockCounter:
    """Computes the metric counts of the bases of a sequence, in blocks.

    Counted while windows are labelled: the probabilities of a chromosome would not fit in memory.

    Args:
        labels: Number of labels K; the true label id K stands for an unknown label.
        foreground: Ids of the labels over which F1 is averaged.
        ranked: Ids of the labels over which auroc and auprc are averaged.
    """

    def __init__(self, labels: int, foreground: Sequence[int], ranked: Sequence[int]):
        self.labels, self.foreground, self.ranked = labels, foreground, ranked
        self.counts: dict[str, list[Any]] = {metric: [] for metric in LABEL_METRICS}
        self.log_probability = 0.0
        self.block: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, answer: LabelledWindow) -> None:
        truth = answer.window.truth
        if truth is None:
            return
        self.block.append((answer.probabilities, answer.labels, truth))
        if answer.window.ends_block:
            self.count_block()

    def count_block(self) -> None:
        probabilities, labels, truth = (  # [T, K], [T], [T]
            np.concatenate(parts) for parts in zip(*self.block, strict=True)
        )
        self.block = []
        known = truth < self.labels
        given = probabilities[np.arange(len(truth)), np.where(known, truth, 0)]
        logs = np.where(known, np.log(np.maximum(given, 1e-30)), -np.inf)
        self.log_probability += float(logs.sum())
        self.counts["accuracy"].append((int((labels == truth).sum()), len(truth)))
        self.counts["f1"].append(count_labels(labels, truth, self.foreground))
        ranks = METRICS["auroc"].count(
            probabilities[:, self.ranked], truth[:, None] == np.array(self.ranked)
        )
        # one array for both metrics: tuples of a thousand floats per block would take much memory
        self.counts["auroc"].append(np.array(ranks))
        self.counts["auprc"].append(self.counts["auroc"][-1])


class SegmentCollector:
    """Joins the labelled windows of one sequence, in order, into segments.

    Args:
        names: The labels.
        shown: Ids of the labels whose segments are part of the prediction.
        minimum_length: Shorter segments are left out.
        counter: Counts the labels against the truth.
    """

    def __init__(
        self,
        names: Sequence[str],
        shown: Sequence[int],
        *,
        minimum_length: int,
        counter: BlockCounter,
    ):
        self.names, self.shown, self.minimum_length = names, shown, minimum_length
        self.counter = counter
        self.open: OpenSegment | None = None
        # of the current region
        self.segments: list[ScoredSegment] = []
        self.runs: list[Run] = []
        self.start = 0

    def add(self, answer: LabelledWindow) -> None:
        window = answer.window
        if window.size:
            self.add_runs(window, answer.probabilities, answer.labels)
        self.counter.add(answer)
        if window.last:
            self.close()

    def add_runs(self, window: Window, probabilities: np.ndarray, labels: np.ndarray) -> None:
        """Adds the runs of a window, which is split where its labels change."""
        edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), window.size]
        chosen = probabilities[np.arange(window.size), labels].astype(np.float64)  # [size]
        totals = np.add.reduceat(chosen, edges[:-1]).tolist()
        bases = window.labelled_bases
        for first, end, total in zip(edges[:-1], edges[1:], totals, strict=True):
            label = int(labels[first])
            self.extend(OpenSegment(label, window.start + first, window.start + end, total))
            self.runs.append(Run(bases[first:end], self.names[label]))

    def extend(self, run: OpenSegment) -> None:
        """Continues the open segment, or closes it and opens another."""
        if self.open is not None and self.open.label == run.label:
            self.open = self.open._replace(end=run.end, total=self.open.total + run.total)
            return
        self.close()
        self.open = run

    def close(self) -> None:
        """Completes the open segment, if there is one."""
        if self.open is None:
            return
        label, start, end, total = self.open
        self.open = None
        if label in self.shown and end - start >= self.minimum_length:
            segment = Segment(start, end, self.names[label])
            self.segments.append(ScoredSegment(segment, total / (end - start)))

    def take(self, end: int) -> Region:
        """The prediction since the last call, up to base `end` - 1, without the open segment."""
        region = Region(
            self.start,
            end,
            self.segments,
            self.runs,
            self.counter.counts,
            self.counter.log_probability,
        )
        self.start, self.segments, self.runs = end, [], []
        return region
