"""Baum-Welch: exact likelihoods, which no iteration lowers, and recovery of a known chain."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from ostinato.baselines.hidden_markov_model import HiddenMarkovModel


def test_the_likelihood_is_that_of_all_paths():
    chain = HiddenMarkovModel.random(3, 4, seed=1)
    text = [2, 0, 3, 3, 1]
    total = 0.0
    for path in itertools.product(range(3), repeat=5):
        chance = float(chain.initial[path[0]])
        for step, (state, token) in enumerate(zip(path, text, strict=True)):
            chance *= float(chain.emissions[state, token]) * (
                float(chain.transitions[path[step - 1], state]) if step else 1
            )
        total += chance
    assert chain.update(torch.tensor([text]))[1] == pytest.approx(math.log(total), rel=1e-5)
    belief, likelihood = chain.initial[None], 0.0
    for token in text:
        likelihood += math.log(float((belief @ chain.emissions)[0, token]))
        belief = chain.advance(belief, torch.tensor([token]))
    assert likelihood == pytest.approx(math.log(total), rel=1e-5)


def test_each_round_is_at_least_as_good():
    streams = torch.randint(0, 5, (4, 300), generator=torch.Generator().manual_seed(1)) // 2
    chain, seen = HiddenMarkovModel.random(4, 3, seed=2), []
    for _ in range(12):
        chain, likelihood = chain.update(streams)
        seen.append(likelihood)
    assert all(after > before - 0.05 for before, after in itertools.pairwise(seen))
    for part in chain:
        assert torch.allclose(part.sum(-1), torch.ones(part.shape[:-1]), atol=1e-5)


def test_a_hidden_order_is_found():
    """Two states that take turns, each with its own tokens: nearly as likely as can be."""
    chance = torch.Generator().manual_seed(3)
    numbers = torch.randint(0, 3, (6000,), generator=chance) + 3 * (torch.arange(6000) % 2)
    chain = HiddenMarkovModel.fit(numbers, states=2, size=6, iterations=30, rows=8)
    likelihood = chain.update(numbers[None])[1]
    assert -likelihood / 6000 == pytest.approx(math.log(3), rel=0.02)


def test_a_text_of_one_token_is_refused():
    with pytest.raises(ValueError, match="two or more; got 1"):
        HiddenMarkovModel.fit(torch.tensor([1]), states=2, size=2)
