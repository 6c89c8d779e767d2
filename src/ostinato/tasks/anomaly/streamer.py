"""An anomaly detector for streams: it scores new values, and the caller holds the state."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.series.time_series import TimeSeries
from ostinato.tasks.anomaly.alarms import Alarms, make_alarms
from ostinato.tasks.anomaly.features import SeriesFeatures
from ostinato.tasks.anomaly.reader import as_labelled
from ostinato.tasks.anomaly.scoring import LONGEST, find_alarms
from ostinato.tasks.shared.series_state import SeriesState, SeriesStreamer, axis_after


class AnomalyStreamer(SeriesStreamer):
    """Scores new values; the state holds the last values, the last errors and the recurrent state.

    Args:
        predictor: An AnomalyPredictor.
        network: The trained network.
    """

    def __init__(self, predictor: Any, network: nn.Module):
        self.predictor, self.network = predictor, network
        options = predictor.options
        # the past that features need: for mean and standard deviation, and for the last season
        self.kept = max(options.memory, int(options.season or 1)) + 2
        self.compared = LONGEST + options.smooth

    def start(self) -> State:
        since = torch.full((1, 1), -1, dtype=torch.int64)  # steps since the last alarm; none yet
        recurrent = self.observe(self.features(SeriesState.empty(self.kept), np.zeros(1)), None)[2]
        zeros = map_zeros(recurrent)
        return (
            SeriesState.empty(self.kept).tensors,
            SeriesState.empty(self.compared).tensors,
            since,
            zeros,
        )

    def features(self, values: SeriesState, new: np.ndarray) -> SeriesFeatures:
        """The features of new steps."""
        series = TimeSeries("series", np.concatenate([values.known, new]))
        found = self.predictor.preprocessing.features(as_labelled(series))
        start = len(series) - len(new)
        return SeriesFeatures(*(part[start:] for part in found))

    def observe(self, features: SeriesFeatures, state: State) -> Any:
        """Runs the network; see `AnomalyPredictor.observe`."""
        return self.predictor.observe(self.network, features, state)

    def feed(self, item: np.ndarray, state: State) -> tuple[Alarms, State]:
        held, compared, since, recurrent = state
        values, unusual = SeriesState(held), SeriesState(compared)
        features = self.features(values, item)
        losses, location, recurrent = self.observe(features, recurrent)
        new = self.predictor.unusual(losses, location, features)
        count = len(item)
        everything = np.concatenate([unusual.known, new])
        scores = self.predictor.score_unusual(everything)[len(everything) - count :]
        last = None if int(since) < 0 else int(since) + 1
        options = self.predictor.options
        alarms = find_alarms(
            scores, self.predictor.threshold(self.network), options.hold_off, since=last
        )
        series = TimeSeries("series", item, axis_after(values.count))
        answer = make_alarms(series, features, losses, location, scores, alarms)
        return answer, (
            values.append(item).tensors,
            unusual.append(new).tensors,
            count_since(since, alarms),
            recurrent,
        )


def count_since(since: Tensor, alarms: np.ndarray) -> Tensor:
    """Updates the number of steps since the last alarm (-1: none so far) by new steps' alarms
    [n].
    """
    steps = np.flatnonzero(alarms)
    if len(steps):
        return torch.full_like(since, len(alarms) - 1 - int(steps[-1]))
    return since + len(alarms) if int(since) >= 0 else since


def map_zeros(state: State) -> State:
    """A recurrent state of zeros with the shapes of `state`."""
    if isinstance(state, Tensor):
        return torch.zeros_like(state)
    if isinstance(state, tuple):
        return tuple(map_zeros(part) for part in state)
    return state
