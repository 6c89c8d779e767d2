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
from ostinato.data.files.wording import pluralise
from ostinato.data.series.frequency import Frequency
from ostinato.data.series.season import find_season
from ostinato.data.series.time_series import TimeSeries
from ostinato.errors import InputError
from ostinato.models.forecaster import WindowFeatures
from ostinato.notices import notify
from ostinato.tasks.forecasting.options import ForecastingOptions
from ostinato.tasks.forecasting.scaling import measure_scale
from ostinato.tasks.forecasting.windows import (
    EncodedWindow,
    Window,
    WindowBatches,
    Windows,
    training_cuts,
)
from ostinato.tasks.preprocessing import Preprocessing

MOST_EMBEDDED = 500  # series with an embedding of their own
LINEAR_WINDOWS = 20_000  # that the linear map is fitted to
LONGEST_HISTORY = 1000  # steps that a statistical model reads
LONG_LOOK_BACK = 48  # from here on segments are the default
DAY = 86_400


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
                f"--scaling log needs values of 0 or more; the smallest is {smallest:g}"
            )
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
            known=len(self.covariates) - past + 2 * len(self.calendar),
            static=sum(map(len, self.categories)),
            series=len(self.names) if 1 < len(self.names) <= MOST_EMBEDDED else 0,
            masked=self.masked,
        )

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

    def encode_window(self, record: Window) -> EncodedWindow:
        """A window as a network reads it. Nothing after the cut but known covariates is looked at
        for the inputs; the targets are the values after it."""
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
            source = series.past if past else series.known
            number = place if past else place - features.past
            end = cut if past else cut + len(inputs) - look_back
            found = (
                source[start:end, number] if source.shape[1] > number else source[:0, 0:0].ravel()
            )
            scaled = (found - mean) / deviation
            inputs[first : first + len(found), column] = np.nan_to_num(scaled)
            column += 1
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
    ) -> WindowBatches:
        windows = self.training_windows([record.series for record in records])
        length = int(self.options.look_back or 1) + int(self.options.horizon or 1)
        return WindowBatches(
            windows,
            self.encode_window,
            batch_size=batch_size or max(1, (batch_tokens or length) // length),
            most=self.options.epoch_windows,
            seed=seed,
        )

    def fit_linear(self, series: Sequence[TimeSeries]) -> dict[str, Tensor]:
        """The linear map of the least squared error on the training windows."""
        windows = self.training_windows(series)
        step = max(1, len(windows) // LINEAR_WINDOWS)
        look_back = int(self.options.look_back or 1)

        def pieces():
            chosen = range(0, len(windows), step)
            for start in range(0, len(chosen), 500):
                encoded = [self.encode_window(windows[row]) for row in chosen[start : start + 500]]
                inputs = np.stack([each.inputs[:look_back, 0] for each in encoded])
                yield inputs, np.stack([each.targets for each in encoded])

        return fit_linear_map(pieces())


def decide_options(
    options: ForecastingOptions, series: Sequence[TimeSeries], frequency: Frequency
) -> ForecastingOptions:
    """Season, horizon, look-back, decoder and segment length, where they were not given."""
    lengths = np.array([len(each) for each in series])
    season = options.season or find_season([each.values for each in series], frequency.season)
    horizon = options.horizon or (season if season > 1 else 12)
    if lengths.max() <= horizon:
        raise InputError(
            f"a horizon of {horizon} is longer than the history: the longest series has "
            f"{lengths.max():,} values; give a shorter --horizon"
        )
    room = int(0.6 * max(1, np.median(lengths) - horizon))
    look_back = options.look_back
    if options.statistical:
        look_back = min(LONGEST_HISTORY, int(lengths.max()))
        options = replace(options, scaling="none", scale_over="window", anchor=False)
    elif look_back is None:
        look_back = max(2, min(720, max(2 * horizon, 10 * season), room))
    decoder = options.decoder or ("segments" if look_back >= LONG_LOOK_BACK else "direct")
    segment = options.segment
    if decoder == "segments":
        if options.hidden_size % 2:
            raise InputError(f"--hidden-size must be even with segments; got {options.hidden_size}")
        if segment is None:
            fits = 4 <= season <= 48 and season <= look_back // 2
            segment = season if fits else max(1, min(48, look_back // 10))
        segment = min(segment, look_back)
        look_back = -(-look_back // segment) * segment
    total = int(lengths.sum())
    notify(
        f"{len(series):,} series of {total:,} values, {frequency.name}, "
        + (f"season {season}" if season > 1 else "no season")
        + f"; forecasts of {horizon} steps from {look_back:,} before"
    )
    short = int((lengths <= horizon).sum())
    if short:
        notify(f"{short:,} {pluralise('series', 1)} no longer than the horizon")
    return replace(
        options,
        season=season,
        horizon=horizon,
        look_back=look_back,
        decoder=decoder,
        segment=segment,
    )


def measure_covariates(series: Sequence[TimeSeries]) -> list[tuple[float, float]]:
    """(mean, deviation) of each past, then each known covariate over all training series."""
    found = []
    for kind in ("past", "known"):
        arrays = [getattr(each, kind)[: len(each)] for each in series]
        if not arrays[0].shape[1]:
            continue
        rows = np.concatenate(arrays).astype(np.float64)
        deviations = np.nanstd(rows, 0)
        means = np.nan_to_num(np.nanmean(rows, 0))
        deviations = np.where(np.nan_to_num(deviations) > 1e-12, deviations, 1.0)
        found += list(zip(means.tolist(), deviations.tolist(), strict=True))
    return found


def collect_categories(
    options: ForecastingOptions, series: Sequence[TimeSeries], most: int = 100
) -> list[list[str]]:
    """The values of each static covariate."""
    found = []
    for place, name in enumerate(options.covariates("static")):
        values = sorted({each.static[place] for each in series})
        if len(values) > most:
            raise InputError(
                f"--static-covariates: {name} has {len(values):,} values; at most {most} can "
                "be told apart"
            )
        found.append(values)
    return found


def choose_calendar(options: ForecastingOptions, series: Sequence[TimeSeries]) -> tuple[str, ...]:
    """The calendar features whose period the training series cover at least twice."""
    if options.calendar is False or options.closed_form:
        return ()
    longest = max(series, key=len)
    times = longest.axis.times(0, len(longest))
    span = int(times[-1] - times[0])
    periods = {
        "minute of hour": 3600,
        "hour of day": DAY,
        "day of week": 7 * DAY,
        "day of month": 31 * DAY,
        "day of year": 366 * DAY,
    }
    found = tuple(name for name in longest.axis.features if span >= 2 * periods[name])
    if options.calendar and not found:
        raise InputError("--calendar: the time stamps are no dates, or cover too short a time")
    return found
