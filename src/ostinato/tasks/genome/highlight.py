"""DNA in colours by its labels: on a terminal, or as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from ostinato.data.dna.bed import Segment
from ostinato.tasks.genome.base_labels import Marked

WIDTH = 60  # bases a line
TERMINAL = (31, 34, 32, 35, 36, 33, 91, 94, 92, 95, 96, 93)
PAGE = (
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
STYLE = "body{font-family:sans-serif;margin:2em}pre{font-size:14px;line-height:1.4}i{color:#888;font-style:normal}b{font-weight:bold}"


def on_terminal(
    predictions: Iterable[Marked], labels: Sequence[str], background: str | None
) -> Iterator[str]:
    """A line of labels in their colours, then each sequence, 60 bases a line, each base in the colour of its label."""
    colours = {
        label: f"\x1b[{TERMINAL[place % len(TERMINAL)]}m"
        for place, label in enumerate(labels)
        if label != background
    }
    yield " ".join(painted(label, colours.get(label)) for label in labels)
    for prediction in predictions:
        yield f">{prediction.name}{said(prediction)}"
        for position, parts in rows(prediction):
            yield f"{position:>10} " + "".join(
                painted(bases, colours.get(label)) for bases, label in parts
            )


def painted(text: str, colour: str | None) -> str:
    return text if colour is None else f"{colour}{text}\x1b[0m"


def as_page(
    predictions: Iterable[Marked], labels: Sequence[str], background: str | None
) -> Iterator[str]:
    """The lines of an HTML page that needs nothing else; labels show when the mouse is over them."""
    names = {label: f"l{place}" for place, label in enumerate(labels)}
    rules = "".join(
        f".{names[label]}{{color:{PAGE[place % len(PAGE)]};font-weight:bold}}"
        for place, label in enumerate(labels)
        if label != background
    )
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Labelled sequences</title>'
    yield f"<style>{STYLE}{rules}</style></head>"
    yield "<body><p>" + " ".join(span(label, label, names) for label in labels) + "</p>"
    for prediction in predictions:
        yield f"<h3>{escape(prediction.name + said(prediction))}</h3><pre>"
        for position, parts in rows(prediction):
            yield f"<i>{position:>10} </i>" + "".join(
                span(bases, label, names) for bases, label in parts
            )
        yield "</pre>"
    yield "</body></html>"


def span(text: str, label: str, names: dict[str, str]) -> str:
    return f'<span class="{names[label]}" title="{escape(label)}">{escape(text)}</span>'


def said(prediction: Marked) -> str:
    """What stands behind a sequence's name: the label of the whole, or nothing."""
    details = prediction.details
    return f" {details['label']} {details['score']:.3f}" if "label" in details else ""


def rows(prediction: Marked) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """(position of the first base, counted from 0; [(bases, label), ...]) of each line."""
    runs = iter(prediction.runs)
    run: Segment | None = next(runs, None)
    for first in range(0, len(prediction.bases), WIDTH):
        here, last = (
            prediction.start + first,
            prediction.start + min(first + WIDTH, len(prediction.bases)),
        )
        parts, position = [], here
        while position < last and run is not None:
            end = min(run.end, last)
            parts.append(
                (prediction.bases[position - prediction.start : end - prediction.start], run.label)
            )
            position = end
            if position == run.end:
                run = next(runs, None)
        yield here, parts
