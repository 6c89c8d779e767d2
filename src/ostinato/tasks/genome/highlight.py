"""DNA coloured by its labels, for a terminal or as a web page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from ostinato.tasks.genome.segmentation import Run

WIDTH = 60  # bases a line
TERMINAL_COLOURS = (31, 34, 32, 35, 36, 33, 91, 94, 92, 95, 96, 93)
PAGE_COLOURS = (
    "#e6194b",
    "#4363d8",
    "#3cb44b",
    "#911eb4",
    "#008080",
    "#f58231",
    "#800000",
    "#000075",
    "#808000",
    "#9a6324",
    "#e6007e",
    "#2f4f4f",
)
STYLE = (
    "body{font-family:sans-serif;margin:2em}pre{font-size:14px;line-height:1.4}"
    "i{color:#888;font-style:normal}b{font-weight:bold}"
)


class LabelledText(NamedTuple):
    """Bases with their labels.

    Args:
        heading: The sequence's name, and its label if it has one.
        start: Position of the first base, counted from 0.
        runs: The bases, as runs of one label.
    """

    heading: str
    start: int
    runs: Sequence[Run]


def highlight_terminal(
    texts: Iterable[LabelledText], labels: Sequence[str], background: str | None
) -> Iterator[str]:
    """Lines for a terminal: a legend, then each sequence in lines of 60 coloured bases."""
    colours = {
        label: f"\x1b[{TERMINAL_COLOURS[id % len(TERMINAL_COLOURS)]}m"
        for id, label in enumerate(labels)
        if label != background
    }
    yield " ".join(colour_text(label, colours.get(label)) for label in labels)
    for text in texts:
        yield f">{text.heading}"
        for position, runs in split_rows(text):
            coloured = (colour_text(run.bases, colours.get(run.label)) for run in runs)
            yield f"{position:>10} " + "".join(coloured)


def colour_text(text: str, colour: str | None) -> str:
    return text if colour is None else f"{colour}{text}\x1b[0m"


def highlight_page(
    texts: Iterable[LabelledText], labels: Sequence[str], background: str | None
) -> Iterator[str]:
    """The lines of a self-contained HTML page; a label appears when the mouse is over its bases."""
    names = {label: f"l{id}" for id, label in enumerate(labels)}
    rules = "".join(
        f".{names[label]}{{color:{PAGE_COLOURS[id % len(PAGE_COLOURS)]};font-weight:bold}}"
        for id, label in enumerate(labels)
        if label != background
    )
    yield (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        "<title>Labelled sequences</title>"
    )
    yield f"<style>{STYLE}{rules}</style></head>"
    yield "<body><p>" + " ".join(format_span(Run(label, label), names) for label in labels) + "</p>"
    for text in texts:
        yield f"<h3>{escape(text.heading)}</h3><pre>"
        for position, runs in split_rows(text):
            spans = (format_span(run, names) for run in runs)
            yield f"<i>{position:>10} </i>" + "".join(spans)
        yield "</pre>"
    yield "</body></html>"


def format_span(run: Run, names: dict[str, str]) -> str:
    label = run.label
    return f'<span class="{names[label]}" title="{escape(label)}">{escape(run.bases)}</span>'


def split_rows(text: LabelledText) -> Iterator[tuple[int, list[Run]]]:
    """Splits a sequence into lines of 60 bases: (position of the first base, runs)."""
    position, row, free = text.start, [], WIDTH
    for bases, label in text.runs:
        first = 0
        while first < len(bases):
            part = bases[first : first + free]
            row.append(Run(part, label))
            first, free = first + len(part), free - len(part)
            if free == 0:
                yield position, row
                position, row, free = position + WIDTH, [], WIDTH
    if row:
        yield position, row
