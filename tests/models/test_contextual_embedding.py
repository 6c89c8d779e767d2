"""The states of language models as vectors of words: what they depend on, and the store."""

import pytest
import torch

from ostinato.cells import CELLS
from ostinato.data.batching.readings import Reading, collate_readings
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent
from ostinato.models.contextual_embedding import ContextualEmbedding, ReadingModel


class Store(dict):
    """Vectors by key, with the number of those that were found."""

    found = 0

    def put(self, key, vectors):
        self[key] = vectors

    def get(self, key):
        self.found += key in self
        return dict.get(self, key)


def make(*, tuned=False, backward=(False,), hidden=24):
    torch.manual_seed(1)
    models = [
        ReadingModel(Embedding(30, 8), Recurrent(CELLS["lstm"], 8, hidden), backward=each)
        for each in backward
    ]
    return ContextualEmbedding(models, tuned=tuned).eval()


def draw(rows, seed=0, models=1):
    """Readings of rows of 1 to 9 words of 3 tokens each."""
    chance = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(rows):
        words = int(torch.randint(1, 10, (1,), generator=chance))
        tokens = torch.randint(4, 30, (1 + 3 * words,), generator=chance)
        found.append([Reading(tokens, torch.arange(words) * 3 + 3)] * models)
    return found


def test_a_vector_is_the_models_state_at_the_end_of_the_word():
    network = make()
    ((reading,),) = draw(1)
    model = network.readers[0]
    with torch.no_grad():
        outputs, _ = model.recurrent(model.embedding(reading.tokens.unsqueeze(0)))
    (vectors,) = network(collate_readings([[reading]]))
    assert torch.allclose(vectors, outputs[0, reading.ends], atol=1e-6)


@pytest.mark.parametrize("rows", [1, 3, 16, 37])
def test_a_row_has_the_same_bits_in_any_batch_and_zeros_where_there_is_no_word(rows):
    network, readings = make(hidden=64), draw(rows)
    whole = network(collate_readings(readings))
    for row, each in enumerate(readings):
        alone = network(collate_readings([each]))[0]
        words = len(each[0].ends)
        assert torch.equal(whole[row, :words], alone)
        assert not whole[row, words:].any()


@pytest.mark.parametrize("rows", [5, 20])
def test_what_is_stored_has_the_bits_of_what_is_computed(rows):
    network, readings = make(backward=(False, True), hidden=40), draw(rows, models=2)
    computed = network(collate_readings(readings))
    store = Store()
    network.keep_in(store)
    first = network(collate_readings(readings[::2]))
    assert len({*store}) == 2 * len(readings[::2])  # of each model
    assert store.found == 0
    again = network(collate_readings(readings))
    assert store.found == 2 * len(readings[::2])
    assert torch.equal(again, computed)
    assert torch.equal(
        first[0, : len(readings[0][0].ends)], computed[0, : len(readings[0][0].ends)]
    )


def test_another_models_vectors_are_not_found_in_the_store():
    store, readings = Store(), draw(4)
    network = make()
    network.keep_in(store)
    network(collate_readings(readings))
    other = make()
    with torch.no_grad():
        other.readers[0].embedding.weight[7] += 1
    other.keep_in(store)
    expected = len(store)
    other(collate_readings(readings))
    assert store.found == 0
    assert len(store) == 2 * expected


def test_frozen_models_have_no_gradients_and_tuned_ones_do():
    readings = collate_readings(draw(3))
    frozen, tuned = make(), make(tuned=True)
    assert not frozen(readings).requires_grad
    assert frozen.train().training is False
    tuned.train()(readings).sum().backward()
    assert all(parameter.grad is not None for parameter in tuned.parameters())
    assert torch.allclose(tuned(readings), frozen(readings), atol=1e-6)


def test_answers_of_dev_scores_can_be_trained_on():
    readings = collate_readings(draw(2))
    network = make()
    with torch.inference_mode():
        network(readings)
    weight = torch.zeros(24, requires_grad=True)
    (network(readings) @ weight).sum().backward()
    assert weight.grad is not None


def test_members_that_share_it_compute_it_once():
    network, readings = make(), collate_readings(draw(2))
    assert network(readings) is not None
    first = readings[0].answers[id(network), 0]
    network(readings)
    assert readings[0].answers[id(network), 0] is first
    assert not readings[0].to("cpu").answers


def test_word_by_word_is_the_whole():
    network = make(backward=(False,))
    ((reading,),) = draw(1, seed=3)
    (whole,) = network(collate_readings([[reading]]))
    states, found = network.start(), []
    for word in range(len(reading.ends)):
        first = 0 if word == 0 else 3 * word + 1
        piece = reading.tokens[first : 3 * word + 4]
        one = collate_readings([[Reading(piece, torch.tensor([len(piece) - 1]))]])
        with torch.no_grad():
            vectors, states = network.advance(one, states)
        found.append(vectors[0, 0])
    assert torch.allclose(torch.stack(found), whole, atol=1e-5)
