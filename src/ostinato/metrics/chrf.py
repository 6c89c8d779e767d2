"""chrF2 (Popovic 2015), from 0 to 100, as sacreBLEU counts it: the F-score of character n-grams up to 6, in which
recall weighs double.

Kinder than BLEU to a right word in a wrong form, and the steadier of the two on single sentences."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sacrebleu.metrics import CHRF

higher_is_better = True
bounds = (0.0, 100.0)


@functools.cache
def scorer() -> CHRF:
    from sacrebleu.metrics import CHRF  # here, because it takes a while to import

    return CHRF()


def count(prediction: str, reference: str | Sequence[str]) -> tuple[int, ...]:
    """For n = 1 to 6 (n-grams of the prediction, of the reference, common to both), of the reference that fits best."""
    references = [reference] if isinstance(reference, str) else list(reference)
    if not references:
        raise ValueError("chrf needs at least one reference for each prediction; got none")
    # sacreBLEU keeps these counts to itself; the tests compare their sum with its corpus_score
    [counts] = scorer()._extract_corpus_statistics([prediction], [[one] for one in references])
    return tuple(counts)


def score(total: Sequence[float]) -> float:
    return float(scorer()._compute_score_from_stats(list(total)).score)


def details(total: Sequence[float], *, references: int = 1) -> dict[str, Any]:
    """sacreBLEU's signature, which belongs beside the score in a report."""
    import sacrebleu

    signature = (
        f"nrefs:{references}|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{sacrebleu.__version__}"
    )
    return {"signature": signature}
