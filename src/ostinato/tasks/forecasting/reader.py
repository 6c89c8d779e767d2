"""Reads series from tables as windows: whole for training, cut before the horizon for scoring."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ostinato.data.files.wording import display_path, pluralise
from ostinato.data.series.frequency import Frequency
from ostinato.data.series.series_columns import SeriesColumns
from ostinato.data.series.series_object import read_object
from ostinato.data.series.series_table import read_series, stream_series
from ostinato.data.series.stored_series import StoredSeries, lengths_of, write_series
from ostinato.data.series.time_series import TimeSeries, fill_missing, parse_values
from ostinato.data.stored.indexed_records import IndexedFiles, index_files
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.forecasting.decisions import decide_horizon
from ostinato.tasks.forecasting.options import ForecastingOptions
from ostinato.tasks.forecasting.series_notices import MissingCovariates, MissingValues, OddSeries
from ostinato.tasks.forecasting.training_windows import hold_out_ends, whole_windows
from ostinato.tasks.forecasting.windows import Window, Windows, evaluation_cuts, series_of
from ostinato.tasks.reader import Reader

GUESS = 12  # the horizon if neither the options nor a model define it


class ForecastingReader(Reader):
    options: ForecastingOptions
    reads_tables = True
    decodes: ClassVar[Mapping[str, str]] = {"text/csv": ".csv"}

    @property
    def columns(self) -> SeriesColumns:
        """The columns of names, times, values and covariates in a table."""
        options = self.options
        return SeriesColumns(
            options.id_column,
            options.time_column,
            options.target_column,
            past=options.covariates("past"),
            future=options.covariates("future"),
            static=options.covariates("static"),
            static_optional=self.preprocessing is not None,
        )

    @property
    def horizon(self) -> int:
        """The horizon in steps: that of the model or, before fitting, of the options."""
        return self.options.horizon or GUESS

    def horizon_for(self, series: Sequence[TimeSeries]) -> int:
        """The horizon in steps; where it was not given, that suggested by the series."""
        if self.options.horizon is not None or not len(series):
            return self.horizon
        longest = series[int(lengths_of(series).argmax())]
        return decide_horizon(self.options, series, longest.axis.frequency)

    def read_tables(self, files: Sequence[str]) -> list[TimeSeries]:
        """Reads the series of the files; missing values are filled according to the option
        `fill`.
        """
        return list(self.stream(files))

    def stream(self, files: Sequence[str]) -> Iterator[TimeSeries]:
        """As `read_tables`, one file after another."""
        options = self.options
        frequency = None if self.preprocessing is None else self.preprocessing.frequency
        missing = MissingValues()
        covariates = MissingCovariates(options.covariates("past"), options.covariates("future"))

        def complete(series: TimeSeries) -> TimeSeries:
            if frequency is not None:
                self.check_series(series, frequency)
            missing.add(series)
            covariates.add(series)
            return replace(series, values=fill_missing(series.values, options.fill))

        yield from map(complete, stream_series(files, self.columns, frequency=frequency))
        missing.report(files, options.fill)
        covariates.report()

    @staticmethod
    def check_series(series: TimeSeries, frequency: Frequency) -> None:
        """Raises InputError for a series without values, or of another frequency than the
        model's.
        """
        if np.isnan(series.values).all():
            raise InputError(
                f"{series.where}: series {series.name!r} has no value; remove it or give one"
            )
        if len(series) > 1 and series.axis.frequency != frequency:
            raise InputError(
                f"{series.where}: series {series.name!r} is {series.axis.frequency.name}, but the "
                f"model was trained on {frequency.name}"
            )

    def read(self, files: Sequence[str], *, training: bool = False) -> Sequence[Window]:
        if training and self.options.cache is not None:
            return whole_windows(self.index(files, self.options.cache), self.options.horizon or 1)
        if training:
            return whole_windows(list(self.select(files)), self.options.horizon or 1)
        series = self.read_tables(files)
        self.report_statics(series)
        horizon = self.horizon_for(series)
        short = [each for each in series if len(each) <= horizon]
        if short:
            raise InputError(
                f"{short[0].where}: series {short[0].name!r} has {len(short[0]):,} "
                f"{pluralise('value', len(short[0]))}; a horizon of {horizon} needs more: "
                f"give longer series, or train with a shorter {option_name('horizon')}"
            )
        options = self.options
        cuts = [
            evaluation_cuts(len(each), horizon, options.windows, options.stride) for each in series
        ]
        if (
            options.windows == "all" and self.preprocessing is not None
        ):  # each cut has a whole look-back before it
            longest = int(self.preprocessing.options.look_back or 1)
            cuts = [skip_short(each, longest) for each in cuts]
        return Windows(series, cuts, horizon)

    def check_scorable(self, records: Sequence[Window], files: Sequence[str]) -> None:
        if not any(np.isfinite(each.future).any() for each in records):
            raise InputError(
                f"{' '.join(map(display_path, files))}: no series has a value in the steps that "
                "are forecast, its last ones; remove the empty rows at its end"
            )

    def select(self, files: Sequence[str]) -> Iterator[TimeSeries]:
        """The series of files that have two values at least; notices name the others."""
        odd = OddSeries(" ".join(map(display_path, files)))
        yield from filter(odd.keeps, self.stream(files))
        odd.report()
        if not odd.kept:
            name, where = odd.short[0]
            raise InputError(
                f"{where}: series {name!r} has fewer than two values, and no "
                "other has more; give longer series"
            )

    def index(self, files: Sequence[str], cache: str) -> StoredSeries:
        """The training series of files, kept in a cache folder."""
        options = self.options
        names = ("id_column", "time_column", "target_column", "fill")
        kinds = ("past", "future", "static")
        settings = {
            **{name: getattr(options, name) for name in names},
            **{kind: options.covariates(kind) for kind in kinds},
        }
        return index_files(
            IndexedFiles(cache, self.task_name, files, settings),
            lambda folder: write_series(folder, self.select(files)),
            StoredSeries,
        )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Window]:
        series = self.read_tables(files)
        if self.options.future is not None:
            series = self.join_future(series, self.options.future)
        self.report_statics(series)
        for each in series:
            self.check_future(each)
            each.axis.stamps(
                len(each) + self.horizon - 1, 1
            )  # raises for overflowing time stamps before any output
        for each in series:
            yield Window.at(each, len(each), self.horizon)

    def report_statics(self, series: Sequence[TimeSeries]) -> None:
        """Notifies of series whose static covariates are missing or were not in the training
        data.
        """
        if self.preprocessing is None:
            return
        names = self.options.covariates("static")
        for column, (name, known) in enumerate(
            zip(names, self.preprocessing.categories, strict=False)
        ):
            odd = [each for each in series if static_of(each, column) not in known]
            if odd:
                value = static_of(odd[0], column)
                what = f"{name} {value!r} was not in training" if value else f"{name} is missing"
                more = f", and so for {len(odd) - 1:,} others" if len(odd) > 1 else ""
                at = f"{odd[0].where}: " if odd[0].where else ""
                notify(f"{at}series {odd[0].name!r}: {what}{more}; it is read as unknown")

    def check_future(self, series: TimeSeries) -> None:
        """Raises InputError if a future covariate of a step to predict is missing."""
        names = self.options.covariates("future")
        if not names:
            return
        known = series.known[len(series) : len(series) + self.horizon]
        missing = np.isnan(known)
        if len(known) < self.horizon or missing.any():
            step = int(missing.any(1).argmax()) if missing.any() else len(known)
            column = names[int(missing[step].argmax())] if missing.any() else names[0]
            [stamp] = series.axis.stamps(len(series) + step, 1)
            raise InputError(
                f"{series.where}: series {series.name!r}: no {column} for {stamp}, a step to "
                f"predict; give it in further rows, or in a file named by {option_name('future')}"
            )

    def join_future(self, series: list[TimeSeries], file: str) -> list[TimeSeries]:
        """Adds the future covariates of another table to the series."""
        names = self.options.covariates("future")
        columns = replace(self.columns, past=(), static=(), future=names, target=names[0])
        frequency = self.preprocessing.frequency
        by_name = {each.name: each for each in read_series([file], columns, frequency=frequency)}
        if len(by_name) == 1 and len(series) == 1:
            by_name = {series[0].name: next(iter(by_name.values()))}
        return [join_known(each, by_name.get(each.name), self.horizon) for each in series]

    def as_record(self, value: Any) -> Window:
        """Makes a Window of a list or an array of values, of columns {"ds": [...], "y": [...],
        covariates}, of a TimeSeries, or of a Window.
        """
        if isinstance(value, Window):
            return value
        if isinstance(value, Mapping):
            value = read_object(value, self.read_tables)
            self.check_future(value)
        if not isinstance(value, TimeSeries):
            value = TimeSeries("series", parse_values(value))
        self.report_statics([value])
        return Window.at(value, len(value), self.horizon)

    def key(self, record: Window) -> Hashable:
        return record.series.name, record.cut

    def hold_out(self, records: Any, *, number: int, seed: int) -> tuple[Any, Any]:
        """Holds out the end of each series: several windows if it is long enough."""
        series = series_of(records)
        return hold_out_ends(series, self.horizon_for(series), seed)

    def overlap(self, records: Sequence[Window], training: Sequence[Window]) -> float:
        """The share of the windows whose future is also in the training data."""
        names = {record.series.name for record in records}
        known = {record.series.name: record for record in training if record.series.name in names}
        seen = 0
        for record in records:
            other = known.get(record.series.name)
            if other is None:
                continue
            [first] = record.series.axis.times(record.cut, 1)
            axis = other.series.axis
            seen += bool(first <= axis.times(other.cut - 1, 1)[0])
        return seen / max(1, len(records))


def static_of(series: TimeSeries, place: int) -> str:
    """A static covariate of a series; "" if it is missing."""
    return series.static[place] if place < len(series.static) else ""


def skip_short(cuts: range, shortest: int) -> range:
    """The cuts of at least `shortest`; the last cut if there are none."""
    first = next((index for index, cut in enumerate(cuts) if cut >= shortest), len(cuts) - 1)
    return cuts[first:]


def join_known(series: TimeSeries, future: TimeSeries | None, horizon: int) -> TimeSeries:
    """Appends the known covariates of `future` to those of a series."""
    if future is None:
        return series
    known = np.full((len(series) + horizon, series.known.shape[1]), np.nan, dtype=np.float32)
    own = series.known[: len(known)]
    known[: len(own)] = own
    # a table of covariates only: its first covariate was read as the target, and is in `known` too
    start = future.axis.first - series.axis.first
    for step, row in enumerate(future.known):
        if 0 <= start + step < len(known):
            known[start + step] = row
    return replace(series, known=known)
