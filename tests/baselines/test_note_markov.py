"""The Markov model of chords: probabilities by hand, and better than unigrams on held notes."""

import numpy as np
import pytest

from ostinato.baselines.note_markov import NoteMarkov, encode_contexts


def test_contexts():
    chords = np.zeros((3, 6), bool)
    chords[0, 2] = chords[1, 3] = True
    found = encode_contexts(chords)
    assert not found[0].any()
    assert found[1, 2] == 1  # itself at the step before
    assert found[2, 2] == 2 + (
        1 << 4
    )  # itself two steps before; a semitone above at the step before
    assert found[1, 4] == 1 << 2  # a tone below


def test_learns_that_notes_are_held():
    chords = np.zeros((40, 12), bool)
    chords[:20, 3] = chords[20:, 7] = True
    markov, unigram = NoteMarkov.fit([chords]), NoteMarkov.fit([chords], unigram=True)
    assert markov.log_probability(chords) > unigram.log_probability(chords)
    assert unigram.p[0, 3] == pytest.approx((20 + 5 * (40.5 / 481)) / 45)
    again = NoteMarkov.from_dict(markov.to_dict())
    assert again.log_probability(chords) == markov.log_probability(chords)


def test_probabilities_of_all_chords_add_up():
    random = np.random.default_rng(1)
    markov = NoteMarkov.fit([random.random((30, 4)) < 0.4])
    every = [np.array([[bool(n >> bit & 1) for bit in range(4)]]) for n in range(16)]
    assert sum(np.exp(markov.log_probability(chords)) for chords in every) == pytest.approx(1)
