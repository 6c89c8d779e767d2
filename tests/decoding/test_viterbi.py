"""Viterbi's best paths against every path there is."""

import itertools

import pytest
import torch

from ostinato.decoding.viterbi import k_best, viterbi


def lattice(seed, *, rows=4, steps=5, labels=3, forbidden=0.0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((rows, steps, labels), (labels, labels), (labels,), (labels,))
    scores = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    scores[1][torch.rand(labels, labels, generator=generator) < forbidden] = -torch.inf
    return scores


def every_path(emissions, transitions, start, end, length):
    """All paths of one row with their scores, best first; forbidden ones left out."""
    found = []
    for path in itertools.product(range(emissions.shape[1]), repeat=length):
        score = (
            start[path[0]]
            + end[path[-1]]
            + sum(emissions[step, label] for step, label in enumerate(path))
        )
        score += sum((transitions[pair] for pair in itertools.pairwise(path)), torch.zeros(()))
        if score > -torch.inf:
            found.append((list(path), float(score)))
    return sorted(found, key=lambda item: -item[1])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [1, 2, 7, 300])
def test_the_k_best_are_those_of_brute_force(seed, k):
    emissions, transitions, start, end = lattice(seed, forbidden=0.3 * (seed % 2))
    lengths = torch.tensor([5, 1, 3, 4])
    found = k_best(emissions, lengths, k, transitions=transitions, start=start, end=end)
    for row, length in enumerate(lengths.tolist()):
        expected = every_path(emissions[row], transitions, start, end, length)[:k]
        assert [path.labels for path in found[row]] == [labels for labels, _ in expected]
        assert [path.score for path in found[row]] == pytest.approx(
            [score for _, score in expected]
        )


def test_batch_is_one_by_one_and_padding_does_not_matter():
    emissions, transitions, start, end = lattice(9)
    lengths = torch.tensor([2, 5, 1, 3])
    rest = {"transitions": transitions, "start": start, "end": end}
    together = viterbi(emissions, lengths, **rest)
    emissions[torch.arange(5) >= lengths[:, None]] = torch.nan
    alone = [
        viterbi(emissions[row : row + 1, :length], torch.tensor([length]), **rest)[0]
        for row, length in enumerate(lengths.tolist())
    ]
    assert together == alone


def test_without_transitions_each_label_is_the_best_of_its_step():
    emissions = lattice(1)[0]
    assert [path.labels for path in viterbi(emissions, torch.full((4,), 5))] == emissions.argmax(
        -1
    ).tolist()


def test_nothing_to_decode():
    assert viterbi(torch.zeros(2, 3, 2), torch.tensor([0, 1])) == [([], 0.0), ([0], 0.0)]
    assert viterbi(torch.zeros(0, 3, 2), torch.zeros(0, dtype=torch.int64)) == []
    assert viterbi(torch.zeros(1, 0, 2), torch.tensor([0])) == [([], 0.0)]
    everything_forbidden = viterbi(
        torch.zeros(1, 2, 2), torch.tensor([2]), transitions=torch.full((2, 2), -torch.inf)
    )
    assert len(everything_forbidden[0].labels) == 2 and everything_forbidden[0].score == -torch.inf


BAD = [
    ((torch.zeros(2, 3), torch.tensor([1, 1]), 1), r"emissions must be \[B, T, K\]; got \[2, 3\]"),
    (
        (torch.zeros(1, 3, 2), torch.tensor([4]), 1),
        r"lengths must be \[1\], each from 0 to 3; got \[4\]",
    ),
    ((torch.zeros(1, 3, 2), torch.tensor([3]), 0), "k must be 1 or more; got 0"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        k_best(*given)
    with pytest.raises(ValueError, match=r"transitions must be \[2, 2\]; got \[3, 3\]"):
        viterbi(torch.zeros(1, 3, 2), torch.tensor([3]), transitions=torch.zeros(3, 3))
