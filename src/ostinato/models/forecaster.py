"""Past values to future values: windows of L steps in, quantiles of the H steps after them out.

`SegmentForecaster` reads segments and decodes all steps ahead in parallel (SegRNN, Lin et al.
2023);
`DirectForecaster` reads steps and maps the last state to all steps ahead (MQ-RNN, Wen et al. 2017).
Letters: B batch, L look-back, H horizon, D features of a step, K of them known in the future,
Q quantile levels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.cells.state import State, map_state
from ostinato.data.batching.batch import Batch
from ostinato.layers.recurrent import Recurrent
from ostinato.models.inspectable import RecurrentPart, name_parts
from ostinato.models.loss import Loss, full_precision, require_targets

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
MEDIAN = LEVELS.index(0.5)


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


class Forecaster(nn.Module):
    """The base of all forecasters: quantiles, their loss, and what was learned from held-back
    windows.

    Args:
        look_back: L.
        horizon: H.

    Buffers:
        correction: Added to the quantiles in units of the in-sample seasonal error [H, Q], so that
            on held-back windows each quantile is exceeded as often as it says.
        persistence: The correlation of consecutive errors of one forecast, for scenarios.
        share: Of the network's correction of a reference forecast, chosen on held-back windows;
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
    middle = raw[..., MEDIAN : MEDIAN + 1]
    above = middle + functional.softplus(raw[..., MEDIAN + 1 :] - 3).cumsum(-1)
    below = functional.softplus(raw[..., :MEDIAN] - 3).flip(-1).cumsum(-1).flip(-1)
    return torch.cat([middle - below, middle, above], -1)


class WindowSkip(nn.Linear):
    """A linear map of the window that is added to a forecast; it starts as zero."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def of_quantiles(self, inputs: Tensor) -> Tensor:
        """[B, L + H, D] -> what is added to each quantile, [B, H, 1]"""
        return self(inputs[:, : self.in_features, 0]).unsqueeze(-1)


class SegmentForecaster(Forecaster):
    """SegRNN: a recurrent layer over segments of the window, and one step of it for each coming
    segment.

    The decoder starts each coming segment from the state after the window and reads only which
    segment it is, of which series, and what is known of the future; all segments in parallel.

    Args:
        cell: The recurrent cell.
        look_back: L, a multiple of the segment length.
        horizon: H.
        features: What a step holds.
        hidden_size: Units, even.
        segment: Segment length W.
        layers: Recurrent layers.
        dropout: Before the output layer and between layers.
        skip: Whether a linear map of the window is added to the forecast.
    """

    def __init__(
        self,
        cell: CellType,
        look_back: int,
        horizon: int,
        features: WindowFeatures,
        *,
        hidden_size: int,
        segment: int,
        layers: int = 1,
        dropout: float = 0.0,
        skip: bool = False,
    ):
        super().__init__(look_back, horizon, reference=features.reference)
        self.features, self.segment = features, segment
        self.coming = -(-horizon // segment)  # segments to predict
        half = hidden_size // 2
        self.embed = nn.Linear(segment * features.of_step, hidden_size)
        self.recurrent = Recurrent(cell, hidden_size, hidden_size, layers=layers, dropout=dropout)
        self.position = nn.Parameter(torch.randn(self.coming, half))
        self.series = nn.Embedding(features.series + 1, hidden_size - half, padding_idx=0)
        outside = segment * features.known + features.static
        self.known = nn.Linear(outside, hidden_size) if outside else None
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.recurrent.output_size, segment * len(LEVELS))
        self.skip = WindowSkip(look_back, horizon) if skip else None

    def quantiles(self, batch: Batch) -> Tensor:
        inputs, features = batch.inputs, self.features
        rows = inputs.shape[0]
        past = features.read_past(inputs, self.look_back)  # [B, L, of_step]
        segments = past.reshape(rows, self.look_back // self.segment, -1)
        _, state = self.recurrent(self.embed(segments).relu())
        wanted = torch.cat(
            [
                self.position.expand(rows, -1, -1),
                self.series(inputs[:, 0, -1].long()).unsqueeze(1).expand(-1, self.coming, -1),
            ],
            -1,
        )  # [B, coming, hidden]
        if self.known is not None:
            wanted = wanted + self.known(self.known_segments(inputs))
        wanted = wanted.reshape(rows * self.coming, 1, -1)
        repeated = map_state(lambda part: part.repeat_interleave(self.coming, 0), state)
        hidden, _ = self.recurrent(wanted, state=repeated)
        raw = full_precision(self.output(self.dropout(hidden)))  # [B * coming, 1, W * Q]
        raw = raw.reshape(rows, self.coming * self.segment, len(LEVELS))[:, : self.horizon]
        quantiles = order_quantiles(raw)
        if self.skip is not None:
            quantiles = quantiles + self.skip.of_quantiles(inputs)
        return self.add_reference(quantiles, inputs)

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The layers over segments; the steps that decode come after them."""
        return [RecurrentPart("recurrent", self.recurrent, stride=self.segment)]

    def known_segments(self, inputs: Tensor) -> Tensor:
        """What is known of each coming segment, [B, coming, W * K + static]"""
        known = self.features.read_known(inputs, self.look_back)
        missing = self.coming * self.segment - self.horizon
        known = functional.pad(known, (0, 0, 0, missing))
        known = known.reshape(len(known), self.coming, self.segment * self.features.known)
        static = self.features.read_static(inputs).unsqueeze(1).expand(-1, self.coming, -1)
        return torch.cat([known, static], -1)


