"""A recurrent autoencoder of windows (Malhotra et al. 2016): what it cannot reproduce is an
anomaly.

A window of W values is encoded into the last state of one recurrent network, from which another
reproduces them backwards, the last value first. Letters: B batch, T time, W window.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.layers.recurrent import Recurrent
from ostinato.models.loss import Loss, full_precision, require_targets

LEAST_SCALE = 0.05  # of a standardised value: nothing is reproduced more surely


class WindowAutoencoder(nn.Module):
    """Encodes the last W values at each step, and compares the newest with its reconstruction.

    Args:
        cell: The recurrent cell.
        hidden_size: Units of the encoder and the decoder.
        code_size: Numbers that a window becomes.
        window: W.
        layers: Recurrent layers of each.
        dropout: Of the code.

    Buffers:
        threshold: The score from which on there is an alarm, measured on held-out series.
    """

    threshold: Tensor

    def __init__(
        self,
        cell: CellType,
        hidden_size: int,
        *,
        code_size: int,
        window: int,
        layers: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.window = window
        self.encoder = Recurrent(cell, 1, hidden_size, layers=layers)
        self.code = nn.Linear(self.encoder.output_size, code_size)
        self.dropout = nn.Dropout(dropout)
        self.decoder = Recurrent(cell, code_size + 1, hidden_size, layers=layers)
        self.output = nn.Linear(self.decoder.output_size, 1)
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.register_buffer("threshold", torch.tensor(torch.inf))

    @property
    def scale(self) -> Tensor:
        """The scale of the errors, a Laplace distribution's."""
        return functional.softplus(self.log_scale) + LEAST_SCALE

    def reconstruct(self, windows: Tensor) -> Tensor:
        """[N, W] -> [N, W], in the same order."""
        outputs, _ = self.encoder(windows.unsqueeze(-1))
        code = self.dropout(self.code(outputs[:, -1]))
        place = torch.linspace(-1, 1, self.window, device=windows.device, dtype=windows.dtype)
        steps = code.unsqueeze(1).expand(-1, self.window, -1)
        places = place.expand(len(windows), -1).unsqueeze(-1)
        hidden, _ = self.decoder(torch.cat([steps, places], -1))
        return full_precision(self.output(hidden)).squeeze(-1).flip(1)

    def observe(
        self, inputs: Tensor, targets: Tensor, state: State = None
    ) -> tuple[Tensor, Tensor, State]:
        """Values -> the surprise of each [B, T], its reconstruction, and the last W - 1 values.

        Args:
            inputs: Not read.
            targets: [B, T], NaN where there is none.
            state: The W - 1 values before, as a tensor [B, W - 1]; zeros where None.
        """
        values = targets.nan_to_num()
        before = values.new_zeros(len(values), self.window - 1) if state is None else state
        longer = torch.cat([before, values], 1)  # [B, W - 1 + T]
        windows = longer.unfold(1, self.window, 1)  # [B, T, W]
        rows, steps = windows.shape[:2]
        found = self.reconstruct(windows.reshape(rows * steps, self.window))
        location = found[:, -1].reshape(rows, steps)
        errors = (values - location).abs()
        surprise = errors / self.scale + (2 * self.scale).log()
        return surprise, location, longer[:, longer.shape[1] - self.window + 1 :].clone()

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """-log p of the values of windows every quarter of a window, of a Laplace distribution."""
        targets = require_targets(batch)
        seen = (targets != IGNORE) & ~targets.isnan()
        short = max(0, self.window - targets.shape[1])
        values = functional.pad(torch.where(seen, targets, 0.0), (short, 0))
        counted = functional.pad(seen, (short, 0))
        step = max(1, self.window // 4)
        windows = values.unfold(1, self.window, step).reshape(-1, self.window)
        counted = counted.unfold(1, self.window, step).reshape(-1, self.window)
        kept = counted.any(1)
        windows, counted = windows[kept], counted[kept]
        errors = (windows - self.reconstruct(windows)).abs()
        losses = errors / self.scale + (2 * self.scale).log()
        return Loss((losses * counted).sum(), int(counted.sum()))

    def extra_repr(self) -> str:
        return f"window={self.window}"
