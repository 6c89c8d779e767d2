import math

import pytest
import torch
from forced_scoring import score_sequences
from hypothesis import given, settings
from hypothesis import strategies as st
from markov import BOS, EOS, enumerate_all, last_token, ranked, start, step, table

from ostinato.decoding.beam import beam_search, search
from ostinato.decoding.greedy import greedy

seeds = st.integers(0, 10**6)


def run(tables, **options):
    options = {
        "rows": len(tables),
        "bos": BOS,
        "eos": EOS,
        "maximum_length": 5,
        "width": 3,
    } | options
    return beam_search(step, start(tables), **options)


def same(one, other):
    """The same hypotheses, in the same order."""
    return [(h.tokens, round(h.log_probability, 9), h.finished) for h in one] == [
        (h.tokens, round(h.log_probability, 9), h.finished) for h in other
    ]


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.integers(1, 6),
    st.integers(3, 150),
    st.booleans(),
    st.sampled_from([0.0, 0.6, 1.0, 3.0]),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_a_beam_of_one_is_greedy(seed, rows, vocabulary, ties, length_penalty, dtype):
    tables = table(seed, rows=rows, vocabulary=vocabulary, ties=ties, dtype=dtype)
    best = run(tables, width=1, length_penalty=length_penalty, maximum_length=7)
    likeliest = greedy(step, start(tables), rows=rows, bos=BOS, eos=EOS, maximum_length=7)
    assert same([hypotheses[0] for hypotheses in best], likeliest)


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.integers(2, 4),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.5, 1.0, 2.0, -0.5]),
    st.sampled_from([(), (BOS,)]),
)
def test_a_beam_as_wide_as_the_space_is_brute_force(
    seed, vocabulary, length, length_penalty, forbidden
):
    tables = table(seed, vocabulary=vocabulary)
    everything = ranked(enumerate_all(tables, length, forbidden=forbidden), length_penalty)
    for n_best in (1, 3, len(everything)):
        found = run(
            tables,
            width=vocabulary**length + 3,
            n_best=n_best,
            maximum_length=length,
            length_penalty=length_penalty,
            forbidden=forbidden,
        )[0]
        assert [hypothesis.tokens for hypothesis in found] == [
            tokens for tokens, _, _ in everything[:n_best]
        ]
        expected = [score for _, score, _ in everything[:n_best]]
        assert [hypothesis.log_probability for hypothesis in found] == pytest.approx(
            expected, abs=1e-9
        )


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.integers(2, 6),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from([0.0, 0.7]),
    st.integers(3, 90),
)
def test_batched_is_one_by_one(seed, rows, width, ties, length_penalty, vocabulary):
    """With rows that stop at different steps: dropping the finished sentences changes nothing
    for the others.
    """
    tables = table(seed, rows=rows, vocabulary=vocabulary, ties=ties)
    tables[:, :, EOS] += torch.arange(rows).unsqueeze(1) * 1.5
    limits = torch.randint(0, 7, (rows,), generator=torch.Generator().manual_seed(seed))
    options = {"width": width, "n_best": min(2, width), "length_penalty": length_penalty}
    together = run(tables, maximum_length=limits, **options)
    for row in range(rows):
        alone = run(tables[row : row + 1], maximum_length=int(limits[row]), **options)
        assert same(together[row], alone[0])


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(1, 6))
def test_scores_are_the_models_own(seed, rows, width):
    """Also under `forbidden`, which does not renormalise, and of hypotheses that ran out of
    steps.
    """
    tables = table(seed, rows=rows, vocabulary=5)
    for row, hypotheses in enumerate(run(tables, width=width, n_best=width, forbidden=(BOS, 4))):
        assert len({tuple(h.tokens) + (h.finished,) for h in hypotheses}) == len(hypotheses)
        for hypothesis in hypotheses:
            again = score_sequences(
                step,
                start(tables[row : row + 1]),
                [hypothesis.tokens],
                bos=BOS,
                eos=EOS if hypothesis.finished else None,
            )
            assert hypothesis.log_probability == pytest.approx(again[0], abs=1e-9)
            assert not {BOS, EOS, 4} & set(hypothesis.tokens)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 5))
def test_what_is_watched_follows_the_hypotheses(seed, width):
    """The token that goes into a step, watched, is the hypothesis itself, one place later."""
    for hypotheses in run(table(seed, rows=3), width=width, n_best=width, watch=last_token):
        for hypothesis in hypotheses:
            assert (
                hypothesis.watched[:, 0].tolist()
                == [BOS, *hypothesis.tokens][: len(hypothesis.tokens)]
            )


