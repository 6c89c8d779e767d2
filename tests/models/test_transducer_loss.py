"""The transducer's loss against the sum over all alignments, and its gradient."""

import itertools

import pytest
import torch

from ostinato.models.transducer_loss import skew, straighten, transducer_losses


def random_edges(rows=4, frames=5, places=4, *, seed=0, dtype=torch.float64):
    """log p of the blank [B, T, U + 1] and of the next label [B, T, U]."""
    torch.manual_seed(seed)
    found = torch.randn(rows, frames, places, 3, dtype=dtype).log_softmax(-1)
    return found[..., 0].clone().requires_grad_(), found[:, :, :-1, 1].clone().requires_grad_()


def every_alignment(blanks, labels):
    """log P of each path from (0, 0) to (T, U); the last step is a blank."""
    frames, places = labels.shape
    values = []
    for emitting in itertools.combinations(range(frames + places - 1), places):
        frame = place = 0
        total = torch.zeros((), dtype=blanks.dtype)
        for step in range(frames + places):
            if step in emitting:
                total, place = total + labels[frame, place], place + 1
            else:
                total, frame = total + blanks[frame, place], frame + 1
        values.append(total)
    return torch.stack(values)


LENGTHS, TARGETS = torch.tensor([5, 3, 1, 4]), torch.tensor([3, 2, 3, 0])


def test_it_is_the_sum_over_all_alignments():
    blanks, labels = random_edges()
    found = transducer_losses(blanks, labels, LENGTHS, TARGETS)
    for row, (length, number) in enumerate(zip(LENGTHS, TARGETS, strict=True)):
        own = every_alignment(blanks[row, :length], labels[row, :length, :number])
        torch.testing.assert_close(found[row], -own.logsumexp(0))


def test_its_gradient_is_exact():
    edges = random_edges()
    assert torch.autograd.gradcheck(lambda *x: transducer_losses(*x, LENGTHS, TARGETS), edges)


def test_its_gradient_is_the_share_of_the_alignments_that_use_an_edge():
    """So that every frame has one blank, and every label is emitted once."""
    blanks, labels = random_edges()
    transducer_losses(blanks, labels, LENGTHS, TARGETS).sum().backward()
    for row, (length, number) in enumerate(zip(LENGTHS, TARGETS, strict=True)):
        torch.testing.assert_close(
            -blanks.grad[row, :length].sum(-1), torch.ones(length, dtype=torch.float64)
        )
        torch.testing.assert_close(
            -labels.grad[row, :, :number].sum(0), torch.ones(number, dtype=torch.float64)
        )
        assert not blanks.grad[row, length:].any() and not labels.grad[row, :, number:].any()


def test_a_padded_batch_is_one_by_one():
    blanks, labels = random_edges(dtype=torch.float32)
    together = transducer_losses(blanks, labels, LENGTHS, TARGETS)
    for row, (length, number) in enumerate(zip(LENGTHS.tolist(), TARGETS.tolist(), strict=True)):
        alone = transducer_losses(
            blanks[row : row + 1, :length, : number + 1],
            labels[row : row + 1, :length, :number],
            torch.tensor([length]),
            torch.tensor([number]),
        )
        assert alone.dtype == torch.float32
        torch.testing.assert_close(alone[0], together[row])


def test_no_frames_and_no_labels():
    blanks, labels = random_edges(rows=2)
    found = transducer_losses(blanks, labels, torch.tensor([0, 2]), torch.tensor([3, 0]))
    torch.testing.assert_close(
        found, torch.stack([torch.zeros_like(found[0]), -blanks[1, :2, 0].sum()])
    )
    found.sum().backward()
    assert not blanks.grad[0].any() and not labels.grad.any()


@pytest.mark.parametrize("value", [-1e4, -1e30, float("-inf")])
def test_what_is_impossible_is_never_nan(value):
    blanks, labels = random_edges(rows=2)
    blanks, labels = blanks.detach(), labels.detach()
    labels[0, :, 1] = value  # no alignment of row 0 is likely
    blanks.requires_grad_()
    labels.requires_grad_()
    found = transducer_losses(blanks, labels, torch.tensor([5, 5]), torch.tensor([3, 3]))
    found.sum().backward()
    assert not found.isnan().any() and found[1].isfinite()
    assert blanks.grad.isfinite().all() and labels.grad.isfinite().all()


def test_long_recordings_do_not_underflow():
    blanks, labels = random_edges(rows=1, frames=300, places=80, dtype=torch.float32)
    found = transducer_losses(blanks, labels, torch.tensor([300]), torch.tensor([79]))
    exact = transducer_losses(
        blanks.double(), labels.double(), torch.tensor([300]), torch.tensor([79])
    )
    torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=0.0)
    assert found.isfinite().all()


def test_diagonals_go_back_to_frames():
    x = torch.arange(2 * 3 * 4.0).view(2, 3, 4)
    by_diagonal = skew(x)
    assert by_diagonal.shape == (6, 2, 4)
    for frame, place in itertools.product(range(3), range(4)):
        assert torch.equal(by_diagonal[frame + place, :, place], x[:, frame, place])
    assert torch.equal(straighten(by_diagonal, 3), x)
