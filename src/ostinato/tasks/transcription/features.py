"""The features that the network reads: normalised, with derivatives, and augmented during
training.

T frames, D features."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

PRIOR = 100.0  # weight of the training mean in the running mean, in frames
REACH = 2  # frames on each side in a derivative
LEAST_DEVIATION = 1e-3


class Statistics(NamedTuple):
    """Mean and standard deviation of the training data's features, [D] each."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, recordings: Iterable[np.ndarray]) -> Statistics:
        """Computes the statistics of the frames of all recordings, [T, D] each."""
        number, total, squares = 0, np.zeros(1), np.zeros(1)
        for each in recordings:
            number += len(each)
            total = total + each.sum(0, dtype=np.float64)
            squares = squares + (each.astype(np.float64) ** 2).sum(0)
        mean = total / number
        return cls(mean, np.sqrt(np.maximum(squares / number - mean**2, LEAST_DEVIATION**2)))


def normalise_recording(frames: np.ndarray) -> np.ndarray:
    """Normalises each feature to mean 0 and standard deviation 1 over the recording [T, D]."""
    if not len(frames):
        return frames
    deviation = np.maximum(frames.std(0, dtype=np.float64), LEAST_DEVIATION)
    return ((frames - frames.mean(0, dtype=np.float64)) / deviation).astype(np.float32)


class RunningNormalisation:
    """Normalises frames by the running mean and the standard deviation of the training data.

    The results do not depend on how a recording is split into chunks.

    mean_t = (PRIOR mean + x_1 + ... + x_t) / (PRIOR + t); with `running=False`, the training mean.
    """

    def __init__(self, statistics: Statistics, *, running: bool):
        self.statistics, self.running = statistics, running
        self.total, self.seen = PRIOR * statistics.mean, 0

    def accept(self, frames: np.ndarray) -> np.ndarray:
        if not len(frames):
            return frames.astype(np.float32)
        mean = self.statistics.mean
        if self.running:
            # starts from the carried sum, so that additions have the same order as for the whole
            totals = np.cumsum(np.concatenate([self.total[None], frames.astype(np.float64)]), 0)[1:]
            numbers = PRIOR + self.seen + np.arange(1, len(frames) + 1)
            mean = totals / numbers[:, None]
            self.total, self.seen = totals[-1], self.seen + len(frames)
        return ((frames - mean) / self.statistics.deviation).astype(np.float32)

    def state(self) -> dict[str, Any]:
        return {"total": self.total.copy(), "seen": self.seen}

    def restore(self, state: dict[str, Any]) -> None:
        self.total, self.seen = np.array(state["total"]), int(state["seen"])


class DeltaStream:
    """Appends the time derivatives of the last `size` features; the first and last frame are
    repeated.


    d_t = sum over k = 1..2 of k (x_{t+k} - x_{t-k}) / 10 (Furui 1986, as in HTK).
    """

    def __init__(self, size: int):
        self.size = size
        self.window: np.ndarray | None = None  # frames that wait for later neighbours

    def accept(self, frames: np.ndarray) -> np.ndarray:
        if self.window is None:
            if not len(frames):
                return np.zeros((0, 0), np.float32)
            self.window = np.repeat(frames[:1], REACH, 0)
        x = np.concatenate([self.window, frames])
        ready = max(0, len(x) - 2 * REACH)
        self.window = x[ready:]
        if not ready:
            return np.zeros((0, x.shape[1] + self.size), np.float32)
        part = x[:, -self.size :]
        norm = np.float32(2 * sum(k * k for k in range(1, REACH + 1)))
        slope = sum(
            np.float32(k) * (part[REACH + k :][:ready] - part[REACH - k :][:ready])
            for k in range(1, REACH + 1)
        )
        return np.concatenate([x[REACH : REACH + ready], slope / norm], 1).astype(np.float32)

    def finish(self) -> np.ndarray:
        if self.window is None:
            return np.zeros((0, 0), np.float32)
        return self.accept(np.repeat(self.window[-1:], REACH, 0))

    def state(self) -> dict[str, Any]:
        return {"window": None if self.window is None else self.window.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        self.window = None if state["window"] is None else np.array(state["window"])


class FeatureStream:
    """Turns chunks of raw features [n, D] of any size into the network's features."""

    def __init__(self, statistics: Statistics, *, running: bool, deltas: int):
        size = len(statistics.mean)
        self.size = size * (deltas + 1)
        self.normalisation = RunningNormalisation(statistics, running=running)
        self.deltas = [DeltaStream(size) for _ in range(deltas)]

    def accept(self, frames: np.ndarray) -> np.ndarray:
        found = self.normalisation.accept(frames)
        for stage in self.deltas:
            found = stage.accept(found)
        return found.reshape(-1, self.size)

    def finish(self) -> np.ndarray:
        """The last frames, which waited for later neighbours."""
        found = np.zeros((0, self.size), np.float32)
        for number, stage in enumerate(self.deltas):
            rest = found if number and found.size else None
            parts = [] if rest is None else [stage.accept(rest)]
            parts.append(stage.finish())
            found = np.concatenate([part for part in parts if part.size] or [found])
        return found.reshape(-1, self.size)

    def state(self) -> dict[str, Any]:
        return {
            "normalisation": self.normalisation.state(),
            "deltas": [stage.state() for stage in self.deltas],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.normalisation.restore(state["normalisation"])
        for stage, own in zip(self.deltas, state["deltas"], strict=True):
            stage.restore(own)


def add_deltas(frames: np.ndarray, deltas: int) -> np.ndarray:
    """Appends derivatives to the features of a whole recording."""
    size = frames.shape[1]
    for _ in range(deltas if len(frames) else 0):
        stage = DeltaStream(size)
        frames = np.concatenate([stage.accept(frames), stage.finish()])
    return frames


def change_speed(frames: np.ndarray, factor: float) -> np.ndarray:
    """Interpolates frames in time as if spoken `factor` times as fast (Ko et al. 2015, here on
    features).
    """
    number = max(1, round(len(frames) / factor))
    if number == len(frames):
        return frames
    places = np.linspace(0, len(frames) - 1, number)
    low = places.astype(np.int64)
    share = (places - low).astype(np.float32)[:, None]
    return frames[low] * (1 - share) + frames[np.minimum(low + 1, len(frames) - 1)] * share


def mask_features(
    frames: np.ndarray,
    draw: np.random.Generator,
    *,
    times: int,
    time_share: float,
    bands: int,
    width: int,
) -> np.ndarray:
    """Sets random time masks and frequency masks to 0, the mean (SpecAugment, Park et al. 2019).

    Args:
        frames: Normalised features [T, D].
        draw: The random generator.
        times: Number of time masks.
        time_share: Longest time mask as a share of T.
        bands: Number of frequency masks.
        width: Widest frequency mask, in features.
    """
    frames = frames.copy()
    steps, size = frames.shape
    for _ in range(times):
        length = int(draw.integers(0, int(time_share * steps) + 1))
        start = int(draw.integers(0, steps - length + 1))
        frames[start : start + length] = 0
    for _ in range(bands):
        length = int(draw.integers(0, min(width, size // 2) + 1))
        start = int(draw.integers(0, size - length + 1))
        frames[:, start : start + length] = 0
    return frames
