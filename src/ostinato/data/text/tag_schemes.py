"""Spans and their tags: IOB1, BIO (IOB2), IOBES and BILOU, detected, converted, read as conlleval.

             Peter   Piper    flew  to    New     York    .
BIO          B-PER   I-PER    O     O     B-LOC   I-LOC   O
IOB1         I-PER   I-PER    O     O     I-LOC   I-LOC   O    B- only after a span of its own type
IOBES        B-PER   E-PER    O     O     B-LOC   E-LOC   O    S- for a single token
BILOU        B-PER   L-PER    O     O     B-LOC   L-LOC   O    U- for a single token
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

OUTSIDE = "O"
SCHEMES = ("iob1", "bio", "iobes", "bilou")
OPENS = frozenset("BSU")  # letters that begin a span, whatever comes before
ENDS = frozenset("ESLU")  # letters that end a span, whatever comes after


class Span(NamedTuple):
    """Span("PER", 0, 2): tokens 0 and 1."""

    kind: str
    start: int
    end: int


def split_tag(tag: str) -> tuple[str, str]:
    """split_tag("B-PER") -> ("B", "PER"); split_tag("O") -> ("O", "")"""
    letter, _, kind = tag.partition("-")
    return letter, kind


def is_span_tag(tag: str) -> bool:
    """Whether a tag is O, or a letter of one of the schemes and a type."""
    letter, kind = split_tag(tag)
    return tag == OUTSIDE or (letter in ("B", "I", "E", "S", "L", "U") and bool(kind))


def read_spans(tags: Sequence[str]) -> list[Span]:
    """read_spans(["B-PER", "I-PER", "O"]) -> [Span("PER", 0, 2)]

    By the rules of conlleval (Tjong Kim Sang and Buchholz 2000). What no scheme allows is read all
    the same: an I- or E- that continues nothing opens a span, another type ends one."""
    found: list[Span] = []
    start, kind, before = 0, "", OUTSIDE
    for place, tag in enumerate((*tags, OUTSIDE)):
        letter, own = split_tag(tag)
        continues = (
            before != OUTSIDE
            and letter != OUTSIDE
            and letter not in OPENS
            and before not in ENDS
            and own == kind
        )
        if before != OUTSIDE and not continues:
            found.append(Span(kind, start, place))
        if letter != OUTSIDE and not continues:
            start, kind = place, own
        before = letter
    return found


def write_tags(spans: Iterable[Span], length: int, scheme: str) -> list[str]:
    """write_tags([Span("PER", 0, 2)], 3, "iobes") -> ["B-PER", "E-PER", "O"]

    Args:
        spans: in order, not overlapping.
        length: the number of tokens.
        scheme: one of SCHEMES.
    """
    tags, last = [OUTSIDE] * length, Span("", 0, 0)
    single, end = {"iobes": ("S", "E"), "bilou": ("U", "L")}.get(scheme, ("B", "I"))
    for span in spans:
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


def convert_tags(tags: Sequence[str], scheme: str) -> list[str]:
    """convert_tags(["I-PER", "O"], "bio") -> ["B-PER", "O"]: the same spans in another scheme.

    In their own scheme, tags that it does not allow are corrected."""
    return write_tags(read_spans(tags), len(tags), scheme)


def detect_scheme(sentences: Iterable[Sequence[str]]) -> str | None:
    """The scheme of the tags of sentences: one of SCHEMES, or None if they are no span tags.

    E- and S- mean IOBES, L- and U- BILOU. Otherwise it is IOB1 if each B- follows a token of its
    own type and some span is opened by an I-, and BIO if not; a few wrong tags do not change
    that."""
    letters: set[str] = set()
    opened = {"B": 0, "I": 0}  # spans, by the letter that opens them
    separating = 0  # B- between two neighbours of one type, as in IOB1
    known: dict[str, bool] = {}
    for tags in sentences:
        before = OUTSIDE
        for tag in tags:
            if not known.setdefault(tag, is_span_tag(tag)):
                return None
            letter, kind = split_tag(tag)
            letters.add(letter)
            if letter == "B":
                opened["B"] += 1
                separating += before != OUTSIDE and split_tag(before)[1] == kind
            elif letter == "I" and (before == OUTSIDE or split_tag(before)[1] != kind):
                opened["I"] += 1
            before = tag
    if letters <= {OUTSIDE}:
        return None
    if letters & {"L", "U"}:
        return "bilou"
    if letters & {"E", "S"}:
        return "iobes"
    return "iob1" if opened["I"] > opened["B"] - separating else "bio"


def allowed_transitions(
    tags: Sequence[str], scheme: str | None
) -> tuple[list[bool], list[list[bool]], list[bool]]:
    """Which tags may begin a sentence, which may follow which, and which may end it.

    allowed_transitions(["O", "B-PER", "I-PER"], "bio")
    -> [1, 1, 0], [[1, 1, 0], [1, 1, 1], [1, 1, 1]], [1, 1, 1]

    Args:
        tags: K of them.
        scheme: one of SCHEMES; None allows everything.

    Returns:
        start [K]; transitions [K, K], from the row's tag to the column's; end [K].
    """
    if scheme is None:
        return [True] * len(tags), [[True] * len(tags) for _ in tags], [True] * len(tags)
    return (
        [is_allowed(OUTSIDE, tag, scheme) for tag in tags],
        [[is_allowed(before, tag, scheme) for tag in tags] for before in tags],
        [is_allowed(tag, OUTSIDE, scheme) for tag in tags],
    )


def is_allowed(before: str, tag: str, scheme: str) -> bool:
    """Whether a tag may follow another; O comes before a sentence and after it."""
    (last, last_kind), (letter, kind) = split_tag(before), split_tag(tag)
    same = last != OUTSIDE and last_kind == kind
    if scheme == "iob1":
        return letter != "B" or same
    if scheme == "bio":
        return letter != "I" or same
    open_before, continues = last in ("B", "I"), letter in ("I", "E", "L")
    return open_before == continues and (same or not continues)
