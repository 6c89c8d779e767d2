"""Music models: heads are normalised distributions; chunked = whole; padded = unpadded."""

import itertools
import math

import pytest
import torch

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Batch, Example, collate
from ostinato.decoding.sampler import RowSampler
from ostinato.models.ensemble import MusicEnsemble
from ostinato.models.music import Music
from ostinato.models.music_heads import EventHead, IndependentPitchHead, NoteSequenceHead

PITCHES, SIZE = 6, 5
every_subset = torch.tensor(list(itertools.product([0, 1], repeat=PITCHES)))


def heads():
    torch.manual_seed(1)
    return {
        "independent": IndependentPitchHead(SIZE, PITCHES),
        "voices": NoteSequenceHead(SIZE, PITCHES),
        "downwards": NoteSequenceHead(SIZE, PITCHES, downwards=True),
    }


def model(head="voices", seed=3):
    torch.manual_seed(seed)
    heads = {
        "voices": lambda: NoteSequenceHead(8, PITCHES),
        "independent": lambda: IndependentPitchHead(8, PITCHES),
        "event": lambda: EventHead(8, PITCHES),
    }
    return Music(
        PITCHES + 1, 7, CELLS["gru"], 8, heads[head](), layers=2, dropout=0.5, input_dropout=0.5
    ).eval()


def example(steps, seed=0, head="voices"):
    random = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, 2, (steps, PITCHES), generator=random).to(torch.int8)
    if head == "event":
        targets = torch.randint(0, PITCHES, (steps,), generator=random)
    return Example(torch.rand(steps, PITCHES + 1, generator=random), targets)


@pytest.mark.parametrize("name", ["independent", "voices", "downwards"])
def test_all_chords_together_have_probability_one(name):
    head = heads()[name]
    for state in torch.randn(4, SIZE) * 3:
        losses = head.losses(state.expand(len(every_subset), -1), every_subset)
        assert losses.neg().exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_the_order_of_the_voices_matters_and_the_chord_before_does_not_leak():
    up, down = heads()["voices"], heads()["downwards"]
    down.load_state_dict(up.state_dict())
    state, chords = torch.randn(len(every_subset), SIZE), every_subset
    assert torch.allclose(up.losses(state, chords), down.losses(state, chords.flip(-1)))
    assert up.losses(state[:1], chords[5:6]).item() == pytest.approx(
        up.losses(state[:1].expand(64, -1), chords)[5].item(), abs=1e-5
    )


def test_a_chord_by_hand():
    """p({1, 4}) = p(1) p(4 | 1) p(end | 1, 4)"""
    head = heads()["voices"]
    state = torch.randn(SIZE)
    chosen, latest, total = torch.zeros(SIZE), torch.tensor(PITCHES), 0.0
    for note in (1, 4, PITCHES):
        total += head.logits(head.state(state), chosen, latest).log_softmax(-1)[note].item()
        if note < PITCHES:
            chosen, latest = chosen + head.chosen(torch.tensor(note)), torch.tensor(note)
    assert head.losses(state[None], torch.tensor([[0, 1, 0, 0, 1, 0]])).item() == pytest.approx(
        -total, abs=1e-5
    )


@pytest.mark.parametrize("name", ["independent", "voices", "downwards"])
def test_what_is_drawn_is_distributed_as_the_losses_say(name):
    head, state, number = heads()[name], torch.randn(1, SIZE), 4000
    drawn = head.draw(state.expand(number, -1), RowSampler(range(number)))
    seen = (drawn.long() @ (2 ** torch.arange(PITCHES - 1, -1, -1))).bincount(minlength=64) / number
    wanted = head.losses(state.expand(64, -1), every_subset).neg().exp()
    assert (seen - wanted).abs().max() < 4 * math.sqrt(0.25 / number)
    greedy = head.draw(state, RowSampler([1], temperature=0))
    assert torch.equal(greedy, head.draw(state, RowSampler([2], top_p=0)))


@pytest.mark.parametrize("head", ["voices", "independent", "event"])
def test_chunks_are_the_whole_and_padding_changes_nothing(head):
    music, examples = model(head), [example(9, 1, head), example(4, 2, head)]
    whole = collate(examples)
    losses, _ = music.losses(whole)
    assert losses[1, 4:].abs().max() == 0
    alone, _ = music.losses(collate(examples[1:]))
    assert torch.allclose(losses[1, :4], alone[0], atol=1e-5)
    state, parts = music.initial_state(2), []
    for start in (0, 3, 6):
        lengths = (whole.lengths - start).clamp(0, 3)
        part, state = music.losses(
            Batch(whole.inputs[:, start : start + 3], lengths, whole.targets[:, start : start + 3]),
            state,
        )
        parts.append(part)
    assert torch.allclose(torch.cat(parts, 1), losses, atol=1e-5)
    assert music.loss(whole).total.item() == pytest.approx(losses.sum().item(), rel=1e-5)
    assert music.loss(whole).count == 13


@pytest.mark.parametrize("head", ["voices", "independent", "event"])
def test_an_ensemble_is_the_mean_of_the_probabilities(head):
    models = [model(head, 1), model(head, 2)]
    both, batch = MusicEnsemble(models), collate([example(5, 1, head), example(3, 2, head)])
    losses, _ = both.losses(batch)
    mean = torch.stack([each.losses(batch)[0].neg().exp() for each in models]).mean(0)
    assert torch.allclose(losses[0], -mean[0].log(), atol=1e-5)
    assert losses[1, 3:].abs().max() == 0
    drawn, state = both.step(
        torch.rand(4, PITCHES + 1), both.initial_state(4), RowSampler(range(4))
    )
    assert len(drawn) == 4 and len(state) == 2


def test_one_model_twice_is_itself():
    music, batch = model(), collate([example(5)])
    assert torch.allclose(
        MusicEnsemble([music, music]).losses(batch)[0], music.losses(batch)[0], atol=1e-5
    )
