"""Pieces of music as JSON: lists of pitches, or of chords, one entry a step."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ostinato.data.music.tunes import PITCHES, Note, Tune, notes_of_chords
from ostinato.errors import InputError, nearest

PIECE_KEYS = ("pitches", "notes", "steps")
PARTS = {"train": ("train",), "dev": ("dev", "valid", "validation"), "test": ("test",)}


def read_pieces(content: bytes, name: str, part: str) -> list[Any]:
    """The pieces of a JSON file, or of one part of it, as JSON has them.

    Raises:
        InputError: not JSON, no such part, or no pieces.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError
        raise InputError(f"{name}: not JSON ({str(error).splitlines()[0]})") from None
    if isinstance(found, dict) and not is_piece(found):
        found = find_part(found, name, part)
    if not isinstance(found, list):
        found = [found]
    if found and all(step is None or isinstance(step, int) for step in found):
        found = [found]  # one plain sequence of pitches
    if not found:
        raise InputError(f"{name}: no pieces in it")
    return found


def read_piece(piece: Any, where: str, *, label: str) -> Tune:
    """Reads one piece.

    Args:
        piece: a list of pitches (one note each, -1 or null: a rest), a list of lists of them (what
            sounds at each step), or an object with one of these under "pitches", "notes" or
            "steps", and a label.
        where: for messages.
        label: the key of the label.

    Raises:
        InputError: it is none of these, or a pitch is not MIDI's.
    """
    kind = title = ""
    if isinstance(piece, dict) and is_piece(piece):
        kind, title = (str(piece.get(key) or "") for key in (label, "title"))
        piece = next(piece[key] for key in PIECE_KEYS if key in piece)
    if not isinstance(piece, (list, tuple)) or not all(
        step is None or isinstance(step, (int, list, tuple)) for step in piece
    ):
        raise InputError(
            f"{where}: expected a list of pitches, or of lists of pitches that sound together; "
            f"got {str(piece):.40}"
        )
    if any(isinstance(step, (list, tuple)) for step in piece):
        chords = np.zeros((len(piece), PITCHES), bool)
        for number, step in enumerate(piece):
            for pitch in step if isinstance(step, (list, tuple)) else [step]:
                if (found := read_pitch(pitch, where, number + 1)) is not None:
                    chords[number, found] = True
        notes = notes_of_chords(chords)
    else:
        pitches = [read_pitch(pitch, where, number) for number, pitch in enumerate(piece, start=1)]
        notes = tuple(
            Note(step, 1, pitch) for step, pitch in enumerate(pitches) if pitch is not None
        )
    return Tune(notes, len(piece), label=kind, title=title, where=where)


def is_piece(found: dict[str, Any]) -> bool:
    """Whether an object of JSON is one piece, not a collection of parts."""
    return any(key in found for key in PIECE_KEYS)


def find_part(found: dict[str, Any], name: str, part: str) -> Any:
    """The pieces of the part that is asked for."""
    for key in (*PARTS.get(part, (part,)), part):
        if key in found:
            return found[key]
    raise InputError(
        f"{name}: an object without {part!r}{nearest(part, map(str, found))}; "
        "expected lists of pieces under train, valid and test"
    )


def read_pitch(value: Any, where: str, step: int) -> int | None:
    """A MIDI pitch; None for a rest: null, or -1."""
    if value is None or (isinstance(value, int) and value == -1):
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(
            f"{where}, step {step}: {value!r:.40} is no pitch; "
            f"expected numbers from 0 to {PITCHES - 1}"
        )
    if not 0 <= value < PITCHES:
        raise InputError(f"{where}, step {step}: the pitch {value} is outside 0 to {PITCHES - 1}")
    return value
