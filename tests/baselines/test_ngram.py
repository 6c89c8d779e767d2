"""Kneser-Ney n-grams: equal to the formula with dictionaries, and sums to one."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from ostinato.baselines.ngram import NGram, estimate_discounts

END = 0


def written_out(
    text: list[int],
    order: int,
    size: int,
    boundary: int | None,
    across: bool,
    history: list[int],
    token: int,
) -> float:
    """The formula of Chen and Goodman, one n-gram at a time."""
    raw, late = ([Counter() for _ in range(order)] for _ in range(2))
    for place in range(1, len(text)):
        for k in range(1, order + 1):
            context = text[place - k + 1 : place] if place - k + 1 >= 0 else None
            if context is not None and (across or boundary not in context[1:]):
                raw[k - 1][(*context, text[place])] += 1
                late[k - 1][(*context, text[place])] += place >= order - 1
    counts = [Counter() for _ in range(order)]
    counts[-1] = raw[-1]
    begins = across and history[:1] == [boundary]
    for k in range(order - 1):
        behind = defaultdict(set)
        for gram in raw[k + 1]:
            behind[gram[1:]].add(gram[0])
        counts[k] = Counter({gram: len(behind[gram]) or count for gram, count in raw[k].items()})
        if begins and k == len(history):  # nothing stands before the context
            for gram, count in late[k].items():
                if gram[0] == boundary:
                    counts[k][gram] = max(count, counts[k][gram])
    probability = 1 / size
    for k in range(order):
        if k > len(history):
            break
        context = tuple(history[len(history) - k :])
        following = {gram[-1]: count for gram, count in counts[k].items() if gram[:-1] == context}
        if k and (following == {}):
            # an unknown context: so are all longer ones, unless it never had a successor
            continue
        discount = estimate_discounts(np.array(list(counts[k].values())))
        total = sum(following.values())
        freed = sum(discount[min(count, 3)] for count in following.values())
        count = following.get(token, 0)
        probability = (count - discount[min(count, 3)]) / total + freed / total * probability
    return probability


@pytest.mark.parametrize("boundary, across", [(None, False), (END, False), (END, True)])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_it_is_the_formula(order, boundary, across):
    chance = np.random.default_rng(order)
    numbers = chance.choice(6, size=400, p=[0.2, 0.4, 0.2, 0.1, 0.05, 0.05])
    model = NGram.fit(numbers, order=order, size=7, first=END, boundary=boundary, across=across)
    asked = chance.choice(7, size=60)
    found = np.exp(model.log_probabilities(np.array([END]), asked))
    text = [END, *numbers.tolist()]
    for place, token in enumerate(asked.tolist()):
        history = [END, *asked[:place].tolist()][-(order - 1) :] if order > 1 else []
        assert found[place] == pytest.approx(
            written_out(text, order, 7, boundary, across, history, token), rel=1e-9
        )


@pytest.mark.parametrize("boundary", [None, END])
def test_distributions_sum_to_one_and_are_what_is_scored(boundary):
    chance = np.random.default_rng(1)
    numbers = chance.integers(0, 9, 3000) // 2
    model = NGram.fit(numbers, order=4, size=6, first=END, boundary=boundary)
    for _ in range(20):
        history = chance.integers(0, 6, chance.integers(1, 6))
        spread = model.distribution(history.tolist())
        assert spread.sum() == pytest.approx(1)
        scored = [model.log_probabilities(history, np.array([token]))[0] for token in range(6)]
        assert np.allclose(np.log(spread), scored)


@pytest.mark.parametrize("across", [False, True])
def test_lines_begin_as_often_with_a_token_as_in_the_text(across):
    """Every line ends in 9, so that all that begins a line has the same single predecessor."""
    lines = [[1, 2, 9, END]] * 80 + [[2, 1, 9, END]] * 15 + [[3, 9, END]] * 5
    chance = np.random.default_rng(0)
    text = np.concatenate([lines[place] for place in chance.permutation(100)])
    model = NGram.fit(text, order=4, size=10, first=END, boundary=END, across=across)
    spread = model.distribution([END])
    assert spread[[1, 2, 3]] == pytest.approx([0.8, 0.15, 0.05], abs=0.03)


def test_a_longer_context_helps_where_it_tells_more():
    numbers = np.tile([1, 2, 3, 1, 3, 2], 200)
    models = [NGram.fit(numbers, order=order, size=4, first=END) for order in (1, 2, 3)]
    means = [-model.log_probabilities(np.array([END]), numbers).mean() for model in models]
    assert means[0] == pytest.approx(math.log(3), rel=0.05)
    assert means[0] > means[1] > means[2]
    assert means[2] < 0.1


def test_an_unknown_token_has_some_probability():
    model = NGram.fit(
        np.array([1, 1, 2, 1, 1, 2, 2, 1]), order=3, size=10, first=END, impossible=(7, 8)
    )
    assert model.distribution([1]).sum() == pytest.approx(1)
    assert not model.distribution([1])[[7, 8]].any()
    assert -10 < model.log_probabilities(np.array([1]), np.array([9]))[0] < 0


def test_discounts():
    counts = np.repeat([1, 2, 3, 4, 9], [40, 20, 10, 6, 3])
    y = 40 / 80
    assert estimate_discounts(counts) == pytest.approx(
        [0, 1 - 2 * y * 20 / 40, 2 - 3 * y * 10 / 20, 3 - 4 * y * 6 / 10]
    )
    assert estimate_discounts(np.array([1, 1, 2])) == pytest.approx([0, 0.5, 1, 1.5])


def test_counts_are_kept_in_few_bytes():
    model = NGram.fit(np.arange(5000) % 50, order=3, size=51, first=50)
    assert [level.tokens.dtype for level in model.levels] == [np.uint8] * 3


def test_order_zero_is_refused():
    with pytest.raises(ValueError, match="order must be at least 1; got 0"):
        NGram.fit(np.array([1]), order=0, size=2, first=0)


def test_texts_shorter_than_the_order():
    """No n-gram of the greatest lengths was seen: the lower orders decide, whoever asks."""
    tokens = np.array([4, 5, 3] * 4)
    short = NGram.fit(tokens, order=5, size=6, first=3, boundary=3)
    found = short.log_probabilities(np.array([3]), np.array([4, 5, 3]))
    assert np.isfinite(found).all()
    assert found.tolist() == pytest.approx(
        [
            float(np.log(short.distribution(history)[token]))
            for history, token in (([3], 4), ([3, 4], 5), ([3, 4, 5], 3))
        ]
    )
