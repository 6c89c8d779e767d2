"""One label for a whole sequence of DNA: asked of one strand or of both, written as BED, counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from ostinato.data.dna import nucleotides
from ostinato.data.dna.bed import Segment, bed_line
from ostinato.data.dna.sequences import DnaSequence
from ostinato.metrics import METRICS
from ostinato.tasks.genome.base_labels import Marked
from ostinato.tasks.labels import probabilities
from ostinato.tasks.legacy import Counts, Prediction

if TYPE_CHECKING:
    from ostinato.tasks.genome.task import Genome

TOGETHER = 1 << 15  # bases in a batch, padding counted


def both_strands(task: Genome, network: nn.Module, strands: Sequence[DnaSequence]) -> np.ndarray:
    """What the network gives each label, [N, C]: the mean of both strands, where both are asked."""
    both = list(strands)
    if task.averages:
        both += [
            each._replace(bases=nucleotides.reverse_complement(each.bases)) for each in strands
        ]
    found = probabilities(task, network, both, tokens=TOGETHER)
    return (found[: len(strands)] + found[len(strands) :]) / 2 if task.averages else found


def label_whole(
    task: Genome, network: nn.Module, strands: Sequence[DnaSequence]
) -> list[Prediction]:
    """An answer for each: a segment from its first base to its last."""
    found: list[Prediction] = []
    for strand, row in zip(strands, both_strands(task, network, strands).tolist(), strict=True):
        label = task.labels.tokens[int(np.argmax(row))]
        segment = Segment(0, len(strand.bases), label)
        details = {
            "name": strand.name,
            "label": label,
            "score": max(row),
            "probabilities": dict(zip(task.labels.tokens, row, strict=True)),
        }
        bases = strand.bases if task.coloured else ""
        found.append(
            Marked(
                bed_line(strand.name, segment, max(row)),
                details,
                name=strand.name,
                bases=bases,
                runs=(segment,),
            )
        )
    return found


def count_whole(
    task: Genome, records: Sequence[DnaSequence], predictions: Sequence[Prediction]
) -> dict[str, list[Counts]]:
    """What the metrics count of each sequence; labels that are not known are a class of their own in F1, so that they count as missed."""
    counts: dict[str, list[Counts]] = {metric: [] for metric in task.metrics}
    names = task.labels.tokens
    ranked = [names[number] for number in task.ranked]
    for record, prediction in zip(records, predictions, strict=True):
        given = prediction.details
        counts["accuracy"].append(METRICS["accuracy"].count(given["label"], record.label))
        found, true = (
            [given["label"] == name for name in names],
            [record.label == name for name in names],
        )
        counts["f1"].append(
            METRICS["f1"].count([*found, False], [*true, record.label not in task.labels])
        )
        areas = METRICS["auroc"].count(
            [given["probabilities"][name] for name in ranked],
            [record.label == name for name in ranked],
        )
        counts["auroc"].append(areas)
        counts["auprc"].append(areas)
    return counts
