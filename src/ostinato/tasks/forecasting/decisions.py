"""Options and features that the data decides: season, horizon, look-back, decoder, covariates,
calendar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ostinato.data.files.wording import pluralise
from ostinato.data.series.frequency import Frequency
from ostinato.data.series.season import LONGEST, MOST_SERIES, find_season
from ostinato.data.series.stored_series import lengths_of
from ostinato.data.series.time_series import TimeSeries
from ostinato.data.stored.disk_array import read_blocks, read_last
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.forecasting.options import Decoder, ForecastingOptions

LONGEST_HISTORY = 1000  # steps of the history that a statistical model reads
NO_SEASON = 12  # the horizon for series without a season
LONG_LOOK_BACK = 48  # with at least this look-back, the default decoder is segments
DAY = 86_400


def decide_season(
    options: ForecastingOptions, series: Sequence[TimeSeries], frequency: Frequency
) -> int:
    """The season in steps: as given, or as found in the series."""
    if options.season:
        return options.season
    chosen = series[:: max(1, len(series) // MOST_SERIES)][:MOST_SERIES]
    return find_season([read_last(each.values, LONGEST) for each in chosen], frequency.season)


def decide_horizon(
    options: ForecastingOptions, series: Sequence[TimeSeries], frequency: Frequency
) -> int:
    """The horizon in steps: as given, else a season, else 12."""
    if options.horizon is not None:
        return options.horizon
    season = decide_season(options, series, frequency)
    return season if season > 1 else NO_SEASON


def decide_options(
    options: ForecastingOptions, series: Sequence[TimeSeries], frequency: Frequency
) -> ForecastingOptions:
    """Fills in season, horizon, look-back, decoder and segment length where they were not given."""
    lengths = lengths_of(series)
    season = decide_season(options, series, frequency)
    horizon = decide_horizon(options, series, frequency)
    if lengths.max() <= horizon:
        raise InputError(
            f"a horizon of {horizon} is longer than the history: the longest series has "
            f"{lengths.max():,} values; give a shorter "
            f"{option_name('horizon')}"
        )
    room = int(0.6 * max(1, np.median(lengths) - horizon))
    look_back = options.look_back
    if options.statistical:
        look_back = min(LONGEST_HISTORY, int(lengths.max()))
        options = replace(options, scaling="none", scale_over="window", anchor=False)
    elif look_back is None:
        look_back = max(2, min(720, max(2 * horizon, 10 * season), room))
    options = decide_decoder(replace(options, look_back=look_back), season)
    total = int(lengths.sum())
    notify(
        f"{len(series):,} series of {total:,} values, {frequency.name}, "
        + (f"season {season}" if season > 1 else "no season")
        + f"; forecasts of {horizon} steps from {options.look_back:,} before"
    )
    short = int((lengths <= horizon).sum())
    if short:
        notify(f"{short:,} {pluralise('series', 1)} no longer than the horizon")
    return replace(options, season=season, horizon=horizon)


def decide_decoder(options: ForecastingOptions, season: int) -> ForecastingOptions:
    """Fills in decoder and segment length, and makes the look-back a multiple of the latter."""
    look_back = int(options.look_back or 1)
    counts = options.likelihood == "negative-binomial"
    if counts:  # counts are divided by their mean but not shifted
        options = replace(options, scaling="mean", anchor=False)
    paths = counts or options.likelihood == "quantiles" or options.bptt is not None
    usual: Decoder = "segments" if look_back >= LONG_LOOK_BACK else "direct"
    decoder: Decoder = options.decoder or ("autoregressive" if paths else usual)
    segment = options.segment
    if decoder == "segments":
        if options.hidden_size % 2:
            raise InputError(
                f"{option_name('hidden_size')} must be even with segments; got "
                f"{options.hidden_size}"
            )
        if segment is None:
            fits = 4 <= season <= 48 and season <= look_back // 2
            segment = season if fits else max(1, min(48, look_back // 10))
        segment = min(segment, look_back)
        look_back = -(-look_back // segment) * segment
    return replace(options, look_back=look_back, decoder=decoder, segment=segment)


def check_counts(series: Sequence[TimeSeries]) -> None:
    """Raises InputError for a value that is not a count."""
    for each in series:
        for block in read_blocks(each.values):
            seen = block[~np.isnan(block)]
            wrong = seen[(seen < 0) | (seen != np.round(seen))]
            if len(wrong):
                raise InputError(
                    f"{each.where}: series {each.name!r} has {wrong[0]:g}, which is not a count; "
                    f"{option_name('likelihood')} negative-binomial needs whole numbers of 0 or "
                    "more"
                )


def inspect_values(series: Sequence[TimeSeries]) -> tuple[float, bool]:
    """The smallest value, and whether one is missing."""
    smallest, missing = np.inf, False
    for each in series:
        for block in read_blocks(each.values):
            # the smaller one, and of a number and a missing one the number
            smallest = float(np.fmin(smallest, np.fmin.reduce(block)))
            missing = missing or bool(np.isnan(block).any())
    return smallest, missing


def measure_covariates(series: Sequence[TimeSeries]) -> list[tuple[float, float]]:
    """(mean, standard deviation) of each past, then each known covariate in the training series."""
    found = []
    for kind in ("past", "known"):
        columns = getattr(series[0], kind).shape[1]
        if not columns:
            continue

        def blocks(kind: str = kind) -> Iterator[np.ndarray]:
            for each in series:
                for block in read_blocks(getattr(each, kind)[: len(each)]):
                    yield block.astype(np.float64)

        number = np.maximum(sum((~np.isnan(each)).sum(0) for each in blocks()), 1)  # [columns]
        means = sum(np.nansum(each, 0) for each in blocks()) / number
        squares = sum(np.nansum((each - means) ** 2, 0) for each in blocks())
        deviations = np.sqrt(squares / number)
        deviations = np.where(deviations > 1e-12, deviations, 1.0)
        found += list(zip(means.tolist(), deviations.tolist(), strict=True))
    return found


def collect_categories(
    options: ForecastingOptions, series: Sequence[TimeSeries], most: int = 100
) -> list[list[str]]:
    """The distinct values of each static covariate; InputError for more than `most`."""
    found = []
    for position, name in enumerate(options.covariates("static")):
        values = sorted({each.static[position] for each in series})
        if len(values) > most:
            raise InputError(
                f"{option_name('static_covariates')}: {name} has {len(values):,} "
                f"values; at most {most} can be told apart"
            )
        found.append(values)
    return found


def choose_calendar(options: ForecastingOptions, series: Sequence[TimeSeries]) -> tuple[str, ...]:
    """The calendar features whose period the training series cover at least twice."""
    if options.calendar is False or options.closed_form:
        return ()
    longest = series[int(lengths_of(series).argmax())]
    [first], [last] = longest.axis.times(0, 1), longest.axis.times(len(longest) - 1, 1)
    span = int(last - first)
    periods = {
        "minute of hour": 3600,
        "hour of day": DAY,
        "day of week": 7 * DAY,
        "day of month": 31 * DAY,
        "day of year": 366 * DAY,
    }
    found = tuple(name for name in longest.axis.features if span >= 2 * periods[name])
    if options.calendar and not found:
        raise InputError(
            f"{option_name('calendar')}: the time stamps are not dates, or cover too short a time"
        )
    return found
