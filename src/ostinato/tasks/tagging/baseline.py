"""The baselines of tagging: a conditional random field on word features, a hidden Markov model,
and each word's most frequent tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from ostinato.baselines.feature_crf import FeatureCrf
from ostinato.data.text.sentence import Sentence
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.tagging.closed_form_tagger import CLOSED_FORM_TAGGERS, FittedTagger
from ostinato.tasks.tagging.prediction import count_tags
from ostinato.tasks.tagging.span_reader import SpanReader

DISPLAY_NAMES = {
    "feature-crf": "CRF on features of words",
    "hmm": "hidden Markov model",
    "most-frequent": "most frequent tag",
}
EVERY = 10  # every tenth sentence is held out to choose the best baseline
ENOUGH_RECORDS = 2000  # a subsample of about this size chooses the baseline


class TagBaseline(Baseline):
    """The best of the closed-form taggers, chosen on a held-out tenth of the training data.

    Args:
        kind: Its name in CLOSED_FORM_TAGGERS.
        tagger: The fitted tagger.
        spans_of: Tags of a sentence -> its spans; None if tags do not encode spans.
        others: Further baselines for the report.
    """

    def __init__(
        self,
        kind: str,
        tagger: FittedTagger,
        spans_of: SpanReader | None,
        others: Sequence[TagBaseline] = (),
    ):
        self.kind, self.tagger, self.spans_of = kind, tagger, spans_of
        self.others = list(others)
        self.name = DISPLAY_NAMES[kind]

    @property
    def simpler(self) -> Sequence[Baseline]:
        return self.others

    @property
    def labels(self) -> Sequence[str]:
        return self.tagger.tags if isinstance(self.tagger, FeatureCrf) else ()

    def probabilities(self, records: Sequence[Sentence]) -> list[np.ndarray] | None:
        if not isinstance(self.tagger, FeatureCrf):
            return None
        return self.tagger.marginals([record.words for record in records])

    @classmethod
    def fit(cls, records: Sequence[Sentence], spans_of: SpanReader | None) -> Self:
        if len(records) < 2 * EVERY:
            return cls.fit_kind("hmm", records, spans_of)
        some = records[:: -(-len(records) // ENOUGH_RECORDS)]
        held_out = some[::EVERY]
        rest = [record for position, record in enumerate(some) if position % EVERY]
        metric = "accuracy" if spans_of is None else "f1"
        scores = {
            kind: corpus_score(
                METRICS[metric], cls.fit_kind(kind, rest, spans_of).measure(held_out)[metric]
            )
            for kind in CLOSED_FORM_TAGGERS
        }
        best, second, *_ = sorted(scores, key=scores.__getitem__, reverse=True)
        chosen = cls.fit_kind(best, records, spans_of)
        return cls(best, chosen.tagger, spans_of, [cls.fit_kind(second, records, spans_of)])

    @classmethod
    def fit_kind(cls, kind: str, records: Sequence[Sentence], spans_of: SpanReader | None) -> Self:
        """Fits the tagger of this kind."""
        tagger = CLOSED_FORM_TAGGERS[kind].fit((record.words, record.tags) for record in records)
        return cls(kind, tagger, spans_of)

    def measure(self, records: Sequence[Sentence]) -> dict[str, list[Counts]]:
        taggings = self.tagger.tag([record.words for record in records])
        return count_tags(taggings, records, self.spans_of)

    def state(self) -> dict[str, Any]:
        others = [each.state() for each in self.others]
        return {
            "kind": self.kind,
            "tagger": self.tagger.to_dict(),
            **({"others": others} if others else {}),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], spans_of: SpanReader | None) -> Self:
        """The inverse of `state`."""
        tagger = CLOSED_FORM_TAGGERS[state["kind"]].from_dict(state["tagger"])
        others = [cls.restore(each, spans_of) for each in state.get("others", [])]
        return cls(state["kind"], tagger, spans_of, others)
