import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.decoding.rescoring import combine, reorder, tune_weight


def test_reordering_by_the_model_by_the_list_and_by_both():
    own, model = [-1.0, -2.0, -3.0], [-9.0, -4.0, -5.0]
    assert combine(own, model).tolist() == model
    assert combine(own, model, weight=0).tolist() == own
    assert combine(own, model, weight=0.25).tolist() == [-3.0, -2.5, -3.5]
    assert combine([-1.0], [-math.inf], weight=0).tolist() == [-1.0]


def test_sentences_keep_their_order_and_candidates_get_a_new_one():
    assert reorder([7, 0, 7, 7, 0], [-2.0, -5.0, -1.0, -2.0, -4.0]) == [2, 0, 3, 4, 1]
    assert reorder([], []) == []


def accuracy(total):
    return total[0] / total[1]


def best_by_hand(numbers, own, model, counts, weight):
    scores = combine(own, model, weight=weight)
    order = reorder(numbers, scores)
    first = {numbers[place]: place for place in reversed(order)}
    return accuracy(np.asarray(counts)[list(first.values())].sum(0))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 4), st.booleans())
def test_the_line_search_is_as_good_as_a_fine_grid(seed, number, sentences, ties):
    random = np.random.default_rng(seed)
    numbers = random.integers(0, sentences, number).tolist()
    own, model = (
        random.integers(-4, 0, (2, number)).astype(float)
        if ties
        else random.normal(size=(2, number))
    )
    counts = [(int(right), 10) for right in random.integers(0, 11, number)]
    tuned = tune_weight(numbers, own, model, counts, score=accuracy)
    assert 0 <= tuned.weight <= 1
    assert tuned.score == pytest.approx(best_by_hand(numbers, own, model, counts, tuned.weight))
    # whole scores are equal at simple fractions, where the order of candidates decides: the grid
    # leaves them out
    grid = [best_by_hand(numbers, own, model, counts, (step + 0.3) / 997) for step in range(997)]
    assert tuned.score >= max(grid) - 1e-12


def test_lower_may_be_better():
    tuned = tune_weight(
        [0, 0], [0.0, -1.0], [-1.0, 0.0], [(1, 2), (2, 2)], score=accuracy, higher_is_better=False
    )
    assert tuned == (0.25, 0.5)


def test_where_the_weight_does_not_matter_it_is_in_the_middle():
    assert (
        tune_weight([0, 3], [-1.0, -2.0], [-5.0, -1.0], [(1, 2), (1, 1)], score=accuracy).weight
        == 0.5
    )


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: combine([1.0], [1.0], weight=1.5),
            "weight must be between 0 .* and 1 .*; got 1.5",
        ),
        (
            lambda: combine([1.0], [1.0], weight=math.nan),
            "weight must be between 0 .* and 1 .*; got nan",
        ),
        (
            lambda: combine([1.0], []),
            "as many own scores as log-probabilities are needed; got 1 and 0",
        ),
        (lambda: tune_weight([], [], [], [], score=accuracy), "and at least one; got 0, 0, 0, 0"),
        (
            lambda: tune_weight([0], [1.0], [1.0, 2.0], [(1, 1)], score=accuracy),
            "one for each candidate.*; got 1, 1, 2, 1",
        ),
        (
            lambda: tune_weight([0], [1.0], [-math.inf], [(1, 1)], score=accuracy),
            "must be finite to be mixed",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
