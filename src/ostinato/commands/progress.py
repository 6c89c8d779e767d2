"""What one sees while a model trains: one bar with loss, gradient norm, speed and dev score. Silent when stderr is no terminal."""

from __future__ import annotations

import sys
from collections import deque

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

CONSOLE = Console(stderr=True)


def say(message: str) -> None:
    """A line for the person at the terminal, on stderr; results alone go to stdout."""
    print(message, file=sys.stderr, flush=True)


class TrainingBar:
    """A context manager; `step` after each step, `evaluated` after each dev score.

    `done` is how much of the run lies behind it, from 0 to 1: of its epochs or of its time, whichever ends it sooner."""

    def __init__(self, metric: str):
        self.metric = metric
        self.recent: deque[tuple[int, float]] = deque(maxlen=50)
        columns: list[ProgressColumn | str] = [
            "epoch {task.fields[epoch]:.2f}", BarColumn(bar_width=24), "{task.percentage:>3.0f} %",
            TextColumn("loss {task.fields[loss]:.3f}  gradient {task.fields[gradient]:.2f}  {task.fields[speed]:,.0f} tokens/s"),
            TextColumn("{task.fields[dev]}"), TimeRemainingColumn(),
        ]  # fmt: skip
        self.progress = Progress(*columns, console=CONSOLE, transient=False, disable=not sys.stderr.isatty())
        self.bar = self.progress.add_task("train", total=1.0, epoch=0.0, loss=0.0, gradient=0.0, speed=0.0, dev="")

    def __enter__(self) -> TrainingBar:
        self.progress.start()
        return self

    def __exit__(self, *_) -> None:
        self.progress.stop()

    def step(self, done: float, epoch: float, loss: float, gradient_norm: float, tokens: int, seconds: float) -> None:
        self.recent.append((tokens, seconds))
        speed = sum(tokens for tokens, _ in self.recent) / max(1e-9, sum(seconds for _, seconds in self.recent))
        self.progress.update(self.bar, completed=min(1.0, done), epoch=epoch, loss=loss, gradient=gradient_norm, speed=speed)

    def evaluated(self, score: float, best: float) -> None:
        self.progress.update(self.bar, dev=f"dev {self.metric} {score:.2f} (best {best:.2f})")


def track(items, description: str, total: int | None = None):
    """The items, with a bar on stderr while they are gone through (on a terminal only)."""
    from rich.progress import track as bar

    return bar(items, description, total=total, console=CONSOLE, disable=not sys.stderr.isatty(), transient=True)
