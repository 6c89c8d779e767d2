"""From pictures and regions to sentences: the encoder-decoder's laws hold with another encoder."""

import pytest
import torch

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Batch, Example, collate
from ostinato.layers.convolutional_networks import ImageNetwork, ThumbnailNetwork
from ostinato.layers.embedding import Embedding
from ostinato.models.captioner import Captioner, ImageEncoder, RegionEncoder
from ostinato.models.decoder import Decoder
from ostinato.models.ensemble import EncoderDecoderEnsemble
from ostinato.models.target_search import search_targets

BOS, EOS, H = 2, 3, 6


def captioner(
    kind, *, cell="lstm", attention="additive", context="initial", layers=1, glance=False, seed=0
):
    torch.manual_seed(seed)
    if kind == "pictures":
        seen = ThumbnailNetwork(3, 4, 5) if glance else None
        encoder = ImageEncoder(
            ImageNetwork(3, widths=(4, 8)), 8, CELLS[cell], H, layers=layers, glance=seen
        )
    else:
        encoder = RegionEncoder(5, CELLS[cell], H, layers=layers)
    decoder = Decoder(
        Embedding(9, 4),
        CELLS[cell],
        H,
        memory_size=H,
        attention=attention,
        context=context,
        layers=layers,
    )
    return Captioner(encoder, decoder, bos=BOS, eos=EOS).eval()


def examples(kind):
    generator = torch.Generator().manual_seed(1)
    targets = [torch.tensor([5, 6, EOS]), torch.tensor([7, EOS])]
    if kind == "pictures":
        return [
            Example(
                torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8, generator=generator), each
            )
            for each in targets
        ]
    return [
        Example(torch.randn(count, 5, generator=generator), each)
        for count, each in zip((4, 2), targets, strict=True)
    ]


@pytest.mark.parametrize("kind", ["pictures", "regions"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attention": "none"},
        {"context": "every"},
        {"cell": "gru", "layers": 2, "context": "every"},
        {"glance": True, "layers": 2},
    ],
    ids=str,
)
def test_batch_is_one_by_one_and_padding_changes_nothing(kind, options):
    model, rows = captioner(kind, **options), examples(kind)
    together = model.log_probabilities(collate(rows))
    alone = torch.cat([model.log_probabilities(collate([row])) for row in rows])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    loss = model.loss(collate(rows))
    torch.testing.assert_close(-loss.total, together.sum(), atol=1e-4, rtol=1e-4)
    assert loss.count == 5


@pytest.mark.parametrize("kind", ["pictures", "regions"])
def test_attention_sees_every_region(kind):
    model, rows = captioner(kind), examples(kind)
    batch = collate([row._replace(targets=None) for row in rows])
    [first], [second] = search_targets(
        model, batch, maximum_length=4, width=1, watch_attention=True
    )
    assert first.watched.shape[1] == 4 and torch.allclose(
        first.watched.sum(-1), torch.ones(len(first.watched))
    )
    if kind == "regions":
        assert (second.watched[:, 2:] == 0).all()


def test_the_state_of_every_layer_comes_from_the_picture():
    model = captioner("regions", layers=2)
    state = model.initial_state(Batch(torch.randn(2, 3, 5), torch.tensor([3, 2]))).recurrent
    assert len(state) == 2 and all(part.abs().sum() > 0 for layer in state for part in layer)


def test_members_are_trained_each_by_its_own_loss_and_answer_together():
    members, batch = (
        [captioner("pictures", seed=seed) for seed in (1, 2)],
        collate(examples("pictures")),
    )
    both = EncoderDecoderEnsemble(members)
    loss = both.loss(batch)
    assert loss.count == 5
    torch.testing.assert_close(loss.total, sum(member.loss(batch).total for member in members) / 2)
    loss.total.backward()
    for member in members:
        assert all(parameter.grad is not None for parameter in member.parameters())
    [alone] = [member.log_probabilities(batch) for member in members[:1]]
    torch.testing.assert_close(
        EncoderDecoderEnsemble([members[0], members[0]]).log_probabilities(batch), alone
    )
