"""Spans and the tags that spell them out: IOB1, BIO (IOB2), IOBES and BILOU, told apart, converted, and read as conlleval reads them.

             Peter   Piper    flew  to    New     York    .
BIO          B-PER   I-PER    O     O     B-LOC   I-LOC   O
IOB1         I-PER   I-PER    O     O     I-LOC   I-LOC   O      B- only where a span follows one of its own type
IOBES        B-PER   E-PER    O     O     B-LOC   E-LOC   O      S- for a single token
BILOU        B-PER   L-PER    O     O     B-LOC   L-LOC   O      U- for a single token
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

OUTSIDE = "O"
SCHEMES = ("iob1", "bio", "iobes", "bilou")
OPENS, ENDS = (
    frozenset("BSU"),
    frozenset("ESLU"),
)  # letters that begin a span, and that end one, whatever stands beside


class Span(NamedTuple):
    """Span("PER", 0, 2): tokens 0 and 1."""

    kind: str
    start: int
    end: int


def parts(tag: str) -> tuple[str, str]:
    """parts("B-PER") -> ("B", "PER"); parts("B") -> ("B", ""); parts("O") -> ("O", "")"""
    letter, _, kind = tag.partition("-")
    return letter, kind


def is_span_tag(tag: str) -> bool:
    """Whether a tag is O, or a letter of one of the schemes with a type behind it."""
    letter, kind = parts(tag)
    return tag == OUTSIDE or (letter in ("B", "I", "E", "S", "L", "U") and bool(kind))


def spans(tags: Sequence[str]) -> list[Span]:
    """spans(["B-PER", "I-PER", "O"]) -> [Span("PER", 0, 2)], by the rules of conlleval (Tjong Kim Sang and Buchholz 2000).

    What no scheme allows is read all the same: an I- or E- that continues nothing opens a span, another type ends one."""
    found: list[Span] = []
    start, kind, before = 0, "", OUTSIDE
    for place, tag in enumerate((*tags, OUTSIDE)):
        letter, own = parts(tag)
        goes_on = (
            before != OUTSIDE
            and letter != OUTSIDE
            and letter not in OPENS
            and before not in ENDS
            and own == kind
        )
        if before != OUTSIDE and not goes_on:
            found.append(Span(kind, start, place))
        if letter != OUTSIDE and not goes_on:
            start, kind = place, own
        before = letter
    return found


def spell(found: Iterable[Span], length: int, scheme: str) -> list[str]:
    """spell([Span("PER", 0, 2)], 3, "iobes") -> ["B-PER", "E-PER", "O"]; the spans must not overlap and come in order."""
    tags, last = [OUTSIDE] * length, Span("", 0, 0)
    single, end = {"iobes": ("S", "E"), "bilou": ("U", "L")}.get(scheme, ("B", "I"))
    for span in found:
        first = "B"
        if scheme == "iob1" and (span.kind, span.start) != (last.kind, last.end):
            first = "I"
        elif scheme != "iob1" and span.end - span.start == 1:
            first = single
        tags[span.start : span.end] = [f"I-{span.kind}"] * (span.end - span.start)
        tags[span.end - 1] = f"{end}-{span.kind}"
        tags[span.start] = f"{first}-{span.kind}"
        last = span
    return tags


def convert(tags: Sequence[str], scheme: str) -> list[str]:
    """convert(["I-PER", "O"], "bio") -> ["B-PER", "O"]: the same spans in another scheme, or broken tags put right."""
    return spell(spans(tags), len(tags), scheme)


def detect(sentences: Iterable[Sequence[str]]) -> str | None:
    """Which scheme sentences of tags are in: one of SCHEMES, or None if they are no span tags at all.

    E- and S- mean IOBES, L- and U- BILOU. Otherwise it is IOB1 if each B- follows a token of its own type and some span
    is opened by an I-, and BIO if not; a few broken tags do not change that."""
    letters: set[str] = set()
    opened = {"B": 0, "I": 0}  # spans, by the letter that opens them
    parting = 0  # B- that part two neighbours of one type, as in IOB1
    known: dict[str, bool] = {}
    for tags in sentences:
        before = OUTSIDE
        for tag in tags:
            if not known.setdefault(tag, is_span_tag(tag)):
                return None
            letter, kind = parts(tag)
            letters.add(letter)
            if letter == "B":
                opened["B"] += 1
                parting += before != OUTSIDE and parts(before)[1] == kind
            elif letter == "I" and (before == OUTSIDE or parts(before)[1] != kind):
                opened["I"] += 1
            before = tag
    if letters <= {OUTSIDE}:
        return None
    if letters & {"L", "U"}:
        return "bilou"
    if letters & {"E", "S"}:
        return "iobes"
    return "iob1" if opened["I"] > opened["B"] - parting else "bio"


def legal(
    tags: Sequence[str], scheme: str | None
) -> tuple[list[bool], list[list[bool]], list[bool]]:
    """Which tags may begin a sentence [K], which may follow which [K, K], and which may end it [K]; None allows everything.

    legal(["O", "B-PER", "I-PER"], "bio") -> [1, 1, 0], [[1, 1, 0], [1, 1, 1], [1, 1, 1]], [1, 1, 1]"""
    if scheme is None:
        return [True] * len(tags), [[True] * len(tags) for _ in tags], [True] * len(tags)
    return (
        [follows(OUTSIDE, tag, scheme) for tag in tags],
        [[follows(before, tag, scheme) for tag in tags] for before in tags],
        [follows(tag, OUTSIDE, scheme) for tag in tags],
    )


def follows(before: str, tag: str, scheme: str) -> bool:
    """Whether a tag may follow another; beyond either end of a sentence stands O."""
    (last, of), (letter, kind) = parts(before), parts(tag)
    same = last != OUTSIDE and of == kind
    if scheme == "iob1":
        return letter != "B" or same
    if scheme == "bio":
        return letter != "I" or same
    open_before, goes_on = last in ("B", "I"), letter in ("I", "E", "L")
    return open_before == goes_on and (same or not goes_on)
