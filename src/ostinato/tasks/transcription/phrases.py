"""Lists of the possible transcripts: lines with optional parts and choices.

"[please] turn (on | off) the light" -> 4 phrases."""

from __future__ import annotations

import re
from itertools import product

from ostinato.data.audio.recordings import clean
from ostinato.data.files.lines import read_lines
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError, option_name

MOST = 20_000  # maximum number of phrases
MARKS = re.compile(r"([\[\](|)])")
CLOSING = {"[": "]", "(": ")"}


def read_phrases(file: str, *, lowercase: bool = False) -> list[str]:
    """Reads the distinct phrases of a file, in order."""
    phrases: dict[str, None] = {}
    for number, line in enumerate(read_lines(file), start=1):
        try:
            found = expand(line.lower() if lowercase else line)
        except ValueError as error:
            raise InputError(f"{display_path(file)}:{number}: {error}") from None
        phrases |= dict.fromkeys(phrase for phrase in found if phrase)
        if len(phrases) > MOST:
            raise InputError(
                f"{display_path(file)}:{number}: more than {MOST:,} phrases up to here; "
                f"use {option_name('words')} or {option_name('lm')}"
            )
    if not phrases:
        raise InputError(f"{file}: no phrases")
    return list(phrases)


def expand(line: str) -> list[str]:
    """expand("go [now] (up | down)") -> ["go up", "go down", "go now up", "go now down"]

    Raises:
        ValueError: A bracket without its partner, a bar outside of brackets, or too many phrases.
    """
    pieces = [piece for piece in MARKS.split(line) if piece]
    found, rest = choices(pieces, "")
    if rest:
        raise ValueError(f"'{rest[0]}' without its partner before it")
    return list(dict.fromkeys(map(clean, found)))


def choices(pieces: list[str], closing: str) -> tuple[list[str], list[str]]:
    """Parses pieces up to `closing`: the texts that they stand for, and the remaining pieces."""
    options, parts = list[str](), [[""]]
    while pieces:
        piece, *pieces = pieces
        if piece in CLOSING:
            inner, pieces = choices(pieces, CLOSING[piece])
            parts.append(["", *inner] if piece == "[" else inner)
        elif piece == "|" and closing:
            options, parts = options + combine(parts), [[""]]
        elif piece == closing:
            return options + combine(parts), pieces
        elif piece in ("]", ")", "|"):
            return combine(parts), [piece, *pieces]
        else:
            parts.append([piece])
    if closing:
        raise ValueError(f"'{closing}' is missing")
    return combine(parts), []


def combine(parts: list[list[str]]) -> list[str]:
    """combine([["go "], ["up", "down"]]) -> ["go up", "go down"]"""
    number = 1
    for part in parts:
        number *= len(part)
        if number > MOST:
            raise ValueError(
                f"more than {MOST:,} phrases; use {option_name('words')} or {option_name('lm')}"
            )
    return ["".join(each) for each in product(*parts)]