@settings(max_examples=100, deadline=None)
@given(
    seeds,
    st.integers(1, 12),
    st.sampled_from([0.0, 0.6, 1.0, 3.0, -0.5]),
    st.integers(3, 80),
    st.sampled_from([0.3, 1.0, 4.0]),
    st.sampled_from([(), (BOS,)]),
)
def test_no_width_answers_worse_than_greedy(
    seed, width, length_penalty, vocabulary, sharp, forbidden
):
    """By the search's own score: finished before unfinished, then the normalised
    log-probability.
    """
    tables = table(seed, rows=4, vocabulary=vocabulary) * sharp
    options = {"maximum_length": 9, "forbidden": forbidden}
    found = run(tables, width=width, length_penalty=length_penalty, **options)
    likeliest = greedy(step, start(tables), rows=4, bos=BOS, eos=EOS, **options)

    def score(hypothesis):
        length = len(hypothesis.tokens) + hypothesis.finished
        return hypothesis.finished, hypothesis.log_probability / (
            (5 + length) / 6
        ) ** length_penalty

    for hypotheses, other in zip(found, likeliest, strict=True):
        finished, value = score(hypotheses[0])
        assert (finished, value + 1e-9) >= score(other)


@pytest.mark.parametrize("width", range(2, 11))
def test_a_sure_long_answer_is_found_though_many_short_ones_are_complete(width):
    """Four steps of .97, then <eos>; at every step <eos> has .02 (stopped too early, the
    answer would be empty).
    """
    steps = torch.full((5, 12), 0.01 / 10, dtype=torch.float64)
    steps[:4, 2], steps[:4, EOS] = 0.97, 0.02
    steps[4, EOS] = 0.999
    steps /= steps.sum(1, keepdim=True)

    def chain(tokens, state):
        return steps[state[0]].log(), (state[0] + 1,)

    best = beam_search(
        chain,
        (torch.zeros(1, dtype=torch.int64),),
        rows=1,
        bos=BOS,
        eos=EOS,
        maximum_length=20,
        width=width,
    )[0][0]
    assert best.tokens == [2, 2, 2, 2] and best.finished
    assert math.exp(best.log_probability) == pytest.approx(0.885, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 5))
def test_a_wider_search_of_all_steps_finds_no_less(seed, width):
    """The stopping rule loses nothing: to find more hypotheses the search goes on, and the
    best stays the best.
    """
    tables = table(seed, rows=2)
    few, many = run(tables, width=5, n_best=width), run(tables, width=5, n_best=5)
    assert all(same(one, other[:width]) for one, other in zip(few, many, strict=True))


def test_with_a_length_penalty_a_sentence_is_done_when_no_live_hypothesis_would_be_better_now():
    """A strong penalty could reward any length: the search stops all the same, once `width`
    are complete.
    """
    tables = torch.zeros(1, 3, 3, dtype=torch.float64)
    tables[:, :, EOS] = 3.0  # greedy ends at once
    expansions = list(
        search(
            step,
            start(tables),
            rows=1,
            bos=BOS,
            eos=EOS,
            maximum_length=50,
            width=2,
            length_penalty=3.0,
        )
    )
    ended = sum(int((expansion.tokens == EOS).sum()) for expansion in expansions)
    assert ended >= 2 and len(expansions) < 10


def test_wider_than_the_vocabulary():
    tables = table(1, vocabulary=3)
    assert run(tables, width=1000, n_best=1)[0][0] == run(tables, width=27 * 9, n_best=1)[0][0]


def test_without_eos_hypotheses_end_unfinished_at_the_maximum_length():
    tables = table(2, rows=2)
    for eos in (None, EOS):
        forbidden = () if eos is None else (EOS,)
        for hypotheses in run(tables, eos=eos, forbidden=forbidden, n_best=3):
            assert [(len(h.tokens), h.finished) for h in hypotheses] == [(5, False)] * 3


def test_unfinished_hypotheses_come_after_finished_ones():
    tables = torch.zeros(1, 3, 3, dtype=torch.float64)
    tables[:, :, EOS] = -9.0
    finished = [
        hypothesis.finished for hypothesis in run(tables, width=40, n_best=40, maximum_length=3)[0]
    ]
    assert finished == sorted(finished, reverse=True) and False in finished and True in finished


@pytest.mark.parametrize("length", [0, torch.tensor([0, 0])])
def test_length_zero(length):
    for hypotheses in run(table(3, rows=2), maximum_length=length, watch=last_token):
        assert hypotheses[0][:3] == ([], 0.0, False)


