"""n-best lists as Moses writes them: several candidate translations of each sentence, with features and a score.

    0 ||| das ist gut ||| LM0= -12.4 TM0= -3.1 ||| -5.2
    0 ||| dies ist gut ||| LM0= -13.0 TM0= -2.9 ||| -5.6 ||| 0-0 1-1 2-2

The first number says which sentence; the numbers need be neither sorted nor without gaps. What follows the score
(alignments, mostly) is kept as it is."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ostinato.data.files.atomic import write_atomically
from ostinato.data.files.lines import iterate_lines
from ostinato.errors import InputError

SEPARATOR = "|||"


class Candidate(NamedTuple):
    """One line: the candidate `text` for sentence `number` (from 0), its `features` and `score`, and the `rest`."""

    number: int
    text: str
    features: str
    score: float
    rest: tuple[str, ...] = ()


def read_nbest(path: str | os.PathLike) -> list[Candidate]:
    """The candidates of a file, gzipped or not, in its order.

    InputError, with the line: too few fields, a sentence number or a score that is none; a file without candidates."""
    candidates = [
        parse(line, f"{os.fspath(path)}:{number}")
        for number, line in enumerate(iterate_lines(path), start=1)
        if line.strip()
    ]
    if not candidates:
        raise InputError(
            f"{os.fspath(path)}: no candidates; expected lines of "
            "'number ||| translation ||| features ||| score'"
        )
    return candidates


def parse(line: str, where: str) -> Candidate:
    """parse("0 ||| a dog ||| LM= -2 ||| -1.5", "list:1") -> Candidate(0, "a dog", "LM= -2", -1.5)"""
    fields = [field.strip() for field in line.split(SEPARATOR)]
    if len(fields) < 4:
        raise InputError(
            f"{where}: {len(fields)} of the 4 fields 'number ||| translation ||| features ||| score'; "
            "write all four, an empty one as '||| |||'"
        )
    number, text, features, score, *rest = fields
    if not (number.isascii() and number.isdigit()):
        raise InputError(
            f"{where}: {number[:20]!r} is no sentence number; the first field counts sentences from 0"
        )
    return Candidate(int(number), text, features, parse_score(score, where), tuple(rest))


def parse_score(text: str, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise InputError(
            f"{where}: {text[:20]!r} is no score; the fourth field must be a finite number"
        )
    return score


def format_nbest(candidates: Iterable[Candidate]) -> Iterator[str]:
    """The lines that read_nbest() reads back to the same candidates; a ||| within a text is taken apart: | | |."""
    for number, text, features, score, rest in candidates:
        text = text.replace(SEPARATOR, "| | |")
        yield f" {SEPARATOR} ".join([str(number), text, features, f"{score:.10g}", *rest])


def write_nbest(path: str | os.PathLike, candidates: Iterable[Candidate]) -> None:
    """The candidates as a file, whole or not at all."""
    write_atomically(path, "".join(f"{line}\n" for line in format_nbest(candidates)).encode())
