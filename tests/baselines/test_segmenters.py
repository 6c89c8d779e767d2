"""A hidden Markov model of segments against sums over all paths; convolutions; frequencies."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from ostinato.baselines.segmenters import (
    DilatedConvolution,
    HmmSegmenter,
    LabelFrequencies,
    count_segments,
    encode_contexts,
)
from ostinato.data.batching.batch import Batch

TABLE = torch.arange(5)  # 0: before the first; 1 to 4: the letters


def toy(seed=0, number=6, length=400):
    """Two labels that stay for long, of letters 1 and 2, or 3 and 4, mostly."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        labels = (np.cumsum(random.random(length) < 0.02) % 2).astype(np.int64)
        letters = 1 + random.integers(0, 2, length) + 2 * (labels ^ (random.random(length) < 0.15))
        found.append((letters, labels))
    return found


def fitted(order=2, labels=2):
    model = HmmSegmenter(labels, table=TABLE, order=order)
    model.put(*count_segments(toy(), labels, order=order, letters=5))
    return model.eval()


def test_runs_of_letters_have_numbers():
    assert encode_contexts(np.array([1, 2, 1]), 2, 5).tolist() == [1, 1 * 5 + 2, 2 * 5 + 1]
    assert encode_contexts(torch.tensor([[1, 2, 1]]), 3, 5).tolist() == [[1, 7, 36]]
    assert encode_contexts(np.array([1]), 5, 5).tolist() == [1]


def test_counts():
    steps, runs = count_segments(
        [(np.array([1, 2, 2]), np.array([0, 0, 1]))], 2, order=2, letters=5
    )
    assert steps.tolist() == [[1, 1], [0, 0]]
    assert (
        runs[1].tolist() == [1, 0]
        and runs[7].tolist() == [1, 0]
        and runs[12].tolist() == [0, 1]
        and runs.sum() == 3
    )


def test_probabilities_and_the_best_path_are_those_of_all_paths():
    model = fitted()
    letters = torch.tensor([[1, 3, 4, 4, 2, 1], [2, 3, 0, 0, 0, 0]])
    lengths = torch.tensor([6, 2])
    probabilities, labels, state = model.answers(Batch(letters, lengths))
    assert state is None
    for row, length in enumerate(lengths.tolist()):
        emissions = model.emissions[encode_contexts(letters[row, :length], 2, 5)]
        scores = {}
        for path in itertools.product(range(2), repeat=length):
            score = float(model.start[path[0]]) + sum(
                float(emissions[t, y]) for t, y in enumerate(path)
            )
            scores[path] = score + sum(
                float(model.transitions[a, b]) for a, b in itertools.pairwise(path)
            )
        weights = {path: np.exp(score) for path, score in scores.items()}
        assert tuple(labels[row, :length].tolist()) == max(scores, key=scores.get)
        for t in range(length):
            one = sum(weight for path, weight in weights.items() if path[t] == 1) / sum(
                weights.values()
            )
            assert float(probabilities[row, t, 1]) == pytest.approx(one, abs=1e-5)


def test_it_finds_segments():
    model = fitted()
    letters, labels = toy(seed=9, number=1)[0]
    with torch.inference_mode():
        _, found, _ = model.answers(
            Batch(torch.from_numpy(letters)[None], torch.tensor([len(letters)]))
        )
    assert (found[0].numpy() == labels).mean() > 0.9


def test_emissions_are_probabilities_of_the_next_letter():
    model = fitted(order=3)
    sums = model.emissions.exp().view(-1, 5, 2).sum(1)
    assert torch.allclose(sums, torch.ones_like(sums), atol=1e-5)


def test_convolutions_do_not_see_padding():
    torch.manual_seed(0)
    body = DilatedConvolution(4, 6, layers=3)
    x, lengths = torch.randn(2, 15, 4), torch.tensor([15, 6])
    outputs, state = body(x, lengths)
    alone, _ = body(x[1:, :6], lengths[1:])
    assert (
        torch.allclose(outputs[1, :6], alone[0], atol=1e-6)
        and not outputs[1, 6:].any()
        and state is None
    )


def test_frequencies():
    model = LabelFrequencies(2)
    model.put(np.array([0.75, 0.25]))
    probabilities, labels, _ = model.answers(
        Batch(torch.ones(1, 3, dtype=torch.int64), torch.tensor([3]))
    )
    assert probabilities.tolist() == [[[0.75, 0.25]] * 3] and labels.tolist() == [[0, 0, 0]]
