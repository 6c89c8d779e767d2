"""A skip connection from the window to the forecast. Letters as in `models.forecaster`."""

from __future__ import annotations

from torch import Tensor, nn


class WindowSkip(nn.Linear):
    """A linear map of the window that is added to a forecast; it starts as zero."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def of_quantiles(self, inputs: Tensor) -> Tensor:
        """[B, L + H, D] -> what is added to each quantile, [B, H, 1]"""
        return self(inputs[:, : self.in_features, 0]).unsqueeze(-1)
