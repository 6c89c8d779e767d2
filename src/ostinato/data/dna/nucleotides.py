"""Nucleotides: the letters of DNA, their numbers, their complements.

    encode("ACgtN") -> [1, 2, 19, 20, 5];  reverse_complement("AACg") -> "cGTT"

1 to 15 are A C G T N and the ten other IUPAC codes, which stand for several bases; lower case, the usual sign of a masked
repeat, is 16 more. U is T. 0 is padding."""

from __future__ import annotations

import re

import numpy as np

CODES = {
    "A": "A",
    "C": "C",
    "G": "G",
    "T": "T",
    "N": "",
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
}
COMPLEMENTS = dict(zip("ACGTNRYSWKMBDHVU", "TGCANYRSWMKVHDBA", strict=True))
MASKED = 16  # what lower case adds
SIZE = 2 * MASKED
UNKNOWN = 5  # the number of N
STRANGE = re.compile("[^" + "".join(CODES) + "U" + "".join(CODES).lower() + "u]")
BASES = "ACGT"

NUMBERS = np.zeros(256, dtype=np.uint8)
for _place, _letter in enumerate(CODES, start=1):
    NUMBERS[ord(_letter)], NUMBERS[ord(_letter.lower())] = _place, _place + MASKED
NUMBERS[ord("U")], NUMBERS[ord("u")] = NUMBERS[ord("T")], NUMBERS[ord("t")]

OPPOSITE = np.zeros(SIZE, dtype=np.uint8)  # number -> the complement's number
for _letter in CODES:
    for _case in (_letter, _letter.lower()):
        _other = COMPLEMENTS[_letter] if _case == _letter else COMPLEMENTS[_letter].lower()
        OPPOSITE[NUMBERS[ord(_case)]] = NUMBERS[ord(_other)]
TRANSLATION = str.maketrans(
    {**COMPLEMENTS, **{one.lower(): other.lower() for one, other in COMPLEMENTS.items()}}
)


def strange_letter(bases: str) -> re.Match | None:
    """The first letter that is no nucleotide, if there is one: strange_letter("ACE") finds the E."""
    return STRANGE.search(bases)


def encode(bases: str) -> np.ndarray:
    """Letters -> numbers [T], uint8. What is no nucleotide must have been refused before."""
    return NUMBERS[np.frombuffer(bases.encode("ascii"), dtype=np.uint8)]


def reverse_complement(bases: str) -> str:
    """The other strand, read in its own direction; case is kept."""
    return bases.translate(TRANSLATION)[::-1]


def other_strand(numbers: np.ndarray) -> np.ndarray:
    """The same of numbers [T]."""
    return OPPOSITE[numbers][::-1]


def one_hot_table(masked: str = "ignore") -> np.ndarray:
    """number -> vector [32, 4], or 5 with "flag": A C G T are unit vectors, N and padding zeros, other codes in fractions (R: half
    an A, half a G).

    masked  what lower case means: "ignore": nothing; "flag": a 1 in a fifth place; "unknown": zeros, as N"""
    table = np.zeros((SIZE, 5), dtype=np.float32)
    for letter, stands_for in CODES.items():
        upper, lower = NUMBERS[ord(letter)], NUMBERS[ord(letter.lower())]
        for base in stands_for:
            table[upper, BASES.index(base)] = 1 / len(stands_for)
        table[lower] = 0 if masked == "unknown" else table[upper]
        table[lower, 4] = 1
    return table if masked == "flag" else table[:, :4]
