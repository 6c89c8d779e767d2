"""Texts with spans, as tools for annotation write them: doccano, Prodigy and others.

{"text": "Ada left Oslo.", "label": [[0, 3, "PER"], [9, 13, "LOC"]]}
{"text": "Ada left Oslo.", "entities": [{"start_offset": 0, "end_offset": 3, "label": "PER"}]}
-> words and BIO tags: Ada/B-PER left/O Oslo/B-LOC ./O"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ostinato.data.files.wording import pluralise, quote
from ostinato.errors import InputError
from ostinato.notices import notify

KEYS = ("label", "labels", "entities", "spans")
STARTS, ENDS = ("start_offset", "start", "begin"), ("end_offset", "end")
NAMES = ("label", "type", "entity", "tag")
# scripts without spaces: each character is a word
WHOLE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
WORD = re.compile(rf"[{WHOLE}]|(?:(?![{WHOLE}])\w)+(?:['’-](?:(?![{WHOLE}])\w)+)*|[^\w\s]")


class Span(NamedTuple):
    """Characters start to end (not included) of a text, with their label."""

    start: int
    end: int
    label: str


def spread_spans(
    rows: Iterator[tuple[int, dict | None]], file: str
) -> Iterator[tuple[int, dict | None]]:
    """The rows, texts with spans as lists of words and of tags; other rows as they are.

    Of spans that overlap the one that begins first is kept, of those the longest; the others are
    counted.

    Args:
        rows: (line number, object), None for a blank line.
        file: for messages.

    Raises:
        InputError: a span that is outside its text, or without a label.
    """
    left_out, found = 0, False
    for line, values in rows:
        key = None if values is None else find_spans(values)
        if values is None or key is None:
            yield line, values
            continue
        where, text = f"{file}:{line}", values["text"]
        spans = sorted(
            (read_span(each, text, where) for each in values[key]),
            key=lambda span: (span.start, -span.end),
        )
        kept = drop_overlapping(spans)
        left_out += len(spans) - len(kept)
        words, tags = tag_words(text, kept)
        if not found:
            found = True
            notify(f"{file}: texts with spans, split into words and punctuation")
        yield line, {"tokens": words, "tags": tags}
    if left_out:
        notify(f"{file}: {left_out:,} {pluralise('span', left_out)} left out that overlap others")


def find_spans(values: dict[str, Any]) -> str | None:
    """The key of an object's spans; None if it is not a text with spans."""
    if not isinstance(values.get("text"), str) or {"tokens", "words"} & set(values):
        return None
    return next(
        (
            key
            for key in KEYS
            if isinstance(values.get(key), list) and all(map(is_span, values[key]))
        ),
        None,
    )


def is_span(value: Any) -> bool:
    """Whether a value has the form of a span: [0, 3, "PER"], or an object with start and end."""
    if isinstance(value, dict):
        return any(name in value for name in STARTS) and any(name in value for name in ENDS)
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], int)


def read_span(value: Any, text: str, where: str) -> Span:
    """A span, checked against its text."""
    if isinstance(value, dict):
        value = [
            next((value[name] for name in names if name in value), None)
            for names in (STARTS, ENDS, NAMES)
        ]
    start, end, label = value
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    if not isinstance(label, str) or not label.strip():
        raise InputError(f"{where}: a span without a label; expected [start, end, label]")
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in (start, end))
    if not whole or not 0 <= start < end <= len(text):
        raise InputError(
            f"{where}: the span {quote(label, 30)} from {quote(start, 20)} to {quote(end, 20)} is "
            f"not inside its text of {len(text):,} characters"
        )
    return Span(start, end, "_".join(label.split()))


def drop_overlapping(spans: Sequence[Span]) -> list[Span]:
    """The spans, in order of their beginnings, without those that overlap an earlier one."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def tag_words(text: str, spans: Sequence[Span]) -> tuple[list[str], list[str]]:
    """The words of a text and their BIO tags; a word also ends where a span begins or ends.

    tag_words("Oslo-based", [Span(0, 4, "LOC")]) -> (["Oslo", "-based"], ["B-LOC", "O"])"""
    bounds = sorted({each for span in spans for each in (span.start, span.end)})
    words, tags, inside, place = [], [], None, 0
    for match in WORD.finditer(text):
        cuts = [cut for cut in bounds if match.start() < cut < match.end()]
        edges = [match.start(), *cuts, match.end()]
        for start, end in zip(edges, edges[1:], strict=False):
            while place < len(spans) and spans[place].end <= start:
                place += 1
            span = spans[place] if place < len(spans) and spans[place].start <= start else None
            words.append(text[start:end])
            tags.append("O" if span is None else f"{'I' if span is inside else 'B'}-{span.label}")
            inside = span
    return words, tags
