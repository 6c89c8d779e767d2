"""The dynamic optimised Theta method (Fiorucci, Pellegrini, Louzada, Petropoulos and Koehler 2016).

A series is the mean of two lines, its trend and one with the curvature theta times as strong; the
first is extended, the second is smoothed exponentially. Theta, the smoothing parameter and the
first level are those of the least squared one-step errors. For a given smoothing parameter the
one-step forecasts are linear in the other two, so these are solved for, and only the smoothing
parameter is searched, coarsely and then finely, all series of one length at a time.

N series, K smoothing parameters tried, T steps, H steps ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LONGEST = 1000  # steps: older ones tell nothing
SMOOTHING = np.linspace(0.1, 0.99, 12)  # tried first, between the published bounds
FINER = np.linspace(-1, 1, 9)[
    1:-1
]  # then between the neighbours of the best, in steps of the first
LARGEST_WEIGHT = 1 - 1 / 1000  # of the trend: theta up to 1000
# The published optimisation starts at theta 2, a weight of a half, and ends near it. Errors alone
# would make the trend of many a short series go on for ever, so they are joined by as many steps
# that speak for theta 2: 30 of 0, 3, 10, 30 and 60 was best on the last 18 of the
# training months of M3.
STEPS_FOR_THETA_2 = 30


def forecast_theta(histories: Sequence[np.ndarray], horizon: int, season: int) -> np.ndarray:
    """Forecasts [N, H] of series [T] without missing values.

    Args:
        histories: The series.
        horizon: H.
        season: The period. Series with a significant seasonal autocorrelation are adjusted by
            multiplicative indices, those with values of 0 or below by additive ones.
    """
    recent = [np.asarray(history, dtype=np.float64)[-LONGEST:] for history in histories]
    indices = [seasonal_indices(values, season) for values in recent]
    adjusted = [remove(values, each) for values, each in zip(recent, indices, strict=True)]
    forecasts = np.zeros((len(recent), horizon))
    lengths = np.array([len(values) for values in recent])
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        forecasts[rows] = smooth_theta(np.stack([adjusted[row] for row in rows]), horizon)
    for row, values in enumerate(recent):
        each = indices[row]
        if each is not None:
            index, multiplicative = each
            coming = index[(lengths[row] + np.arange(horizon)) % season]
            forecasts[row] = forecasts[row] * coming if multiplicative else forecasts[row] + coming
        if (values >= 0).all():
            forecasts[row] = forecasts[row].clip(min=0)  # counts, prices: never below 0
    return forecasts


def seasonal_indices(values: np.ndarray, season: int) -> tuple[np.ndarray, bool] | None:
    """(indices [season], whether multiplicative) by classical decomposition; None where not
    seasonal.

    The significance test is that of the M3 and M4 competitions, on the values themselves.
    """
    if season < 2 or len(values) < 3 * season or not has_season(values, season):
        return None
    trend = moving_average(values, season)
    multiplicative = bool((values > 0).all() and (trend[~np.isnan(trend)] > 0).all())
    detrended = values / trend if multiplicative else values - trend
    whole = np.full(-(-len(values) // season) * season, np.nan)
    whole[: len(values)] = detrended
    means = np.nanmean(whole.reshape(-1, season), 0)
    if multiplicative:
        means = means / means.mean()
        if (means < 0.01).any():
            return None
        return means, True
    return means - means.mean(), False


def has_season(values: np.ndarray, season: int) -> bool:
    """Whether the autocorrelation at lag `season` is significant at 90 %."""
    centred = values - values.mean()
    total = (centred**2).sum()
    if total <= 0:
        return False
    r = np.array([(centred[lag:] * centred[:-lag]).sum() / total for lag in range(1, season + 1)])
    return bool(abs(r[-1]) > 1.645 * np.sqrt((1 + 2 * (r[:-1] ** 2).sum()) / len(values)))


def moving_average(values: np.ndarray, season: int) -> np.ndarray:
    """The centred moving average of one season [T], NaN at both ends; of an even season, 2 x m."""
    kernel = np.ones(season) / season
    if season % 2 == 0:
        kernel = np.convolve(kernel, [0.5, 0.5])
    half = len(kernel) // 2
    trend = np.full(len(values), np.nan)
    trend[half : len(values) - half] = np.convolve(values, kernel, mode="valid")
    return trend


def remove(values: np.ndarray, indices: tuple[np.ndarray, bool] | None) -> np.ndarray:
    """The seasonally adjusted series."""
    if indices is None:
        return values
    index, multiplicative = indices
    of_each = index[np.arange(len(values)) % len(index)]
    return values / of_each if multiplicative else values - of_each


def smooth_theta(values: np.ndarray, horizon: int) -> np.ndarray:
    """Forecasts [N, H] of series of one length [N, T], not seasonal.

    The trend that a step's forecast reads is the regression line of the values before it, so that
    it is as uncertain in the errors that are minimised as it will be in the forecast (the dynamic
    form of the paper, its equations 12 to 14).
    """
    number, length = values.shape
    if length < 3:
        return np.repeat(values[:, -1:], horizon, 1)
    lines = regression_lines(values)
    found = search(values, lines, np.broadcast_to(SMOOTHING, (number, len(SMOOTHING))))
    if len(SMOOTHING) > 1:
        step = SMOOTHING[1] - SMOOTHING[0]
        near = (found.alpha[:, None] + FINER * step).clip(SMOOTHING[0], SMOOTHING[-1])
        found = search(values, lines, near)
    return continue_theta(values, horizon, found)


class Fitted(NamedTuple):
    """The parameters of each series [N] and its last level."""

    alpha: np.ndarray
    level: np.ndarray
    weight: np.ndarray


def search(values: np.ndarray, lines: tuple[np.ndarray, np.ndarray], alpha: np.ndarray) -> Fitted:
    """The best of K smoothing parameters of each series [N, K]; see `smooth_theta`."""
    starts, slopes = lines
    number, length = values.shape
    level = np.zeros(alpha.shape)  # of a smoothing that starts from 0
    power = np.ones(alpha.shape)  # (1 - alpha)^t
    sums = np.zeros((6, *alpha.shape))
    for step in range(length):
        if step:  # the first value has no line before it
            trend = extrapolate(alpha, power, starts[:, step - 1, None], slopes[:, step - 1, None])
            left = values[:, step, None] - level
            sums[0] += power * power
            sums[1] += power * trend
            sums[2] += trend * trend
            sums[3] += power * left
            sums[4] += trend * left
            sums[5] += left * left
        level = alpha * values[:, step, None] + (1 - alpha) * level
        power = power * (1 - alpha)
    first, weight, errors = solve(sums, STEPS_FOR_THETA_2 / length)
    rows, best = np.arange(number), errors.argmin(1)
    last = level[rows, best] + power[rows, best] * first[rows, best]
    return Fitted(alpha[rows, best], last, weight[rows, best])


def extrapolate(alpha, power, start, slope) -> np.ndarray:
    """The effect of a line, start + slope t, on a one-step forecast after t steps; power is (1 -
    alpha)^t.
    """
    return power * start + (1 - power * (1 - alpha)) / alpha * slope


def regression_lines(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(start, slope) [N, T] each: the least squares line through the first 1, 2, ..., T values, at
    times 1, 2, ...
    """
    time = np.arange(1.0, values.shape[1] + 1)
    return fit_line(time, values.cumsum(1), (values * time).cumsum(1))


