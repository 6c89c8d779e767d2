"""CTC decoding against the sum over all paths."""

import itertools
import math

import numpy as np
import pytest

from ostinato.decoding.ctc import (
    NEVER,
    PrefixBeam,
    align,
    collapse,
    greedy,
    least_frames,
    log_add,
    prefix_beam,
)


def random_rows(seed, frames=5, labels=3):
    return np.log(np.random.default_rng(seed).dirichlet(np.ones(labels), frames))


def every_labelling(rows):
    """log P of every label sequence, by all its paths."""
    totals = {}
    for path in itertools.product(range(rows.shape[1]), repeat=len(rows)):
        value = sum(rows[frame, label] for frame, label in enumerate(path))
        labels = tuple(collapse(path))
        totals[labels] = np.logaddexp(totals.get(labels, -np.inf), value)
    return totals


def test_collapse():
    assert collapse([1, 1, 0, 1, 2, 2]) == [1, 1, 2]
    assert collapse([0, 0]) == []
    assert least_frames([1, 1, 2]) == 4
    assert least_frames([]) == 0


@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_is_the_sum_over_all_paths(seed):
    rows = random_rows(seed)
    best = sorted(every_labelling(rows).items(), key=lambda each: -each[1])[:6]
    found = prefix_beam(rows, 1000, number=6)
    assert [each.labels for each in found] == [labels for labels, _ in best]
    assert [each.log_probability for each in found] == pytest.approx([value for _, value in best])


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_flashlight(seed):
    """flashlight-text's decoder keeps paths that end with a blank apart, and wants a silence
    label.
    """
    theirs = pytest.importorskip("flashlight.lib.text.decoder")
    frames, labels = 6, 4
    rows = random_rows(seed, frames, labels).astype(np.float32)
    options = theirs.LexiconFreeDecoderOptions(
        beam_size=2000,
        beam_size_token=labels + 1,
        beam_threshold=1000,
        lm_weight=0.0,
        sil_score=0.0,
        log_add=True,
        criterion_type=theirs.CriterionType.CTC,
    )
    decoder = theirs.LexiconFreeDecoder(options, theirs.ZeroLM(), labels, 0, [])
    given = np.concatenate([rows, np.full((frames, 1), -200, np.float32)], 1)
    totals = {}
    for result in decoder.decode(given.ctypes.data, frames, labels + 1):
        found = tuple(collapse(result.tokens[1:-1]))
        totals[found] = np.logaddexp(totals.get(found, -np.inf), result.score)
    best = sorted(totals.items(), key=lambda each: -each[1])[:5]
    ours = prefix_beam(rows, 2000, number=5)
    assert [each.labels for each in ours] == [each for each, _ in best]
    assert [each.log_probability for each in ours] == pytest.approx(
        [value for _, value in best], abs=1e-4
    )


def test_greedy_is_the_best_path_with_its_frames():
    rows = np.log(np.full((6, 3), 0.1))
    for frame, label in enumerate([0, 1, 1, 0, 1, 2]):
        rows[frame, label] = math.log(0.8)
    spans = greedy(rows)
    assert [(span.label, span.start, span.end) for span in spans] == [
        (1, 1, 3),
        (1, 4, 5),
        (2, 5, 6),
    ]
    assert spans[0].log_probability == pytest.approx(math.log(0.8))
    assert greedy(np.zeros((0, 3))) == []


@pytest.mark.parametrize("seed", range(5))
def test_alignment_is_the_best_path_of_all(seed):
    rows = random_rows(seed)
    for labels in every_labelling(rows):
        paths = [
            path
            for path in itertools.product(range(3), repeat=len(rows))
            if tuple(collapse(path)) == labels
        ]
        best = max(paths, key=lambda path: sum(rows[f, label] for f, label in enumerate(path)))
        starts = [
            (label, frame)
            for frame, label in enumerate(best)
            if label and (frame == 0 or best[frame - 1] != label)
        ]
        assert [(span.label, span.start) for span in align(rows, labels)] == starts


def test_an_alignment_needs_frames():
    with pytest.raises(ValueError, match="2 labels need more than 2 frames"):
        align(random_rows(0, 2), [1, 1])


class OnlyOnes:
    """A grammar that allows label 1 alone, twice at most, and prefers two."""

    def start(self):
        return 0

    def extend(self, state, label):
        return state + 1, -0.5 if label == 1 and state < 2 else NEVER

    def finish(self, state):
        return 0.0 if state == 2 else -3.0


def test_a_scorer_by_brute_force():
    rows = random_rows(3)
    expected = {
        labels: value
        + 2.0 * (-0.5 * len(labels) + (0.0 if len(labels) == 2 else -3.0))
        + 0.25 * len(labels)
        for labels, value in every_labelling(rows).items()
        if set(labels) <= {1} and len(labels) <= 2
    }
    best = sorted(expected.items(), key=lambda each: -each[1])
    found = prefix_beam(rows, 100, number=3, scorer=OnlyOnes(), weight=2.0, bonus=0.25)
    assert [each.labels for each in found] == [labels for labels, _ in best]
    assert [each.score for each in found] == pytest.approx([value for _, value in best])


def test_frame_by_frame_is_the_whole():
    rows = random_rows(5, 12, 4)
    beam = PrefixBeam(3)
    for row in rows:
        beam.advance(row)
    assert beam.hypotheses(2) == prefix_beam(rows, 3, number=2)
    with pytest.raises(ValueError, match="width must be at least 1"):
        PrefixBeam(0)


def test_log_add():
    assert log_add(math.log(0.25), math.log(0.5)) == pytest.approx(math.log(0.75))
    assert log_add(NEVER, -1.0) == -1.0 == log_add(-1.0, NEVER)
