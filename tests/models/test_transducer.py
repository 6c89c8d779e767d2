"""The transducer: padding, memory, alignment, and the laws that every transcriber keeps."""

import itertools

import pytest
import torch

from ostinato.cells import CELLS
from ostinato.data.batching.batch import IGNORE, Example, collate
from ostinato.decoding.transducer import path_nodes
from ostinato.models import transducer_head
from ostinato.models.speech_encoder import SpeechEncoder
from ostinato.models.transducer import TransducerTranscriber
from ostinato.models.transducer_head import JoinedHeads, TransducerHead, TransducerSteps


def build(cell="gru", *, ctc_weight=0.25, bidirectional=True):
    torch.manual_seed(0)
    encoder = SpeechEncoder(CELLS[cell], 3, 8, stacking=(2,), bidirectional=bidirectional)
    head = TransducerHead(CELLS[cell], 8, 4, memory_size=8, embedding_size=6)
    return TransducerTranscriber(encoder, 4, head, ctc_weight=ctc_weight)


def examples():
    torch.manual_seed(1)
    return [
        Example(torch.randn(12, 3), torch.tensor([1, 2, 2])),
        Example(torch.randn(9, 3), torch.tensor([3])),
        Example(torch.randn(2, 3), torch.tensor([1, 1, 2])),  # one frame: CTC cannot spell it
    ]


@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_is_one_by_one(cell):
    model = build(cell)
    together = model.log_probabilities(collate(examples()))
    alone = torch.cat([model.log_probabilities(collate([each])) for each in examples()])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert (together < 0).all()


def test_the_loss_weighs_both_and_counts_what_ctc_cannot_spell():
    model, batch = build(), collate(examples())
    by_ctc = model.ctc_losses(*model.encoder(batch.inputs, batch.lengths), batch)[0]
    assert by_ctc[2] == 0
    expected = 0.25 * by_ctc - 0.75 * model.log_probabilities(batch)
    losses, counts = model.losses(batch)
    torch.testing.assert_close(losses, expected)
    assert counts.tolist() == [3, 1, 3]


def test_a_recording_without_frames_counts_nothing():
    model = build()
    empty = Example(torch.zeros(0, 3), torch.tensor([1, 2]))
    losses, counts = model.losses(collate([examples()[0], empty]))
    assert losses[1] == 0 and counts.tolist() == [3, 0]
    losses.sum().backward()
    assert all(each.grad is None or each.grad.isfinite().all() for each in model.parameters())
    assert model.log_probabilities(collate([examples()[0], empty]))[1] == -torch.inf


def test_blocks_of_frames_give_the_same_loss_and_gradient(monkeypatch):
    model, batch = build(), collate(examples())

    def gradients():
        model.zero_grad()
        loss = model.loss(batch).total
        loss.backward()
        return [loss.detach(), *(each.grad.clone() for each in model.parameters())]

    whole = gradients()
    monkeypatch.setattr(transducer_head, "MOST_NUMBERS", 200)
    for one, other in zip(whole, gradients(), strict=True):
        torch.testing.assert_close(one, other)


def test_the_prediction_network_runs_step_by_step_as_in_training():
    model, targets = build("lstm").eval(), torch.tensor([[2, 1, 3]])
    whole, steps, state = model.head.predictions(targets)[0], TransducerSteps(model.head), None
    for place, label in enumerate([0, 2, 1, 3]):
        one, state = steps.predict(label, state)
        torch.testing.assert_close(one[0], whole[place], rtol=1e-5, atol=1e-6)


def test_the_alignment_is_the_most_probable_and_its_posteriors_are_along_it():
    model, batch = build().eval(), collate(examples()[:1])
    outputs, _ = model.encoder(batch.inputs, batch.lengths)
    blanks, labels = model.head.lattice(outputs, batch.targets)

    def value(frames):
        total = 0.0
        for time, place in zip(*path_nodes(6, frames), strict=True):
            emits = place < 3 and frames[place] == time
            total += float((labels if emits else blanks)[0, time, place])
        return total

    every = [each for each in itertools.product(range(6), repeat=3) if sorted(each) == list(each)]
    rows, spans = model.emissions(batch)
    found = tuple(span.start for span in spans)
    with torch.no_grad():
        assert found == max(every, key=value)
    torch.testing.assert_close(rows.exp().sum(-1), torch.ones(6))
    scores = model.step_scores(batch)
    assert scores.shape == (1, 3) and scores.requires_grad
    for place, span in enumerate(spans):
        assert float(scores[0, place].detach()) == pytest.approx(span.log_probability)
        if span.start not in found[:place]:  # the first label of its frame
            assert float(rows[span.start, span.label].detach()) == pytest.approx(
                span.log_probability, abs=1e-5
            )


def test_heads_together_have_the_mean_probability_at_every_node():
    torch.manual_seed(0)
    heads = [
        TransducerHead(CELLS[cell], size, 4, memory_size=memory, embedding_size=3).eval()
        for cell, size, memory in (("gru", 8, 6), ("lstm", 5, 7))
    ]
    joined, targets = JoinedHeads(heads), torch.tensor([[2, 1, 3]])
    outputs = [torch.randn(1, 4, 6), torch.randn(1, 4, 7)]
    together = joined.lattice(torch.cat(outputs, -1), targets)
    alone = [head.lattice(each, targets) for head, each in zip(heads, outputs, strict=True)]
    for found, *each in zip(together, *alone, strict=True):
        torch.testing.assert_close(found.exp(), torch.stack(each).exp().mean(0))
    steps, state = TransducerSteps(joined), None
    whole = joined.predictions(targets)[0]
    for place, label in enumerate([0, 2, 1, 3]):
        one, state = steps.predict(label, state)
        torch.testing.assert_close(one[0], whole[place], rtol=1e-5, atol=1e-6)


def test_it_learns_to_write_what_it_was_taught():
    model, batch = build("lstm", ctc_weight=0.0), collate(examples())
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        loss = model.loss(batch)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    model.eval()
    assert model.own_targets(batch).tolist() == [[1, 2, 2], [3, IGNORE, IGNORE], [1, 1, 2]]
    assert float(model.loss(batch).total.detach()) < 0.5


def test_without_ctc_its_output_layer_stays_as_it_was():
    model = build(ctc_weight=0.0)
    assert not model.has_ctc and build().has_ctc
    model.loss(collate(examples())).total.backward()
    assert model.output.weight.grad is None and not model.output.weight.any()


def test_its_recurrent_parts_include_the_prediction_network():
    names = [part.name for part in build().recurrent_parts()]
    assert names == ["encoder 0", "prediction"]
