"""Which columns of a table of series hold the names, the times, the values and the covariates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostinato.errors import InputError, nearest

ALIASES = {
    "unique_id": ("unique_id", "series_id", "item_id", "series", "id"),
    "ds": ("ds", "date", "timestamp", "datetime", "time", "month", "day", "year", "week"),
    "y": ("y", "value", "target"),
    "anomaly": ("anomaly", "is_anomaly", "label"),
}


@dataclass(frozen=True)
class SeriesColumns:
    """Which columns hold what.

    Args:
        series: The column of `unique_id`; None: by its usual names.
        time: That of `ds`.
        target: That of `y`.
        past: Covariates known up to the present only.
        future: Covariates known in the future.
        static: Covariates that do not change within a series.
        static_optional: Whether a table may lack static covariates, which are unknown then: where
            a trained model is used.
        labelled: Whether a column `anomaly` holds labels.
        regular: Whether time stamps must be regular; otherwise rows are steps.
        named_by_file: Whether a series without a name is named after its file, not its column.
    """

    series: str | None = None
    time: str | None = None
    target: str | None = None
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    static_optional: bool = False
    labelled: bool = False
    regular: bool = True
    named_by_file: bool = False

    def find(self, role: str, header: Sequence[str], where: str) -> str | None:
        """The name of the column with this role, or None."""
        named = {"unique_id": self.series, "ds": self.time, "y": self.target}.get(role)
        if named is not None:
            if named not in header:
                raise InputError(f"{where}: no column {named!r}{nearest(named, header)}")
            return named
        lowered = {name.lower(): name for name in reversed(header)}
        return next((lowered[name] for name in ALIASES[role] if name in lowered), None)
