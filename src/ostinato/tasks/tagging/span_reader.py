"""Reads the spans of a sentence from its tags, in the notation of the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ostinato.data.text.tag_forms import OUTSIDE, STANDARD
from ostinato.data.text.tag_schemes import Span, read_spans
from ostinato.tasks.tagging.preprocessing import TaggingPreprocessing

SpanReader = Callable[[Sequence[str]], Sequence[Span]]  # the tags of a sentence -> its spans


def span_reader(fitted: TaggingPreprocessing) -> SpanReader | None:
    """A function from the tags of a sentence to its spans; None if tags do not encode spans."""
    if fitted.file_scheme is None:
        return None
    if fitted.file_scheme == "binary":
        return single_token_spans
    form = fitted.file_form
    return read_spans if form == STANDARD else lambda tags: read_spans(form.to_standard(tags))


def single_token_spans(tags: Sequence[str]) -> list[Span]:
    """Each tagged token as a span: single_token_spans(["O", "NAME"]) -> [Span("NAME", 1, 2)]"""
    return [
        Span(tag, position, position + 1) for position, tag in enumerate(tags) if tag != OUTSIDE
    ]
