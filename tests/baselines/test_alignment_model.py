"""The hidden Markov model of word alignment, on pairs whose alignment is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ostinato.baselines.alignment_model import WIDEST, AlignmentModel, Translations

SIZE = 12
CHANCE = np.random.default_rng(0)
# each word w is translated by w + 5, in order, except that 9 (= 4 + 5) comes after its neighbour
SOURCES = [CHANCE.integers(0, 5, CHANCE.integers(2, 6)) for _ in range(300)]


def translate(source):
    target = [int(word) + 5 for word in source]
    for place in range(len(target) - 1):
        if target[place] == 9:
            target[place], target[place + 1] = target[place + 1], target[place]
            break
    return np.array(target)


TARGETS = [translate(source) for source in SOURCES]


def fit(iterations=3):
    return AlignmentModel.fit(
        SOURCES, TARGETS, source_size=SIZE, target_size=SIZE, iterations=iterations
    )


def likelihood(model, source, target):
    """log p(target | source), by a sum over all alignments."""
    total = 0.0
    for places in itertools.product(range(len(source)), repeat=len(target)):
        chance, before = 1.0, -1
        for place, word in zip(places, target, strict=True):
            jumps = [
                model.jumps[np.clip(other - before, -WIDEST, WIDEST) + WIDEST]
                for other in range(len(source))
            ]
            _, translated = model.look_up(source[place], word)
            share = model.unaligned_share
            emitted = (1 - share) * translated + share * model.unaligned[word]
            chance *= jumps[place] / sum(jumps) * emitted
            before = place
        total += chance
    return np.log(total)


def test_it_finds_the_translations():
    ids, chances = fit().best_translations(SIZE, 3)
    assert ids[:5, 0].tolist() == [5, 6, 7, 8, 9]
    assert chances[:5, 0].min() > 0.9
    assert (chances[5:] == 0).all()  # words that no source has
    assert (np.diff(chances) <= 0).all()


def test_most_jumps_are_to_the_next_word():
    model = fit()
    assert model.jumps.argmax() == WIDEST + 1
    assert model.unaligned_share < 0.1


def test_each_iteration_is_likelier():
    short = [row for row, source in enumerate(SOURCES) if len(source) < 4][:40]
    found = [
        sum(likelihood(fit(number), SOURCES[row], TARGETS[row]) for row in short)
        for number in (0, 1, 2)
    ]
    assert found == sorted(found) and found[0] < found[2]


def test_improbable_translations_are_removed():
    pairs = Translations(np.array([0, 0]), np.array([1, 2]), np.array([1.0, 1e-6]))
    model = AlignmentModel(pairs, np.ones(13), np.full(3, 1 / 3), 0.1, 3).prune()
    assert model.translations.target.tolist() == [1]
    places, chances = model.look_up(np.array([0, 0]), np.array([1, 2]))
    assert places.tolist() == [0, -1] and chances.tolist() == pytest.approx([1.0, 0.0])
