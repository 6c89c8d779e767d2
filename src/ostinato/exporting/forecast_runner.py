"""Runs an exported forecaster with NumPy alone.

    python runner.py history.csv       # in the folder with program.json and weights.npz
    python runner.py < history.csv     # rows date,value or value alone -> the forecast as CSV

    from runner import Runner
    runner = Runner("folder")
    runner.predict([3.1, 2.9, 3.4])    # the past, oldest first -> coming values, intervals
    runner.predict({"ds": ["2026-01-01", "2026-01-02"], "y": [3.1, 2.9], "unique_id": "shop 1"})

This file and operations.py need Python 3.9 and NumPy 1.22 or later, and nothing else.
"""

import csv
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from ostinato.exporting import runner as operations

DAY = 86_400


def softplus(x):
    return np.logaddexp(0, x)


def days_in_month(year, month):
    return (datetime(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day


def move(last, steps, unit, count, month_end):
    """The date `steps` steps after `last`; before it where they are negative."""
    if unit == "second":
        return last + timedelta(seconds=count * steps)
    if unit == "month":
        number = last.year * 12 + last.month - 1 + count * steps
        year, month = number // 12, number % 12 + 1
        longest = days_in_month(year, month)
        return last.replace(
            year=year, month=month, day=longest if month_end else min(last.day, longest)
        )
    weeks, days = divmod(last.weekday() + steps, 5)  # business days
    return last + timedelta(days=7 * weeks + days - last.weekday())


SHARES = {  # of a period that is over at a date
    "minute of hour": lambda date: (60 * date.minute + date.second) / 3600,
    "hour of day": lambda date: (3600 * date.hour + 60 * date.minute + date.second) / DAY,
    "day of week": lambda date: date.weekday() / 7,
    "day of month": lambda date: (date.day - 1) / 31,
    "day of year": lambda date: (date.timetuple().tm_yday - 1) / 366,
}


class Runner(operations.Runner):
    """A forecaster of one folder."""

    op_constant = staticmethod(lambda step, w, state: w["table"])
    op_repeat = staticmethod(lambda step, w, state, x: np.repeat(x, step["rows"], 0))
    op_stack = staticmethod(lambda step, w, state, x: x.reshape(len(x) // step["factor"], -1))
    op_unstack = staticmethod(lambda step, w, state, x: x.reshape(len(x) * step["factor"], -1))

    def op_rows(self, step, w, state, x):
        count = step["count"]
        return np.pad(x[:count], [(0, max(0, count - len(x))), (0, 0)])

    def op_each(self, step, w, state, x):
        W, R, B = (w[role][0] for role in "WRB")
        begin = [state[name] for name in step["states"]]
        rows = [self.direction(step, W, R, B, row[None], begin)[0] for row in x]
        return np.concatenate(rows)

    def op_quantiles(self, step, w, state, x):
        middle = step["middle"]
        steps = softplus(x - 3)
        center = x[:, middle : middle + 1]
        above = center + np.cumsum(steps[:, middle + 1 :], 1)
        below = center - np.cumsum(steps[:, :middle][:, ::-1], 1)[:, ::-1]
        return np.concatenate([below, center, above], 1)

    def predict(self, value):
        """The past of a series -> {"prediction": [...], "lo-80": [...], "hi-80": [...], ...}"""
        given = value if isinstance(value, dict) else {"y": value}
        values = np.array([np.nan if each is None else each for each in given["y"]], np.float64)
        if np.isnan(values).all():
            raise ValueError("the series has no value")
        name = given.get("unique_id", "")
        window = values[-self.about["look_back"] :]
        centre, scale = self.measure(name, values, window)
        scaled = (self.transform(window) - centre) / scale
        seen = ~np.isnan(scaled)
        anchor = scaled[seen][-1] if self.about["anchor"] and seen.any() else 0.0
        inputs, dates = self.inputs(np.where(seen, scaled - anchor, 0), seen, given)
        names = self.about["names"]
        known = self.about["embedded"] and name in names
        inputs["series"] = [names.index(name) + 1 if known else 0]
        raw = self.run(inputs)[0].astype(np.float64)
        quantiles = self.correct(self.inverse(raw * scale + centre + anchor * scale), values)
        return self.describe(quantiles, dates)

    def inputs(self, scaled, seen, given):
        """What the network reads of the scaled window, and the dates of the steps ahead."""
        about, steps, horizon = self.about, len(scaled), self.about["horizon"]
        look_back = about["look_back"]
        past = np.zeros((look_back, 1 + about["masked"] + 2 * len(about["calendar"])), np.float32)
        past[look_back - steps :, 0] = scaled
        if about["masked"]:
            past[look_back - steps :, 1] = seen
        inputs, dates = {"past": past, "window": past[:, 0][None].copy()}, None
        if given.get("ds"):
            last = datetime.fromisoformat(str(given["ds"][-1]).strip()).replace(tzinfo=None)
            around = [
                move(last, step, *about["frequency"]) for step in range(1 - steps, horizon + 1)
            ]
            dates = around[steps:]
        if about["calendar"]:
            if dates is None:
                raise ValueError("this model reads the calendar: give the dates, too")
            angles = [
                [2 * np.pi * SHARES[name](date) for name in about["calendar"]] for date in around
            ]
            both = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(len(angles), -1)
            past[look_back - steps :, 1 + about["masked"] :] = both[:steps]
            inputs["coming"] = both[steps:].astype(np.float32)
        return inputs, dates

    def transform(self, values):
        if self.about["scaling"] != "log":
            return values
        return np.log(np.maximum(values + (self.about["smallest"] <= 0), 1e-6))

    def inverse(self, values):
        if self.about["scaling"] != "log":
            return values
        return np.exp(np.minimum(values, 700)) - (self.about["smallest"] <= 0)

    def measure(self, name, values, window):
        """(centre, scale) of the window, or of the series in training."""
        about = self.about
        if about["scales"]:
            if name in about["names"]:
                return about["scales"][about["names"].index(name)]
            window = values
        seen = self.transform(window)
        seen = seen[~np.isnan(seen)]
        how = about["scaling"]
        if how == "none" or not len(seen):
            return 0.0, 1.0
        if how == "mean":
            return 0.0, positive(np.abs(seen).mean(), 1.0)
        if how == "log":
            return seen.mean(), 1.0
        if how == "robust":
            low, middle, high = np.quantile(seen, [0.25, 0.5, 0.75])
            return middle, positive((high - low) / 1.349, seen.std())
        return seen.mean(), positive(seen.std(), abs(seen.mean()))

    def correct(self, quantiles, values):
        """Quantiles with the correction of the held-back windows, in order; the median stays."""
        unit = 0.0
        for lag in (self.about["season"], 1):
            errors = np.abs(values[lag:] - values[:-lag])
            errors = errors[~np.isnan(errors)]
            if len(errors):
                unit = errors.mean()
                break
        middle = self.about["levels"].index(0.5)
        moved = quantiles + unit * np.array(self.about["correction"])
        moved[:, middle] = quantiles[:, middle]
        moved[:, middle:] = np.maximum.accumulate(moved[:, middle:], 1)
        moved[:, : middle + 1] = np.minimum.accumulate(moved[:, middle::-1], 1)[:, ::-1]
        return moved

    def describe(self, quantiles, dates):
        levels = self.about["levels"]
        found = {"prediction": quantiles[:, levels.index(0.5)].tolist()}
        for name, low, high in (("80", 0.1, 0.9), ("95", 0.025, 0.975)):
            found["lo-" + name] = quantiles[:, levels.index(low)].tolist()
            found["hi-" + name] = quantiles[:, levels.index(high)].tolist()
        if dates is None:
            return found
        unit, count, _ = self.about["frequency"]
        hours = unit == "second" and count % DAY
        return {
            "ds": [date.isoformat(" ") if hours else str(date.date()) for date in dates],
            **found,
        }


def positive(scale, otherwise):
    if scale > 1e-9 * max(1e-12, abs(otherwise)):
        return float(scale)
    return float(otherwise) if otherwise > 0 else 1.0


def read(lines):
    """Reads rows of date,value or of a value alone into what `predict` takes.

    The name of the series, by which a model may know its scale, is the header of the value column,
    or the first of three columns.
    """
    rows, name = [row for row in csv.reader(lines) if row], ""

    def number(text):
        return float(text) if text.strip() else None

    try:
        number(rows[0][-1] if rows else "")
    except ValueError:
        name = rows.pop(0)[-1].strip()
    if not rows:
        raise ValueError("no rows; expected date,value or a value on each line")
    several = {row[0] for row in rows if len(row) == 3}
    if len(several) > 1:
        raise ValueError("rows of several series; give those of one")
    given = {"y": [number(row[-1]) for row in rows], "unique_id": "".join(several) or name}
    return {**given, "ds": [row[-2] for row in rows]} if len(rows[0]) > 1 else given


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8-sig") if sys.argv[1:] else sys.stdin.read()
    try:
        answer = Runner(Path(__file__).parent).predict(read(text.splitlines()))
    except ValueError as error:  # from float() or from a date that does not parse
        print(error, file=sys.stderr)
        sys.exit(2)
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow("forecast" if name == "prediction" else name for name in answer)
    table.writerows(zip(*answer.values()))