def fit_line(count, total, moment) -> tuple[np.ndarray, np.ndarray]:
    """(start, slope) from the sum of y and of t y, t = 1, ..., count."""
    times, squares = count * (count + 1) / 2, count * (count + 1) * (2 * count + 1) / 6
    spread = np.maximum(count * squares - times**2, 1.0)  # 0 for a single value, whose slope is 0
    slope = (count * moment - times * total) / spread
    return (total - slope * times) / count, slope


def continue_theta(values: np.ndarray, horizon: int, found: Fitted) -> np.ndarray:
    """Forecasts [N, H], each of which takes the place of the value that the next one would read."""
    alpha, level, weight = found
    number, length = values.shape
    time = np.arange(1.0, length + 1)
    total, moment = values.sum(1), (values * time).sum(1)
    forecasts = np.zeros((number, horizon))
    for step in range(horizon):
        count = length + step
        start, slope = fit_line(float(count), total, moment)
        coming = level + weight * extrapolate(alpha, (1 - alpha) ** count, start, slope)
        forecasts[:, step] = coming
        level = alpha * coming + (1 - alpha) * level
        total, moment = total + coming, moment + (count + 1) * coming
    return forecasts


def solve(sums: np.ndarray, prior: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first level, the weight of the trend (1 - 1 / theta), and the squared error, [N, K] each.

    Args:
        sums: Of u u, u d, d d, u r, d r, r r over the steps [6, N, K], where u is the effect of the
            first level on a one-step forecast, d that of the trend, r what is to be explained.
        prior: The share of d d that speaks for a weight of a half.
    """
    uu, ud, dd, ur, dr, rr = sums
    dd, dr, rr = dd + prior * dd, dr + prior * dd / 2, rr + prior * dd / 4
    determinant = uu * dd - ud * ud
    safe = determinant > 1e-9 * uu * dd
    weight = np.where(safe, (uu * dr - ud * ur) / np.where(safe, determinant, 1), 0.0)
    weight = weight.clip(0, LARGEST_WEIGHT)
    first = (ur - weight * ud) / uu
    errors = (
        rr - 2 * (first * ur + weight * dr) + first**2 * uu + 2 * first * weight * ud
    ) + weight**2 * dd
    return first, weight, errors
