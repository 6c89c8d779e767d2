"""BLEU (Papineni et al. 2002), from 0 to 100, by sacreBLEU: BP exp(1/4 sum_n log p_n).

Predictions and references are plain, detokenised sentences, which sacreBLEU tokenises: by "13a" for
languages that put spaces between words. Without spaces a sentence would be a single token, so other
tokenizers are chosen by the script of the references (`choose_tokenizer`).
"""

from __future__ import annotations

import functools
import importlib.util
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sacrebleu.metrics import BLEU

higher_is_better = True
bounds = (0.0, 100.0)
ORDER = 4  # n-grams up to this n
# sacreBLEU's tokenizers; those of MeCab need an installation of their own
TOKENIZERS = ("13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none")
MECAB = {"ja-mecab": ("MeCab", "sacrebleu[ja]"), "ko-mecab": ("mecab_ko", "sacrebleu[ko]")}
# scripts written without spaces between words, by the first word of their letters' Unicode names
CHARACTER_SCRIPTS = ("THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
SAMPLE = 1000  # references whose script is looked at


def is_installed(tokenizer: str) -> bool:
    """Whether sacreBLEU can use this tokenizer here."""
    return tokenizer not in MECAB or importlib.util.find_spec(MECAB[tokenizer][0]) is not None


def choose_tokenizer(references: Iterable[str]) -> str:
    """sacreBLEU's tokenizer for the script that most letters of the references are of.

    Han is "zh"; Han with kana is Japanese, "ja-mecab", and Hangul "ko-mecab", both "char" where
    MeCab is not installed; Thai, Lao, Khmer, Burmese and Tibetan are "char"; all others are
    "13a".
    """
    found: Counter[str] = Counter()
    for reference in islice(references, SAMPLE):
        for letter in filter(str.isalpha, reference):
            found[unicodedata.name(letter, "UNKNOWN").split()[0]] += 1
    half, han = sum(found.values()) / 2, found["CJK"]
    kana = found["HIRAGANA"] + found["KATAKANA"] + found["KATAKANA-HIRAGANA"]
    tokenizer = "13a"
    if han + kana > half:
        tokenizer = "ja-mecab" if kana > 0.1 * (han + kana) else "zh"
    elif found["HANGUL"] > half:
        tokenizer = "ko-mecab"
    elif sum(found[script] for script in CHARACTER_SCRIPTS) > half:
        tokenizer = "char"
    return tokenizer if is_installed(tokenizer) else "char"


@functools.cache
def scorer(tokenizer: str = "13a") -> BLEU:
    """sacreBLEU's scorer, made once for each tokenizer."""
    from sacrebleu.metrics import BLEU  # here, because it takes a while to import

    # effective_order only affects the score of a single sentence; here its counts are used
    return BLEU(effective_order=True, tokenize=tokenizer)


def tokenized_length(text: str, tokenizer: str) -> int:
    """The number of tokens that BLEU sees in a sentence."""
    return len(scorer(tokenizer).tokenizer(text).split())


def count(
    prediction: str, reference: str | Sequence[str], tokenizer: str = "13a"
) -> tuple[int, ...]:
    """(length, reference length, matching 1- to 4-grams, all 1- to 4-grams) of a sentence.

    Args:
        prediction: A sentence.
        reference: One reference or several.
        tokenizer: One of TOKENIZERS.

    Raises:
        ValueError: There is no reference.
    """
    references = [reference] if isinstance(reference, str) else list(reference)
    if not references:
        raise ValueError("bleu needs at least one reference for each prediction; got none")
    found = scorer(tokenizer).sentence_score(prediction, references)
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


def remark(total: Sequence[float], *, tokenizer: str = "13a", **others: Any) -> str | None:
    """A sentence for the report where BLEU is 0 whatever the words, or None."""
    if int(total[1 + 2 * ORDER]) > 0:  # the number of 4-grams in all predictions
        return None
    return (
        f"BLEU is 0 whatever the words: no prediction has {ORDER} tokens (tokenizer {tokenizer}); "
        "see the other scores"
    )


def details(
    total: Sequence[float], *, references: int | str = 1, tokenizer: str = "13a"
) -> dict[str, Any]:
    """Precisions, brevity penalty, lengths, and sacreBLEU's signature."""
    import sacrebleu

    found = compute(total)
    return {
        "precisions": [round(precision, 2) for precision in found.precisions],
        "brevity_penalty": round(found.bp, 4),
        "length": found.sys_len,
        "reference_length": found.ref_len,
        "signature": f"nrefs:{references}|case:mixed|eff:no|tok:{signature(tokenizer)}|smooth:exp"
        f"|version:{sacrebleu.__version__}",
    }


def signature(tokenizer: str) -> str:
    """A tokenizer's name in sacreBLEU's signature, with its version where it has one."""
    return str(scorer(tokenizer).tokenizer.signature())
