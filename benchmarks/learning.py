"""What the cells learn: adding over 600 steps, copying over 1000, and digits pixel by pixel.

    python benchmarks/learning.py                       # everything, one seed: half an hour
    python benchmarks/learning.py adding gru --seeds 0 1 2
    python benchmarks/learning.py copying --json

adding    two marked numbers of 600 are to be added. Mean squared error on fresh sequences;
          always answering 1 has 0.167. The published GRU reaches 5.3e-5.
copying   ten symbols are to be repeated after 1000 steps of nothing. Cross-entropy per step;
          knowing only when to speak has 10 ln 8 / 1020 = 0.0204, where published RNN, LSTM and
          GRU stay (0.0197 at best). The lag grows while learning (curriculum); what is reported
          is at the full lag, on fresh sequences.
digits    scikit-learn's 8 x 8 digits, one pixel a step (needs scikit-learn). Accuracy on a
          third that is held out.

The vanilla network is among them: it fails where the lag is long, which is what gates are for."""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells import GRU, LSTM, RNN, CellType
from ostinato.layers.recurrent import Recurrent

ADDING, COPYING, SYMBOLS = 600, 1000, 8
Result = dict[str, float]


class Reader(nn.Module):
    """A recurrent stack with a linear layer on top, at the last step or at each."""

    def __init__(self, cell: CellType, sizes: tuple[int, int, int], *, layers: int = 1, last: bool):
        super().__init__()
        inputs, hidden, outputs = sizes
        self.recurrent = Recurrent(cell, inputs, hidden, layers=layers)
        self.read, self.last = nn.Linear(hidden, outputs), last

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.recurrent(x)
        return self.read(outputs[:, -1] if self.last else outputs)


