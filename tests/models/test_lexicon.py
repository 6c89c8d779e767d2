"""The lexicon beside an encoder-decoder: its probabilities, step by step and whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ostinato.baselines.alignment_model import WIDEST, AlignmentModel
from ostinato.data.batching.batch import Batch
from ostinato.models.lexicon import Lexicon

BOS, EOS, SIZE = 2, 3, 9
SOURCES = [np.array([4, 5, EOS]), np.array([5, 4, 4, EOS]), np.array([5, EOS]), np.array([4, EOS])]
TARGETS = [np.array([6, 7, EOS]), np.array([7, 6, 6, EOS]), np.array([7, EOS]), np.array([6, EOS])]


def lexicon():
    model = AlignmentModel.fit(SOURCES * 5, TARGETS * 5, source_size=SIZE, target_size=SIZE)
    ids, chances = model.best_translations(SIZE, 4)
    made = Lexicon(SIZE, SIZE, translations=4, widest=WIDEST, bos=BOS, eos=EOS)
    made.load_state_dict(
        {
            "ids": torch.from_numpy(ids),
            "chances": torch.from_numpy(chances),
            "jumps": torch.from_numpy(model.jumps),
            "unaligned": torch.from_numpy(model.unaligned),
            "frequencies": torch.full((SIZE,), 1 / SIZE),
            "unaligned_share": torch.tensor(model.unaligned_share),
        }
    )
    return made


def batch():
    return Batch(torch.tensor([[4, 5, 4], [5, 0, 0]]), torch.tensor([3, 1]))


def test_step_by_step_is_whole():
    made, given = lexicon(), torch.tensor([[BOS, 6, 7, 6], [BOS, 7, 8, 8]])
    whole = made.read(given, made.initial_state(batch()))  # [N, U, V]
    state = made.initial_state(batch())
    for place, tokens in enumerate(given.unbind(1)):
        scores, state = made.step(tokens, state)
        torch.testing.assert_close(scores, whole[:, place])
    torch.testing.assert_close(whole.exp().sum(-1), torch.ones(2, 4), atol=1e-3, rtol=0)


def test_it_follows_the_source_to_its_end():
    made = lexicon()
    given = torch.tensor([[BOS, 6, 7, 6]])
    one = Batch(torch.tensor([[4, 5, 4]]), torch.tensor([3]))
    assert made.read(given, made.initial_state(one)).argmax(-1).tolist() == [[6, 7, 6, EOS]]


def test_padding_changes_nothing():
    made, given = lexicon(), torch.tensor([[BOS, 7, 8]])
    alone = Batch(torch.tensor([[5]]), torch.tensor([1]))
    padded = made.read(given.repeat(2, 1), made.initial_state(batch()))[1:]
    torch.testing.assert_close(padded, made.read(given, made.initial_state(alone)))


def test_nothing_of_it_is_trained():
    made = lexicon()
    assert not list(made.parameters())
    assert not made.read(
        torch.tensor([[BOS]]), made.initial_state(Batch(torch.tensor([[4]]), torch.tensor([1])))
    ).requires_grad


@pytest.mark.parametrize("tokens", [[BOS, 8, 8], [BOS, 0, 0]])
def test_tokens_that_nothing_explains_give_finite_scores(tokens):
    made = lexicon()
    one = Batch(torch.tensor([[4, 5]]), torch.tensor([2]))
    assert made.read(torch.tensor([tokens]), made.initial_state(one)).isfinite().all()
