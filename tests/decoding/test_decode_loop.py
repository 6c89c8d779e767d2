"""Greedy decoding, sampling, ensembles, and the scores of given sequences."""

import math

import pytest
import torch
from forced_scoring import score_sequences
from hypothesis import given, settings
from hypothesis import strategies as st
from markov import BOS, EOS, enumerate_all, last_token, start, step, table

from ostinato.decoding.beam import beam_search
from ostinato.decoding.ensemble import ensemble
from ostinato.decoding.greedy import greedy
from ostinato.decoding.sample import sample
from ostinato.decoding.sampler import draw

seeds = st.integers(0, 10**6)
OPTIONS = {"bos": BOS, "eos": EOS, "maximum_length": 6}


def sampled(tables, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return sample(step, start(tables), rows=len(tables), generator=generator, **(OPTIONS | options))


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(2, 8), st.sampled_from([(), (BOS, 3)]))
def test_greedy_batched_is_one_by_one(seed, rows, forbidden):
    tables = table(seed, rows=rows)
    limits = torch.randint(0, 6, (rows,), generator=torch.Generator().manual_seed(seed))
    options = OPTIONS | {"forbidden": forbidden}
    together = greedy(step, start(tables), rows=rows, **(options | {"maximum_length": limits}))
    for row in range(rows):
        alone = greedy(
            step,
            start(tables[row : row + 1]),
            rows=1,
            **(options | {"maximum_length": int(limits[row])}),
        )
        assert together[row] == alone[0]
        assert not set(forbidden) & set(together[row].tokens)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 5), st.booleans())
def test_scores_and_what_is_watched(seed, rows, random):
    tables = table(seed, rows=rows)
    decode = sample if random else greedy
    for row, found in enumerate(
        decode(step, start(tables), rows=rows, watch=last_token, **OPTIONS)
    ):
        again = score_sequences(
            step,
            start(tables[row : row + 1]),
            [found.tokens],
            bos=BOS,
            eos=EOS if found.finished else None,
        )
        assert found.log_probability == pytest.approx(again[0], abs=1e-9)
        assert found.watched[:, 0].tolist() == [BOS, *found.tokens][: len(found.tokens)]
        assert found.finished or len(found.tokens) == 6


@pytest.mark.parametrize(
    "options", [{"temperature": 0}, {"top_p": 0.0}, {"top_k": 1}, {"temperature": 1e-300}]
)
def test_sampling_that_is_greedy(options):
    tables = table(3, rows=5)
    assert sampled(tables, **options) == greedy(step, start(tables), rows=5, **OPTIONS)


def test_the_same_seed_is_the_same_sample_however_many_rows_have_ended():
    tables = table(4, rows=40)
    tables[:35, :, EOS] += 4.0  # most rows end early, and are dropped
    assert sampled(tables, seed=5) == sampled(tables, seed=5) != sampled(tables, seed=6)
    longer = tables.clone()
    longer[:35, :, EOS] = -9.0  # the same first rows, which now do not end: nothing is dropped
    assert sampled(tables, seed=5)[35:] == sampled(longer, seed=5)[35:]


def test_samples_come_as_often_as_they_are_probable():
    tables = table(5, vocabulary=3)
    probable = {
        tuple(tokens): math.exp(score) for tokens, score, finished in enumerate_all(tables, 2)
    }
    rows = 20_000
    found = sampled(tables.expand(rows, -1, -1), maximum_length=2)
    for tokens, probability in probable.items():
        share = sum(tuple(hypothesis.tokens) == tokens for hypothesis in found) / rows
        assert share == pytest.approx(probability, abs=4 * math.sqrt(probability / rows) + 1e-4)


