"""Scales, seasons, calendar features and covariates: windows as tensors, and forecasts back as
values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines.linear_map import fit_linear_map
from ostinato.data.batching.batch import Example
from ostinato.data.series.frequency import Frequency
from ostinato.data.series.time_series import TimeSeries
from ostinato.errors import InputError, option_name
from ostinato.models.forecaster import WindowFeatures
from ostinato.models.step_reader import StepReader
from ostinato.tasks.forecasting.decisions import (
    check_counts,
    choose_calendar,
    collect_categories,
    decide_options,
    measure_covariates,
)
from ostinato.tasks.forecasting.options import ForecastingOptions
from ostinato.tasks.forecasting.scaling import measure_scale
from ostinato.tasks.forecasting.statistical import forecast_points
from ostinato.tasks.forecasting.window_batches import PREPARED, ChunkedBatches, WindowBatches
from ostinato.tasks.forecasting.windows import (
    EncodedWindow,
    Window,
    Windows,
    training_cuts,
)
from ostinato.tasks.preprocessing import Preprocessing

FAR = 3.0  # scaled units, or a factor of 20, that a reference forecast may lie beyond its history
MOST_EMBEDDED = 500  # series with an embedding of their own
LINEAR_WINDOWS = 20_000  # that the linear map is fitted to


@dataclass(frozen=True)
class ForecastingPreprocessing(Preprocessing):
    """What was fitted to the training series.

    Args:
        options: With horizon, season, look-back, segment and decoder decided.
        frequency: Of the series.
        names: Series that have an embedding, and a scale with --scale-over series.
        scales: Their (centre, scale), with --scale-over series.
        masked: Whether values were missing in training.
        covariates: (mean, deviation) of each past and then each known covariate.
        categories: The values of each static covariate.
        calendar: The calendar features in use.
        smallest: The smallest training value, for logarithms.
        model_tensors: Of the linear map, if that is the model.
    """

    options: ForecastingOptions
    frequency: Frequency
    names: list[str]
    scales: list[tuple[float, float]]
    masked: bool
    covariates: list[tuple[float, float]]
    categories: list[list[str]]
    calendar: tuple[str, ...]
    smallest: float
    model_tensors: dict[str, Tensor] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def fit(
        cls, options: ForecastingOptions, records: Sequence[Window]
    ) -> tuple[ForecastingOptions, Self]:
        series = [record.series for record in records]
        frequency = max(series, key=len).axis.frequency
        options = decide_options(options, series, frequency)
        smallest = min(float(np.nanmin(each.values)) for each in series)
        if options.scaling == "log" and smallest < 0:
            raise InputError(
                f"{option_name('scaling')} log needs values of 0 or more; the smallest "
                f"is {smallest:g}"
            )
        if options.likelihood == "negative-binomial":
            check_counts(series)
        embedded = 1 < len(series) <= MOST_EMBEDDED or options.scale_over == "series"
        fitted = cls(
            options,
            frequency,
            names=[each.name for each in series] if embedded else [],
            scales=[],
            masked=any(np.isnan(each.values).any() for each in series)
            or min(map(len, series)) < 2 * options.look_back,
            covariates=measure_covariates(series),
            categories=collect_categories(options, series),
            calendar=choose_calendar(options, series),
            smallest=smallest,
        )
        if options.scale_over == "series":
            scales = [measure_scale(options.scaling, fitted.transform(s.values)) for s in series]
            fitted = replace(fitted, scales=scales)
        if options.model == "linear":
            fitted = replace(fitted, model_tensors=fitted.fit_linear(series))
        return options, fitted

    def to_dict(self) -> dict[str, Any]:
        return {
            "frequency": [self.frequency.unit, self.frequency.count, self.frequency.month_end],
            "names": self.names,
            "scales": [list(each) for each in self.scales],
            "masked": self.masked,
            "covariates": [list(each) for each in self.covariates],
            "categories": self.categories,
            "calendar": list(self.calendar),
            "smallest": self.smallest,
        }

    @classmethod
    def from_dict(cls, options: ForecastingOptions, state: dict[str, Any]) -> Self:
        unit, count, month_end = state["frequency"]
        return cls(
            options,
            Frequency(str(unit), int(count), bool(month_end)),
            list(state["names"]),
            [(float(centre), float(scale)) for centre, scale in state["scales"]],
            bool(state["masked"]),
            [(float(mean), float(deviation)) for mean, deviation in state["covariates"]],
            [list(each) for each in state["categories"]],
            tuple(state["calendar"]),
            float(state["smallest"]),
        )

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The index of each series with an embedding, from 1."""
        return {name: number for number, name in enumerate(self.names, start=1)}

    @cached_property
    def features(self) -> WindowFeatures:
        """What a step of a window holds."""
        options = self.options
        past = len(options.covariates("past"))
        return WindowFeatures(
            past=past,
            known=len(self.covariates) - past + 2 * len(self.calendar) + self.refers,
            static=sum(map(len, self.categories)) + self.counts,
            series=len(self.names) if 1 < len(self.names) <= MOST_EMBEDDED else 0,
            masked=self.masked,
            reference=self.refers,
        )

    def without_reference(self) -> ForecastingPreprocessing:
        """The same, for windows alone: of the linear map."""
        return replace(self, options=replace(self.options, reference="none"))

    @property
    def refers(self) -> bool:
        """Whether a network starts from the forecast of a simple method."""
        return self.options.reference != "none"

    @property
    def counts(self) -> bool:
        """Whether values are counts, so that the network is told the scale."""
        return self.options.likelihood == "negative-binomial"

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Values as they are scaled: themselves or their logarithms."""
        if self.options.scaling != "log":
            return values
        shifted = values + (self.smallest <= 0)
        # what was above 0 in training may not be so later
        return np.log(np.maximum(shifted, 1e-6))

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `transform`."""
        if self.options.scaling != "log":
            return values
        return np.exp(np.minimum(values, 700)) - (self.smallest <= 0)

    def encode_windows(self, records: Sequence[Window]) -> list[EncodedWindow]:
        """Windows as a network reads them."""
        if not self.refers:
            return [self.encode_window(record) for record in records]
        season = int(self.options.season or 1)
        references = forecast_points(self.options.reference, records, season)
        return [self.encode_window(*pair) for pair in zip(records, references, strict=True)]

    def encode_window(self, record: Window, reference: np.ndarray | None = None) -> EncodedWindow:
        """A window as a network reads it. Nothing after the cut but known covariates is looked at
        for the inputs; the targets are the values after it.

        Args:
            record: The window.
            reference: The forecast of a simple method [H], where one is read.
        """
        options = self.options
        look_back, horizon = int(options.look_back or 1), int(options.horizon or 1)
        series, cut = record.series, record.cut
        start = max(0, cut - look_back)
        values = self.transform(series.values[start:cut])
        seen = ~np.isnan(values)
        observed = values[seen]
        centre, scale = self.scale_of(record, observed)
        anchor = (observed[-1] - centre) / scale if options.anchor and len(observed) else 0.0
        inputs = np.zeros((look_back + horizon, self.features.size), dtype=np.float32)
        past = inputs[look_back - len(values) : look_back]
        past[:, 0] = np.where(seen, (np.where(seen, values, 0) - centre) / scale - anchor, 0)
        past[:, 1] = seen
        self.encode_covariates(inputs, series, start, cut)
        if self.refers and reference is None:
            [reference] = forecast_points(options.reference, [record], int(options.season or 1))
        if self.refers and reference is not None:
            coming = (self.transform(reference[:horizon]) - centre) / scale - anchor
            # a logarithm of next to nothing is far from all that the network has seen
            low, high = (past[:, 0].min() - FAR, past[:, 0].max() + FAR)
            inputs[look_back:, 2 + self.features.past] = coming.clip(low, high)
        if self.counts:
            inputs[:, -2] = np.log(scale)
        targets = np.full(horizon, np.nan, dtype=np.float32)
        future = self.transform(series.values[cut : cut + horizon])
        targets[: len(future)] = (future - centre) / scale - anchor
        return EncodedWindow(inputs, targets, centre + anchor * scale, scale)

    def scale_of(self, record: Window, observed: np.ndarray) -> tuple[float, float]:
        """(centre, scale) of a window: from itself, or from the training part of its series."""
        if self.options.scale_over == "series":
            number = self.numbers.get(record.series.name)
            if number is not None:
                return self.scales[number - 1]
            observed = self.transform(record.history)
        return measure_scale(self.options.scaling, observed)

    def encode_covariates(
        self, inputs: np.ndarray, series: TimeSeries, start: int, cut: int
    ) -> None:
        """Writes covariates, calendar features and the series' index into the inputs [L + H, D]."""
        options, features = self.options, self.features
        look_back = int(options.look_back or 1)
        first = look_back - (cut - start)
        column = 2
        for place, (mean, deviation) in enumerate(self.covariates):
            past = place < features.past
            if place == features.past:
                column += self.refers
            source = series.past if past else series.known
            number = place if past else place - features.past
            end = cut if past else cut + len(inputs) - look_back
            found = (
                source[start:end, number] if source.shape[1] > number else source[:0, 0:0].ravel()
            )
            scaled = (found - mean) / deviation
            inputs[first : first + len(found), column] = np.nan_to_num(scaled)
            column += 1
        if len(self.covariates) == features.past:
            column += self.refers
        if self.calendar:
            count = len(inputs) - first
            columns = series.axis.calendar(start, count)
            names = series.axis.features
            chosen = [
                2 * names.index(name) + turn
                for name in self.calendar
                for turn in (0, 1)
                if name in names
            ]
            inputs[first:, column : column + len(chosen)] = columns[:, chosen]
            column += 2 * len(self.calendar)
        for place, known in enumerate(self.categories):
            value = series.static[place] if place < len(series.static) else None
            if value in known:
                inputs[:, column + known.index(value)] = 1
            column += len(known)
        inputs[:, -1] = self.numbers.get(series.name, 0) if features.series else 0

    def encode(self, record: Window, *, draw: int | None = None) -> Example:
        encoded = self.encode_window(record)
        return Example(torch.from_numpy(encoded.inputs), torch.from_numpy(encoded.targets))

    def input_labels(self, record: Window) -> Sequence[str]:
        """The time stamps of the window; "before" where it begins before the series does."""
        look_back = int(self.options.look_back or 1)
        start = max(0, record.cut - look_back)
        stamps = record.series.axis.stamps(start, record.cut - start)
        return [*["before"] * (look_back - len(stamps)), *stamps]

    def target_labels(self, record: Window) -> Sequence[str]:
        """The time stamps of the steps ahead."""
        return record.series.axis.stamps(record.cut, int(self.options.horizon or 1))

    def training_windows(self, series: Sequence[TimeSeries]) -> Windows:
        """Every window of the training series."""
        options = self.options
        horizon, season = int(options.horizon or 1), int(options.season or 1)
        shortest = max(season, min(int(options.look_back or 1) // 2, 10 * season))
        cuts = [training_cuts(len(each), horizon, shortest) for each in series]
        return Windows(series, cuts, horizon)

    def batches(
        self, records: Any, *, batch_size: int | None, batch_tokens: int | None, seed: int
    ) -> WindowBatches | ChunkedBatches:
        windows = self.training_windows([record.series for record in records])
        options = self.options
        look_back, horizon = int(options.look_back or 1), int(options.horizon or 1)
        length = look_back + horizon
        whole = WindowBatches(
            windows,
            self.encode_windows,
            batch_size=batch_size or max(1, (batch_tokens or length) // length),
            most=options.epoch_windows,
            seed=seed,
            together=PREPARED // horizon if self.refers else 1,
        )
        if options.bptt is None:
            return whole
        reader = StepReader(self.features, look_back, horizon, int(options.season or 1))
        return ChunkedBatches(whole, reader, options.bptt)

    def fit_linear(self, series: Sequence[TimeSeries]) -> dict[str, Tensor]:
        """The linear map of the least squared error on the training windows."""
        windows = self.training_windows(series)
        step = max(1, len(windows) // LINEAR_WINDOWS)
        look_back = int(self.options.look_back or 1)

        plain = self.without_reference()

        def pieces():
            chosen = range(0, len(windows), step)
            for start in range(0, len(chosen), 500):
                encoded = [plain.encode_window(windows[row]) for row in chosen[start : start + 500]]
                inputs = np.stack([each.inputs[:look_back, 0] for each in encoded])
                yield inputs, np.stack([each.targets for each in encoded])

        return fit_linear_map(pieces())