def test_no_rows():
    assert run(table(3, rows=1)[:0]) == []


def test_a_first_token_for_each_row():
    tables = table(4, rows=2)
    both = run(tables, bos=torch.tensor([2, 3]))
    assert same(both[0], run(tables[:1], bos=2)[0]) and same(both[1], run(tables[1:], bos=3)[0])


def test_tables_that_are_shared_are_not_written_to():
    tables = table(5)
    before = tables.clone()
    run(tables, forbidden=(0, 2))
    assert torch.equal(tables, before)


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"width": 0}, "width must be at least 1; got 0"),
        ({"n_best": 0}, "n_best must be between 1 and width; got 0 with width 3"),
        ({"n_best": 4}, "n_best must be between 1 and width; got 4 with width 3"),
        ({"length_penalty": math.nan}, "length_penalty must be a finite number; got nan"),
        ({"maximum_length": -1}, "maximum_length must not be negative; got -1"),
        (
            {"maximum_length": torch.tensor([1, 2])},
            r"maximum_length must be an int or an int tensor of shape \[1\].*got torch.int64 "
            r"of shape \[2\]",
        ),
        (
            {"bos": torch.tensor([0.5])},
            r"bos must be an int or an int tensor of shape \[1\].*got torch.float32 of shape \[1\]",
        ),
        ({"rows": -1}, "rows must not be negative; got -1"),
        ({"forbidden": (4,)}, "forbidden holds token 4, but the model has the tokens 0 to 3"),
        (
            {"forbidden": (0, 1, 2, 3)},
            "row 0, step 1: every token that may be produced has probability 0",
        ),
    ],
)
def test_bad_arguments(bad, message):
    with pytest.raises(ValueError, match=message):
        run(table(6), **bad)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_broken_logits(value):
    tables = table(7)
    tables[0, 2:] = value
    tables[0, 0, 2:] += 9.0
    with pytest.raises(
        ValueError, match="at step 2 the model gave logits that are NaN, .inf or nothing but -inf"
    ):
        run(tables)


def test_a_token_that_is_impossible_is_not_produced():
    tables = table(8)
    tables[:, :, 2] = -math.inf
    assert all(2 not in hypothesis.tokens for hypothesis in run(tables, width=60, n_best=60)[0])


class Shared:
    """A leaf that is no tensor: one memory for each sentence, of which its hypotheses' rows
    only know the number.
    """

    def __init__(self, values, rows):
        self.values, self.rows = values, rows

    def map(self, function):
        return Shared(function(self.values), self.rows)

    def select(self, index):
        rows = self.rows[index]
        sentences, counts = rows.unique_consecutive(return_counts=True)
        # what an attention relies on to share its memory: each sentence's rows side by side, and
        # all of them as many
        assert len(sentences) == len(rows.unique()) and counts.unique().numel() <= 1
        return Shared(self.values, rows)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(1, 4))
def test_a_state_may_hold_what_is_no_tensor(seed, rows, width):
    tables = table(seed, rows=rows)

    def look_up(tokens, state):
        shared, rest = state
        logits, (_, *rest) = step(tokens, (shared.values[shared.rows], *rest))
        return logits, (shared, tuple(rest))

    _, *rest = start(tables)
    state = (Shared(tables, torch.arange(rows)), tuple(rest))
    options = {"rows": rows, "bos": BOS, "eos": EOS, "maximum_length": 5}
    for one, other in zip(
        beam_search(look_up, state, width=width, **options), run(tables, width=width), strict=True
    ):
        assert same(one, other)
    assert greedy(look_up, state, **options) == greedy(step, start(tables), **options)


@pytest.mark.parametrize("wrap", [list, lambda parts: {"tables": parts[0], "rest": [*parts[1:]]}])
def test_a_state_may_be_any_nest_of_lists_and_dicts(wrap):
    tables = table(3, rows=3)

    def unwrap(state):
        return (state["tables"], *state["rest"]) if isinstance(state, dict) else tuple(state)

    def wrapped_step(tokens, state):
        logits, new = step(tokens, unwrap(state))
        return logits, wrap(new)

    options = {"rows": 3, "bos": BOS, "eos": EOS, "maximum_length": 5, "width": 3}
    found = beam_search(wrapped_step, wrap(start(tables)), **options)
    for one, other in zip(found, beam_search(step, start(tables), **options), strict=True):
        assert same(one, other)
