"""RowSampler: each row by its own numbers; temperature, top-k and top-p as everywhere."""

import pytest
import torch

from ostinato.decoding.sampler import RowSampler, seed_of

LOGITS = torch.tensor([[0.0, 1.0, 2.0, -1.0]])


def drawn(rows, **settings):
    return (
        RowSampler([seed_of(5, row) for row in range(rows)], **settings)
        .choose(LOGITS.expand(rows, -1), torch.arange(rows))
        .tolist()
    )


def test_a_row_does_not_depend_on_its_neighbours():
    assert drawn(3) == drawn(8)[:3]
    assert seed_of(5, 0) == 5
    assert len({seed_of(5, row) for row in range(100)}) == 100
    draws = RowSampler([1, 2])
    draws.choose(LOGITS, torch.tensor([0]))  # row 1 has used nothing up
    assert (
        draws.choose(LOGITS, torch.tensor([1])).tolist()
        == RowSampler([1, 2]).choose(LOGITS.expand(2, -1), torch.arange(2)).tolist()[1:]
    )


def test_what_can_be_drawn():
    assert set(drawn(200)) == {0, 1, 2, 3}
    assert set(drawn(200, top_k=2)) == {1, 2}
    assert set(drawn(200, top_p=0.5)) == {2}
    assert set(drawn(50, temperature=0)) == set(drawn(50, top_p=0)) == {2}


def test_flips():
    def flipped(**settings):
        number = 300
        return (
            RowSampler(range(number), **settings)
            .flip(LOGITS.expand(number, -1), torch.arange(number))
            .float()
            .mean(0)
        )

    assert torch.allclose(flipped(), LOGITS[0].sigmoid(), atol=0.1)
    assert (flipped(top_k=2) > 0).tolist() == [False, True, True, False]
    assert (flipped(top_p=0.4) > 0).tolist() == [False, True, True, False]
    assert flipped(temperature=0).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("settings", [{"temperature": -1}, {"top_k": -1}, {"top_p": 2}])
def test_refuses(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        RowSampler([1], **settings)
