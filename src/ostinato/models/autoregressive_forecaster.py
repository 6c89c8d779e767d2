"""DeepAR (Salinas et al. 2017): a recurrent network whose output is the distribution of the
next value.

Trained by the likelihood of every step given those before (teacher forcing). A forecast draws
paths: each value drawn is the input of the step after it. Letters as in `models.forecaster`; S
paths.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.cells.state import State, map_state
from ostinato.data.batching.batch import Batch
from ostinato.layers.recurrent import Recurrent
from ostinato.models.forecaster import LEVELS, Forecaster
from ostinato.models.loss import Loss, full_precision, require_targets
from ostinato.models.step_reader import StepBatch, StepReader
from ostinato.models.window_features import WindowFeatures


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
        likelihood: "gaussian" or "student-t"; `models.path_forecasters` has others.
        paths: S, drawn to estimate the quantiles.
        layers: Recurrent layers.
        dropout: Between layers and before the output layer.
    """

    numbers: ClassVar[int] = 2  # that the output layer gives for each step

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
        self.likelihood, self.paths = likelihood, paths
        self.reader = StepReader(features, look_back, horizon, season)
        width = self.reader.width
        self.recurrent = Recurrent(cell, width, hidden_size, layers=layers, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.recurrent.output_size, self.numbers)
        # degrees of freedom are 2 + exp(this), one number for all series and steps
        self.log_freedom = nn.Parameter(torch.tensor(math.log(6.0)))

    @property
    def freedom(self) -> Tensor:
        """The degrees of freedom of the Student t distribution, above 2."""
        return 2 + self.log_freedom.clamp(-3, 5).exp()

    score_name = "log p"  # of `step_scores`

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """-log p of each value that is there, given those before it, in the window and after it.

        Of a StepBatch, whose steps may continue those of `state`, -log p of its steps."""
        steps = batch if isinstance(batch, StepBatch) else self.reader.read_window(batch)
        losses, counted, state = self.step_losses(steps, state if batch.continues else None)
        # windows are whole; only chunks of them continue
        state = state if isinstance(batch, StepBatch) else None
        return Loss(losses.sum(), int(counted.sum()), state)

    def step_losses(self, steps: StepBatch, state: State = None) -> tuple[Tensor, Tensor, State]:
        """-log p of each step's value [B, U], 0 where there is none; where there is one; the
        state."""
        outputs, state = self.recurrent(steps.inputs, state=state)
        values = require_targets(steps)
        counted = ~values.isnan()
        raw = full_precision(self.output(self.dropout(outputs)))
        losses = self.losses(values.nan_to_num(), raw, steps.inputs)
        return losses * counted, counted, state

    def losses(self, values: Tensor, raw: Tensor, inputs: Tensor) -> Tensor:
        """-log p of values [B, U].

        Args:
            values: [B, U]
            raw: What the output layer gives [B, U, numbers].
            inputs: What the steps read [B, U, width].
        """
        return self.negative_log_likelihood(values, *self.distribution_of(raw))

    def step_scores(self, batch: Batch) -> Tensor:
        """log p of each step ahead, given the true values before it [B, H]."""
        losses, _, _ = self.step_losses(self.reader.read_window(batch))
        return -losses[:, -self.horizon :]

    def outside(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """As `StepReader.outside`."""
        return self.reader.outside(inputs)

    def read_steps(
        self, values: Tensor, seen: Tensor, steps: Tensor, known: Tensor, static: Tensor
    ) -> Tensor:
        """As `StepReader.read_steps`."""
        return self.reader.read_steps(values, seen, steps, known, static)

    def distribution(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(location, scale) of the next value."""
        return self.distribution_of(self.output(hidden))

    def distribution_of(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """The output layer's numbers -> (location, scale)."""
        location, raw_scale = raw.unbind(-1)
        return location, functional.softplus(raw_scale) + 1e-3

    def draw(self, raw: Tensor, noise: Tensor, static: Tensor, paths: int) -> Tensor:
        """A value for each row [N].

        Args:
            raw: What the output layer gives [N, numbers].
            noise: Of this step, as `draw_noise` gave it [N].
            static: Static features [N, static].
            paths: S; the rows are those of one series after another, N = B S.
        """
        location, scale = self.distribution_of(raw)
        return location + scale * noise

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
            drawn = self.draw(self.output(outputs[:, 0]), noise[:, step], static, paths)
            values = torch.cat([values, drawn.unsqueeze(1)], 1)
            seen = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
        return values[:, self.look_back :].reshape(rows, paths, self.horizon)

    def quantiles(self, batch: Batch) -> Tensor:
        """The quantiles of sample paths, [B, H, Q]; the same at each call."""
        drawn = self.sample_paths(batch, paths=self.paths, seed=1)
        levels = drawn.new_tensor(LEVELS)
        return drawn.quantile(levels, dim=1).permute(1, 2, 0)
