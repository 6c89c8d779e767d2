"""Random segmentations: their distribution, and the same draws in every process."""

import math
import random
import subprocess
import sys
from collections import Counter

import pytest

from ostinato.data.text.subword_sampling import sample_bpe, sample_unigram
from ostinato.data.text.subwords import SubwordTokenizer

TEXTS = [f"the lower newer {word} widest {n}" for n in range(40) for word in ("low", "new", "wide")]
SCORES = {"a": -2.0, "b": -1.5, "ab": -2.5, "ba": -3.0, "aba": -4.0}


def segmentations(word):
    if not word:
        yield []
    for end in range(1, len(word) + 1):
        if word[:end] in SCORES:
            yield from ([word[:end], *rest] for rest in segmentations(word[end:]))


def test_unigram_draws_follow_the_distribution():
    alpha, seed = 0.7, random.Random(0)
    weights = {
        tuple(each): math.exp(alpha * sum(SCORES[piece] for piece in each))
        for each in segmentations("ababa")
    }
    total = sum(weights.values())
    draws = Counter(tuple(sample_unigram("ababa", SCORES, alpha, seed)) for _ in range(20_000))
    assert set(draws) == set(weights) and len(weights) > 8
    for each, weight in weights.items():
        expected = weight / total
        assert abs(draws[each] / 20_000 - expected) < 4 * math.sqrt(expected / 20_000)


def test_dropped_merges():
    scores = {"l": -9.0, "o": -9.0, "w": -9.0, "lo": -1.0, "low": -2.0, "ow": -3.0}
    assert sample_bpe("low", scores, 0.0, random.Random(0)) == ["low"]
    assert sample_bpe("low", scores, 1.0, random.Random(0)) == ["l", "o", "w"]
    draws = Counter(tuple(sample_bpe("low", scores, 0.3, random.Random(n))) for n in range(4000))
    # lo, then low: .7 x .7; lo dropped but not ow, then l and ow joined: .3 x .7 x .7
    assert abs(draws["low",] / 4000 - 0.637) < 0.03
    assert abs(draws["lo", "w"] / 4000 - 0.21) < 0.03
    assert abs(draws["l", "ow"] / 4000 - 0.063) < 0.02
    assert abs(draws["l", "o", "w"] / 4000 - 0.09) < 0.02


@pytest.mark.parametrize("model", ["bpe", "unigram"])
def test_samples_spell_the_text(model):
    units = SubwordTokenizer.fit(TEXTS, size=60, model=model)
    for text in (*TEXTS[:5], "unknown ☃☃ snow", ""):
        plain = units.encode(text)
        drawn = [units.encode(text, sample=seed, alpha=0.3) for seed in range(6)]
        assert all(units.decode(each) == units.decode(plain) for each in drawn)
        if model == "bpe":
            assert units.encode(text, sample=1, alpha=0.0) == plain


CODE = """
from ostinato.data.text.subwords import SubwordTokenizer
texts = [f"the lower newer {w} widest {n}" for n in range(40) for w in ("low", "new", "wide")]
units = SubwordTokenizer.fit(texts, size=60, model="MODEL")
print([units.encode(text, sample=n, alpha=0.3) for n, text in enumerate(texts[:20])])
"""


@pytest.mark.parametrize("model", ["bpe", "unigram"])
def test_two_processes_draw_the_same(model):
    command = [sys.executable, "-c", CODE.replace("MODEL", model)]
    first, second = (subprocess.run(command, capture_output=True, text=True) for _ in range(2))
    assert first.stdout == second.stdout != "" and first.returncode == 0
