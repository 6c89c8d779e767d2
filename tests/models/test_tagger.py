"""The tagger: one label for each word, whatever else is in the batch."""

import itertools

import pytest
import torch

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Batch, Example, collate
from ostinato.data.text.tag_schemes import allowed_transitions, is_allowed
from ostinato.layers.character_encoder import Affixes, CharacterEncoder
from ostinato.layers.embedding import Embedding
from ostinato.models.tagger import Tagger, TaggerEnsemble, best_labels
from ostinato.training.distributed import shard_batch

TAGS = ["O", "B-X", "I-X", "E-X", "S-X"]
GOLD = [[0, 1, 3, 4], [4], [1, 2, 2, 3, 0, 0]]


def tagger(*, characters="convolution", crf=True, words=True, seed=0, **more):
    torch.manual_seed(seed)
    speller = (
        None
        if characters is None
        else CharacterEncoder(characters, 9, 6, embedding_size=4, cell=CELLS["lstm"])
    )
    embedding = Embedding(20, 8) if words else None
    return Tagger(
        embedding,
        speller,
        CELLS["gru"],
        12,
        len(TAGS),
        crf=crf,
        legal=allowed_transitions(TAGS, "iobes"),
        **more,
    )


def examples(seed=1):
    generator = torch.Generator().manual_seed(seed)
    made = []
    for labels in GOLD:
        numbers = torch.randint(1, 20, (len(labels),), generator=generator)
        spelled = [
            tuple(torch.randint(1, 9, (1 + int(number) % 4,), generator=generator).tolist())
            for number in numbers
        ]
        made.append(Example(numbers, torch.tensor(labels), spelled))
    return made


KINDS = pytest.mark.parametrize(
    ("characters", "crf"),
    list(itertools.product(["convolution", "recurrent", None], [True, False])),
)


@KINDS
def test_the_loss_adds_up_and_is_the_probability(characters, crf):
    model = tagger(characters=characters, crf=crf).eval()
    total, count, _ = model.loss(collate(examples()))
    alone = [model.loss(collate([each])) for each in examples()]
    assert count == 11 == sum(each.count for each in alone)
    torch.testing.assert_close(total, sum(each.total for each in alone))
    torch.testing.assert_close(
        model.log_probabilities(collate(examples())), torch.stack([-each.total for each in alone])
    )


@KINDS
def test_answers_are_legal_and_those_of_each_alone(characters, crf):
    model = tagger(characters=characters, crf=crf, seed=4).eval()
    with torch.no_grad():
        together = best_labels(model, collate(examples()), k=3)
        alone = [best_labels(model, collate([each]), k=3)[0] for each in examples()]
    for paths, others in zip(together, alone, strict=True):
        assert [path.labels for path in paths] == [path.labels for path in others]
        assert [path.score for path in paths] == pytest.approx(
            [path.score for path in others], abs=1e-4
        )
        assert [path.score for path in paths] == sorted(
            (path.score for path in paths), reverse=True
        )
        for path in paths:
            tags = ["O", *(TAGS[label] for label in path.labels), "O"]
            assert all(is_allowed(one, other, "iobes") for one, other in itertools.pairwise(tags))


def test_the_probability_of_the_best_is_that_of_its_labels():
    model = tagger().eval()
    with torch.no_grad():
        paths = [found[0] for found in best_labels(model, collate(examples()))]
        again = [
            each._replace(targets=torch.tensor(path.labels))
            for each, path in zip(examples(), paths, strict=True)
        ]
        assert model.log_probabilities(collate(again)).tolist() == pytest.approx(
            [path.score for path in paths], abs=1e-4
        )


@KINDS
def test_it_learns(characters, crf):
    model = tagger(characters=characters, crf=crf)
    optimizer = torch.optim.Adam(
        [weight for weight in model.parameters() if weight.requires_grad], lr=0.03
    )
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(collate(examples())).mean.backward()
        optimizer.step()
    with torch.no_grad():
        assert [paths[0].labels for paths in best_labels(model.eval(), collate(examples()))] == GOLD


def test_words_become_unknown_while_training_alone():
    model = tagger()
    model.unknown_rate.fill_(1.0)
    words = torch.tensor([[5, 6, 0]])
    assert model.train().replace_by_unknown(words).tolist() == [[1, 1, 1]]
    assert model.eval().replace_by_unknown(words).tolist() == words.tolist()
    model.unknown_rate.zero_()
    assert model.train().replace_by_unknown(words).tolist() == words.tolist()


def test_an_ensemble_of_one_is_that_one():
    model = tagger().eval()
    pair = TaggerEnsemble([model, model])
    with torch.no_grad():
        assert [each[0].labels for each in best_labels(pair, collate(examples()))] == [
            each[0].labels for each in best_labels(model, collate(examples()))
        ]
        torch.testing.assert_close(
            pair.log_probabilities(collate(examples())),
            model.log_probabilities(collate(examples())),
        )


