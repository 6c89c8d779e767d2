"""Decoding of the transducer against the sum over all its alignments."""

import itertools
import math
from functools import cache

import numpy as np
import pytest

from ostinato.decoding.ctc import NEVER
from ostinato.decoding.transducer import (
    GreedyTransducer,
    TransducerBeam,
    align_transducer,
    path_nodes,
)

LABELS, FRAMES, MOST = 3, 3, 3  # two labels and the blank


class Table:
    """A transducer whose log p at a frame is drawn for every label sequence."""

    def __init__(self, seed, *, frames=FRAMES):
        self.seed, self.frames = seed, range(frames)

    def predict(self, label, state):
        labels = () if state is None else (*state, label)
        return labels, labels

    def join(self, frame, predictions):
        rows = [self.row(frame, labels) for labels in predictions]
        return np.stack(rows)

    @cache  # noqa: B019
    def row(self, frame, labels):
        draw = np.random.default_rng([self.seed, frame, len(labels), *labels])
        return np.log(draw.dirichlet(np.ones(LABELS)))


class Pairs:
    """A language model of pairs of labels, in which 2 2 is impossible."""

    def start(self):
        return 0

    def extend(self, state, label):
        return label, NEVER if state == label == 2 else -0.5 * label - 0.3 * state

    def finish(self, state):
        return -0.2 * state


def every_labelling(model):
    """(log P, best alignment's log P) of every sequence of at most MOST labels a frame."""
    totals, best = {(): 0.0}, {(): 0.0}
    for frame in model.frames:
        ended, ended_best = {}, {}
        for before, value in totals.items():
            for number in range(MOST + 1):
                for labels in itertools.product(range(1, LABELS), repeat=number):
                    rows = [model.row(frame, before + labels[:n]) for n in range(number + 1)]
                    own = sum(row[label] for row, label in zip(rows, labels, strict=False))
                    own += rows[-1][0]
                    whole = before + labels
                    ended[whole] = np.logaddexp(ended.get(whole, NEVER), value + own)
                    ended_best[whole] = max(ended_best.get(whole, NEVER), best[before] + own)
        totals, best = ended, ended_best
    return {labels: (value, best[labels]) for labels, value in totals.items()}


def advance(search, model):
    for frame in model.frames:
        search.advance(frame)
    return search


@pytest.mark.parametrize("seed", range(6))
def test_a_wide_beam_is_the_sum_over_all_alignments(seed):
    model = Table(seed)
    expected = sorted(every_labelling(model).items(), key=lambda each: -each[1][0])[:8]
    found = advance(TransducerBeam(model, 100_000, most=MOST), model).hypotheses(8)
    assert [each.labels for each in found] == [labels for labels, _ in expected]
    assert [each.log_probability for each in found] == pytest.approx(
        [value for _, (value, _) in expected]
    )
    for each, (labels, (_, best)) in zip(found, expected, strict=True):
        assert [span.label for span in each.spans] == list(labels)
        times, places = path_nodes(FRAMES, [span.start for span in each.spans])
        along = sum(
            model.row(time, labels[:place])[label_at(each, time, place)]
            for time, place in zip(times, places, strict=True)
        )
        assert along == pytest.approx(best)


def label_at(hypothesis, time, place):
    """The label that the best alignment emits at a node, or the blank."""
    spans = hypothesis.spans
    return spans[place].label if place < len(spans) and spans[place].start == time else 0


@pytest.mark.parametrize("seed", range(4))
def test_a_language_model_is_added(seed):
    model, scorer = Table(seed), Pairs()

    def score(labels, value):
        state = scorer.start()
        for label in labels:
            state, own = scorer.extend(state, label)
            value += own
        return value + scorer.finish(state)

    expected = [
        (score(labels, value), labels) for labels, (value, _) in every_labelling(model).items()
    ]
    expected = sorted(expected, reverse=True)[:5]
    beam = TransducerBeam(model, 100_000, scorer=scorer, most=MOST)
    found = advance(beam, model).hypotheses(5)
    assert [each.labels for each in found] == [labels for _, labels in expected]
    assert [each.score for each in found] == pytest.approx([value for value, _ in expected])
    assert all((2, 2) not in zip(each.labels, each.labels[1:], strict=False) for each in found)


@pytest.mark.parametrize("seed", range(6))
def test_a_narrow_beam_keeps_to_what_is_there(seed):
    """What it finds has at most its true probability, and a wider beam finds nothing worse."""
    model = Table(seed)
    whole, found = every_labelling(model), []
    for width in (1, 2, 4, 1000):
        [best] = advance(TransducerBeam(model, width, most=MOST), model).hypotheses()
        assert best.log_probability <= whole[best.labels][0] + 1e-9
        found.append(best.log_probability)
    assert found[-1] == max(found)


@pytest.mark.parametrize("seed", range(4))
def test_greedy_takes_the_most_probable_at_every_node(seed):
    model = Table(seed, frames=5)
    labels, total = (), 0.0
    for frame in model.frames:
        for number in range(4):
            row = model.row(frame, labels)
            label = int(row.argmax()) if number < 3 else 0
            total += row[label]
            if not label:
                break
            labels += (label,)
    [found] = advance(GreedyTransducer(model, most=3), model).hypotheses()
    assert found.labels == labels and found.log_probability == pytest.approx(total)


class Talker(Table):
    """A transducer that always has one label more."""

    def row(self, frame, labels):
        return np.log([0.1, 0.9 - 1e-9, 1e-9])


def test_the_labels_of_a_frame_are_limited():
    model = Talker(0, frames=2)
    for search in (GreedyTransducer(model, most=4), TransducerBeam(model, 3, most=4)):
        [found] = advance(search, model).hypotheses()
        assert len(found.labels) <= 8 and math.isfinite(found.log_probability)
    assert found.labels


@pytest.mark.parametrize("seed", range(6))
def test_the_alignment_is_the_most_probable(seed):
    draw = np.random.default_rng(seed)
    blanks = np.log(draw.uniform(0.1, 1, (4, 4)))
    labels = np.log(draw.uniform(0.1, 1, (4, 3)))

    def value(frames):
        times, places = path_nodes(4, frames)
        total = 0.0
        for time, place in zip(times, places, strict=True):
            emits = place < 3 and frames[place] == time
            total += labels[time, place] if emits else blanks[time, place]
        return total

    every = [each for each in itertools.product(range(4), repeat=3) if sorted(each) == list(each)]
    assert tuple(align_transducer(blanks, labels)) == max(every, key=value)
    assert align_transducer(blanks[:, :1], labels[:, :0]) == []


def test_the_nodes_of_an_alignment():
    assert path_nodes(2, [0, 0]) == ([0, 0, 0, 1], [0, 1, 2, 2])
    assert path_nodes(3, []) == ([0, 1, 2], [0, 0, 0])


def test_a_beam_without_width_is_refused():
    with pytest.raises(ValueError, match="width must be at least 1"):
        TransducerBeam(Table(0), 0)
