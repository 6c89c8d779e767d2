"""The labels of a record, and the names of the background."""

from __future__ import annotations

from ostinato.data.dna.sequences import DnaSequence

BACKGROUND = "background"  # the label of bases outside all segments
# names of the background in files that label every base
BACKGROUND_NAMES = (BACKGROUND, ".", "-", "_", "0", "O")


def count_labelled(record: DnaSequence) -> int:
    """The number of bases inside segments."""
    return sum(segment.end - segment.start for segment in record.segments or ())


def labels_of(record: DnaSequence) -> list[str]:
    """The label of a sequence, or that of each of its segments."""
    if record.segments is None:
        return [record.label]
    return [segment.label for segment in record.segments]