def test_spellings_are_collated_once_each_and_shared_out():
    batch = collate(
        [
            Example(torch.tensor([4, 5]), None, [(7, 8), (9,)]),
            Example(torch.tensor([4]), None, [(7, 8)]),
        ]
    )
    assert batch.spellings.characters.tolist() == [
        [7, 8],
        [9, 0],
    ] and batch.spellings.lengths.tolist() == [2, 1]
    assert batch.spellings.places.tolist() == [[0, 1], [0, 0]]
    assert batch.to("cpu").spellings.places.tolist() == [[0, 1], [0, 0]]
    mine, _ = shard_batch(batch, 1, 2)
    assert mine.spellings.places.tolist() == [[0]] and len(mine) == 1
    model = tagger().eval()
    whole = model.emissions(collate(examples()))
    torch.testing.assert_close(
        model.emissions(shard_batch(collate(examples()), 1, 2)[0]), whole[1:2, :1]
    )


@pytest.mark.parametrize("kind", ["convolution", "recurrent"])
def test_padding_a_word_changes_nothing(kind):
    torch.manual_seed(0)
    speller = CharacterEncoder(kind, 9, 6, embedding_size=4, cell=CELLS["lstm"])
    characters = torch.tensor([[3, 4, 5, 7, 7, 7], [8, 0, 0, 0, 0, 0]])
    found = speller.read(characters, torch.tensor([3, 1]))
    torch.testing.assert_close(
        found[:1], speller.read(torch.tensor([[3, 4, 5]]), torch.tensor([3]))
    )
    torch.testing.assert_close(found[1:], speller.read(torch.tensor([[8]]), torch.tensor([1])))


WORDS = [
    (2, 4, 5, 6, 7, 3),
    (2, 5, 6, 7, 3),
    (2, 8, 3),
    (2, 3),
]  # between <bos> and <eos>; the last is empty


def padded(words):
    longest = max(map(len, words))
    return torch.tensor([word + (0,) * (longest - len(word)) for word in words]), torch.tensor(
        [len(word) for word in words]
    )


def test_affixes_are_those_at_both_ends():
    affixes = Affixes(4, folded=range(9), longest=3)
    numbers = affixes.compute_ids(*padded(WORDS))
    assert numbers.shape == (4, 6) and numbers.min() > 0
    first, second = numbers[0].tolist(), numbers[1].tolist()
    assert first[3:] == second[3:] and not set(first[:3]) & set(
        second[:3]
    )  # both end in 5 6 7, and begin differently
    assert (
        len(set(numbers[2].tolist())) == 6
    )  # a letter as a beginning is not the same letter as an ending


def test_affixes_do_not_depend_on_the_other_words_and_fold_case():
    folded = [*range(8), 4]
    affixes = Affixes(4, folded=folded, longest=3)
    together = affixes(*padded(WORDS))
    alone = torch.cat([affixes(*padded([word])) for word in WORDS])
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(affixes(*padded([(2, 4, 3)])), affixes(*padded([(2, 8, 3)])))


def test_the_convolution_is_that_of_torch():
    """Value and gradients of the lookup are those of filters slid over each word by itself."""
    torch.manual_seed(0)
    speller = CharacterEncoder("convolution", 9, 6, embedding_size=4)
    characters, lengths = padded(WORDS)
    kernel = speller.filters.weight.view(6, 4, 3)
    expected = torch.cat(
        [
            torch.nn.functional.conv1d(
                speller.embedding(torch.tensor([word])).mT, kernel, speller.filters.bias, padding=1
            )
            .amax(2)
            .tanh()
            for word in WORDS
        ]
    )
    found = speller.read(characters, lengths)
    torch.testing.assert_close(found, expected)
    weights = [speller.embedding.weight, *speller.filters.parameters()]
    for one, other in zip(
        torch.autograd.grad(found.square().sum(), weights),
        torch.autograd.grad(expected.square().sum(), weights),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_a_speller_joins_affixes_to_what_it_reads():
    speller = CharacterEncoder(
        "convolution", 9, 6, embedding_size=4, affixes=Affixes(5, folded=range(9))
    )
    characters, lengths = padded(WORDS)
    found = speller.read(characters, lengths)
    assert speller.output_size == 11 and found.shape == (4, 11)
    torch.testing.assert_close(found[:, 6:], speller.affixes(characters, lengths))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="words and character_encoder are both None"):
        tagger(characters=None, words=False)
    with pytest.raises(
        ValueError, match="hidden_size must be even, half of it for each direction; got 5"
    ):
        Tagger(Embedding(5, 4), None, CELLS["lstm"], 5, 2)
    with pytest.raises(ValueError, match="kind must be one of recurrent, convolution; got 'cnn'"):
        CharacterEncoder("cnn", 9, 6)
    with pytest.raises(
        ValueError, match="output_size must be even, half of it for each direction; got 5"
    ):
        CharacterEncoder("recurrent", 9, 5, cell=CELLS["lstm"])
    assert isinstance(collate(examples()), Batch)
