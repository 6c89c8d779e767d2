"""DNA as a network learns from it: letters as numbers, and the number of a sequence's label or of each base's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ostinato.data.batching.batch import IGNORE, Example
from ostinato.data.batching.bptt_windows import BpttWindows
from ostinato.data.dna import nucleotides
from ostinato.data.dna.sequences import DnaSequence, numbers_of

if TYPE_CHECKING:
    from ostinato.tasks.genome.task import Genome

OUTSIDE = "background"  # the label of bases that no segment names
AS_OUTSIDE = (
    OUTSIDE,
    ".",
    "-",
    "_",
    "0",
    "O",
)  # what stands for it where every base has its label written


def encode(task: Genome, record: DnaSequence, draw: int | None) -> Example:
    """A sequence with its label's number, or those of its bases; with `draw`, perhaps the other strand."""
    bases = shortened(record.bases, task.maximum_length) if task.whole else record.bases
    numbers = nucleotides.encode(bases or "N")  # an empty sequence has an answer, too
    inputs = torch.from_numpy(numbers.astype(np.int64))
    if task.whole:
        example = Example(inputs, number_of(task, record))
    else:
        targets = truth(task, record)
        targets[targets == len(task.labels)] = IGNORE
        left, right = record.margins
        targets[:left] = IGNORE
        targets[len(targets) - right :] = IGNORE
        example = Example(inputs, torch.from_numpy(targets))
    return example if draw is None or not task.varies else turned(example, draw)


def labels_of(records: Sequence[DnaSequence]) -> list[str]:
    """All labels in the alphabet's order, the background first."""
    if records[0].segments is None:
        return sorted({record.label for record in records})
    names = {segment.label for record in records for segment in record.segments}
    if any(
        sum(segment.end - segment.start for segment in record.segments) < len(record.bases)
        for record in records
    ):
        names.add(OUTSIDE)
    return sorted(names, key=lambda name: (name not in AS_OUTSIDE, name))


def number_of(task: Genome, record: DnaSequence) -> Tensor | None:
    return (
        torch.tensor(task.labels.token_to_id(record.label)) if record.label in task.labels else None
    )


def truth(task: Genome, record: DnaSequence) -> np.ndarray:
    """The number of each base's label [T]; that of a label which training never had is the number of labels."""
    background = 0 if task.background is None else task.labels.token_to_id(task.background)
    return numbers_of(record, task.labels.token_ids, background)


def shortened(bases: str, most: int) -> str:
    """The middle of a longer sequence: shortened("AACGTT", 2) -> "CG" """
    excess = len(bases) - most
    return bases if excess <= 0 else bases[excess // 2 : excess // 2 + most]


def cut_up(task: Genome, records: Sequence[DnaSequence]) -> list[DnaSequence]:
    """Sequences with labels for their bases as windows with margins."""
    return [
        record.part(start, min(start + task.window, len(record.bases)), task.margin)
        for record in records
        for start in range(0, len(record.bases), task.window)
    ]


def stretches(
    task: Genome, records: Sequence[DnaSequence], *, batch_size: int, seed: int
) -> BpttWindows:
    """Batches that go on from window to window: truncated backpropagation through time."""
    small = [
        Example(
            torch.from_numpy(nucleotides.encode(record.bases)),
            torch.from_numpy(truth(task, record).astype(np.int16)),
        )
        for record in records
    ]
    return BpttWindows(
        small,
        steps=task.window,
        batch_size=batch_size,
        seed=seed,
        vary=turned if task.varies else None,
    )


def turned(example: Example, draw: int) -> Example:
    """Every other draw, the other strand, the labels of its bases in its order."""
    if draw % 2 == 0:
        return example
    inputs = torch.from_numpy(nucleotides.other_strand(example.inputs.numpy()).astype(np.int64))
    targets = example.targets
    return Example(inputs, targets if targets is None or targets.dim() == 0 else targets.flip(0))
