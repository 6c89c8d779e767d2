"""Preprocessing of series: scales, season, calendar features and covariates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines.linear_map import fit_linear_map
from ostinato.data.batching.batch import Example
from ostinato.data.series.frequency import Frequency
from ostinato.data.series.stored_series import lengths_of
from ostinato.data.series.time_series import TimeSeries
from ostinato.errors import InputError, option_name
from ostinato.models.step_reader import StepReader
from ostinato.models.window_features import WindowFeatures
from ostinato.tasks.forecasting.covariate_encoder import CovariateEncoder
from ostinato.tasks.forecasting.decisions import (
    check_counts,
    choose_calendar,
    collect_categories,
    decide_options,
    inspect_values,
    measure_covariates,
)
from ostinato.tasks.forecasting.options import ForecastingOptions
from ostinato.tasks.forecasting.scaling import measure_scale
from ostinato.tasks.forecasting.value_scaler import ValueScaler
from ostinato.tasks.forecasting.window_batches import PREPARED, ChunkedBatches, WindowBatches
from ostinato.tasks.forecasting.window_encoder import WindowEncoder
from ostinato.tasks.forecasting.windows import (
    Window,
    Windows,
    series_of,
    training_cuts,
)
from ostinato.tasks.preprocessing import Preprocessing

MOST_EMBEDDED = 500  # maximum number of series that get embeddings
LINEAR_WINDOWS = 20_000  # maximum number of windows that the linear model is fitted to


@dataclass(frozen=True)
class ForecastingPreprocessing(Preprocessing):
    """Statistics of the training series, and the encoding of windows.

    Args:
        options: The options, with horizon, season, look-back, segment and decoder decided.
        frequency: The frequency of the series.
        names: The series with an embedding and, with --scale-over series, a scale.
        scales: Their (centre, scale), with --scale-over series.
        masked: Whether values were missing in training.
        covariates: (mean, standard deviation) of each past covariate, then of each known one.
        categories: The values of each static covariate.
        calendar: The calendar features in use.
        smallest: The smallest training value, for logarithms.
        model_tensors: The weights of the linear model, if that is the model.
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
        series = series_of(records)
        lengths = lengths_of(series)
        frequency = series[int(lengths.argmax())].axis.frequency
        options = decide_options(options, series, frequency)
        smallest, masked = inspect_values(series)
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
            masked=masked or int(lengths.min()) < 2 * int(options.look_back or 1),
            covariates=measure_covariates(series),
            categories=collect_categories(options, series),
            calendar=choose_calendar(options, series),
            smallest=smallest,
        )
        if options.scale_over == "series":
            scales = [
                measure_scale(options.scaling, fitted.scaler.transform(np.asarray(each.values)))
                for each in series
            ]
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
    def features(self) -> WindowFeatures:
        """The features of a step of a window."""
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
        """A copy that encodes nothing but the window's values, for the linear model."""
        return replace(self, options=replace(self.options, reference="none"))

    @property
    def refers(self) -> bool:
        """Whether the network corrects the forecast of a simple method."""
        return self.options.reference != "none"

    @property
    def counts(self) -> bool:
        """Whether values are counts, for which the scale is a feature."""
        return self.options.likelihood == "negative-binomial"

    @cached_property
    def scaler(self) -> ValueScaler:
        """The scale of values, from each window or from the training part of each series."""
        scales = None
        if self.options.scale_over == "series":
            scales = dict(zip(self.names, self.scales, strict=False))  # no scales yet while fitting
        return ValueScaler(self.options.scaling, self.smallest, scales)

    @cached_property
    def encoder(self) -> WindowEncoder:
        """The encoder of windows."""
        options = self.options
        look_back = int(options.look_back or 1)
        return WindowEncoder(
            look_back,
            int(options.horizon or 1),
            int(options.season or 1),
            self.scaler,
            CovariateEncoder(
                self.features,
                look_back,
                self.covariates,
                self.calendar,
                self.categories,
                {name: index for index, name in enumerate(self.names, start=1)},
            ),
            anchor=options.anchor,
            reference=options.reference,
            tell_scale=self.counts,
        )

    def encode(self, record: Window, *, draw: int | None = None) -> Example:
        encoded = self.encoder.encode_window(record)
        return Example(torch.from_numpy(encoded.inputs), torch.from_numpy(encoded.targets))

    def input_labels(self, record: Window) -> Sequence[str]:
        """The time stamps of the window; "before" for steps before the beginning of the series."""
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
        cuts = [training_cuts(each, horizon, shortest) for each in lengths_of(series).tolist()]
        return Windows(series, cuts, horizon)

    def batches(
        self, records: Any, *, batch_size: int | None, batch_tokens: int | None, seed: int
    ) -> WindowBatches | ChunkedBatches:
        windows = self.training_windows(series_of(records))
        options = self.options
        look_back, horizon = int(options.look_back or 1), int(options.horizon or 1)
        length = look_back + horizon
        whole = WindowBatches(
            windows,
            self.encoder.encode_windows,
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
        """Fits the linear model to the training windows by least squares."""
        windows = self.training_windows(series)
        step = max(1, len(windows) // LINEAR_WINDOWS)
        look_back = int(self.options.look_back or 1)
        plain = self.without_reference().encoder

        def pieces() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            chosen = range(0, len(windows), step)
            for start in range(0, len(chosen), 500):
                encoded = [plain.encode_window(windows[row]) for row in chosen[start : start + 500]]
                inputs = np.stack([each.inputs[:look_back, 0] for each in encoded])
                yield inputs, np.stack([each.targets for each in encoded])

        return fit_linear_map(pieces())
