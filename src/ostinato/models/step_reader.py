"""Windows as an autoregressive network reads them, step by step, whole or in chunks that continue.

Letters as in `models.forecaster`; U steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.data.batching.batch import Batch
from ostinato.models.loss import require_targets
from ostinato.models.window_features import WindowFeatures


@dataclass(frozen=True)
class StepBatch(Batch):
    """Consecutive steps as the network reads them [B, U, width], and their values [B, U], NaN where
    there is none."""


class StepReader(NamedTuple):
    """What a step reads: the value before it, the value a season before it, and what is known of
    it.

    Attributes:
        features: What a step of a window holds; covariates of the past alone are not read.
        look_back: L.
        horizon: H.
        season: The lag of the second value; 1 for none.
    """

    features: WindowFeatures
    look_back: int
    horizon: int
    season: int

    @property
    def lag(self) -> int:
        """The season, where the window has one; else 1."""
        return self.season if self.season < self.look_back else 1

    @property
    def width(self) -> int:
        """Numbers that a step reads."""
        return 3 + self.features.known + self.features.static

    def outside(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """(what is known of each step [B, L + H, K], static features [B, static])"""
        start = 2 + self.features.past
        known = inputs[..., start : start + self.features.known]
        return known, self.features.read_static(inputs)

    def read_steps(
        self, values: Tensor, seen: Tensor, steps: Tensor, known: Tensor, static: Tensor
    ) -> Tensor:
        """The inputs of some steps [B, U, width].

        Args:
            values: [B, at least all steps before the last one], 0 where missing.
            seen: Whether a value is there, 1 or 0, likewise.
            steps: Numbers of the steps [U], 1 or more.
            known: What is known of them [B, U, K].
            static: [B, static]
        """
        season = (steps - self.lag).clamp(min=0)
        reaches = (steps >= self.lag).to(values.dtype)
        parts = [values[:, steps - 1], seen[:, steps - 1], values[:, season] * reaches]
        static = static.unsqueeze(1).expand(-1, len(steps), -1)
        return torch.cat([torch.stack(parts, -1), known, static], -1)

    def read_window(self, batch: Batch) -> StepBatch:
        """Windows with their futures as steps 1 to L + H - 1; what is not to be learned is NaN."""
        targets = require_targets(batch)
        seen = torch.cat([batch.inputs[:, : self.look_back, 1] > 0, ~targets.isnan()], 1)
        values = torch.cat([batch.inputs[:, : self.look_back, 0], targets.nan_to_num()], 1)
        seen, values = seen[:, : self.look_back + self.horizon], values * seen
        known, static = self.outside(batch.inputs)
        steps = torch.arange(1, values.shape[1], device=values.device)
        inputs = self.read_steps(values, seen.to(values.dtype), steps, known[:, 1:], static)
        wanted = torch.where(seen, values, torch.nan)[:, 1:].clone()
        wanted[:, : min(self.lag, self.look_back // 2)] = torch.nan  # too little is known there
        lengths = torch.full((len(inputs),), inputs.shape[1])
        return StepBatch(inputs, lengths, wanted)

    def count_chunks(self, steps: int) -> int:
        """The chunks of `split_window`."""
        return -(-(self.look_back + self.horizon - 1) // steps)

    def split_window(self, batch: Batch, steps: int) -> Iterator[StepBatch]:
        """Windows in chunks of `steps` steps; all but the first continue the one before."""
        whole = self.read_window(batch)
        targets = require_targets(whole)
        for start in range(0, whole.inputs.shape[1], steps):
            inputs = whole.inputs[:, start : start + steps]
            lengths = torch.full((len(inputs),), inputs.shape[1])
            part = targets[:, start : start + steps]
            yield StepBatch(inputs, lengths, part, continues=start > 0)
