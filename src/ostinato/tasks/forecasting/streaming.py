"""A series forecast while it grows: after each value the next steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.series.time_series import parse_values
from ostinato.errors import InputError
from ostinato.tasks.shared.streamer import Streamer

KEPT = 20_000  # values of the past that are kept, at least


class ForecastingStreamer(Streamer):
    """The state is the last values [1, n] float64, NaN where missing: of most models the window
    that they look back on, and what the scale of their intervals is measured on.

    Args:
        predict: (network, records) -> Forecasts.
        as_record: Values -> a Window.
        network: The trained network.
        kept: Values that are kept; older ones are forgotten.
    """

    item = "a value of the series, or a list of values; null where one is missing"

    def __init__(
        self,
        predict: Callable[[nn.Module, Sequence[Any]], list[Any]],
        as_record: Callable[[Any], Any],
        network: nn.Module,
        *,
        kept: int = KEPT,
    ):
        self.predict, self.as_record, self.network, self.kept = predict, as_record, network, kept

    def start(self) -> State:
        return (torch.zeros(1, 0, dtype=torch.float64),)

    def parse(self, item: Any) -> np.ndarray:
        if isinstance(item, bool):
            raise InputError(f"expected a number; got {item}")
        one = item is None or isinstance(item, int | float | np.number)
        return parse_values([item] if one else item)

    def feed(self, item: np.ndarray, state: State) -> tuple[Any, State]:
        return self.feed_all([item], [state])[0]

    def feed_all(
        self, items: Sequence[np.ndarray], states: Sequence[State]
    ) -> list[tuple[Any, State]]:
        histories = [
            np.concatenate([state[0][0].numpy(), item])[-self.kept :]
            for item, state in zip(items, states, strict=True)
        ]
        answers = self.predict(self.network, [self.as_record(each) for each in histories])
        return [
            (answer, (torch.from_numpy(each)[None],))
            for answer, each in zip(answers, histories, strict=True)
        ]

    def from_tensors(self, tensors: dict[str, Tensor]) -> State:
        values = tensors.get("0")
        fits = values is not None and len(tensors) == 1 and values.dtype == torch.float64
        if values is None or not fits or values.dim() != 2 or len(values) != 1:
            raise InputError("the state is not of this model: expected values [1, n]")
        if values.shape[1] > self.kept or bool(torch.isinf(values).any()):
            raise InputError("the state is not of this model: too many values, or infinite ones")
        return (values.clone(),)
