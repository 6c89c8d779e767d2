"""The seasonal period of series, detected by their autocorrelation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_SERIES = 100  # looked at, evenly spaced
LONGEST = 4000  # steps looked at of each, the last ones
Z = 1.645  # 90 % significance, as in the M4 competition's test


def autocorrelation(values: np.ndarray, most: int) -> np.ndarray:
    """r[1], ..., r[most] of a series [T] without missing values."""
    centred = values - values.mean()
    size = 1 << (2 * len(values) - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    products = np.fft.irfft(power, size)[: most + 1]
    return products[1:] / products[0] if products[0] > 0 else np.zeros(most)


def is_seasonal(values: np.ndarray, season: int) -> bool:
    """Whether the autocorrelation at lag `season` is significant at 90 %.

    The test of the M3 and M4 competitions' Theta method (Fiorucci et al. 2016): |r_m| above
    1.645 sqrt((1 + 2 sum of r_i^2, i < m) / n), for at least three seasons.
    """
    values = values[~np.isnan(values)]
    if season < 2 or len(values) < 3 * season or np.ptp(values) == 0:
        return False
    r = autocorrelation(values, season)
    limit = Z * np.sqrt((1 + 2 * (r[:-1] ** 2).sum()) / len(values))
    return bool(abs(r[-1]) > limit)


def find_season(series: Sequence[np.ndarray], usual: int) -> int:
    """The seasonal period in steps, 1 for none.

    Args:
        series: Their values [T].
        usual: That of the frequency, such as 24 for hours; 1 where the time stamps tell nothing,
            and then the highest peak of the mean autocorrelation is looked for.
    """
    chosen = series[:: max(1, len(series) // MOST_SERIES)][:MOST_SERIES]
    looked_at = [values[~np.isnan(values)][-LONGEST:] for values in chosen]
    looked_at = [values for values in looked_at if len(values) > 3 and np.ptp(values) > 0]
    if not looked_at:
        return usual
    if usual > 1:
        long = [values for values in looked_at if len(values) >= 3 * usual]
        detrended = [values[1:] - values[:-1] for values in long]
        votes = sum(is_seasonal(values, usual) for values in detrended)
        return usual if not long or 2 * votes >= len(long) else 1
    most = min(400, min(len(values) for values in looked_at) // 3)
    if most < 3:
        return 1
    r = np.mean([autocorrelation(np.diff(values), most) for values in looked_at], 0)
    peaks = [lag for lag in range(2, most) if r[lag - 1] >= max(r[lag - 2], r[lag]) > -1]
    best = max(peaks, key=lambda lag: r[lag - 1], default=1)
    votes = sum(is_seasonal(np.diff(values), best) for values in looked_at) if best > 1 else 0
    return best if r[best - 1] > 0.2 and 2 * votes >= len(looked_at) else 1
