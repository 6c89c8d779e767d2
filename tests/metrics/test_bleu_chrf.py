"""Against sacreBLEU's own corpus scores."""

import random

import pytest
import sacrebleu
from sacrebleu.metrics import BLEU, CHRF

from ostinato.metrics import bleu, chrf
from ostinato.metrics.corpus import add_up, corpus_score, count_all

PAIRS = {"bleu": (bleu, BLEU), "chrf": (chrf, CHRF)}
WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "on",
    "mat,",
    "3,000",
    "don't",
    "l'eau,",
    "Straße!",
    "日本",
    "—",
    "“so”",
]


def sentences(seed, number):
    """Random ones, some of them empty, so that every n-gram matches now and then."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(0, 14))) for _ in range(number)]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("references", [1, 2, 3])
def test_the_sum_of_sentence_counts_is_the_corpus_score(name, references):
    metric, oracle = PAIRS[name]
    hypotheses, columns = (
        sentences(0, 60),
        [sentences(seed, 60) for seed in range(1, references + 1)],
    )
    rows = [list(row) for row in zip(*columns, strict=True)] if references > 1 else columns[0]
    theirs = oracle()
    expected = theirs.corpus_score(hypotheses, columns)
    total = add_up(count_all(metric, hypotheses, rows))
    assert metric.score(total) == pytest.approx(expected.score, abs=1e-9)
    assert metric.details(total, references=references)["signature"] == str(theirs.get_signature())


def test_details_of_bleu():
    hypotheses, references = (
        ["the cat sat on the mat", "a dog"],
        ["the cat sat on a mat", "a big dog barks"],
    )
    total = add_up(count_all(bleu, hypotheses, references))
    found, expected = bleu.details(total), sacrebleu.corpus_bleu(hypotheses, [references])
    assert found["precisions"] == [round(precision, 2) for precision in expected.precisions]
    assert found["brevity_penalty"] == round(expected.bp, 4) < 1
    assert (found["length"], found["reference_length"]) == (8, 10)
    assert found["signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


@pytest.mark.parametrize("metric", [bleu, chrf])
def test_the_best_of_several_references_counts(metric):
    several = corpus_score(
        metric, count_all(metric, ["a red hat on a cat"], [["nothing of it", "a red hat on a cat"]])
    )
    assert several == pytest.approx(100)


@pytest.mark.parametrize("metric", [bleu, chrf])
def test_no_reference_is_refused(metric):
    with pytest.raises(
        ValueError, match="needs at least one reference for each prediction; got none"
    ):
        metric.count("a cat", [])
