"""The baseline of tagging: a hidden Markov model, or each word's most frequent tag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostinato.data.text.sentence import Sentence
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.tagging.closed_form_tagger import COUNTING_TAGGERS, CountingTagger
from ostinato.tasks.tagging.prediction import count_tags
from ostinato.tasks.tagging.span_reader import SpanReader

DISPLAY_NAMES = {"hmm": "hidden Markov model", "most-frequent": "most frequent tag"}
EVERY = 10  # every tenth sentence is held out to choose the better baseline


class TagBaseline(Baseline):
    """The better of the two counting taggers, chosen on a tenth of the training data held out.

    Args:
        kind: Its name in COUNTING_TAGGERS.
        tagger: The fitted tagger.
        spans_of: Reads the spans of a sentence's tags; None where there are no spans.
    """

    def __init__(self, kind: str, tagger: CountingTagger, spans_of: SpanReader | None):
        self.kind, self.tagger, self.spans_of = kind, tagger, spans_of
        self.name = DISPLAY_NAMES[kind]

    @classmethod
    def fit(cls, records: Sequence[Sentence], spans_of: SpanReader | None) -> TagBaseline:
        kind = "hmm"
        if len(records) >= 2 * EVERY:
            held_out = records[::EVERY]
            rest = [record for position, record in enumerate(records) if position % EVERY]
            metric = "accuracy" if spans_of is None else "f1"
            scores = {}
            for each in COUNTING_TAGGERS:
                counts = cls.fit_kind(each, rest, spans_of).measure(held_out)[metric]
                scores[each] = corpus_score(METRICS[metric], counts)
            kind = max(scores, key=scores.__getitem__)
        return cls.fit_kind(kind, records, spans_of)

    @classmethod
    def fit_kind(
        cls, kind: str, records: Sequence[Sentence], spans_of: SpanReader | None
    ) -> TagBaseline:
        """The tagger of this kind, fitted to the records."""
        tagger = COUNTING_TAGGERS[kind].fit((record.words, record.tags) for record in records)
        return cls(kind, tagger, spans_of)

    def measure(self, records: Sequence[Sentence]) -> dict[str, list[Counts]]:
        taggings = self.tagger.tag([record.words for record in records])
        return count_tags(taggings, records, self.spans_of)

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "tagger": self.tagger.to_dict()}

    @classmethod
    def restore(cls, state: dict[str, Any], spans_of: SpanReader | None) -> TagBaseline:
        """The inverse of `state`."""
        tagger = COUNTING_TAGGERS[state["kind"]].from_dict(state["tagger"])
        return cls(state["kind"], tagger, spans_of)
