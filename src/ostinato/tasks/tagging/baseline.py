"""What taggers are measured against, and how both are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ostinato.baselines.hmm_tagger import HmmTagger, MostFrequentTag
from ostinato.data.text.conll import Sentence
from ostinato.data.text.tag_schemes import OUTSIDE, Span, spans
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.tasks.legacy import Baseline, Counts

NAME = "NAME"  # the tag of --binary
SPAN_METRICS = ("f1", "precision", "recall")
KINDS: dict[str, type[HmmTagger] | type[MostFrequentTag]] = {
    "hmm": HmmTagger,
    "most-frequent": MostFrequentTag,
}
SHOWN = {"hmm": "hidden Markov model", "most-frequent": "most frequent tag"}
JUDGED = 10  # each tenth sentence judges which baseline is the better one


class TagBaseline(Baseline):
    """A hidden Markov model or each word's most frequent tag, whichever does better on a tenth of the training data held back."""

    def __init__(
        self,
        kind: str,
        tagger: HmmTagger | MostFrequentTag,
        spans_of: Callable[[Sequence[str]], Sequence[Span]] | None,
    ):
        self.kind, self.tagger, self.spans_of = kind, tagger, spans_of
        self.name = SHOWN[kind]

    @classmethod
    def fit(cls, records: Sequence[Sentence], scheme: str | None) -> TagBaseline:
        reader = reader_of(scheme)
        kind = "hmm"
        if len(records) >= 2 * JUDGED:
            judges = records[::JUDGED]
            rest = [record for place, record in enumerate(records) if place % JUDGED]
            metric = "accuracy" if reader is None else "f1"
            tried = {
                each: cls(
                    each, KINDS[each].fit((record.words, record.tags) for record in rest), reader
                )
                for each in KINDS
            }
            kind = max(
                tried,
                key=lambda each: corpus_score(METRICS[metric], tried[each].measure(judges)[metric]),
            )
        return cls(kind, KINDS[kind].fit((record.words, record.tags) for record in records), reader)

    def measure(self, records: Sequence[Sentence]) -> dict[str, list[Counts]]:
        return count_tags(
            self.tagger.tag([record.words for record in records]), records, self.spans_of
        )

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "tagger": self.tagger.to_dict()}

    @classmethod
    def restore(cls, state: dict[str, Any], scheme: str | None) -> TagBaseline:
        return cls(
            state["kind"], KINDS[state["kind"]].from_dict(state["tagger"]), reader_of(scheme)
        )


def reader_of(scheme: str | None) -> Callable[[Sequence[str]], Sequence[Span]] | None:
    """What reads the spans of a sentence's tags; None where the tags spell out no spans."""
    return {None: None, "binary": single_names}.get(scheme, spans)


def single_names(tags: Sequence[str]) -> list[Span]:
    """Of is-a-name tags, each token that is one."""
    return [Span(tag, place, place + 1) for place, tag in enumerate(tags) if tag != OUTSIDE]


def count_tags(
    taggings: Sequence[Sequence[str]],
    records: Sequence[Sentence],
    spans_of: Callable[[Sequence[str]], Sequence[Span]] | None,
) -> dict[str, list[Counts]]:
    """What the metrics count of each sentence: of its spans, if there are any, and of its tags."""
    counts: dict[str, list[Counts]] = {}
    if spans_of is not None:
        found = [
            METRICS["precision"].count(spans_of(tags), spans_of(record.tags))
            for tags, record in zip(taggings, records, strict=True)
        ]
        counts = {metric: list(found) for metric in SPAN_METRICS}
    right = [
        METRICS["accuracy"].count(list(tags), list(record.tags))
        for tags, record in zip(taggings, records, strict=True)
    ]
    return {**counts, "accuracy": right}
