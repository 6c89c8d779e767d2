"""Averaged gradient descent: the mean of the steps since it began, seen only inside
`averaged`, and saved with a checkpoint.
"""

from __future__ import annotations

import torch

from ostinato.training import checkpoint
from ostinato.training.averaged_sgd import AveragedSGD, averaged_weights, has_stalled
from ostinato.training.loop import Position


def steps(
    model: torch.nn.Linear, optimizer: AveragedSGD, count: int, seed: int
) -> list[torch.Tensor]:
    """So many steps on random data: the weights after each."""
    chance, seen = torch.Generator().manual_seed(seed), []
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.randn(4, 3, generator=chance)).square().sum().backward()
        optimizer.step()
        seen.append(model.weight.detach().clone())
    return seen


def test_the_mean_of_all_weights_since_it_began():
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = AveragedSGD(model.parameters(), lr=0.05)
    steps(model, optimizer, 3, seed=1)
    assert not optimizer.is_averaging
    begun = model.weight.detach().clone()
    optimizer.start_averaging()
    seen = steps(model, optimizer, 4, seed=2)
    last = model.weight.detach().clone()
    with averaged_weights(optimizer):
        assert torch.allclose(model.weight, torch.stack([begun, *seen]).mean(0), atol=1e-6)
    assert torch.equal(model.weight, last)
    optimizer.start_averaging()  # a second time changes nothing
    with averaged_weights(optimizer):
        assert torch.allclose(model.weight, torch.stack([begun, *seen]).mean(0), atol=1e-6)


def test_nothing_happens_before_it_began_or_with_another_optimizer():
    model = torch.nn.Linear(3, 2)
    before = model.weight.detach().clone()
    for optimizer in (
        AveragedSGD(model.parameters(), lr=0.1),
        torch.optim.SGD(model.parameters(), lr=0.1),
        None,
    ):
        with averaged_weights(optimizer):
            assert torch.equal(model.weight, before)


def test_saved_and_resumed_is_never_stopped(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = AveragedSGD(model.parameters(), lr=0.05)
    optimizer.start_averaging()
    steps(model, optimizer, 3, seed=1)
    checkpoint.save(tmp_path, model, optimizer, checkpoint.Checkpoint(Position(3)))
    other = torch.nn.Linear(3, 2)
    resumed = AveragedSGD(other.parameters(), lr=0.05)
    checkpoint.load(tmp_path, other, resumed)
    for each, own in ((model, optimizer), (other, resumed)):
        steps(each, own, 3, seed=5)
    assert torch.equal(model.weight, other.weight)
    with averaged_weights(optimizer), averaged_weights(resumed):
        assert torch.equal(model.weight, other.weight)


def test_when_scores_stall():
    assert not has_stalled([5], 2)
    assert not has_stalled([5, 4, 3], 2)
    assert has_stalled([5, 4, 3, 4], 2)
    assert not has_stalled([1, 2, 3, 4, 5], 2)
    assert has_stalled([5, 1, 2, 3], 2)
    assert not has_stalled([1, 5, 2, 3], 2)
