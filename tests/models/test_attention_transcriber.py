"""Attention decoders over a speech encoder: losses, padding, learning."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Example, collate
from ostinato.layers.embedding import Embedding
from ostinato.models.attention_transcriber import (
    AttentionHead,
    AttentionTranscriber,
    JointTranscriber,
    with_end,
)
from ostinato.models.encoder_decoder import Decoder
from ostinato.models.speech_encoder import SpeechEncoder


def build(kind="joint", attention="additive"):
    torch.manual_seed(0)
    encoder = SpeechEncoder(CELLS["gru"], 3, 8, stacking=(2,))
    decoder = Decoder(
        Embedding(4, 6), CELLS["gru"], 8, memory_size=8, attention=attention, tied=False
    )
    head = AttentionHead(decoder)
    if kind == "attention":
        return AttentionTranscriber(encoder, head)
    return JointTranscriber(encoder, 4, head, ctc_weight=0.25)


def examples():
    torch.manual_seed(1)
    return [
        Example(torch.randn(12, 3), torch.tensor([1, 2, 2])),
        Example(torch.randn(9, 3), torch.tensor([3])),
    ]


def test_ends_are_appended():
    targets = torch.tensor([[3, 4], [5, -100]])
    assert with_end(targets).tolist() == [[3, 4, 0], [5, 0, -100]]


@pytest.mark.parametrize("attention", ["additive", "general", "dot", "location"])
@pytest.mark.parametrize("kind", ["attention", "joint"])
def test_a_batch_is_one_by_one(kind, attention):
    model = build(kind, attention)
    together = model.log_probabilities(collate(examples()))
    alone = torch.cat([model.log_probabilities(collate([each])) for each in examples()])
    torch.testing.assert_close(together, alone)


def test_the_loss_is_the_sum_of_steps_and_of_both_parts():
    model, batch = build(), collate(examples()[:1])
    outputs, lengths = model.encoder(batch.inputs, batch.lengths)
    state, total = model.head.start(outputs, lengths), 0.0
    for given, wanted in zip([0, 1, 2, 2], [1, 2, 2, 0], strict=True):
        logits, state = model.head.step(torch.tensor([given]), state)
        total -= float(logits.log_softmax(-1)[0, wanted].detach())
    by_ctc = functional.ctc_loss(
        model.label_log_probabilities(outputs).transpose(0, 1),
        torch.tensor([[1, 2, 2]]),
        lengths,
        torch.tensor([3]),
        reduction="sum",
    )
    expected = 0.25 * float(by_ctc.detach()) + 0.75 * total
    assert float(model.loss(batch).total) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("attention", ["additive", "location"])
def test_step_by_step_is_the_whole(attention):
    """Location-aware attention carries its weights from step to step."""
    model, batch = build("attention", attention), collate(examples())
    outputs, lengths = model.encoder(batch.inputs, batch.lengths)
    state = model.head.start(outputs, lengths)
    targets = with_end(batch.targets)
    total = torch.zeros(len(targets))
    given = torch.zeros(len(targets), dtype=torch.int64)
    for wanted in targets.T:
        logits, state = model.head.step(given, state)
        scores = logits.log_softmax(-1).gather(1, wanted.clamp(min=0)[:, None])[:, 0]
        total -= torch.where(wanted >= 0, scores, 0.0)
        given = wanted.clamp(min=0)
    torch.testing.assert_close(total, model.head.losses(outputs, lengths, batch))


@pytest.mark.parametrize("attention", ["additive", "location"])
def test_it_learns(attention):
    model, batch = build("attention", attention), collate(examples())
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    first = None
    for _ in range(60):
        loss = model.loss(batch)
        first = first or float(loss.total)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    assert float(loss.total) < 0.2 * first


def test_a_decoder_without_attention_is_refused():
    decoder = Decoder(Embedding(4, 6), CELLS["gru"], 8, memory_size=8, attention="none")
    with pytest.raises(ValueError, match="attention"):
        AttentionHead(decoder)
