"""Motif detectors: found where they stand, whatever the padding and the chunks."""

from __future__ import annotations

import pytest
import torch

from ostinato.cells import CELLS
from ostinato.layers.motifs import Motifs, OneHot, WithMotifs
from ostinato.layers.truncated_bptt import chunks
from ostinato.models.classifier import RecurrentBody


def test_a_motif_is_found_where_it_stands():
    motifs = Motifs(4, 1, 3)
    with torch.no_grad():
        motifs.layer.weight.copy_(torch.eye(4)[:3].t().unsqueeze(0))  # A C G
        motifs.layer.bias.fill_(-2.0)
    x = torch.eye(4)[torch.tensor([[3, 0, 1, 2, 3, 0, 1, 2]])]
    found, lengths, tail = motifs(x, torch.tensor([8]))
    assert (
        found[0, :, 0].tolist() == [0, 0, 1, 0, 0, 0, 1, 0]
        and tail is None
        and lengths.tolist() == [8]
    )


@pytest.mark.parametrize(("pool", "causal"), [(1, False), (3, False), (1, True)])
def test_padding_and_neighbours_do_not_matter(pool, causal):
    torch.manual_seed(0)
    motifs = Motifs(4, 6, 5, pool=pool, causal=causal)
    x, lengths = torch.randn(3, 11, 4), torch.tensor([11, 4, 7])
    found, shorter, _ = motifs(x, lengths)
    assert shorter.tolist() == [-(-n // pool) for n in lengths.tolist()]
    for row, length in enumerate(lengths.tolist()):
        alone, _, _ = motifs(x[row : row + 1, :length], torch.tensor([length]))
        assert torch.allclose(found[row, : alone.shape[1]], alone[0], atol=1e-6)
        assert not found[row, alone.shape[1] :].any()


def test_chunked_is_whole():
    torch.manual_seed(0)
    motifs = Motifs(4, 6, 5, causal=True)
    x, lengths = torch.randn(2, 13, 4), torch.tensor([13, 6])
    whole, _, end = motifs(x, lengths)
    for size in (1, 3, 7, 13):
        tail, parts = None, []
        for part, here in chunks(x, lengths, size):
            found, _, tail = motifs(part, here, tail)
            parts.append(found)
        assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-6) and torch.equal(tail, end)


def test_in_front_of_a_body():
    body = WithMotifs(Motifs(4, 6, 5, pool=2), RecurrentBody(CELLS["gru"], 6, 8))
    x, lengths = torch.randn(2, 9, 4), torch.tensor([9, 3])
    found = body(x, lengths)
    assert found.shape == (2, body.output_size)
    assert torch.equal(found[:, -6:], body.motifs(x, lengths)[0].amax(1))
    each = WithMotifs(Motifs(4, 6, 5), RecurrentBody(CELLS["gru"], 6, 8, pooling="ensemble"))
    assert each(x, lengths).shape == (2, 9, each.output_size)
    assert OneHot(torch.eye(3))(torch.tensor([[2, 0]])).tolist() == [[[0, 0, 1], [1, 0, 0]]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filters": 0, "width": 3}, "filters must be at least 1; got 0"),
        ({"filters": 1, "width": 4}, "width must be odd"),
        (
            {"filters": 1, "width": 3, "pool": 2, "causal": True},
            "pool must be 1 where a sequence is read in chunks; got 2",
        ),
    ],
)
def test_what_does_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        Motifs(4, settings.pop("filters"), settings.pop("width"), **settings)
