"""The recall problem, with long time lags: name the symbol of the first step after n steps of
noise.

The first step shows one of K symbols, one-hot; every step also has a random number. After the last
step, n steps later, the network classifies the symbol. After Hochreiter and Schmidhuber, 1997,
section 5, and Bengio, Simard and Frasconi, 1994. Letters: B batch, n lag, K symbols."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.cells.gru import GRU
from ostinato.cells.lstm import LSTM
from ostinato.cells.rnn import RNN
from ostinato.cells.state import State, detach
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import describe_module
from ostinato.inspection.views.gradients import view_gradients
from ostinato.inspection.views.lags import view_lags
from ostinato.inspection.views.remedies import Trial
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.truncated_bptt import chunks
from ostinato.training.gradients import clip_gradients

LAGS = (2, 10, 20, 40, 80, 160)
SYMBOLS, HIDDEN, ROWS = 8, 32, 32
STEPS, EVALUATIONS = 1200, 12
TESTED = 256  # test sequences for each lag
RATE, MOMENTUM = 0.1, 0.9  # of stochastic gradient descent, whose steps scale with the gradient
LOOKED_AT = 80  # lag of the sequence whose gradients are shown


class Remedy(NamedTuple):
    """A remedy against vanishing or exploding gradients.

    Attributes:
        name: The name in reports.
        cell: The recurrent cell.
        clip_norm, clip_value: How gradients are clipped, or None.
        chunk: Steps of truncated backpropagation, or None.
        orthogonal: Whether the recurrent weights are initialised orthogonally.
    """

    name: str
    cell: CellType = RNN
    clip_norm: float | None = None
    clip_value: float | None = None
    chunk: int | None = None
    orthogonal: bool = False


REMEDIES = (
    Remedy("RNN, no clipping"),
    Remedy("RNN, clipped by norm", clip_norm=1.0),
    Remedy("RNN, clipped by value", clip_value=0.1),
    Remedy("RNN, truncated after 10", clip_norm=1.0, chunk=10),
    Remedy("RNN, orthogonal start", clip_norm=1.0, orthogonal=True),
    Remedy("GRU", GRU, clip_norm=1.0),
    Remedy("LSTM", LSTM, clip_norm=1.0),
)


class RecallNetwork(nn.Module):
    """A recurrent layer, and a softmax over the symbols at the last step."""

    def __init__(self, remedy: Remedy):
        super().__init__()
        self.recurrent = Recurrent(remedy.cell, SYMBOLS + 1, HIDDEN)
        self.output = nn.Linear(HIDDEN, SYMBOLS)
        if remedy.orthogonal:
            # Saxe, McClelland and Ganguli, 2014: all singular values are 1
            nn.init.orthogonal_(self.recurrent.typed_cells[0].from_hidden.weight)

    def forward(self, x: Tensor, chunk: int | None = None) -> Tensor:
        """x [B, n + 1, K + 1] -> logits [B, K]"""
        if chunk is None:
            return self.output(self.recurrent(x)[0][:, -1])
        state: State = None
        for part, _ in chunks(x, None, chunk):
            outputs, state = self.recurrent(part, None, detach(state))
        return self.output(outputs[:, -1])


def draw_sequences(rows: int, lag: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws inputs [B, n + 1, K + 1] and their symbols [B]."""
    symbols = torch.randint(SYMBOLS, (rows,), generator=generator)
    x = torch.zeros(rows, lag + 1, SYMBOLS + 1)
    x[torch.arange(rows), 0, symbols] = 1
    x[..., SYMBOLS] = torch.randn(rows, lag + 1, generator=generator)
    return x, symbols


def try_remedy(remedy: Remedy, *, seed: int, steps: int = STEPS) -> Trial:
    """Trains on sequences of all lags; data and initial weights are the same for each remedy."""
    torch.manual_seed(seed)
    network = RecallNetwork(remedy)
    trial, generator = Trial(remedy.name), torch.Generator().manual_seed(seed)
    trial.before, _ = look_through_time(network, seed)
    parameters = list(network.parameters())
    optimizer = torch.optim.SGD(parameters, lr=RATE, momentum=MOMENTUM)
    began = time.perf_counter()
    for step in range(1, steps + 1):
        lag = LAGS[int(torch.randint(len(LAGS), (), generator=generator))]
        x, symbols = draw_sequences(ROWS, lag, generator)
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(x, remedy.chunk), symbols)
        loss.backward()
        norm = clip_gradients(parameters, norm=remedy.clip_norm, value=remedy.clip_value)
        if not torch.isfinite(torch.tensor(norm)):
            trial.diverged_at = step
            break
        trial.losses.append(float(loss.detach()))
        trial.norms.append(norm)
        optimizer.step()
        # torch's fused optimizers do not increment the weights' version counter (see training.loop)
        torch.autograd.graph.increment_version(parameters)
        if step % max(1, steps // EVALUATIONS) == 0:
            trial.history[step] = measure_lags(network, seed)
    trial.seconds = time.perf_counter() - began
    trial.by_lag = measure_lags(network, seed)
    trial.score = sum(trial.by_lag.values()) / len(LAGS)
    trial.after, trial.missing = look_through_time(network, seed)
    return trial


@torch.no_grad()
def measure_lags(network: RecallNetwork, seed: int) -> dict[int, float]:
    """The accuracy by lag on test sequences: {lag: accuracy}."""
    found = {}
    for lag in LAGS:
        x, symbols = draw_sequences(TESTED, lag, torch.Generator().manual_seed(seed + 10**6))
        found[lag] = float((network(x).argmax(-1) == symbols).float().mean())
    return found


def look_through_time(network: RecallNetwork, seed: int) -> tuple[list[float], list[float]]:
    """|dL/dh_t| of one sequence [T], and the error of dL/dW by truncation."""
    x, symbols = draw_sequences(1, LOOKED_AT, torch.Generator().manual_seed(seed + 10**6))
    subject = describe_module(
        network, x, loss=lambda logits: functional.cross_entropy(logits, symbols)
    )
    gradients = view_gradients(subject, Selection()).data["layers"][0]
    lags = view_lags(subject, Selection()).data["layers"][0]
    return gradients["loss_gradient"]["hidden"], lags["missing"]
