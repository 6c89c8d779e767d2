"""Letters, ids, complements, vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.dna import nucleotides as dna

LETTERS = "ACGTNRYSWKMBDHVacgtnryswkmbdhv"
sequences = st.text(alphabet=LETTERS, max_size=50)


@given(sequences)
def test_the_other_strand_of_the_other_strand(bases):
    assert dna.reverse_complement(dna.reverse_complement(bases)) == bases


@given(sequences)
def test_letters_and_ids_agree(bases):
    assert np.array_equal(
        dna.reverse_complement_ids(dna.encode(bases)), dna.encode(dna.reverse_complement(bases))
    )


def test_complements():
    assert dna.reverse_complement("ACgtNU") == "ANacGT"
    assert dna.encode("ACgtN").tolist() == [1, 2, 19, 20, 5]
    assert np.array_equal(dna.encode("U"), dna.encode("T"))


@pytest.mark.parametrize(
    ("masked", "letter", "vector"),
    [
        ("ignore", "A", [1, 0, 0, 0]),
        ("ignore", "t", [0, 0, 0, 1]),
        ("ignore", "N", [0, 0, 0, 0]),
        ("ignore", "R", [0.5, 0, 0.5, 0]),
        ("ignore", "b", [0, 1 / 3, 1 / 3, 1 / 3]),
        ("flag", "c", [0, 1, 0, 0, 1]),
        ("flag", "C", [0, 1, 0, 0, 0]),
        ("unknown", "g", [0, 0, 0, 0]),
        ("unknown", "G", [0, 0, 1, 0]),
    ],
)
def test_vectors(masked, letter, vector):
    assert dna.one_hot_table(masked)[dna.encode(letter)[0]] == pytest.approx(vector)


def test_padding_is_nothing():
    assert not dna.one_hot_table("flag")[0].any()


def test_invalid_letters():
    assert dna.find_invalid_letter("ACGTUNacgtun" + LETTERS) is None
    assert (
        dna.find_invalid_letter("ACE*")[0] == "E" and dna.find_invalid_letter("AC-T").start() == 2
    )
