"""Notices about unusual series, such as missing values, with name, file and line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato.data.files.wording import display_path, pluralise
from ostinato.data.series.time_series import TimeSeries
from ostinato.errors import option_name
from ostinato.notices import notify

MOST_NAMED = 3  # series named in a notice


def report_missing(files: Sequence[str], series: Sequence[TimeSeries], fill: str) -> None:
    """Notifies of how many values are missing, how they are filled, and where the first one is."""
    counts = [int(np.isnan(each.values).sum()) for each in series]
    total = sum(counts)
    if not total:
        return
    done = f"left missing ({option_name('fill')} zero, previous or linear fills them)"
    done = done if fill == "none" else f"filled: {fill}"
    place = next(place for place, count in enumerate(counts) if count)
    first = series[place]
    [stamp] = first.axis.stamps(int(np.isnan(first.values).argmax()), 1)
    among = f"{counts[place]:,} of {len(first):,} steps" if counts[place] > 1 else "one step"
    others = sum(count > 0 for count in counts) - 1
    more = f", and {others:,} other series have some" if others else ""
    notify(
        f"{' '.join(map(display_path, files))}: {total:,} missing "
        f"{pluralise('value', total)}, {done}; "
        f"series {first.name!r} ({first.where}) lacks {among}, the first at {stamp}{more}"
    )


def report_covariates(
    series: Sequence[TimeSeries], past: Sequence[str], future: Sequence[str]
) -> None:
    """Notifies of missing covariates, which are read as their mean."""
    for names, kind in ((past, "past"), (future, "known")):
        for column, name in enumerate(names):
            counts = [
                int(np.isnan(getattr(each, kind)[: len(each), column]).sum()) for each in series
            ]
            if total := sum(counts):
                first = series[next(place for place, count in enumerate(counts) if count)]
                row = int(np.isnan(getattr(first, kind)[:, column]).argmax())
                [stamp] = first.axis.stamps(row, 1)
                notify(
                    f"{first.where}: series {first.name!r}: no {name} for {stamp}; {total:,} "
                    f"{pluralise('value', total)} of {name} missing in all, read as its mean"
                )


def split_short(series: Sequence[TimeSeries]) -> tuple[list[TimeSeries], list[TimeSeries]]:
    """Splits series into those with at least two values, and the others."""
    short = [each for each in series if (~np.isnan(each.values)).sum() < 2]
    left_out = set(map(id, short))
    return [each for each in series if id(each) not in left_out], short


def report_odd(name: str, short: Sequence[TimeSeries], long: Sequence[TimeSeries]) -> None:
    """Notifies of series that are too short for training, and of constant ones.

    Args:
        name: The names of the files.
        short: Series with fewer than two values.
        long: The others.
    """
    if short:
        notify(f"{name}: left out, with fewer than two values: series {list_series(short)}")
    constant = [each for each in long if is_constant(each.values)]
    if constant:
        notify(f"{name}: constant: series {list_series(constant)}; they have no MASE")


def list_series(series: Sequence[TimeSeries]) -> str:
    """Names of series for a notice: "'a' (train.csv:2), 'b' (train.csv:40) and 7 others"."""
    named = ", ".join(f"{each.name!r} ({each.where})" for each in series[:MOST_NAMED])
    others = len(series) - MOST_NAMED
    return named + (f" and {others:,} {pluralise('other', others)}" if others > 0 else "")


def is_constant(values: np.ndarray) -> bool:
    """Whether all values other than NaN are equal."""
    return bool(np.nanmax(values) == np.nanmin(values))
