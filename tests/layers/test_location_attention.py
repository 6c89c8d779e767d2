"""Location-aware attention against its formula."""

import torch

from ostinato.layers.attention import Memory
from ostinato.layers.location_attention import LocationAttention
from ostinato.padding import padding_mask


def make(rows=2, steps=3, source=7):
    torch.manual_seed(0)
    attention = LocationAttention(4, 5, size=6, filters=3, reach=2)
    values = torch.randn(rows, source, 5)
    mask = padding_mask(torch.tensor([source, 4][:rows]), source, values.device)
    return attention, attention.remember(values, mask), torch.randn(rows, steps, 4)


def test_it_is_the_formula():
    attention, memory, query = make()
    contexts, weights = attention(query, memory)
    before = torch.zeros(2, 7)
    for step in range(3):
        for row, length in enumerate([7, 4]):
            scores = []
            for place in range(length):
                window = [
                    before[row, place + j] if 0 <= place + j < 7 else torch.tensor(0.0)
                    for j in range(-2, 3)
                ]
                seen = attention.filters.weight[:, 0] @ torch.stack(window)  # [K]
                hidden = attention.query(query[row, step]) + memory.keys[row, place]
                hidden = hidden + attention.location.weight @ seen
                scores.append(attention.energy(hidden.tanh())[0])
            expected = torch.stack(scores).softmax(0)
            torch.testing.assert_close(weights[row, step, :length], expected)
            assert not weights[row, step, length:].any()
            torch.testing.assert_close(contexts[row, step], expected @ memory.values[row, :length])
        before = weights[:, step]


def test_steps_go_on_from_the_weights_before():
    attention, memory, query = make()
    contexts, weights = attention(query, memory)
    before = None
    for step in range(3):
        one, own = attention(query[:, step : step + 1], memory, before)
        torch.testing.assert_close(one[:, 0], contexts[:, step])
        before = own[:, 0]
    torch.testing.assert_close(before, weights[:, -1])


def test_hypotheses_share_the_memory_of_their_source():
    attention, memory, _ = make()
    query, before = torch.randn(4, 1, 4), torch.rand(4, 7)
    wide = Memory(memory.values, memory.keys, memory.mask, width=2)
    contexts, weights = attention(query, wide, before)
    for row in range(4):
        own = memory.select(torch.tensor([row // 2]))
        alone = attention(query[row : row + 1], own, before[row : row + 1])
        torch.testing.assert_close(contexts[row : row + 1], alone[0])
        torch.testing.assert_close(weights[row : row + 1], alone[1])


def test_a_source_without_a_step_has_no_context():
    attention, memory, query = make()
    empty = Memory(memory.values, memory.keys, torch.zeros_like(memory.mask))
    contexts, weights = attention(query, empty)
    assert not contexts.any() and not weights.any()
