"""Series as examples: nothing is fitted, as every step is standardised by its own past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch

from ostinato.data.batching.batch import Example
from ostinato.data.batching.bptt_windows import BpttWindows, LongExamples
from ostinato.data.stored.indexed_records import index_examples
from ostinato.data.stored.stored_examples import LongStoredExamples
from ostinato.notices import notify
from ostinato.tasks.anomaly.features import SeriesFeatures, make_features
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.anomaly.reader import LabelledSeries, StoredLabelled
from ostinato.tasks.preprocessing import Preprocessing


@dataclass(frozen=True)
class AnomalyPreprocessing(Preprocessing):
    """Turns series into features and targets."""

    encoding_options: ClassVar = ("memory", "season", "detector", "window")

    options: AnomalyOptions

    @classmethod
    def fit(
        cls, options: AnomalyOptions, records: Sequence[LabelledSeries]
    ) -> tuple[AnomalyOptions, Self]:
        steps = sum(len(record.values) for record in records)
        marked = sum(int(np.count_nonzero(record.labels)) for record in records)
        notify(
            f"{len(records):,} series of {steps:,} steps"
            + f", {marked:,} of them labelled as anomalies (training does not look at labels)"
            * bool(marked)
        )
        return options, cls(options)

    def to_dict(self) -> dict[str, Any]:
        return {"scoring": self.options.scoring}

    @classmethod
    def from_dict(cls, options: AnomalyOptions, state: dict[str, Any]) -> Self:
        if "scoring" not in state:  # a run of a version without this option
            options = replace(options, scoring="surprise")
        return cls(options)

    def features(self, record: LabelledSeries) -> SeriesFeatures:
        """The features of all steps of a record's series."""
        return make_features(self.options, record.series)

    def encode(self, record: LabelledSeries, *, draw: int | None = None) -> Example:
        found = self.features(record)
        part = slice(record.start, record.stop)
        return Example(
            torch.from_numpy(found.inputs[part].copy()),
            torch.from_numpy(found.targets[part].copy()),
        )

    def input_labels(self, record: LabelledSeries) -> Sequence[str]:
        """The time stamps."""
        return record.series.stamps[record.start : record.stop]

    def batches(
        self, records: Any, *, batch_size: int | None, batch_tokens: int | None, seed: int
    ) -> BpttWindows:
        """Chunks of several series in parallel; each chunk continues the previous one."""
        chunk = self.options.chunk
        examples: LongExamples | list[Example]
        if isinstance(records, StoredLabelled):
            examples = LongStoredExamples(index_examples(records, self.encode, self.made_by()))
        else:
            examples = [self.encode(record) for record in records]
        return BpttWindows(
            examples,
            steps=chunk,
            batch_size=batch_size or max(1, (batch_tokens or chunk) // chunk),
            seed=seed,
        )
