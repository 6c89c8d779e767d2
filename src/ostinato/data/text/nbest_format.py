"""n-best lists as Moses writes them: candidate translations of each sentence, with a score.

    0 ||| das ist gut ||| LM0= -12.4 TM0= -3.1 ||| -5.2
    0 ||| dies ist gut ||| LM0= -13.0 TM0= -2.9 ||| -5.6 ||| 0-0 1-1 2-2

The first number is that of the sentence; the numbers may be unsorted and have gaps. The fields
after the score (alignments, mostly) are kept as they are."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.wording import quote
from ostinato.errors import InputError

SEPARATOR = "|||"
MOST_DIGITS = 18  # of a sentence's number


class Candidate(NamedTuple):
    """One line of an n-best list.

    Attributes:
        number: of the sentence, from 0.
        text: the candidate translation.
        features: as in the file: "LM0= -12.4 TM0= -3.1".
        score: the list's own.
        rest: further fields.
    """

    number: int
    text: str
    features: str
    score: float
    rest: tuple[str, ...] = ()


def read_nbest(path: str | os.PathLike) -> list[Candidate]:
    """The candidates of a file, gzipped or not, in its order.

    Raises:
        InputError: with the line: too few fields, a sentence number or a score that is none; a
            file without candidates.
    """
    candidates = [
        parse_candidate(line, f"{os.fspath(path)}:{number}")
        for number, line in enumerate(iterate_lines(path), start=1)
        if line.strip()
    ]
    if not candidates:
        raise InputError(
            f"{os.fspath(path)}: no candidates; expected lines of "
            "'number ||| translation ||| features ||| score'"
        )
    return candidates


def parse_candidate(line: str, where: str) -> Candidate:
    """parse_candidate("0 ||| a dog ||| LM= -2 ||| -1.5", "list:1")
    -> Candidate(0, "a dog", "LM= -2", -1.5)"""
    fields = [field.strip() for field in line.split(SEPARATOR)]
    if len(fields) < 4:
        raise InputError(
            f"{where}: {len(fields)} of the 4 fields "
            "'number ||| translation ||| features ||| score'; "
            "write all four, an empty one as '||| |||'"
        )
    number, text, features, score, *rest = fields
    if not (number.isascii() and number.isdigit() and len(number) <= MOST_DIGITS):
        raise InputError(
            f"{where}: {quote(number, 20)} is no sentence number; "
            "the first field counts sentences from 0"
        )
    return Candidate(int(number), text, features, parse_score(score, where), tuple(rest))


def parse_score(text: str, where: str) -> float:
    """The score; InputError for no finite number."""
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise InputError(
            f"{where}: {quote(text, 20)} is no score; the fourth field must be a finite number"
        )
    return score


def format_nbest(candidates: Iterable[Candidate]) -> Iterator[str]:
    """The lines that `read_nbest` reads; a ||| within a text becomes | | |."""
    for number, text, features, score, rest in candidates:
        text = text.replace(SEPARATOR, "| | |")
        yield f" {SEPARATOR} ".join([str(number), text, features, f"{score:.10g}", *rest])
