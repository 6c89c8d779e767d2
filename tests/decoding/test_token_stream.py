"""Streaming: the tokens that sampling gives, one at a time, each row by itself, in constant
room.
"""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import torch

from ostinato.decoding.sampler import TokenStream
from ostinato.decoding.word_completion import Pieces, likely_words

CHAIN = torch.tensor(
    [[0.7, 0.2, 0.1, 0.0], [0.1, 0.1, 0.8, 0.0], [0.3, 0.3, 0.2, 0.2], [0.25, 0.25, 0.25, 0.25]]
)


def step(tokens, state):
    return CHAIN[tokens].log(), (state[0] + 1,)


def stream(rows: int, **settings) -> TokenStream:
    return TokenStream(
        step,
        CHAIN[torch.zeros(rows, dtype=torch.int64)].log(),
        (torch.zeros(rows, 1),),
        seeds=range(rows),
        **settings,
    )


def test_tokens_come_as_often_as_they_are_likely():
    drawn = stream(1)
    tokens = [next(drawn)[0] for _ in range(20_000)]
    pairs = np.zeros((4, 4))
    for before, after in zip([0, *tokens], tokens, strict=False):
        pairs[before, after] += 1
    assert np.abs(pairs / pairs.sum(1, keepdims=True) - CHAIN.numpy()).max() < 0.03
    assert pairs[0, 3] == pairs[1, 3] == 0


def test_a_row_does_not_depend_on_those_beside_it():
    many, few = stream(5), stream(2)
    whole = [next(many) for _ in range(600)]
    assert [tokens[:2] for tokens in whole] == [next(few) for _ in range(600)]
    again, kept = stream(5), []
    for place in range(600):
        if place == 100:
            again.keep([1, 3])
        kept.append(next(again))
    assert kept[:100] == whole[:100]
    assert kept[100:] == [[tokens[1], tokens[3]] for tokens in whole[100:]]
    assert again.state[0].flatten().tolist() == [599, 599]


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({"temperature": 0}, {0}),
        ({"top_k": 1}, {0}),
        ({"top_p": 0.0}, {0}),
        ({"top_p": 0.69}, {0}),
        ({"forbidden": (0,), "temperature": 0}, {1, 2, 3}),
        ({"temperature": 1e-3}, {0}),
    ],
    ids=str,
)
def test_what_may_be_drawn(settings, allowed):
    drawn = stream(1, **settings)
    assert {next(drawn)[0] for _ in range(200)} <= allowed


def test_forbidden_tokens_are_never_drawn():
    drawn = stream(3, forbidden=(2, 3), temperature=2.0)
    assert {token for _ in range(300) for token in next(drawn)} == {0, 1}


def test_memory_does_not_grow():
    drawn = stream(2)
    for _ in range(1100):
        next(drawn)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(3000):
        next(drawn)
    assert tracemalloc.get_traced_memory()[0] - before < 20_000
    tracemalloc.stop()


def test_refuses_nonsense():
    with pytest.raises(ValueError, match="temperature must be 0 or more"):
        stream(1, temperature=-1)
    broken = TokenStream(step, torch.full((1, 4), math.nan), (torch.zeros(1, 1),), seeds=[1])
    with pytest.raises(ValueError, match="NaN"):
        next(broken)


LETTERS = ["", "a", "b", " "]  # of a made-up language; number 0 is never part of a word
CHARACTERS = Pieces(
    LETTERS,
    np.array([0, 1, 1, 0], bool),
    np.array([0, 1, 1, 0], bool),
    np.array([1, 0, 0, 1], bool),
)
WEIGHTS = torch.tensor(
    [[0.1, 0.5, 0.3, 0.1], [0.03, 0.17, 0.5, 0.3], [0.1, 0.2, 0.1, 0.6], [0.1, 0.5, 0.3, 0.1]]
)


def letter_step(tokens, state):
    return WEIGHTS[tokens].log(), (tokens.float().unsqueeze(1),)


@pytest.mark.parametrize("prefix", ["", "a", "ba", "bb"])
def test_the_likeliest_words_are_those_of_brute_force(prefix):
    every = [""]
    found = {}
    for _ in range(8):
        every = [word + letter for word in every for letter in "ab"]
        for word in every:
            numbers = [3, *map(LETTERS.index, word)]
            chance = math.prod(
                float(WEIGHTS[before, after])
                for before, after in zip(numbers, numbers[1:], strict=False)
            )
            found[word] = chance * float(WEIGHTS[numbers[-1], [0, 3]].sum())
    best = sorted(
        (word for word in found if word.startswith(prefix)), key=lambda word: -found[word]
    )[:4]
    words = likely_words(
        letter_step,
        WEIGHTS[[3]].log(),
        (torch.zeros(1, 1),),
        CHARACTERS,
        count=4,
        prefix=prefix,
        width=64,
    )
    assert [word for word, _ in words] == best
    assert [chance for _, chance in words] == pytest.approx([found[word] for word in best])


def test_where_a_word_is_one_token_no_step_is_taken():
    pieces = Pieces(
        ["<pad>", "the", "then", "dog"],
        np.array([0, 1, 1, 1], bool),
        np.zeros(4, bool),
        np.ones(4, bool),
    )
    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log()
    assert likely_words(None, logits, None, pieces, count=5, prefix="th") == [
        ("the", pytest.approx(0.3)),
        ("then", pytest.approx(0.2)),
    ]
    assert likely_words(None, logits, None, pieces, count=5, prefix="x") == []
