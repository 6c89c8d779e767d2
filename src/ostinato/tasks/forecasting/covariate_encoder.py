"""The features of a step besides its value: covariates, calendar features, the series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ostinato.data.series.time_series import TimeSeries
from ostinato.models.window_features import WindowFeatures


@dataclass(frozen=True)
class CovariateEncoder:
    """Encodes covariates, calendar features and the index of the series as features of each step.

    Args:
        features: The features of a step, and their order.
        look_back: The look-back L in steps.
        moments: (mean, standard deviation) of each past covariate, then of each known one.
        calendar: Names of the calendar features; each has two columns, a sine and a cosine.
        categories: The values of each static covariate.
        indices: Series name -> its index in the embedding, from 1.
    """

    features: WindowFeatures
    look_back: int
    moments: Sequence[tuple[float, float]]
    calendar: Sequence[str]
    categories: Sequence[Sequence[str]]
    indices: Mapping[str, int]

    def write(self, inputs: np.ndarray, series: TimeSeries, start: int, cut: int) -> None:
        """Writes the features of the steps from `start` on into `inputs`.

        Args:
            inputs: [L + H, D], changed in place.
            series: The series.
            start: The first step of the series that the window covers.
            cut: The first step to forecast.
        """
        first = self.look_back - (cut - start)
        column = self.write_covariates(inputs, series, start, cut)
        column = self.write_calendar(inputs, series, first, start, column)
        self.write_categories(inputs, series, column)
        inputs[:, -1] = self.indices.get(series.name, 0) if self.features.series else 0

    def write_covariates(self, inputs: np.ndarray, series: TimeSeries, start: int, cut: int) -> int:
        """Writes standardised past and known covariates, 0 where missing; returns the next
        column.
        """
        features = self.features
        first = self.look_back - (cut - start)
        column = 2
        for position, (mean, deviation) in enumerate(self.moments):
            past = position < features.past
            if position == features.past:
                column += features.reference  # the first known feature, see WindowFeatures
            source = series.past if past else series.known
            index = position if past else position - features.past
            end = cut if past else cut + len(inputs) - self.look_back
            found = source[start:end, index] if source.shape[1] > index else np.zeros(0)
            scaled = (found - mean) / deviation
            inputs[first : first + len(found), column] = np.nan_to_num(scaled)
            column += 1
        if len(self.moments) == features.past:
            column += features.reference
        return column

    def write_calendar(
        self, inputs: np.ndarray, series: TimeSeries, first: int, start: int, column: int
    ) -> int:
        """Writes calendar features into rows `first` and later; returns the next column."""
        if not self.calendar:
            return column
        columns = series.axis.calendar(start, len(inputs) - first)
        names = series.axis.features
        if names == tuple(self.calendar):
            inputs[first:, column : column + columns.shape[1]] = columns
            return column + columns.shape[1]
        chosen = [
            2 * names.index(name) + turn
            for name in self.calendar
            for turn in (0, 1)
            if name in names
        ]
        inputs[first:, column : column + len(chosen)] = columns[:, chosen]
        return column + 2 * len(self.calendar)

    def write_categories(self, inputs: np.ndarray, series: TimeSeries, column: int) -> None:
        """Writes static covariates one-hot; an unknown value is all zeros."""
        for position, known in enumerate(self.categories):
            value = series.static[position] if position < len(series.static) else None
            if value in known:
                inputs[:, column + known.index(value)] = 1
            column += len(known)
