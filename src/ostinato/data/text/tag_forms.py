"""How span tags are spelled: B-PER, B_PER, PER-B, PER_B, B alone, b-per; and which form files have.

Everything else reads and writes the first form, the standard one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

OUTSIDE = "O"
LETTERS = frozenset("BIESLUMW")


class TagForm(NamedTuple):
    """TagForm("PER-B", "-", suffix=True): the type, then the letter.

    Attributes:
        name: the letter B and the type PER in this form.
        separator: between the two; "" where there is a letter alone, and no type.
        suffix: whether the letter comes last.
        outside: the tag outside of spans; in lower case, so are the letters.
    """

    name: str
    separator: str
    suffix: bool = False
    outside: str = OUTSIDE

    def parse(self, tag: str) -> tuple[str, str] | None:
        """FORMS["PER-B"].parse("PER-B") -> ("B", "PER"); ("O", "") outside; None: not this form."""
        if tag == self.outside:
            return OUTSIDE, ""
        if not self.separator:
            letter, kind = tag, ""
        elif self.suffix:
            kind, _, letter = tag.rpartition(self.separator)
        else:
            letter, _, kind = tag.partition(self.separator)
        if self.outside.islower():
            letter = letter.upper() if letter.islower() else ""
        if letter not in LETTERS or bool(kind) != bool(self.separator):
            return None
        return letter, kind

    def to_standard(self, tags: Iterable[str]) -> list[str]:
        """FORMS["PER-B"].to_standard(["PER-B", "O"]) -> ["B-PER", "O"]; other tags stay."""
        parsed = ((tag, self.parse(tag)) for tag in tags)
        return [tag if parts is None else join_tag(*parts) for tag, parts in parsed]

    def from_standard(self, tags: Iterable[str]) -> list[str]:
        """The inverse of `to_standard`: FORMS["PER-B"].from_standard(["B-PER"]) -> ["PER-B"]."""
        return [self.spell(*split_tag(tag)) for tag in tags]

    def spell(self, letter: str, kind: str) -> str:
        """FORMS["PER-B"].spell("B", "PER") -> "PER-B" """
        if letter == OUTSIDE:
            return self.outside
        letter = letter.lower() if self.outside.islower() else letter
        parts = (kind, letter) if self.suffix else (letter, kind)
        return self.separator.join(parts) if self.separator else letter


def split_tag(tag: str) -> tuple[str, str]:
    """A tag's letter and kind.

    split_tag("B-PER") -> ("B", "PER"); split_tag("O") -> ("O", ""); split_tag("B") -> ("B", "")
    """
    letter, _, kind = tag.partition("-")
    return letter, kind


def join_tag(letter: str, kind: str) -> str:
    """join_tag("B", "PER") -> "B-PER"; join_tag("B", "") -> "B": spans of one unnamed type."""
    return f"{letter}-{kind}" if kind else letter


FORMS = {
    form.name: form
    for form in (
        *(TagForm(f"B{separator}PER", separator) for separator in "-_:/."),
        *(TagForm(f"PER{separator}B", separator, suffix=True) for separator in "-_:/."),
        TagForm("B", ""),
        *(TagForm(f"b{separator}per", separator, outside="o") for separator in "-_"),
        *(TagForm(f"per{separator}b", separator, suffix=True, outside="o") for separator in "-_"),
        TagForm("b", "", outside="o"),
    )
}
STANDARD = FORMS["B-PER"]

# letters written out, or other letters: B, BEGIN, start
WRITTEN_OUT = re.compile(
    r"(b|beg|begin|beginning|start|i|in|inside|inner|m|mid|middle|e|end|s|single|l|last|u|unit|w)"
    r"[-_:/.].+",
    re.IGNORECASE,
)
BRACKETS = re.compile(r"\([^()*]*\*?\)?|\*\)?|\)")  # (PER* and *), as in CoNLL-2005 and 2012
ONE_LETTER = re.compile(r"[A-Za-z][-_:/.].+")


def find_forms(tags: Collection[str]) -> list[TagForm]:
    """The forms that all of the tags have, and that are not there by chance.

    Letters that are no B, and no I beside O, may be anything unless they stand before a hyphen:
    sizes (S, M, L), or parts of speech (N_S, V_S)."""
    found = []
    for form in FORMS.values():
        letters = set()
        for tag in tags:
            parts = form.parse(tag)
            if parts is None:
                break
            letters.add(parts[0])
        else:
            spans = "B" in letters or {"I", OUTSIDE} <= letters or form == STANDARD
            if spans and letters != {OUTSIDE}:
                found.append(form)
    return found


def look_like_spans(tags: Collection[str]) -> list[str]:
    """Tags that show that these are made as tags of spans are, though in no known scheme.

    look_like_spans(["B-PER", "I-PER", "O", "PER"]) -> ["PER"], which does not fit the others
    look_like_spans(["BEGIN-PER", "IN-PER", "O"]) -> ["BEGIN-PER", "IN-PER"]
    look_like_spans(["NOUN", "VERB"]) -> []"""
    others = sorted(tag for tag in tags if tag not in ("O", "o"))
    for form in FORMS.values():
        parsed = [form.parse(tag) for tag in others]
        letters = {parts[0] for parts in parsed if parts is not None}
        several = (
            {"B", "I"} <= letters and "O" in tags
            if not form.separator
            else len(letters & {*"BIE"}) > 1
        )
        if several and len(parsed) - parsed.count(None) > len(others) / 2:
            unlike = [tag for tag, parts in zip(others, parsed, strict=True) if parts is None]
            return unlike or others
    if "O" not in tags and "*" not in tags:
        return []
    for pattern in (WRITTEN_OUT, BRACKETS):
        found = [tag for tag in others if pattern.fullmatch(tag)]
        if len(found) > len(others) / 2:
            return found
    found = [tag for tag in others if ONE_LETTER.fullmatch(tag)]
    kinds = [tag[2:] for tag in found]
    several = any(kinds.count(kind) > 1 for kind in set(kinds))
    return found if several and len(found) > len(others) / 2 else []
