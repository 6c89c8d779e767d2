"""Attention: weights that sum to one, by the formulas of the papers; a memory shared among
hypotheses.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.layers.attention import SCORES, Attention, Memory
from ostinato.layers.embedding import Embedding

every_kind = pytest.mark.parametrize("kind", SCORES)


def make(kind, *, sources=3, length=5, width=1, steps=2, size=4, seed=0):
    torch.manual_seed(seed)
    attention = Attention(kind, size, size)
    values = torch.randn(sources, length, size)
    mask = torch.arange(length) < torch.randint(1, length + 1, (sources, 1))
    memory = attention.remember(values, mask)
    return (
        attention,
        Memory(memory.values, memory.keys, memory.mask, width),
        torch.randn(sources * width, steps, size),
    )


@every_kind
def test_weights_sum_to_one_over_real_positions(kind):
    attention, memory, query = make(kind)
    context, weights = attention(query, memory)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2))
    assert (weights[~memory.mask.unsqueeze(1).expand_as(weights)] == 0).all()
    torch.testing.assert_close(context, weights @ memory.values)


def test_scores_are_those_of_the_papers():
    for kind in SCORES:
        attention, memory, query = make(kind, sources=1, steps=1)
        q, m = query[0, 0], memory.values[0]
        if kind == "dot":
            scores = m @ q
        elif kind == "general":
            scores = torch.stack([q @ attention.key.weight @ each for each in m])
        else:
            scores = torch.stack(
                [attention.energy((attention.query(q) + attention.key(each)).tanh()) for each in m]
            ).squeeze(-1)
        expected = scores.masked_fill(~memory.mask[0], -torch.inf).softmax(-1)
        torch.testing.assert_close(attention(query, memory)[1][0, 0], expected)


@every_kind
def test_hypotheses_share_their_source(kind):
    attention, memory, query = make(kind, width=3)
    context, weights = attention(query, memory)
    own = Memory(
        *(part.repeat_interleave(3, 0) for part in (memory.values, memory.keys, memory.mask))
    )
    for ours, theirs in zip((context, weights), attention(query, own), strict=True):
        torch.testing.assert_close(ours, theirs)


@every_kind
def test_a_source_of_padding_alone_has_the_context_zero(kind):
    attention, memory, query = make(kind)
    memory = Memory(memory.values, memory.keys, torch.zeros_like(memory.mask))
    context, weights = attention(query, memory)
    assert not context.any()
    assert not weights.any()


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_selecting_is_the_same_shared_or_not(data):
    sources, width = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    index = torch.tensor(
        data.draw(st.lists(st.integers(0, sources * width - 1), min_size=1, max_size=9))
    )
    values = torch.arange(sources * 2.0).reshape(sources, 2, 1)
    memory = Memory(values, values + 100, values.squeeze(-1) >= 0, width)
    chosen = memory.select(index)
    for part in ("values", "keys", "mask"):
        expanded = getattr(memory, part).repeat_interleave(width, 0)[index]
        assert torch.equal(getattr(chosen, part).repeat_interleave(chosen.width, 0), expanded)


def test_selecting_copies_nothing_where_hypotheses_only_change_places():
    _, memory, _ = make("dot", width=2)
    assert memory.select(torch.tensor([1, 0, 2, 3, 5, 5])).values is memory.values
    first = Memory(memory.values, memory.keys, memory.mask).select(torch.tensor([0, 0, 1, 1, 2, 2]))
    assert first.values is memory.values
    assert first.width == 2


def test_selecting_nothing():
    _, memory, _ = make("dot")
    assert len(memory.select(torch.empty(0, dtype=torch.int64)).values) == 0


def test_mapping():
    _, memory, _ = make("general", width=2)
    moved = memory.map(lambda tensor: tensor.clone())
    assert moved.width == 2
    assert torch.equal(moved.keys, memory.keys)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="kind must be one of dot, general, additive; got 'dott'"):
        Attention("dott", 4, 4)
    with pytest.raises(
        ValueError, match="dot attention needs query_size equal to memory_size; got 4 and 6"
    ):
        Attention("dot", 4, 6)


class TestEmbedding:
    def test_padding_is_zero_and_stays_so(self):
        embedding = Embedding(5, 3)
        embedding(torch.tensor([[0, 1]])).sum().backward()
        assert not embedding.weight[0].any()
        assert not embedding.weight.grad[0].any()

    def test_word_dropout_drops_a_word_everywhere_in_a_row(self):
        torch.manual_seed(0)
        embedding = Embedding(50, 3, word_dropout=0.5)
        tokens = torch.tensor([[7, 8, 7, 9, 7]]).repeat(200, 1)
        vectors = embedding(tokens)
        dropped = (vectors == 0).all(-1)
        assert torch.equal(dropped[:, 0], dropped[:, 2])
        assert torch.equal(dropped[:, 0], dropped[:, 4])
        assert 0.35 < dropped[:, 0].float().mean() < 0.65
        torch.testing.assert_close(
            vectors[~dropped[:, 0], 0],
            (2 * embedding.weight[7]).expand(int((~dropped[:, 0]).sum()), 3),
        )
        embedding.eval()
        torch.testing.assert_close(embedding(tokens[:1])[0, 0], embedding.weight[7])

    def test_sparse_gradients_are_the_dense_ones(self):
        dense, sparse = Embedding(9, 3), Embedding(9, 3, sparse=True)
        sparse.load_state_dict(dense.state_dict())
        for embedding in (dense, sparse):
            embedding(torch.tensor([[1, 4, 1, 0]])).pow(2).sum().backward()
        assert sparse.weight.grad.is_sparse
        torch.testing.assert_close(sparse.weight.grad.to_dense(), dense.weight.grad)

    def test_pretrained(self):
        embedding = Embedding(5, 2)
        embedding.load_pretrained(
            torch.tensor([2, 4]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), frozen=True
        )
        assert embedding.weight[4].tolist() == [3.0, 4.0]
        assert not embedding.weight.requires_grad