def fit(
    model: nn.Module, loss: Callable[[int], Tensor], updates: int, rate: float, *, hold: float = 0.0
) -> None:
    """Adam with clipped gradients; the rate rises over the first twentieth, and after `hold`
    falls as a cosine.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.99))
    for update in range(updates):
        share = max(0.0, update / updates - hold) / (1 - hold)
        optimizer.param_groups[0]["lr"] = (
            rate * min(1.0, 20 * (update + 1) / updates) * (1 + math.cos(math.pi * share)) / 2
        )
        optimizer.zero_grad()
        loss(update).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def length_now(longest: int, share: float, *, full: float) -> int:
    """The curriculum: ten steps for the first part of the updates, then ever longer, from
    `full` on at full length.
    """
    return int(10 * (longest / 10) ** min(1.0, max(0.0, (share / full - 0.35) / 0.65)))


def adding_batch(rows: int, steps: int = ADDING) -> tuple[Tensor, Tensor]:
    """Numbers from 0 to 1 beside marks, one in each half: [B, T, 2]; the sum of the two marked
    [B]
    """
    numbers, marks = torch.rand(rows, steps), torch.zeros(rows, steps)
    half = steps // 2
    marks.scatter_(1, torch.randint(half, (rows, 1)), 1)
    marks.scatter_(1, torch.randint(half, steps, (rows, 1)), 1)
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(1)


def adding(cell: CellType, *, updates: int) -> Result:
    """The mean squared error of the sum (Hochreiter and Schmidhuber, 1997, experiment 4)."""
    model = Reader(cell, (2, 64, 1), last=True)

    def loss(update: int) -> Tensor:
        x, target = adding_batch(64, length_now(ADDING, update / updates, full=0.5))
        return functional.mse_loss(model(x)[:, 0], target)

    fit(model, loss, updates, 4e-3, hold=0.5)
    with torch.no_grad():
        x, target = adding_batch(2000)
        return {"mse": functional.mse_loss(model(x)[:, 0], target).item()}


def copying_batch(rows: int, lag: int) -> tuple[Tensor, Tensor]:
    """Ten symbols, `lag` - 1 blanks, a mark, ten blanks: [B, lag + 20] of 0 (blank), 1 to 8, 9
    (mark); targets alike
    """
    symbols = torch.randint(1, SYMBOLS + 1, (rows, 10))
    x, target = torch.zeros(2, rows, lag + 20, dtype=torch.int64)
    x[:, :10], x[:, lag + 9], target[:, lag + 10 :] = symbols, SYMBOLS + 1, symbols
    return functional.one_hot(x, SYMBOLS + 2).float(), target


def copying(cell: CellType, *, updates: int, layers: int = 1) -> Result:
    """Cross-entropy per step at the full lag (Arjovsky et al., 2016), and how many of the ten
    are right.
    """
    model = Reader(cell, (SYMBOLS + 2, 128, SYMBOLS + 1), layers=layers, last=False)

    def loss(update: int) -> Tensor:
        x, target = copying_batch(32, length_now(COPYING, update / updates, full=0.85))
        losses = functional.cross_entropy(model(x).transpose(1, 2), target, reduction="none")
        return losses[:, -10:].mean() + losses[:, :-10].mean()

    fit(model, loss, updates, 5e-3)
    with torch.no_grad():
        x, target = copying_batch(200, COPYING)
        scores = model(x)
        right = (scores[:, -10:].argmax(2) == target[:, -10:]).float().mean().item()
        return {
            "loss": functional.cross_entropy(scores.transpose(1, 2), target).item(),
            "recalled": right,
        }


def digits(cell: CellType, *, epochs: int) -> Result:
    """Accuracy on held-out digits, 64 pixels one after another."""
    from sklearn.datasets import load_digits

    data = load_digits()
    x = torch.tensor(data.data, dtype=torch.float32)[..., None] / 16
    y = torch.tensor(data.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, test = order[: 2 * len(x) // 3], order[2 * len(x) // 3 :]
    model, rows = Reader(cell, (1, 64, 10), last=True), 64
    per_epoch = len(train) // rows

    def loss(update: int) -> Tensor:
        batch = train[torch.randint(len(train), (rows,))]
        return functional.cross_entropy(model(x[batch]), y[batch])

    fit(model, loss, epochs * per_epoch, 5e-3)
    with torch.no_grad():
        return {"accuracy": (model(x[test]).argmax(1) == y[test]).float().mean().item()}


SETTINGS: dict[str, dict[str, Callable[[], Result]]] = {
    "adding": {
        "rnn": partial(adding, RNN, updates=2000),
        "lstm": partial(adding, LSTM, updates=8000),
        "gru": partial(adding, GRU, updates=8000),
    },
    "copying": {
        "rnn": partial(copying, RNN, updates=2000),
        "lstm": partial(copying, partial(LSTM, chrono=COPYING), updates=3000),
        "gru": partial(copying, partial(GRU, chrono=COPYING), updates=4000),
    },
    "digits": {
        "rnn": partial(digits, RNN, epochs=100),
        "lstm": partial(digits, LSTM, epochs=100),
        "gru": partial(digits, GRU, epochs=100),
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problem", nargs="?", choices=SETTINGS, help="only this one")
    parser.add_argument("cell", nargs="?", help="only this cell")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="one run with each")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    for problem, cells in SETTINGS.items():
        for name, run in cells.items():
            if options.problem not in (None, problem) or options.cell not in (None, name):
                continue
            started, results = time.monotonic(), []
            for seed in options.seeds:
                torch.manual_seed(seed)
                results.append(run())
            seconds = (time.monotonic() - started) / len(options.seeds)
            scores = {score: [result[score] for result in results] for score in results[0]}
            row = {
                "problem": problem,
                "cell": name,
                "seeds": options.seeds,
                **scores,
                "seconds": round(seconds, 1),
            }
            shown = "  ".join(
                f"{score} {statistics.mean(values):.3g} [{listed(values)}]"
                for score, values in scores.items()
            )
            print(
                json.dumps(row)
                if options.json
                else f"{problem:<8} {name:<7} {shown}  {seconds:.0f} s a run",
                flush=True,
            )


def listed(values: list[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


if __name__ == "__main__":
    main()