@pytest.mark.parametrize(
    "options, allowed",
    [
        ({"top_k": 2}, {2, 0}),
        ({"top_k": 99}, {0, 1, 2, 3}),
        ({"top_p": 0.5}, {2}),
        ({"top_p": 0.51}, {2, 0}),
        ({"top_p": 0.95}, {0, 1, 2}),
        ({"top_k": 2, "top_p": 0.5}, {2}),
        ({}, {0, 1, 2, 3}),
    ],
)
def test_what_may_be_drawn(options, allowed):
    scores = torch.tensor([0.3, 0.15, 0.5, 0.05], dtype=torch.float64).log().expand(2000, -1)
    chance = torch.rand(2000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert set(draw(scores, chance, **({"top_k": 0, "top_p": 1.0} | options)).tolist()) == allowed


def test_what_is_impossible_is_never_drawn():
    scores = torch.tensor([[-math.inf, 0.0, -math.inf, -1.0, -math.inf]] * 3, dtype=torch.float64)
    ends = torch.tensor([0.0, 0.5, 1 - 2**-53], dtype=torch.float64)
    assert draw(scores, ends, top_k=0, top_p=1.0).tolist() == [1, 1, 3]


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"temperature": -1.0}, "temperature must be 0 or more, and finite; got -1.0"),
        ({"temperature": math.nan}, "temperature must be 0 or more, and finite; got nan"),
        ({"top_k": -1}, "top_k must be 0 .all tokens. or more; got -1"),
        ({"top_p": 1.5}, "top_p must be between 0 and 1; got 1.5"),
        ({"forbidden": (-1,)}, "forbidden holds token -1, but the model has the tokens 0 to 3"),
    ],
)
def test_bad_arguments(bad, message):
    with pytest.raises(ValueError, match=message):
        sampled(table(6), **bad)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("decode", [greedy, sample])
def test_broken_logits(decode, value):
    with pytest.raises(ValueError, match="at step 1 the model gave logits that are NaN"):
        decode(step, start(torch.full((2, 4, 4), value)), rows=2, **OPTIONS)


def test_nothing_left_to_produce():
    with pytest.raises(
        ValueError, match="row 0, step 1: every token that may be produced has probability 0"
    ):
        greedy(step, start(table(7)), rows=1, forbidden=(0, 1, 2, 3), **OPTIONS)


@pytest.mark.parametrize("decode", [greedy, sample, lambda *a, **o: beam_search(*a, **o)[0]])
def test_nothing_to_watch(decode):
    assert (
        decode(step, start(table(8)), rows=1, watch=lambda state: None, **OPTIONS)[0].watched
        is None
    )


def test_no_rows_and_no_length():
    assert greedy(step, start(table(8)[:0]), rows=0, **OPTIONS) == []
    assert greedy(step, start(table(8)), rows=1, **(OPTIONS | {"maximum_length": 0}))[0][:3] == (
        [],
        0.0,
        False,
    )


def test_an_ensemble_is_the_mean_of_probabilities():
    one, other = table(9), table(10)
    tokens = torch.tensor([2])
    logits, state = ensemble([step, step])(tokens, (start(one), start(other)))
    expected = (
        step(tokens, start(one))[0].softmax(-1) + step(tokens, start(other))[0].softmax(-1)
    ) / 2
    assert torch.allclose(logits.exp(), expected) and len(state) == 2
    assert (
        greedy(ensemble([step, step]), (start(one), start(one)), rows=1, **OPTIONS)[0].tokens
        == greedy(step, start(one), rows=1, **OPTIONS)[0].tokens
    )


def test_what_an_ensemble_refuses():
    with pytest.raises(ValueError, match="an ensemble needs at least one step function; got none"):
        ensemble([])
    with pytest.raises(ValueError, match=r"must share one vocabulary; theirs have \[4, 5\] tokens"):
        ensemble([step, step])(torch.tensor([0]), (start(table(1)), start(table(1, vocabulary=5))))


def test_forcing_several_sequences_is_forcing_each():
    tables = table(11, rows=3)
    sequences = [[2, 3], [], [3, 3, 2, 0]]
    together = score_sequences(step, start(tables), sequences, bos=BOS, eos=EOS)
    for row, tokens in enumerate(sequences):
        alone = score_sequences(step, start(tables[row : row + 1]), [tokens], bos=BOS, eos=EOS)
        assert together[row] == pytest.approx(alone[0])
    everything = {
        tuple(tokens): score for tokens, score, finished in enumerate_all(tables[:1], 5) if finished
    }
    assert together[0] == pytest.approx(everything[2, 3])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_logits_are_scored_in_single_precision(dtype):
    found = greedy(step, start(table(12, dtype=dtype)), rows=1, **OPTIONS)[0]
    exact = greedy(step, start(table(12, dtype=dtype).double()), rows=1, **OPTIONS)[0]
    assert found.log_probability == pytest.approx(exact.log_probability, abs=0.05)
