"""Nucleotides: the letters of DNA, their ids, complements and vectors.

    encode("ACgtN") -> [1, 2, 19, 20, 5];  reverse_complement("AACg") -> "cGTT"

Ids 1 to 15 are A C G T N and the ten other IUPAC codes, each for several possible bases; lower
case, the usual sign of a masked repeat, adds 16. U is T. 0 is padding."""

from __future__ import annotations

import re

import numpy as np

IUPAC_CODES = {
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
MASKED = 16  # added to the id of a letter in lower case
SIZE = 2 * MASKED
UNKNOWN = 5  # the id of N
INVALID = re.compile("[^" + "".join(IUPAC_CODES) + "U" + "".join(IUPAC_CODES).lower() + "u]")
BASES = "ACGT"
OTHER_LETTER = len(BASES) + 1  # in letter_table(): N and the codes of several bases

IDS = np.zeros(256, dtype=np.uint8)  # ASCII code -> id
for _id, _letter in enumerate(IUPAC_CODES, start=1):
    IDS[ord(_letter)], IDS[ord(_letter.lower())] = _id, _id + MASKED
IDS[ord("U")], IDS[ord("u")] = IDS[ord("T")], IDS[ord("t")]

COMPLEMENT_IDS = np.zeros(SIZE, dtype=np.uint8)  # id -> the complement's id
for _letter in IUPAC_CODES:
    for _case in (_letter, _letter.lower()):
        _other = COMPLEMENTS[_letter] if _case == _letter else COMPLEMENTS[_letter].lower()
        COMPLEMENT_IDS[IDS[ord(_case)]] = IDS[ord(_other)]
COMPLEMENT_LETTERS = str.maketrans(
    {**COMPLEMENTS, **{one.lower(): other.lower() for one, other in COMPLEMENTS.items()}}
)


def find_invalid_letter(bases: str) -> re.Match[str] | None:
    """The first letter that is no nucleotide: find_invalid_letter("ACE") finds the E."""
    return INVALID.search(bases)


def encode(bases: str) -> np.ndarray:
    """Letters -> ids [T], uint8. The letters must be valid nucleotides."""
    return IDS[np.frombuffer(bases.encode("ascii"), dtype=np.uint8)]


def reverse_complement(bases: str) -> str:
    """The other strand in its own direction (5' to 3'); case is kept."""
    return bases.translate(COMPLEMENT_LETTERS)[::-1]


def reverse_complement_ids(ids: np.ndarray) -> np.ndarray:
    """The ids of the reverse complement, [T] -> [T]."""
    return COMPLEMENT_IDS[ids][::-1]


def one_hot_table(masked: str = "ignore") -> np.ndarray:
    """The vector of each id: unit vectors of A C G T, zeros for N and padding, fractions for the
    other codes (R: half an A, half a G).

    Args:
        masked: The meaning of lower case. "ignore": none; "flag": a fifth dimension is 1;
            "unknown": zeros, as N.

    Returns:
        [32, 4], or with "flag" [32, 5].
    """
    table = np.zeros((SIZE, 5), dtype=np.float32)
    for letter, possible in IUPAC_CODES.items():
        upper, lower = IDS[ord(letter)], IDS[ord(letter.lower())]
        for base in possible:
            table[upper, BASES.index(base)] = 1 / len(possible)
        table[lower] = 0 if masked == "unknown" else table[upper]
        table[lower, 4] = 1
    return table if masked == "flag" else table[:, :4]


def letter_table(masked: str = "ignore") -> np.ndarray:
    """id -> 1 to 4 for A C G T, 5 for N and the other codes, 0 for padding: [32] int64.

    Args:
        masked: As of `one_hot_table`.
    """
    one_hot = one_hot_table("unknown" if masked == "unknown" else "ignore")
    letters = np.where(one_hot.max(1) == 1, one_hot.argmax(1) + 1, OTHER_LETTER)
    letters[0] = 0
    return letters.astype(np.int64)
