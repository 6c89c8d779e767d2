"""Notices about unusual series, such as missing values, with name, file and line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato.data.files.wording import display_path, pluralise
from ostinato.data.series.time_series import TimeSeries
from ostinato.errors import option_name
from ostinato.notices import notify

MOST_NAMED = 3  # series named in a notice


class MissingValues:
    """How many values are missing in series, which are seen one after another."""

    def __init__(self) -> None:
        self.total, self.having = 0, 0  # values, and series that lack some
        self.first = ""  # of the first such series: its name, and what it lacks

    def add(self, series: TimeSeries) -> None:
        """Counts the missing values of a series."""
        missing = np.isnan(series.values)
        count = int(missing.sum())
        if not count:
            return
        self.total, self.having = self.total + count, self.having + 1
        if not self.first:
            [stamp] = series.axis.stamps(int(missing.argmax()), 1)
            among = f"{count:,} of {len(series):,} steps" if count > 1 else "one step"
            self.first = (
                f"series {series.name!r} ({series.where}) lacks {among}, the first at {stamp}"
            )

    def report(self, files: Sequence[str], fill: str) -> None:
        """Notifies of how many values are missing, how they are filled, and where the first is."""
        if not self.total:
            return
        done = f"left missing ({option_name('fill')} zero, previous or linear fills them)"
        done = done if fill == "none" else f"filled: {fill}"
        others = self.having - 1
        more = f", and {others:,} other series have some" if others else ""
        notify(
            f"{' '.join(map(display_path, files))}: {self.total:,} missing "
            f"{pluralise('value', self.total)}, {done}; {self.first}{more}"
        )


class MissingCovariates:
    """How many values of each covariate are missing in series, which are seen one after another.

    Args:
        past, future: The names of the covariates.
    """

    def __init__(self, past: Sequence[str], future: Sequence[str]):
        self.columns = [
            (kind, column, name)
            for names, kind in ((past, "past"), (future, "known"))
            for column, name in enumerate(names)
        ]
        self.totals = dict.fromkeys(self.columns, 0)
        self.first: dict[tuple[str, int, str], str] = {}  # where the first one is missing

    def add(self, series: TimeSeries) -> None:
        """Counts the missing covariates of a series."""
        for each in self.columns:
            kind, column, name = each
            missing = np.isnan(getattr(series, kind)[: len(series), column])
            count = int(missing.sum())
            self.totals[each] += count
            if count and each not in self.first:
                [stamp] = series.axis.stamps(int(missing.argmax()), 1)
                self.first[each] = f"{series.where}: series {series.name!r}: no {name} for {stamp}"

    def report(self) -> None:
        """Notifies of missing covariates, which are read as their mean."""
        for each, first in self.first.items():
            total = self.totals[each]
            notify(
                f"{first}; {total:,} {pluralise('value', total)} of {each[2]} missing in all, "
                "read as its mean"
            )


class OddSeries:
    """Series that are too short for training, and constant ones; seen one after another.

    Args:
        name: The names of the files.
    """

    def __init__(self, name: str):
        self.name = name
        self.short: list[tuple[str, str]] = []  # names, and where they are
        self.constant: list[tuple[str, str]] = []
        self.kept = 0

    def keeps(self, series: TimeSeries) -> bool:
        """Whether a series has two values at least, as training needs."""
        where = series.name, series.where
        seen = series.values[~np.isnan(series.values)]
        if len(seen) < 2:
            self.short.append(where)
            return False
        self.kept += 1
        if seen.max() == seen.min():
            self.constant.append(where)
        return True

    def report(self) -> None:
        """Notifies of the series that are left out, and of those that are constant."""
        if self.short:
            notify(
                f"{self.name}: left out, with fewer than two values: series "
                f"{list_series(self.short)}"
            )
        if self.constant:
            notify(f"{self.name}: constant: series {list_series(self.constant)}; they have no MASE")


def list_series(series: Sequence[tuple[str, str]]) -> str:
    """Names of series for a notice: "'a' (train.csv:2), 'b' (train.csv:40) and 7 others"."""
    named = ", ".join(f"{name!r} ({where})" for name, where in series[:MOST_NAMED])
    others = len(series) - MOST_NAMED
    return named + (f" and {others:,} {pluralise('other', others)}" if others > 0 else "")
