import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.decoding.candidates import BLOCK, best_candidates, top


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from([1, 3, 63, 64, 65, 200, 513]),
    st.integers(1, 20),
    st.booleans(),
    st.booleans(),
)
def test_the_best_of_all_continuations(seed, sentences, width, vocabulary, count, ties, forbid):
    """Against a sort of everything: by score, then parent, then token."""
    random = np.random.default_rng(seed)
    shape = (sentences * width, vocabulary)
    scores = random.integers(-3, 0, shape).astype(float) if ties else random.normal(size=shape)
    so_far = random.integers(-2, 1, (sentences, width)).astype(float)
    so_far[random.random(so_far.shape) < 0.2] = -np.inf
    forbidden = tuple({0, vocabulary - 1, min(BLOCK, vocabulary - 1)}) if forbid else ()
    every = so_far[:, :, None] + scores.reshape(sentences, width, vocabulary)
    every[:, :, list(forbidden)] = -np.inf
    found = best_candidates(
        torch.tensor(scores), torch.tensor(so_far), count=count, forbidden=forbidden
    )
    assert found.tokens.shape == (sentences, min(count, width * vocabulary))
    for row in range(sentences):
        order = np.argsort(-every[row].ravel(), kind="stable")[: found.tokens.shape[1]]
        values = every[row].ravel()[order]
        assert found.log_probabilities[row].tolist() == pytest.approx(values.tolist())
        there = values > -np.inf
        assert (found.parents[row] * vocabulary + found.tokens[row]).numpy()[
            there
        ].tolist() == order[there].tolist()
        assert int(found.tokens[row].min()) >= 0 and int(found.tokens[row].max()) < vocabulary


def test_top_takes_the_first_of_equal_values():
    values = torch.tensor([[1.0, 2.0, 1.0, 1.0], [0.0, 0.0, 0.0, 3.0]])
    assert top(values, 2).indices.tolist() == [[1, 0], [3, 0]]
    assert top(values, 9).indices.tolist() == [[1, 0, 2, 3], [3, 0, 1, 2]]


def test_a_hypothesis_that_is_not_there_may_be_nan():
    scores = torch.tensor([[-1.0, -2.0], [torch.nan, torch.nan]], dtype=torch.float64)
    found = best_candidates(scores, torch.tensor([[0.0, -torch.inf]], dtype=torch.float64), count=4)
    assert found.log_probabilities.tolist() == [[-1.0, -2.0, -torch.inf, -torch.inf]]
