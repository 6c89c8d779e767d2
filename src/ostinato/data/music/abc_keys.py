"""What the K:, L: and V: fields of an ABC tune say: key signature, unit length, transposition."""

from __future__ import annotations

import re
from fractions import Fraction

from ostinato.data.music.tunes import bar_length
from ostinato.errors import InputError

SIGNATURES = {
    "C": 0,
    "G": 1,
    "D": 2,
    "A": 3,
    "E": 4,
    "B": 5,
    "F#": 6,
    "C#": 7,
    "F": -1,
    "BB": -2,
    "EB": -3,
    "AB": -4,
    "DB": -5,
    "GB": -6,
    "CB": -7,
    "G#": 8,
    "D#": 9,
    "A#": 10,
}
MODES = {
    "": 0,
    "maj": 0,
    "ion": 0,
    "mix": -1,
    "dor": -2,
    "m": -3,
    "min": -3,
    "aeo": -3,
    "phr": -4,
    "loc": -5,
    "lyd": 1,
}
ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
CLEF = re.compile(
    r"(?:\bclef=[^\s+-]*|\b(?:treble|soprano|mezzosoprano|alto|tenor|baritone|bass)\d?)([+-]\d+)?"
)
NO_KEY = re.compile(r"(?:octave|transpose|staves|stafflines|middle|m|t)=|perc\b")
SHIFTS = {
    "octave": re.compile(r"\boctave=([+-]?\d{1,2})\b"),
    "transpose": re.compile(r"\btranspose=([+-]?\d{1,2})\b"),
}


def unit_length(value: str) -> Fraction:
    """unit_length("1/8") -> 1/2, in quarters"""
    found = re.match(r"\s*1/(\d{1,4})\s*$", value) or re.match(r"\s*(1)\s*$", value)
    if not found or int(found[1]) == 0:
        raise InputError(f"L:{value} is no length; expected one such as 1/8")
    return Fraction(4, int(found[1]))


def default_unit(metre: str) -> Fraction:
    """The length of a note in quarters where no L: says it: a sixteenth in metres below 3/4."""
    whole = bar_length(metre)
    return Fraction(1, 4) if whole is not None and whole < 3 else Fraction(1, 2)


def read_transposition(value: str) -> dict[str, int]:
    """Reads how a K: or V: field shifts what sounds; what it does not mention is not in the answer.

    read_transposition("clef=treble-8 transpose=2") -> {"clef": -1, "transpose": 2}; `octave` and
    `clef` are in octaves, `transpose` is in semitones.
    """
    value = re.sub(r'"[^"]*"', "", value)
    found = {
        name: int(shift[1]) for name, pattern in SHIFTS.items() if (shift := pattern.search(value))
    }
    if clef := CLEF.search(value):
        # -8 is an octave lower, -15 two
        found["clef"] = {"+8": 1, "-8": -1, "+15": 2, "-15": -2}.get(clef[1] or "", 0)
    return found


def read_key(value: str) -> tuple[int | None, dict[str, int]]:
    """Reads a K: field.

    Returns:
        The sharps of the signature, and the accidentals that are added to it: (1, {}) for "Ador",
        (0, {"F": 1}) for "C exp ^f"; None for the sharps where the field names no key, but a clef
        or a transposition.

    Raises:
        InputError: no key, or no mode.
    """
    value = value.strip()
    if value.lower().split(" ")[0] in ("none", ""):
        return 0, {}
    if value.startswith(("HP", "Hp")):
        return 2, {}
    found = re.match(r"([A-G])([#b]?)\s*([A-Za-z]*)", value)
    if not found:
        # only the clef or the transposition changes
        if CLEF.match(value) or NO_KEY.match(value):
            return None, {}
        raise InputError(f"K:{value} is no key")
    word = found[3].lower()
    mode = "m" if word == "m" else word[:3]
    if mode not in MODES:
        if word.startswith(("clef", "tre", "bas", "alt", "ten", "exp", "oct", "tra", "mid", "sta")):
            mode = ""
        else:
            raise InputError(f"K:{value}: {found[3]!r} is no mode")
    own = {
        letter.upper(): ACCIDENTALS[sign]
        for sign, letter in re.findall(r"(\^\^|\^|=|__|_)([a-gA-G])", value[found.end() :])
    }
    signature = (
        0
        if word == "exp" or " exp" in value
        else SIGNATURES[found[1] + found[2].upper()] + MODES[mode]
    )
    return (signature + 5) % 12 - 5 if abs(signature) > 7 else signature, own
