"""DeepAR (Salinas et al. 2017): a recurrent network whose output is the distribution of the
next value.

Trained by the likelihood of every step given those before (teacher forcing). A forecast draws
paths: each value drawn is the input of the step after it. Letters as in `models.forecaster`; S
paths.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.cells.state import State, map_state
from ostinato.data.batching.batch import Batch
from ostinato.layers.recurrent import Recurrent
from ostinato.models.forecaster import LEVELS, Forecaster, WindowFeatures
from ostinato.models.loss import Loss, require_targets

LIKELIHOODS = ("gaussian", "student-t")


class AutoregressiveForecaster(Forecaster):
    """A recurrent network with a Gaussian or Student t likelihood.

    A step reads the value before it, the value a season before it, and what is known of the step.

    Args:
        cell: The recurrent cell.
        look_back: L.
        horizon: H.
        features: What a step holds; covariates of the past alone are not read.
        hidden_size: Units of each layer.
        season: The lag of the second value that a step reads; 1 for none.
        likelihood: One of LIKELIHOODS.
        paths: S, drawn to estimate the quantiles.
        layers: Recurrent layers.
        dropout: Between layers and before the output layer.
    """

    def __init__(
        self,
        cell: CellType,
        look_back: int,
        horizon: int,
        features: WindowFeatures,
        *,
        hidden_size: int,
        season: int = 1,
        likelihood: str = "student-t",
        paths: int = 200,
        layers: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__(look_back, horizon)
        self.features, self.season, self.likelihood, self.paths = (
            features,
            season if season < look_back else 1,
            likelihood,
            paths,
        )
        width = 3 + features.known + features.static
        self.recurrent = Recurrent(cell, width, hidden_size, layers=layers, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.recurrent.output_size, 2)
        # degrees of freedom are 2 + exp(this), one number for all series and steps
        self.log_freedom = nn.Parameter(torch.tensor(math.log(6.0)))

    @property
    def freedom(self) -> Tensor:
        """The degrees of freedom of the Student t distribution, above 2."""
        return 2 + self.log_freedom.clamp(-3, 5).exp()

    score_name = "log p"  # of `step_scores`

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """-log p of each value that is there, given those before it, in the window and after it."""
        losses, seen = self.losses(batch)
        counted = seen[:, 1:].clone()
        counted[:, : min(self.season, self.look_back // 2)] = False  # too little is known there
        return Loss((losses * counted).sum(), int(counted.sum()))

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """-log p of all values but the first [B, L + H - 1], and which are there [B, L + H]."""
        targets = require_targets(batch)
        seen = torch.cat([batch.inputs[:, : self.look_back, 1] > 0, ~targets.isnan()], 1)
        values = torch.cat([batch.inputs[:, : self.look_back, 0], targets.nan_to_num()], 1)
        seen, values = seen[:, : self.look_back + self.horizon], values * seen
        known, static = self.outside(batch.inputs)
        steps = torch.arange(1, values.shape[1], device=values.device)
        inputs = self.read_steps(values, seen.to(values.dtype), steps, known[:, 1:], static)
        outputs, _ = self.recurrent(inputs)
        location, scale = self.distribution(self.dropout(outputs))
        return self.negative_log_likelihood(values[:, 1:], location, scale), seen

    def step_scores(self, batch: Batch) -> Tensor:
        """log p of each step ahead, given the true values before it [B, H]."""
        losses, seen = self.losses(batch)
        return -(losses * seen[:, 1:])[:, -self.horizon :]

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
        season = (steps - self.season).clamp(min=0)
        reaches = (steps >= self.season).to(values.dtype)
        parts = [values[:, steps - 1], seen[:, steps - 1], values[:, season] * reaches]
        static = static.unsqueeze(1).expand(-1, len(steps), -1)
        return torch.cat([torch.stack(parts, -1), known, static], -1)

    def distribution(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(location, scale) of the next value."""
        location, raw = self.output(hidden).unbind(-1)
        return location, functional.softplus(raw) + 1e-3

    def negative_log_likelihood(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """-log p of each value."""
        z = (values - location) / scale
        if self.likelihood == "gaussian":
            return scale.log() + 0.5 * z * z + 0.5 * math.log(2 * math.pi)
        freedom = self.freedom
        constant = torch.lgamma(freedom / 2) - torch.lgamma((freedom + 1) / 2)
        constant = constant + 0.5 * (freedom * math.pi).log()
        return scale.log() + constant + (freedom + 1) / 2 * torch.log1p(z * z / freedom)

    def draw_noise(self, paths: int, seed: int, like: Tensor) -> Tensor:
        """Standard noise of the likelihood [S, H]: the same for every series, so that no forecast
        depends on what else is in the batch."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(paths, self.horizon, generator=generator)
        if self.likelihood == "student-t":
            freedom = self.freedom.detach().cpu()
            shape = (freedom / 2).expand(paths, self.horizon).contiguous()
            squares = 2 * torch._standard_gamma(shape, generator=generator)  # chi-square
            noise = noise * (freedom / squares).sqrt()
        return noise.to(like)

    def sample_paths(self, batch: Batch, *, paths: int, seed: int) -> Tensor:
        """Sample paths of the H steps after each window, [B, S, H]."""
        rows = len(batch.inputs)
        known, static = self.outside(batch.inputs)
        window = batch.inputs[:, : self.look_back]
        values, seen = window[..., 0], window[..., 1]
        steps = torch.arange(1, self.look_back, device=values.device)
        state = None
        if len(steps):
            inputs = self.read_steps(values, seen, steps, known[:, 1 : self.look_back], static)
            _, state = self.recurrent(inputs)
            state = map_state(lambda part: part.repeat_interleave(paths, 0), state)
        values, seen, known, static = (
            each.repeat_interleave(paths, 0) for each in (values, seen, known, static)
        )
        noise = self.draw_noise(paths, seed, values).repeat(rows, 1)  # [B * S, H]
        for step in range(self.horizon):
            place = torch.tensor([self.look_back + step], device=values.device)
            inputs = self.read_steps(values, seen, place, known[:, place], static)
            outputs, state = self.recurrent(inputs, state=state)
            location, scale = self.distribution(outputs[:, 0])
            drawn = location + scale * noise[:, step]
            values = torch.cat([values, drawn.unsqueeze(1)], 1)
            seen = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
        return values[:, self.look_back :].reshape(rows, paths, self.horizon)

    def quantiles(self, batch: Batch) -> Tensor:
        """The quantiles of sample paths, [B, H, Q]; the same at each call."""
        drawn = self.sample_paths(batch, paths=self.paths, seed=1)
        levels = drawn.new_tensor(LEVELS)
        return drawn.quantile(levels, dim=1).permute(1, 2, 0)