class DirectForecaster(Forecaster):
    """A recurrent network over the steps of the window, whose last state is mapped to all steps
    ahead.

    The last state becomes a context for each step ahead, and a small network, the same for all
    steps, joins it with what is known of that step (Wen et al. 2017).

    Args:
        cell: The recurrent cell.
        look_back: L.
        horizon: H.
        features: What a step holds.
        hidden_size: Units of each layer.
        layers: Recurrent layers.
        dropout: Between layers and of the last state.
        context: Size of the context of each step ahead.
        skip: Whether a linear map of the window is added to the forecast.
    """

    def __init__(
        self,
        cell: CellType,
        look_back: int,
        horizon: int,
        features: WindowFeatures,
        *,
        hidden_size: int,
        layers: int = 1,
        dropout: float = 0.0,
        context: int = 16,
        skip: bool = False,
    ):
        super().__init__(look_back, horizon, reference=features.reference)
        self.features, self.context = features, context
        self.recurrent = Recurrent(
            cell, features.of_step, hidden_size, layers=layers, dropout=dropout
        )
        self.dropout = nn.Dropout(dropout)
        self.series = nn.Embedding(features.series + 1, context, padding_idx=0)
        width = self.recurrent.output_size + features.static + context
        self.contexts = nn.Linear(width, horizon * context)
        self.local = nn.Sequential(
            nn.Linear(context + features.known, 2 * context),
            nn.ReLU(),
            nn.Linear(2 * context, len(LEVELS)),
        )
        self.skip = WindowSkip(look_back, horizon) if skip else None

    def quantiles(self, batch: Batch) -> Tensor:
        inputs, features = batch.inputs, self.features
        outputs, _ = self.recurrent(features.read_past(inputs, self.look_back))
        series = self.series(inputs[:, 0, -1].long())
        last = torch.cat([self.dropout(outputs[:, -1]), features.read_static(inputs), series], -1)
        contexts = self.contexts(last).reshape(len(inputs), self.horizon, self.context).relu()
        known = features.read_known(inputs, self.look_back)
        quantiles = order_quantiles(self.local(torch.cat([contexts, known], -1)))
        if self.skip is not None:
            quantiles = quantiles + self.skip.of_quantiles(inputs)
        return self.add_reference(quantiles, inputs)


class LinearForecaster(Forecaster):
    """A linear map of the window, the same number for every quantile: NLinear, fitted in
    closed form.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, look_back: int, horizon: int):
        super().__init__(look_back, horizon)
        self.register_buffer("weight", torch.zeros(horizon, look_back))
        self.register_buffer("bias", torch.zeros(horizon))

    def quantiles(self, batch: Batch) -> Tensor:
        points = functional.linear(batch.inputs[:, : self.look_back, 0], self.weight, self.bias)
        return points.unsqueeze(-1).expand(-1, -1, len(LEVELS))


class ForecasterEnsemble(Forecaster):
    """The mean of the quantiles of several forecasters, trained jointly or beforehand."""

    def __init__(self, models: list[Forecaster]):
        super().__init__(models[0].look_back, models[0].horizon)
        self.models = nn.ModuleList(models)
        self.correction = torch.stack([model.correction for model in models]).mean(0)
        self.persistence = torch.stack([model.persistence for model in models]).mean()

    def quantiles(self, batch: Batch) -> Tensor:
        return torch.stack([model.quantiles(batch) for model in self.models]).mean(0)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The mean of the members' own losses."""
        carried = state if isinstance(state, tuple) else [None] * len(self.models)
        losses = [model.loss(batch, part) for model, part in zip(self.models, carried, strict=True)]
        states = tuple(each.state for each in losses)
        state = None if any(part is None for part in states) else states
        return Loss(torch.stack([each.total for each in losses]).mean(), losses[0].count, state)
