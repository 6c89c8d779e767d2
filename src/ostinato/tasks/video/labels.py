"""The labels of clips and of their frames."""

from __future__ import annotations

from collections.abc import Sequence

from ostinato.data.images.video_clips import Clip
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.metrics import METRICS
from ostinato.tasks.prediction import Counts


def labels_of(record: Clip) -> tuple[str, ...]:
    """The label of a clip, or the labels of its frames; empty for an unlabelled clip."""
    if isinstance(record.label, tuple):
        return record.label
    return (record.label,) if record.label else ()


def count_clip_labels(
    answers: Sequence[Sequence[str]], records: Sequence[Clip], known: Vocabulary
) -> dict[str, list[Counts]]:
    """The counts of each clip for accuracy and F1; labels of frames count one by one.

    All unknown labels are one more class in F1.
    """
    counts: dict[str, list[Counts]] = {"accuracy": [], "f1": []}
    for given, record in zip(answers, records, strict=True):
        truth = labels_of(record)
        counts["accuracy"].append(METRICS["accuracy"].count(list(given), list(truth)))
        each = [
            METRICS["f1"].count(
                [*(one == label for label in known.tokens), one not in known],
                [*(right == label for label in known.tokens), right not in known],
            )
            for one, right in zip(given, truth, strict=True)
        ]
        counts["f1"].append(
            tuple(map(sum, zip(*each, strict=True))) if each else (0,) * (3 * len(known.tokens) + 3)
        )
    return counts
