"""A conditional random field against the sum over every path."""

import itertools

import pytest
import torch

from ostinato.layers.crf import CRF, log_partition, path_scores

LENGTHS = torch.tensor([5, 1, 3, 0])
MASKS = {"start": [1, 1, 0], "transitions": [[1, 1, 0], [1, 1, 1], [1, 0, 1]], "end": [1, 0, 1]}


def field(seed, **masks):
    torch.manual_seed(seed)
    crf = CRF(3, **masks).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf, (3 * torch.randn(4, 5, 3, dtype=torch.float64)).requires_grad_()


def score_of(crf, emissions, path):
    start, transitions, end = crf.potentials()
    total = (
        start[path[0]]
        + end[path[-1]]
        + sum(emissions[step, label] for step, label in enumerate(path))
    )
    return total + sum((transitions[pair] for pair in itertools.pairwise(path)), torch.zeros(()))


def brute_force(crf, emissions):
    """log Z of each row, differentiable."""
    totals = []
    for row, length in enumerate(LENGTHS.tolist()):
        scores = (
            [
                score_of(crf, emissions[row], path)
                for path in itertools.product(range(3), repeat=length)
            ]
            if length
            else []
        )
        totals.append(torch.stack(scores).logsumexp(0) if scores else emissions.new_zeros(()))
    return torch.stack(totals)


@pytest.mark.parametrize("masks", [{}, MASKS])
@pytest.mark.parametrize("seed", range(3))
def test_the_partition_and_its_gradient_are_those_of_brute_force(seed, masks):
    crf, emissions = field(seed, **masks)
    weight = torch.randn(4, dtype=torch.float64)
    found, expected = (
        log_partition(emissions, LENGTHS, crf.potentials()),
        brute_force(crf, emissions),
    )
    torch.testing.assert_close(found, expected)
    wanted = [emissions, *crf.parameters()]
    gradients = [torch.autograd.grad((total * weight).sum(), wanted) for total in (found, expected)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_the_probabilities_of_all_paths_are_one():
    crf, emissions = field(5)
    rows = emissions[:1, :4].expand(81, 4, 3)
    paths = torch.tensor(list(itertools.product(range(3), repeat=4)))
    assert crf(rows, torch.full((81,), 4), paths).exp().sum().item() == pytest.approx(1)


def test_the_score_of_a_path_and_its_gradient():
    crf, emissions = field(6)
    labels = torch.randint(3, (4, 5)).masked_fill(torch.arange(5) >= LENGTHS[:, None], -100)
    found = path_scores(emissions, LENGTHS, labels, crf.potentials())
    expected = [
        score_of(crf, emissions[row], labels[row, :length].tolist()) if length else torch.zeros(())
        for row, length in enumerate(LENGTHS)
    ]
    torch.testing.assert_close(found, torch.stack(expected).double())
    assert (crf(emissions, LENGTHS, labels) <= 0).all()
    crf(emissions, LENGTHS, labels).sum().backward()
    assert (emissions.grad[3] == 0).all() and (emissions.grad[1, 1:] == 0).all()


def test_marginals_are_the_share_of_paths_through_a_label():
    crf, emissions = field(7, **MASKS)
    found = crf.marginals(emissions, LENGTHS)
    torch.testing.assert_close(found.sum(-1), (torch.arange(5) < LENGTHS[:, None]).double())
    every = [
        (path, score_of(crf, emissions[2], path)) for path in itertools.product(range(3), repeat=3)
    ]
    total = torch.stack([score for _, score in every]).logsumexp(0)
    through = sum((score - total).exp() for path, score in every if path[1] == 0)
    assert float(found[2, 1, 0]) == pytest.approx(float(through))


def test_what_is_forbidden_has_no_probability():
    crf, emissions = field(8, **MASKS)
    found = crf.marginals(emissions, LENGTHS)
    assert float(found[0, 0, 2]) < 1e-200 and float(found[0, 4, 1]) < 1e-200


@pytest.mark.parametrize("size", [1e3, 1e4])
def test_extreme_scores_stay_finite(size):
    crf, emissions = field(9, **MASKS)
    emissions = (emissions * size).float().detach().requires_grad_()
    labels = torch.zeros(4, 5, dtype=torch.int64)
    crf.float()(emissions, LENGTHS, labels).sum().backward()
    assert emissions.grad.isfinite().all() and all(
        parameter.grad.isfinite().all() for parameter in crf.parameters()
    )


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match=r"transitions must be a mask of shape \[3, 3\]; got \[2, 2\]"
    ):
        CRF(3, transitions=[[1, 1], [1, 1]])
    crf, emissions = field(0)
    with pytest.raises(
        ValueError, match=r"labels must be \[4, 5\], as emissions are; got \[4, 4\]"
    ):
        crf(emissions, LENGTHS, torch.zeros(4, 4, dtype=torch.int64))
    assert (
        log_partition(
            emissions[:, :0], torch.zeros(4, dtype=torch.int64), crf.potentials()
        ).tolist()
        == [0] * 4
    )


def test_what_stands_beyond_a_length_does_not_matter():
    crf, emissions = field(10)
    beyond = torch.arange(5) >= LENGTHS[:, None]
    spoiled = emissions.detach().masked_fill(beyond.unsqueeze(2), float("nan")).requires_grad_()
    labels = torch.zeros(4, 5, dtype=torch.int64)
    torch.testing.assert_close(crf(spoiled, LENGTHS, labels), crf(emissions, LENGTHS, labels))
    gradients = [
        torch.autograd.grad(crf(each, LENGTHS, labels).sum(), [each, *crf.parameters()])
        for each in (spoiled, emissions)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
