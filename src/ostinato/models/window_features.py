"""The features of a step of a window that a forecaster reads, and where they are in its inputs.

Letters as in `models.forecaster`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class WindowFeatures(NamedTuple):
    """The features of a step of a window, in this order; the last H steps of a window are the
    future.

    Attributes:
        past: Covariates known up to the present; 0 in the future.
        known: Covariates and calendar features known in the future, too.
        static: Features that do not change.
        series: Series with an embedding; the last feature is the index, 0 for an unknown one.
        masked: Whether values may be missing, so that the network reads which ones are there.
        reference: Whether the first known feature is the forecast of a simple method, which the
            network corrects.
    """

    past: int = 0
    known: int = 0
    static: int = 0
    series: int = 0
    masked: bool = True
    reference: bool = False

    @property
    def size(self) -> int:
        """D: the value, whether it is there, covariates, the series."""
        return 3 + self.past + self.known + self.static

    @property
    def of_step(self) -> int:
        """The features that a network reads of a step of the past."""
        return 1 + self.masked + self.past + self.known

    def read_past(self, inputs: Tensor, look_back: int) -> Tensor:
        """[B, L + H, D] -> [B, L, of_step]"""
        past = inputs[:, :look_back]
        first = past[..., : 1 + self.masked]
        return torch.cat([first, past[..., 2 : 2 + self.past + self.known]], -1)

    def read_known(self, inputs: Tensor, look_back: int) -> Tensor:
        """[B, L + H, D] -> what is known of the future, [B, H, K]"""
        start = 2 + self.past
        return inputs[:, look_back:, start : start + self.known]

    def read_static(self, inputs: Tensor) -> Tensor:
        """[B, L + H, D] -> [B, static]"""
        start = 2 + self.past + self.known
        return inputs[:, 0, start : start + self.static]
