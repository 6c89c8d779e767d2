"""BLEU (Papineni et al. 2002), from 0 to 100, by sacreBLEU: BP exp(1/4 sum_n log p_n).

Predictions and references are plain, detokenised sentences; sacreBLEU's "13a" tokenises them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sacrebleu.metrics import BLEU

higher_is_better = True
bounds = (0.0, 100.0)
ORDER = 4  # n-grams up to this n


@functools.cache
def scorer() -> BLEU:
    """sacreBLEU's scorer, made once."""
    from sacrebleu.metrics import BLEU  # here, because it takes a while to import

    # effective_order only affects the score of a single sentence; here its counts are used
    return BLEU(effective_order=True)


def count(prediction: str, reference: str | Sequence[str]) -> tuple[int, ...]:
    """(length, reference length, matching 1- to 4-grams, all 1- to 4-grams) of a sentence.

    Args:
        prediction: A sentence.
        reference: One reference or several.

    Raises:
        ValueError: There is no reference.
    """
    references = [reference] if isinstance(reference, str) else list(reference)
    if not references:
        raise ValueError("bleu needs at least one reference for each prediction; got none")
    found = scorer().sentence_score(prediction, references)
    return (found.sys_len, found.ref_len, *found.counts, *found.totals)


def compute(total: Sequence[float]) -> Any:
    """The summed counts -> sacreBLEU's own score object."""
    length, reference_length, *grams = (int(number) for number in total)
    return scorer().compute_bleu(
        grams[:ORDER], grams[ORDER:], length, reference_length, smooth_method="exp"
    )


def score(total: Sequence[float]) -> float:
    """BLEU of a corpus from its summed counts."""
    return min(100.0, compute(total).score)  # exp(log(100)) is a little more than 100


def details(total: Sequence[float], *, references: int = 1) -> dict[str, Any]:
    """Precisions, brevity penalty, lengths, and sacreBLEU's signature."""
    import sacrebleu

    found = compute(total)
    return {
        "precisions": [round(precision, 2) for precision in found.precisions],
        "brevity_penalty": round(found.bp, 4),
        "length": found.sys_len,
        "reference_length": found.ref_len,
        "signature": f"nrefs:{references}|case:mixed|eff:no|tok:13a|smooth:exp"
        f"|version:{sacrebleu.__version__}",
    }
