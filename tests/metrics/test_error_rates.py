"""Word and character error rates against hand counts and against jiwer."""

import random

import pytest

from ostinato.metrics import METRICS, cer, wer
from ostinato.metrics.corpus import add_up, count_all
from ostinato.metrics.edit_distance import Edits, align, count_edits, distance_table


def test_counts_by_hand():
    assert count_edits(["a", "b", "d"], ["a", "c"]) == Edits(1, 0, 1)
    assert count_edits([], ["a", "b"]) == Edits(0, 2, 0)
    assert count_edits(["a"], []) == Edits(0, 0, 1)
    assert count_edits([], []) == Edits(0, 0, 0)
    assert align("ab", "xb") == [("a", "x"), ("b", "b")]
    assert align("kitten", "sitting")[-1] == ("", "g")
    assert distance_table("kitten", "sitting")[-1, -1] == 3


def test_scores_by_hand():
    assert wer.count("a cat", "the cat sat") == (1, 1, 0, 3)
    assert wer.score((1, 1, 0, 4)) == 50.0
    assert cer.count("cat", "cart") == (0, 1, 0, 4)
    assert wer.score((0, 0, 0, 0)) == 0.0
    assert wer.score((0, 0, 2, 0)) == 100.0
    assert wer.score(wer.count("a b c d", "x")) == 400.0  # may exceed 100
    assert wer.details((1.0, 2.0, 3.0, 9.0)) == {
        "substitutions": 1,
        "deletions": 2,
        "insertions": 3,
        "words": 9,
    }
    assert wer.count(" a   b ", "a b")[:3] == (0, 0, 0)


def test_equal_to_jiwer():
    jiwer = pytest.importorskip("jiwer")
    draw = random.Random(1)
    references = [" ".join(draw.choices("abcd", k=draw.randint(1, 9))) for _ in range(60)]
    given = [" ".join(draw.choices("abcd", k=draw.randint(0, 9))) for _ in range(60)]
    for name, theirs in (("wer", jiwer.wer), ("cer", jiwer.cer)):
        metric = METRICS[name]
        total = add_up(count_all(metric, given, references))
        assert metric.score(total) == pytest.approx(100 * theirs(references, given))
        for one, true in zip(given, references, strict=True):
            own = metric.score(metric.count(one, true))
            assert own == pytest.approx(100 * theirs(true, one))
