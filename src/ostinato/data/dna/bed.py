"""BED: labelled segments of named sequences, one a line.

`chr1 100 250 exon` is bases 100 to 249 of chr1, counted from 0."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path, quote
from ostinato.errors import InputError, nearest, option_name
from ostinato.notices import notify

DEFAULT_LABEL = "segment"  # of segments whose line has no name, or "."
HEADER_WORDS = ("track", "browser")  # lines that begin with these are for genome browsers
PEAKS = (".narrowpeak", ".broadpeak", ".gappedpeak")  # have BED's first columns
SUFFIXES = (".bed", *PEAKS)
MOST_DIGITS = 18  # of a position
# names of peaks differ from line to line; labels come back
FEW_NAMES, MOST_DISTINCT = 10, 0.8
NUMBERED = re.compile(r"(.*?)[-_.]?[0-9]+[a-z]?")  # MACS's names: sample_peak_17, sample_peak_18a
CHROMOSOME = ("chrom", "chr", "chromosome", "seqname", "seqnames")  # first words of a header


class Segment(NamedTuple):
    """Bases start to end - 1 of a sequence, and their label."""

    start: int
    end: int
    label: str


class BedLine(NamedTuple):
    """A line of a BED file: the sequence's name, the segment, and file and line."""

    name: str
    segment: Segment
    where: str


def is_bed(file: FilePath) -> bool:
    """Whether a file's name says that it is BED: is_bed("exons.bed.gz") -> True"""
    return Path(str(file).removesuffix(".gz")).suffix.lower() in SUFFIXES


def read_bed(file: FilePath, *, one_label: bool = False) -> list[BedLine]:
    """The segments of a file in its order; three columns or more, between tabs or spaces.

    Args:
        file: BED, narrowPeak or broadPeak.
        one_label: Whether all segments have the label DEFAULT_LABEL, whatever their names.

    Raises:
        InputError: Fewer columns, a start or end that is not a number, or an end before its start;
            with the line.
    """
    found: list[BedLine] = []
    for number, line in enumerate(iterate_lines(file), start=1):
        fields = line.split("\t") if "\t" in line else line.split()
        fields = [field.strip() for field in fields]
        where = f"{display_path(file)}:{number}"
        if not any(fields) or fields[0].startswith("#"):
            continue
        if not fields[0]:
            raise InputError(f"{where}: no sequence name in the first column")
        if fields[0].split()[0] in HEADER_WORDS:
            continue
        if (
            not found
            and fields[0].lower() in CHROMOSOME
            and "start" in "".join(fields[1:2]).lower()
        ):
            continue  # the columns' names
        if len(fields) < 3:
            raise InputError(
                f"{where}: expected at least 3 columns (name, start, end, perhaps a label), "
                f"got {len(fields)}"
            )
        if not all(is_position(field) for field in fields[1:3]):
            raise InputError(
                f"{where}: start and end must be whole numbers; got {quote(fields[1])} and "
                f"{quote(fields[2])}"
            )
        start, end = int(fields[1]), int(fields[2])
        if end <= start:
            raise InputError(f"{where}: the segment ends at {end}, not behind its start at {start}")
        named = not one_label and len(fields) > 3 and fields[3] not in ("", ".")
        label = fields[3] if named else DEFAULT_LABEL
        found.append(BedLine(fields[0], Segment(start, end, label), where))
    if not one_label and are_names(file, [line.segment.label for line in found]):
        labels = {line.segment.label for line in found}
        notify(
            f"{display_path(file)}: {len(labels):,} of {len(found):,} names differ: they are taken "
            f"for names of peaks, and all segments are labelled {DEFAULT_LABEL!r}"
        )
        return [line._replace(segment=line.segment._replace(label=DEFAULT_LABEL)) for line in found]
    notify_names(file, found)
    return found


def are_names(file: FilePath, labels: Sequence[str]) -> bool:
    """Whether (nearly) every segment has a label of its own, as peaks have names.

    Few labels that all differ are names in a file of peaks, or where one text and a number make
    each of them: peak_1, peak_2."""
    different = set(labels)
    if len(labels) >= FEW_NAMES:
        return len(different) > MOST_DISTINCT * len(labels)
    if len(different) < len(labels):
        return False
    numbered = [NUMBERED.fullmatch(label) for label in labels]
    texts = {match[1] if match else None for match in numbered}
    peaks = Path(str(file).removesuffix(".gz")).suffix.lower() in PEAKS
    return bool(peaks and labels) or (len(labels) > 2 and len(texts) == 1 and None not in texts)


def notify_names(file: FilePath, lines: Sequence[BedLine]) -> None:
    """Asks whether labels that occur once are names of segments."""
    counts = Counter(line.segment.label for line in lines)
    once = sum(count == 1 for count in counts.values())
    if once >= FEW_NAMES and once > len(counts) / 2:
        notify(
            f"{display_path(file)}: {once:,} labels occur once, as names of segments do; "
            f"one class? {option_name('one_label')}"
        )


def is_position(text: str) -> bool:
    """Whether a field is a whole number that a position can be."""
    return text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS


def group_segments(
    lines: Sequence[BedLine], lengths: Mapping[str, int]
) -> dict[str, tuple[Segment, ...]]:
    """The segments of each sequence, sorted, with adjacent ones of one label merged.

    Args:
        lines: Segments in any order.
        lengths: The length of each sequence, by name.

    Raises:
        InputError: An unknown sequence, a segment beyond the end of its sequence, or two segments
            of different labels that overlap; with the line.
    """
    found: dict[str, list[BedLine]] = {name: [] for name in lengths}
    for line in lines:
        if line.name not in lengths:
            raise InputError(
                f"{line.where}: there is no sequence {quote(line.name)} in the FASTA files"
                f"{nearest(line.name, list(lengths)[:20])}"
            )
        if line.segment.end > lengths[line.name]:
            raise InputError(
                f"{line.where}: the segment ends at {line.segment.end:,}, "
                f"but {line.name} has {lengths[line.name]:,} bases"
            )
        found[line.name].append(line)
    return {
        name: merge_segments(sorted(each, key=lambda line: line.segment[:2]))
        for name, each in found.items()
    }


def merge_segments(lines: Sequence[BedLine]) -> tuple[Segment, ...]:
    """Segments sorted by start, those of one label that overlap or touch merged into one."""
    result: list[Segment] = []
    last = ""
    for line in lines:
        segment = line.segment
        before = result[-1] if result else None
        if before is not None and segment.start < before.end and segment.label != before.label:
            raise InputError(
                f"{line.where}: {quote(segment.label)} overlaps {before.label!r} ({last}); "
                "a base has one label only"
            )
        if before is not None and segment.start <= before.end and segment.label == before.label:
            result[-1] = before._replace(end=max(before.end, segment.end))
        else:
            result.append(segment)
        last = line.where
    return tuple(result)


def format_bed_line(name: str, segment: Segment, score: float) -> str:
    """The six columns of a segment, its score (0 to 1) as a whole number from 0 to 1000.

    format_bed_line("chr1", Segment(100, 250, "exon"), 0.934) -> "chr1 100 250 exon 934 ."
    """
    return f"{name}\t{segment.start}\t{segment.end}\t{segment.label}\t{round(1000 * score)}\t."
