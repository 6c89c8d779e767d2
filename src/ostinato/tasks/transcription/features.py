"""Features as the network reads them: normalised, with their derivatives, and varied while
training.

T frames, D features."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

PRIOR = 100.0  # frames that the training data's mean counts for in the running mean
REACH = 2  # frames on each side that a derivative is computed of
LEAST_DEVIATION = 1e-3


class Statistics(NamedTuple):
    """Mean and standard deviation of the training data's features, [D] each."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, recordings: list[np.ndarray]) -> Statistics:
        """Of the frames of all recordings, [T, D] each."""
        number = sum(len(each) for each in recordings)
        total = sum(each.sum(0, dtype=np.float64) for each in recordings)
        squares = sum((each.astype(np.float64) ** 2).sum(0) for each in recordings)
        mean = total / number
        return cls(mean, np.sqrt(np.maximum(squares / number - mean**2, LEAST_DEVIATION**2)))


def normalise_recording(frames: np.ndarray) -> np.ndarray:
    """Every feature with mean 0 and deviation 1 over the recording."""
    if not len(frames):
        return frames
    deviation = np.maximum(frames.std(0, dtype=np.float64), LEAST_DEVIATION)
    return ((frames - frames.mean(0, dtype=np.float64)) / deviation).astype(np.float32)


class RunningNormalisation:
    """Frames less the mean so far, divided by the training data's deviation; chunks do not matter.

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
            # the sum carried on is the first term: the order of additions is that of the whole
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
    """Frames with the derivatives of their last `size` features; the ends are repeated.

    d_t = sum over k = 1..2 of k (x_{t+k} - x_{t-k}) / 10 (Furui 1986, as in HTK).
    """

    def __init__(self, size: int):
        self.size = size
        self.window: np.ndarray | None = None  # frames whose neighbours are not all known

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
    """Raw features [n, D] -> what the network reads, in chunks of any size."""

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
        """The frames that waited for their neighbours."""
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
    """Whole recordings with their derivatives."""
    size = frames.shape[1]
    for _ in range(deltas if len(frames) else 0):
        stage = DeltaStream(size)
        frames = np.concatenate([stage.accept(frames), stage.finish()])
    return frames


def change_speed(frames: np.ndarray, factor: float) -> np.ndarray:
    """Frames interpolated in time: as many as if spoken `factor` times as fast (Ko et al.
    2015, on features).
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
    """Random stretches of time and bands of features set to 0, the mean (SpecAugment, Park et
    al. 2019).
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
