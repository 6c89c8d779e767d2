"""chrF2 (Popovic 2015), from 0 to 100, by sacreBLEU.

The F-score of character n-grams up to 6, recall weighted double. More tolerant than BLEU of a
right word in a wrong form, and more stable on single sentences.
"""

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
    """sacreBLEU's scorer, made once."""
    from sacrebleu.metrics import CHRF  # here, because it takes a while to import

    return CHRF()


def count(prediction: str, reference: str | Sequence[str]) -> tuple[int, ...]:
    """(n-grams of the prediction, of the best reference, common to both) for n = 1 to 6.

    Args:
        prediction: A sentence.
        reference: One reference or several.

    Raises:
        ValueError: There is no reference.
    """
    references = [reference] if isinstance(reference, str) else list(reference)
    if not references:
        raise ValueError("chrf needs at least one reference for each prediction; got none")
    # sacreBLEU keeps these counts to itself; the tests compare their sum with its corpus_score
    [counts] = scorer()._extract_corpus_statistics([prediction], [[one] for one in references])
    return tuple(counts)


def score(total: Sequence[float]) -> float:
    """chrF2 of a corpus from its summed counts."""
    return float(scorer()._compute_score_from_stats([int(each) for each in total]).score)


def details(total: Sequence[float], *, references: int | str = 1) -> dict[str, Any]:
    """sacreBLEU's signature."""
    import sacrebleu

    signature = (
        f"nrefs:{references}|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{sacrebleu.__version__}"
    )
    return {"signature": signature}
