"""A label at each step: chunked = whole, padded = unpadded, several as one."""

from __future__ import annotations

import math

import pytest
import torch

from ostinato.cells import CELLS
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.layers.motifs import Motifs, OneHot
from ostinato.layers.recurrent import Recurrent
from ostinato.models.ensemble import SegmenterEnsemble
from ostinato.models.segmenter import Segmenter


def make(cell="lstm", *, bidirectional=False, motifs=True, weights=None) -> Segmenter:
    torch.manual_seed(1)
    front = Motifs(4, 6, 5, causal=not bidirectional) if motifs else None
    body = Recurrent(CELLS[cell], 6 if motifs else 4, 5, bidirectional=bidirectional)
    return Segmenter(OneHot(torch.eye(5)[:, 1:]), front, body, 3, weights=weights).eval()


def batch(rows=3, steps=20) -> Batch:
    generator = torch.Generator().manual_seed(2)
    lengths = torch.tensor([20, 7, 13])[:rows]
    mask = torch.arange(steps) < lengths[:, None]
    inputs = torch.randint(1, 5, (rows, steps), generator=generator) * mask
    targets = torch.randint(0, 3, (rows, steps), generator=generator).masked_fill(~mask, IGNORE)
    return Batch(inputs, lengths, targets, lengths)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("motifs", [True, False])
def test_chunked_is_whole(cell, motifs):
    model, whole = make(cell, motifs=motifs), batch()
    expected, _, _ = model.answers(whole)
    loss = model.loss(whole)
    for size in (1, 6, 20):
        state, parts, total, count = None, [], 0.0, 0
        for start in range(0, 20, size):
            part = slice(start, start + size)
            chunk = Batch(
                whole.inputs[:, part],
                (whole.lengths - start).clamp(0, size),
                whole.targets[:, part],
                continues=start > 0,
            )
            probabilities, labels, after = model.answers(chunk, state)
            found = model.loss(chunk, state)
            assert labels.equal(probabilities.argmax(-1))
            state, total, count = after, total + found.total.item(), count + found.count
            parts.append(probabilities)
        for row, length in enumerate(whole.lengths.tolist()):
            assert torch.allclose(
                torch.cat(parts, 1)[row, :length], expected[row, :length], atol=1e-6
            )
        assert (total, count) == (pytest.approx(loss.total.item(), rel=1e-5), loss.count)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_batch_is_one_by_one(bidirectional):
    model, together = make(bidirectional=bidirectional), batch()
    probabilities, _, _ = model.answers(together)
    for row, length in enumerate(together.lengths.tolist()):
        alone, _, _ = model.answers(
            Batch(together.inputs[row : row + 1, :length], together.lengths[row : row + 1])
        )
        assert torch.allclose(probabilities[row, :length], alone[0], atol=1e-6)


def test_weights_count_while_training_only():
    model, given = make(weights=torch.tensor([2.0, 2.0, 2.0])), batch()
    plain = model.loss(given).total.item()
    assert model.train().loss(given).total.item() == pytest.approx(2 * plain)


def test_several_as_one():
    models = [make(), make("lstm")]
    both, labels, state = SegmenterEnsemble(models).answers(batch())
    assert torch.allclose(both, models[0].answers(batch())[0], atol=1e-6) and len(state) == 2
    assert math.isclose(both[0, 0].sum().item(), 1, rel_tol=1e-5) and labels.shape == (3, 20)
    again, _, _ = SegmenterEnsemble(models).answers(batch(), state)
    assert not torch.allclose(again[0], both[0])
