"""Spans and their tags: the schemes, detected, converted, read as conlleval reads them.

             Peter   Piper    flew  to    New     York    .
BIO (IOB2)   B-PER   I-PER    O     O     B-LOC   I-LOC   O
IOB1         I-PER   I-PER    O     O     I-LOC   I-LOC   O    B- only after a span of its own type
IOE2         I-PER   E-PER    O     O     I-LOC   E-LOC   O
IOE1         I-PER   I-PER    O     O     I-LOC   I-LOC   O    E- only before a span of its own type
IOBES        B-PER   E-PER    O     O     B-LOC   E-LOC   O    S- for a single token
IOBE         B-PER   E-PER    O     O     B-LOC   E-LOC   O    B- for a single token
BILOU        B-PER   L-PER    O     O     B-LOC   L-LOC   O    U- for a single token
BMES         B-PER   E-PER    O     O     B-LOC   E-LOC   O    M- inside, S- for a single token
BMEWO        B-PER   E-PER    O     O     B-LOC   E-LOC   O    M- inside, W- for a single token

How the letter and the type are put together is told in `tag_forms`; here they are as above."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ostinato.data.text.tag_forms import (
    LETTERS,
    OUTSIDE,
    STANDARD,
    TagForm,
    find_forms,
    join_tag,
    split_tag,
)

# the letters of a span's first, inner and last token, and of a span of one token
SPELLING = {
    "iob1": "IIII",
    "bio": "BIIB",
    "ioe1": "IIII",
    "ioe2": "IIEE",
    "iobe": "BIEB",
    "iobes": "BIES",
    "bilou": "BILU",
    "bmes": "BMES",
    "bmewo": "BMEW",
}
SCHEMES = tuple(SPELLING)
BEGINNING = 100_000  # sentences by which the schemes of the same letters are told apart
BY_LETTERS = ("bio", "iobe", "iobes", "bilou", "bmes", "bmewo")  # the first with all letters
OPENS = frozenset("BSUW")  # letters that begin a span, whatever comes before
ENDS = frozenset("ESLUW")  # letters that end a span, whatever comes after


class Span(NamedTuple):
    """Span("PER", 0, 2): tokens 0 and 1."""

    kind: str
    start: int
    end: int


class SpanFormat(NamedTuple):
    """How the tags of files are written: SpanFormat("bmes", FORMS["B-PER"])."""

    scheme: str
    form: TagForm = STANDARD


def is_span_tag(tag: str) -> bool:
    """Whether a tag is O, or a letter of one of the schemes and a type."""
    letter, kind = split_tag(tag)
    return tag == OUTSIDE or (letter in LETTERS and bool(kind))


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
    first, inner, end, single = tuple(SPELLING[scheme])
    for span in spans:
        adjacent = last.end > 0 and (span.kind, span.start) == (last.kind, last.end)
        if scheme == "ioe1" and adjacent:
            tags[last.end - 1] = join_tag("E", last.kind)
        letters = [inner] * (span.end - span.start)
        letters[-1], letters[0] = end, first if len(letters) > 1 else single
        if scheme == "iob1" and adjacent:
            letters[0] = "B"
        tags[span.start : span.end] = [join_tag(letter, span.kind) for letter in letters]
        last = span
    return tags


def convert_tags(tags: Sequence[str], scheme: str) -> list[str]:
    """convert_tags(["I-PER", "O"], "bio") -> ["B-PER", "O"]: the same spans in another scheme.

    In their own scheme, tags that it does not allow are corrected."""
    return write_tags(read_spans(tags), len(tags), scheme)


def detect_format(sentences: Iterable[Sequence[str]]) -> SpanFormat | None:
    """The scheme and the form of the tags of sentences; None if they are no tags of spans.

    The letters tell most schemes. B and I alone are IOB1 if each B- follows a token of its own type
    and some span is opened by an I-, and BIO if not; I and E alone are IOE1 or IOE2 by the same
    rule from the end; a few wrong tags do not change that. B, I and E are IOBES unless single
    tokens have a B-. Letters are those of all sentences; the rest is judged by the first
    BEGINNING."""
    tags: set[str] = set()
    beginning: list[Sequence[str]] = []
    for sentence in sentences:
        tags.update(sentence)
        if len(beginning) < BEGINNING:
            beginning.append(sentence)
    for form in find_forms(tags):
        standard = {tag: form.to_standard([tag])[0] for tag in tags}
        letters = {split_tag(tag)[0] for tag in standard.values()} - {OUTSIDE}
        scheme = next((name for name in BY_LETTERS if letters <= {*SPELLING[name]}), None)
        if scheme is None:
            continue
        if scheme in ("bio", "iobe"):
            written = [[standard[tag] for tag in sentence] for sentence in beginning]
            scheme = tell_apart(letters, written)
        return SpanFormat(scheme, form)
    return None


def tell_apart(letters: set[str], sentences: Sequence[Sequence[str]]) -> str:
    """The scheme of tags with the letters B, I and E, or some of them."""
    if letters <= {"B", "I"}:
        return "iob1" if marks_are_rare(sentences, "B") else "bio"
    if letters <= {"I", "E"}:
        backwards = [tags[::-1] for tags in sentences]
        return "ioe1" if marks_are_rare(backwards, "E") else "ioe2"
    singles = any(
        span.end - span.start == 1 and tags[span.start].startswith("B")
        for tags in sentences
        for span in read_spans(tags)
    )
    return "iobe" if singles else "iobes"


def marks_are_rare(sentences: Sequence[Sequence[str]], mark: str) -> bool:
    """Whether a letter only separates neighbouring spans of one type, as B in IOB1.

    For E in IOE1 the sentences are given backwards."""
    opened = {mark: 0, "I": 0}  # spans, by the letter that opens them
    separating = 0  # marks between two neighbours of one type
    for tags in sentences:
        before = OUTSIDE
        for tag in tags:
            letter, kind = split_tag(tag)
            continues = before != OUTSIDE and split_tag(before)[1] == kind
            if letter == mark:
                opened[mark] += 1
                separating += continues
            elif letter == "I" and not continues:
                opened["I"] += 1
            before = tag
    return opened["I"] > opened[mark] - separating


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
    same = last != OUTSIDE and letter != OUTSIDE and last_kind == kind
    if scheme == "iob1":
        return letter != "B" or same
    if scheme == "bio":
        return letter != "I" or same
    if scheme == "ioe1":
        return last != "E" or same
    if scheme == "ioe2":
        return last != "I" or same
    open_before, continues = last in ("B", "I", "M"), letter in ("I", "E", "L", "M")
    if scheme == "iobe" and last == "B" and not continues:
        return True
    return open_before == continues and (same or not continues)
