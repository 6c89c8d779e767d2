"""The baselines of language models: an n-gram model, and a unigram model as the simpler one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ostinato.baselines.ngram import NGram
from ostinato.data.text.corpus import Corpus
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.language.prediction import LanguagePredictor
from ostinato.tasks.prediction import Counts
from ostinato.tasks.shared.ngram_network import (
    NGramNetwork,
    ngram_from_tensors,
    ngram_to_tensors,
)

UNIGRAM = "unigram_"  # prefix of the names of the unigram model's tensors


class NGramBaseline(Baseline):
    """A Kneser-Ney n-gram model of the training text, scored like a network.

    Args:
        predictor: The task's predictor, which scores texts.
        ngram: The n-gram model.
        unigram: The unigram model.
    """

    def __init__(self, predictor: LanguagePredictor, ngram: NGram, unigram: NGram):
        self.predictor, self.ngram, self.unigram = predictor, ngram, unigram
        self.name = "unigram" if ngram.order == 1 else f"Kneser-Ney {ngram.order}-gram"

    @classmethod
    def fit(cls, predictor: LanguagePredictor, records: Corpus) -> NGramBaseline:
        preprocessing, order = predictor.preprocessing, predictor.options.ngram_order
        return cls(
            predictor,
            preprocessing.count_ngrams(records, order),
            preprocessing.count_ngrams(records, 1),
        )

    @classmethod
    def restore(cls, predictor: LanguagePredictor, state: Mapping[str, Any]) -> NGramBaseline:
        """The inverse of `state` and `tensors`.

        Raises:
            KeyError, ValueError: A part of the state is missing.
        """
        size, impossible = int(state["size"]), list(map(int, state["impossible"]))
        tensors: dict[str, Tensor] = state["tensors"]
        unigram = {
            name.removeprefix(UNIGRAM): tensor
            for name, tensor in tensors.items()
            if name.startswith(UNIGRAM)
        }
        ngram = {name: each for name, each in tensors.items() if not name.startswith(UNIGRAM)}
        return cls(
            predictor,
            ngram_from_tensors(
                ngram,
                size=size,
                impossible=impossible,
                line_end=predictor.preprocessing.ngram_line_end,
            ),
            ngram_from_tensors(unigram, size=size, impossible=impossible),
        )

    @property
    def simpler(self) -> Sequence[Baseline]:
        if self.ngram.order == 1:
            return ()
        return (NGramBaseline(self.predictor, self.unigram, self.unigram),)

    def measure(self, records: Corpus) -> dict[str, list[Counts]]:
        return self.predictor.count_text(NGramNetwork.from_ngram(self.ngram), records)

    def state(self) -> dict[str, Any]:
        return {"size": self.ngram.size, "impossible": self.ngram.impossible}

    def tensors(self) -> dict[str, Tensor]:
        unigram = ngram_to_tensors(self.unigram)
        return ngram_to_tensors(self.ngram) | {
            UNIGRAM + name: tensor for name, tensor in unigram.items()
        }
