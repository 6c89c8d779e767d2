"""The speech encoder and CTC: padding, subsampling, streaming, and losses that stay finite."""

import numpy as np
import pytest
import torch

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Example, collate
from ostinato.models.speech_encoder import SpeechEncoder, stack_frames
from ostinato.models.transcriber import Transcriber, TranscriberEnsemble, needed_frames

SHAPES = {
    "stack": {"stacking": (4, 1)},
    "pyramid": {"stacking": (1, 2, 2)},
    "convolution": {"stacking": (1, 1), "convolution": 3},
    "lookahead": {"stacking": (2, 1), "lookahead": 2},
}


def transcriber(cell="lstm", *, bidirectional=False, labels=6, **shape):
    torch.manual_seed(1)
    encoder = SpeechEncoder(CELLS[cell], 5, 8, bidirectional=bidirectional, **shape)
    return Transcriber(encoder, labels).eval()


def batch_of(*lengths, targets=(1, 2, 2)):
    torch.manual_seed(2)
    examples = [Example(torch.randn(length, 5), torch.tensor(targets)) for length in lengths]
    return examples, collate(examples)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", ["stack", "pyramid", "convolution"])
def test_a_batch_is_one_by_one(name, bidirectional):
    model = transcriber(bidirectional=bidirectional, **SHAPES[name])
    examples, batch = batch_of(30, 17, 41)
    found, lengths = model.log_probabilities_by_frame(batch)
    assert lengths.tolist() == [-(-n // model.encoder.factor) for n in (30, 17, 41)]
    for row, example in enumerate(examples):
        alone, own = model.log_probabilities_by_frame(collate([example]))
        torch.testing.assert_close(found[row, : own[0]], alone[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("frames", [1, 6, 33])
def test_a_stream_is_the_whole_to_the_bit(name, cell, frames):
    model = transcriber(cell, **SHAPES[name])
    x = torch.randn(frames, 5, generator=torch.Generator().manual_seed(frames))
    whole_stream = model.start_stream()
    whole = [*whole_stream.push(x), *whole_stream.finish()]
    chunked_stream, draw, place = model.start_stream(), np.random.default_rng(3), 0
    chunked = []
    while place < frames:
        size = int(draw.integers(1, 5))
        chunked += chunked_stream.push(x[place : place + size])
        place += size
        kept = chunked_stream.encoder.state()
        chunked_stream = model.start_stream()
        chunked_stream.encoder.restore(kept)
    chunked += chunked_stream.finish()
    assert torch.equal(torch.stack(whole), torch.stack(chunked))
    with torch.no_grad():
        batched, lengths = model.log_probabilities_by_frame(collate([Example(x)]))
    assert len(whole) == lengths[0]
    torch.testing.assert_close(torch.stack(whole), batched[0], atol=1e-5, rtol=1e-4)


def test_both_directions_do_not_stream():
    with pytest.raises(ValueError, match="both directions cannot stream"):
        transcriber(bidirectional=True, stacking=(2,)).start_stream()
    with pytest.raises(ValueError, match="lookahead is for one direction"):
        transcriber(bidirectional=True, stacking=(2,), lookahead=1)


def test_the_loss_is_the_sum_over_paths():
    model = transcriber(stacking=(2,), labels=3)
    _, batch = batch_of(6, targets=(1, 2))
    found, _ = model.log_probabilities_by_frame(batch)
    a = found[0].exp()  # [3, 3]
    paths = [(1, 2, 2), (1, 1, 2), (1, 2, 0), (1, 0, 2), (0, 1, 2)]
    total = sum(a[0, p] * a[1, q] * a[2, r] for p, q, r in paths)
    assert model.loss(batch).total.item() == pytest.approx(-total.log().item(), abs=1e-5)
    assert model.log_probabilities(batch)[0].item() == pytest.approx(total.log().item(), abs=1e-5)


def test_impossible_targets_cost_nothing_and_spoil_nothing():
    model = transcriber(stacking=(2,)).train()
    examples = [
        Example(torch.randn(4, 5), torch.tensor([1, 1])),  # two frames for three
        Example(torch.randn(1, 5), torch.tensor([1, 2, 3])),
        Example(torch.randn(20, 5), torch.tensor([1, 2])),
    ]
    batch = collate(examples)
    assert needed_frames(batch.targets).tolist() == [3, 3, 2]
    loss = model.loss(batch)
    assert loss.count == 2
    loss.total.backward()
    assert all(torch.isfinite(each.grad).all() for each in model.parameters())
    alone = model.loss(collate(examples[2:]))
    assert loss.total.item() == pytest.approx(alone.total.item(), rel=1e-5)
    assert model.log_probabilities(batch)[:2].tolist() == [-torch.inf] * 2


def test_an_ensemble_averages_probabilities():
    models = [transcriber(stacking=(2,)), transcriber("gru", stacking=(2,))]
    _, batch = batch_of(10)
    both = TranscriberEnsemble(models)
    found, _ = both.log_probabilities_by_frame(batch)
    mean = torch.stack([m.log_probabilities_by_frame(batch)[0].exp() for m in models]).mean(0)
    torch.testing.assert_close(found.exp(), mean)
    assert both.log_probabilities(batch).shape == (1,)


def test_frames_are_stacked():
    x = torch.arange(10.0).view(1, 5, 2)
    assert stack_frames(x, 2).tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 0]]]
