"""Vocal tract length perturbation (VTLP): features with a warped frequency axis.

Jaitly and Hinton 2013: vocal tract length perturbation.

D features."""

from __future__ import annotations

from functools import cache

import numpy as np

from ostinato.data.audio.front_end import FILTERS, HIGHEST, LOWEST, FrontEnd, filterbank, to_mel

FORMANTS = 4800.0  # Hz; frequencies up to here are multiplied, those above fill the rest
LOWEST_LOG_MEL = 20.0  # Hz, where kaldi's filters begin


@cache
def warp_matrix(front_end: FrontEnd, per_mille: int) -> np.ndarray:
    """The matrix [D, D] that makes frames [T, D] those of a speaker with another vocal tract.

    Log energies are read at warped frequencies, with a straight line between filters; cepstra
    are first turned into the smooth energies that they describe.

    Args:
        front_end: What made the features.
        per_mille: The factor of the frequencies times 1000.
    """
    cepstral = front_end.kind == "mfcc"
    low, high = LOWEST_LOG_MEL, front_end.rate / 2
    bins = front_end.bins
    if cepstral:
        low, high, bins = LOWEST, min(HIGHEST, 0.425 * front_end.rate), FILTERS
    centres = np.linspace(to_mel(low), to_mel(high), bins + 2)[1:-1]
    hertz = 700 * (10 ** (centres / 2595) - 1)
    sources = np.array([to_mel(each) for each in warp(hertz, per_mille / 1000, front_end.rate)])
    # reading[j, k]: the share of filter k in what is read at the warped centre of filter j
    places = np.interp(sources, centres, np.arange(bins))
    reading = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(bins)))  # [bins, bins]
    if not cepstral:
        return reading.T.astype(np.float32)
    cosines = filterbank(front_end.rate).cosines  # [bins, D]
    return (np.linalg.pinv(cosines) @ reading.T @ cosines).astype(np.float32)


def warp(hertz: np.ndarray, factor: float, rate: int) -> np.ndarray:
    """Frequencies times `factor` up to the formants' bound, then straight to half the rate."""
    half = rate / 2
    bound = min(FORMANTS, 0.8 * half) * min(factor, 1.0) / factor
    above = half - (half - bound * factor) / (half - bound) * (half - hertz)
    return np.where(hertz <= bound, hertz * factor, above)
