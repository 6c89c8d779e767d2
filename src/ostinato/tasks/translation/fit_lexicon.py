"""Fits the statistical translation model of `--lexicon` to the tokens of the training pairs."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines.alignment_model import WIDEST, AlignmentModel
from ostinato.data.stored.stored_records import StoredRecords
from ostinato.data.text.sentence_pairs import Pair
from ostinato.data.text.tokenizers import Tokenizer
from ostinato.data.text.vocabulary import BOS, EOS
from ostinato.models.lexicon import Lexicon

TRANSLATIONS = 20  # of each source token that are kept
LONGEST = 60  # tokens; alignments of longer sentences are too ambiguous, and slow to find
MOST = 100_000  # pairs that are read
FEW = 2000  # pairs that are fitted at once, without measuring how long it takes


def build_lexicon(source: Tokenizer, target: Tokenizer) -> Lexicon:
    """A Lexicon of the right size for two vocabularies, with nothing in it."""
    return Lexicon(
        len(source), len(target), translations=TRANSLATIONS, widest=WIDEST, bos=BOS, eos=EOS
    )


def fit_lexicon(
    source: Tokenizer,
    target: Tokenizer,
    records: Sequence[Pair],
    *,
    reverse_source: bool = False,
    seconds: float | None = None,
) -> dict[str, Tensor] | None:
    """The buffers of a Lexicon.

    Args:
        source, target: The tokenizers.
        records: The training pairs.
        reverse_source: Whether the network reads sources from their end.
        seconds: Time for it: with too many pairs some of them are used. None: all.

    Returns:
        Its state; None if all pairs are empty or too long.
    """
    stored = isinstance(records, StoredRecords)
    some = list(records.spread(min(MOST, len(records)))) if stored else records[:MOST]  # type: ignore[attr-defined]
    began = time.perf_counter()
    step = -1 if reverse_source else 1
    pairs = [
        (
            np.array([*source.encode(pair.source)[::step], EOS]),
            np.array([*target.encode(pair.target), EOS]),
        )
        for pair in some
    ]
    pairs = [pair for pair in pairs if min(map(len, pair)) > 1 and max(map(len, pair)) <= LONGEST]
    if not pairs:
        return None
    if seconds is not None and len(pairs) > FEW:
        seconds -= time.perf_counter() - began
        began = time.perf_counter()
        fit(pairs[:: len(pairs) // FEW], source, target)
        each = (time.perf_counter() - began) / FEW
        pairs = pairs[:: max(1, int(np.ceil(len(pairs) * each / max(seconds, each * FEW))))]
    model = fit(pairs, source, target)
    counts = np.bincount(np.concatenate([said for _, said in pairs]), minlength=len(target)) + 0.1
    ids, chances = model.best_translations(len(source), TRANSLATIONS)
    return {
        "ids": torch.from_numpy(ids),
        "chances": torch.from_numpy(chances).float(),
        "jumps": torch.from_numpy(model.jumps).float(),
        "unaligned": torch.from_numpy(model.unaligned).float(),
        "frequencies": torch.from_numpy(counts / counts.sum()).float(),
        "unaligned_share": torch.tensor(model.unaligned_share),
    }


def fit(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], source: Tokenizer, target: Tokenizer
) -> AlignmentModel:
    """The alignment model of pairs of token ids."""
    sources, targets = zip(*pairs, strict=True)
    return AlignmentModel.fit(sources, targets, source_size=len(source), target_size=len(target))
