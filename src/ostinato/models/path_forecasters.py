"""Autoregressive forecasters of counts (negative binomial) and of any distribution (quantiles).

Letters as in `models.forecaster`; S paths, N = B S rows, U steps.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ostinato.models.autoregressive_forecaster import AutoregressiveForecaster
from ostinato.models.forecaster import LEVELS, order_quantiles


class CountForecaster(AutoregressiveForecaster):
    """A negative binomial likelihood for counts (DeepAR, its equations for nu, mu and alpha).

    Windows hold counts divided by a scale; the last static feature is its logarithm. The mean is
    the scale times a positive number, the variance is mean + dispersion mean^2.
    """

    def counts_of(self, raw: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """(mean, dispersion) of the counts, in units of 1."""
        mean, dispersion = functional.softplus(raw).clamp(1e-6, 1e6).unbind(-1)
        return mean * scale, (dispersion / scale.sqrt()).clamp(1e-4, 1e4)

    def losses(self, values: Tensor, raw: Tensor, inputs: Tensor) -> Tensor:
        scale = inputs[..., -1].exp()
        mean, dispersion = self.counts_of(raw, scale)
        return negative_binomial((values * scale).round(), mean, dispersion)

    def draw_noise(self, paths: int, seed: int, like: Tensor) -> Tensor:
        """The seed of each step's random numbers, the same for all paths [S, H]."""
        generator = torch.Generator().manual_seed(seed)
        seeds = torch.randint(2**24, (self.horizon,), generator=generator)
        return seeds.to(like).expand(paths, -1)

    def draw(self, raw: Tensor, noise: Tensor, static: Tensor, paths: int) -> Tensor:
        """Poisson counts whose rates are gamma distributed: a negative binomial distribution."""
        scale = static[..., -1].exp()
        mean, dispersion = (part.cpu() for part in self.counts_of(raw, scale))
        drawn = []
        # each series has a generator of its own, so that no forecast depends on the batch
        for rows in torch.arange(len(raw)).split(paths):
            generator = torch.Generator().manual_seed(int(noise[rows[0]]))
            size = 1 / dispersion[rows]
            rates = torch._standard_gamma(size, generator=generator) * mean[rows] / size
            drawn.append(torch.poisson(rates.clamp(max=1e9), generator=generator))
        return torch.cat(drawn).to(raw) / scale


def negative_binomial(counts: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    """-log p of counts; the variance is mean + dispersion mean^2."""
    size = 1 / dispersion
    product = dispersion * mean
    constant = torch.lgamma(counts + size) - torch.lgamma(counts + 1) - torch.lgamma(size)
    return -(constant - size * torch.log1p(product) + counts * (product / (1 + product)).log())


class QuantilePathForecaster(AutoregressiveForecaster):
    """Quantiles of the next value instead of a likelihood, learned by the pinball loss.

    A path draws each value between the quantiles, and beyond the outermost as far again.
    """

    numbers = len(LEVELS)

    def losses(self, values: Tensor, raw: Tensor, inputs: Tensor) -> Tensor:
        levels = raw.new_tensor(LEVELS)
        errors = values.unsqueeze(-1) - order_quantiles(raw)
        return 2 * torch.maximum(levels * errors, (levels - 1) * errors).mean(-1)

    def draw_noise(self, paths: int, seed: int, like: Tensor) -> Tensor:
        """Uniform numbers [S, H]."""
        generator = torch.Generator().manual_seed(seed)
        return torch.rand(paths, self.horizon, generator=generator).to(like)

    def draw(self, raw: Tensor, noise: Tensor, static: Tensor, paths: int) -> Tensor:
        quantiles = order_quantiles(raw)
        levels = raw.new_tensor(LEVELS)
        right = torch.searchsorted(levels, noise.contiguous()).clamp(1, len(LEVELS) - 1)
        left = right - 1
        share = ((noise - levels[left]) / (levels[right] - levels[left])).clamp(-1, 2)
        low = quantiles.gather(-1, left.unsqueeze(-1)).squeeze(-1)
        high = quantiles.gather(-1, right.unsqueeze(-1)).squeeze(-1)
        return low + share * (high - low)


AUTOREGRESSIVE: dict[str, type[AutoregressiveForecaster]] = {
    "gaussian": AutoregressiveForecaster,
    "student-t": AutoregressiveForecaster,
    "negative-binomial": CountForecaster,
    "quantiles": QuantilePathForecaster,
}
