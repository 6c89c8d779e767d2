"""CTC's prefix probabilities and joint decoding against brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from ostinato.decoding.ctc import NEVER, collapse
from ostinato.decoding.ctc_prefix import NONE, CtcPrefixes
from ostinato.decoding.joint_beam import JointBeam

FRAMES, LABELS = 4, 3


@pytest.fixture(scope="module")
def rows():
    return np.log(np.random.default_rng(0).dirichlet(np.ones(LABELS), FRAMES))


def sequence_probabilities(rows):
    """P of every label sequence, over all paths."""
    found: dict[tuple[int, ...], float] = {}
    for path in product(range(LABELS), repeat=FRAMES):
        labels = tuple(collapse(path))
        value = float(np.exp(sum(row[label] for row, label in zip(rows, path, strict=True))))
        found[labels] = found.get(labels, 0.0) + value
    return found


def decoder_step(table):
    """A decoder whose next label depends on the last two."""

    def step(tokens, state):
        before = torch.zeros(len(tokens), dtype=torch.int64) if state is None else state
        return table[before, tokens], tokens

    return step


def decoder_score(table, labels):
    table = table.double().log_softmax(-1)
    before, total = [0, 0], 0.0
    for label in (*labels, 0):
        total += float(table[before[-2], before[-1], label])
        before.append(label)
    return total


def test_prefix_probabilities_are_sums_over_all_paths(rows):
    truth, prefixes = sequence_probabilities(rows), CtcPrefixes(rows)
    for length in range(1, 4):
        for labels in product(range(1, LABELS), repeat=length):
            state, last, score = prefixes.start(), NONE, np.zeros((1, 1))
            for label in labels:
                score, found = prefixes.extend(state, np.array([last]), np.array([[label]]))
                state, last = found[:, 0], label
            begins = sum(p for each, p in truth.items() if each[:length] == labels)
            np.testing.assert_allclose(np.exp(score[0, 0]), begins, atol=1e-12)
            exactly = np.exp(prefixes.finish(state)[0])
            np.testing.assert_allclose(exactly, truth.get(labels, 0.0), atol=1e-12)
    np.testing.assert_allclose(np.exp(prefixes.finish(prefixes.start())[0]), truth[()], atol=1e-12)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_a_wide_beam_is_brute_force(rows, weight):
    table = torch.from_numpy(np.random.default_rng(1).normal(size=(LABELS,) * 3))
    truth = sequence_probabilities(rows)

    def score(labels):
        by_ctc = np.log(truth[labels]) if truth.get(labels) else NEVER
        own = decoder_score(table, labels)
        return (
            own
            if not weight
            else weight * by_ctc + (1 - weight) * own
            if by_ctc > NEVER
            else by_ctc
        )

    every = [labels for n in range(FRAMES + 1) for labels in product((1, 2), repeat=n)]
    expected = sorted(every, key=lambda labels: -score(labels))[:4]
    beam = JointBeam(
        decoder_step(table), 100, ctc=CtcPrefixes(rows) if weight else None, ctc_weight=weight
    )
    found = beam.search(None, most=FRAMES, number=4)
    assert [each.labels for each in found] == expected
    for each in found:
        assert each.log_probability == pytest.approx(score(each.labels), abs=1e-9)


def test_width_one_is_greedy():
    table = torch.from_numpy(np.random.default_rng(5).normal(size=(4, 4, 4)))
    before, greedy = [0, 0], []
    while len(greedy) < 6:
        label = int(table[before[-2], before[-1], 1:].argmax()) + 1
        greedy.append(label)
        before.append(label)
    found = JointBeam(decoder_step(table), 1).search(None, most=6)[0].labels
    assert found == tuple(greedy[: len(found)])


class OnlyOnes:
    """A grammar: 1 alone, and an even number of them."""

    def start(self):
        return 0

    def extend(self, state, label):
        return state + 1, 0.0 if label == 1 else NEVER

    def finish(self, state):
        return 0.0 if state % 2 == 0 else NEVER


def test_a_grammar_forbids(rows):
    table = torch.zeros(LABELS, LABELS, LABELS, dtype=torch.float64)
    beam = JointBeam(decoder_step(table), 10, scorer=OnlyOnes())
    found = beam.search(None, most=FRAMES, number=10)
    assert [each.labels for each in found] == [(), (1, 1), (1, 1, 1, 1)]


def test_what_is_seen_belongs_to_the_hypothesis(rows):
    table = torch.from_numpy(np.random.default_rng(2).normal(size=(LABELS,) * 3))
    beam = JointBeam(decoder_step(table), 5, look=lambda state: state[:, None])
    for each in beam.search(None, most=3, number=5):
        assert [int(view[0]) for view in each.attention] == [0, *each.labels][: len(each.labels)]
