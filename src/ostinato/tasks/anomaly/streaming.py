"""A series watched while it grows: of each new value the score, and whether there is an alarm."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.cells.state import State
from ostinato.data.series.time_series import TimeSeries, parse_values
from ostinato.errors import InputError
from ostinato.tasks.anomaly.alarms import Alarms
from ostinato.tasks.anomaly.features import WARM_UP, make_features, season_of
from ostinato.tasks.anomaly.scoring import LONGEST, score_surprise
from ostinato.tasks.shared.streamer import Streamer, restore_state


class Watched(NamedTuple):
    """What is carried from value to value.

    Attributes:
        counts: [1, 2]: the steps so far, and those since the last alarm.
        values: The last values [1, n] float64, which standardise the next one.
        surprises: -log p of the last values [1, m] float64, NaN where there is none.
        recurrent: The state of the network.
    """

    counts: Tensor
    values: Tensor
    surprises: Tensor
    recurrent: State


class AnomalyStreamer(Streamer):
    """Scores of values as they arrive, by the past alone: those that `predict` gives for the whole
    series, but for rounding.

    Args:
        options: Of the task.
        threshold: The score from which on there is an alarm.
        network: A PointForecaster.
    """

    item = "a value of the series, or a list of values; null where one is missing"

    def __init__(self, options: Any, threshold: float, network: Any):
        self.options, self.threshold, self.network = options, threshold, network
        season = season_of(options, TimeSeries("series", np.zeros(0)))
        self.kept = max(options.memory, season, WARM_UP) + 1
        self.remembered = LONGEST + options.smooth

    @torch.no_grad()
    def start(self) -> State:
        return Watched(
            torch.tensor([[0, self.options.hold_off + 1]]),
            torch.zeros(1, 0, dtype=torch.float64),
            torch.zeros(1, 0, dtype=torch.float64),
            self.network.recurrent.initial_state(1),
        )

    def parse(self, item: Any) -> np.ndarray:
        if isinstance(item, bool):
            raise InputError(f"expected a number; got {item}")
        one = item is None or isinstance(item, int | float | np.number)
        return parse_values([item] if one else item)

    @torch.inference_mode()
    def feed(self, item: np.ndarray, state: Any) -> tuple[Alarms, State]:
        steps, since = state.counts[0].tolist()
        history = state.values[0].numpy()
        values = np.concatenate([history, item])
        features = make_features(self.options, TimeSeries("series", values))
        new = slice(len(history), None)
        mean, scale = features.mean[new], features.scale[new]
        losses, expected, recurrent = self.surprise(
            features.inputs[new], features.targets[new], state.recurrent
        )
        surprises = np.concatenate([state.surprises[0].numpy(), losses])
        scores = score_surprise(surprises, self.options.smooth)[len(state.surprises[0]) :]
        alarms = np.zeros(len(item), dtype=bool)
        for step, score in enumerate(scores):
            since += 1
            if score >= self.threshold and since > self.options.hold_off:
                alarms[step], since = True, 0
        answer = Alarms(
            "series",
            [str(steps + number) for number in range(1, len(item) + 1)],
            item,
            expected * scale + mean,
            scores,
            alarms,
            scale,
            -losses - np.log(scale),
        )
        since = min(since, self.options.hold_off + 1)
        carried = Watched(
            torch.tensor([[steps + len(item), since]]),
            torch.from_numpy(values[-self.kept :].copy())[None],
            torch.from_numpy(surprises[-self.remembered :].copy())[None],
            recurrent,
        )
        return answer, carried

    def surprise(
        self, inputs: np.ndarray, targets: np.ndarray, recurrent: State
    ) -> tuple[np.ndarray, np.ndarray, State]:
        """-log p of new steps and what was expected of them, standardised; the state after them."""
        if not len(inputs):
            return np.zeros(0), np.zeros(0), recurrent
        location, scale, recurrent = self.network.distributions(
            torch.from_numpy(inputs)[None], recurrent
        )
        wanted = torch.from_numpy(targets)[None]
        found = self.network.surprise(wanted.nan_to_num(), location, scale)[0].double().numpy()
        found[np.isnan(targets)] = np.nan
        return found, location[0].double().numpy(), recurrent

    def from_tensors(self, tensors: dict[str, Tensor]) -> State:
        like = self.start()
        own = {name: each for name, each in tensors.items() if name not in ("1", "2")}
        given = [tensors.get("1"), tensors.get("2")]
        for values, most in zip(given, (self.kept, self.remembered), strict=True):
            fits = values is not None and values.dtype == torch.float64 and values.dim() == 2
            if values is None or not fits or len(values) != 1 or values.shape[1] > most:
                raise InputError("the state is not of this model: a tensor has another shape")
            if bool(torch.isinf(values).any()):
                raise InputError("the state has numbers that are not finite")
        filled = {"1": like.values, "2": like.surprises}
        found = restore_state({**own, **filled}, like)
        if int(found.counts.min()) < 0 or int(found.counts.max()) > 1 << 60:
            raise InputError("the state is not of this model: its counts are no counts")
        return found._replace(values=given[0].clone(), surprises=given[1].clone())
