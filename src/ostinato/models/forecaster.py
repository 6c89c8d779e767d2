"""Past values to future values: windows of L steps in, quantiles of the H steps after them out.

What all forecasters have in common: the levels of the quantiles, the pinball loss, the correction
that was measured on held-out windows. Letters: B batch, L look-back, H horizon, D features of a
step, K of them known in the future, Q quantile levels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.models.inspectable import RecurrentPart, name_parts
from ostinato.models.loss import Loss, full_precision, require_targets
from ostinato.models.window_features import WindowFeatures

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
MEDIAN = LEVELS.index(0.5)


class Forecaster(nn.Module):
    """The base of all forecasters: quantiles, their loss, and what was learned from held-out
    windows.

    Args:
        look_back: L.
        horizon: H.

    Buffers:
        correction: Added to the quantiles in units of the in-sample seasonal error [H, Q], so that
            on held-out windows each quantile is exceeded as often as it says.
        persistence: The correlation of consecutive errors of one forecast, for scenarios.
        share: Of the network's correction of a reference forecast, chosen on held-out windows;
            only where there is one.
    """

    features: WindowFeatures
    correction: Tensor
    persistence: Tensor
    share: Tensor | None
    score_name = "the forecast (median, in the scale of the window)"  # of `step_scores`

    def __init__(self, look_back: int, horizon: int, *, reference: bool = False):
        super().__init__()
        self.look_back, self.horizon = look_back, horizon
        self.register_buffer("share", torch.ones(()) if reference else None)
        self.register_buffer("correction", torch.zeros(horizon, len(LEVELS)))
        self.register_buffer("persistence", torch.zeros(()))

    def quantiles(self, batch: Batch) -> Tensor:
        """A batch of windows [B, L + H, D] -> the quantiles of LEVELS, ascending, [B, H, Q]"""
        raise NotImplementedError

    def add_reference(self, quantiles: Tensor, inputs: Tensor) -> Tensor:
        """Quantiles [B, H, Q] of the error of a reference forecast -> of the values themselves.

        The median is moved by a share of the correction, the others keep their distance from it."""
        if self.share is None:
            return quantiles
        reference = self.features.read_known(inputs, self.look_back)[..., :1]
        middle = quantiles[..., MEDIAN : MEDIAN + 1]
        return reference + quantiles + (self.share - 1) * middle

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The pinball loss of all quantiles, summed over the steps that have a value."""
        return pinball_loss(self.quantiles(batch), require_targets(batch))

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The recurrent layers; a linear map has none."""
        return name_parts(self)

    @torch.no_grad()
    def own_targets(self, batch: Batch) -> Tensor:
        """The forecast: the median of each step ahead [B, H]."""
        return self.quantiles(batch)[..., MEDIAN]

    def step_scores(self, batch: Batch) -> Tensor:
        """The forecast itself, as there is no density: the median of each step ahead [B, H]."""
        return self.quantiles(batch)[..., MEDIAN]


def pinball_loss(quantiles: Tensor, targets: Tensor) -> Loss:
    """The mean over Q levels of twice the pinball loss, summed over the targets that are not NaN.

    Args:
        quantiles: [B, H, Q]
        targets: [B, H]
    """
    seen = ~targets.isnan()
    levels = quantiles.new_tensor(LEVELS)
    errors = torch.where(seen, targets, 0.0).unsqueeze(-1) - quantiles
    losses = 2 * torch.maximum(levels * errors, (levels - 1) * errors).mean(-1)
    return Loss((losses * seen).sum(), int(seen.sum()))


def order_quantiles(raw: Tensor) -> Tensor:
    """Q free numbers [..., Q] -> ascending quantiles: the median, and positive steps away from
    it.
    """
    raw = full_precision(raw)
    middle = raw[..., MEDIAN : MEDIAN + 1]
    above = middle + functional.softplus(raw[..., MEDIAN + 1 :] - 3).cumsum(-1)
    below = functional.softplus(raw[..., :MEDIAN] - 3).flip(-1).cumsum(-1).flip(-1)
    return torch.cat([middle - below, middle, above], -1)
