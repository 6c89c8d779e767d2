"""Progress on stderr: a bar with loss, gradient norm, speed and dev score while a model trains.

Bars are for terminals and notebooks; files and pipes (nohup, CI) get plain lines at growing
intervals.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ostinato.errors import InputError, shorten
from ostinato.notices import LOGGER, collect_notices
from ostinato.terminal import print_message
from ostinato.training.loop import Progress as Step

CONSOLE = Console(stderr=True)
FIRST_LINE = 10.0  # seconds until the first plain line
GROWTH = 1.5  # factor between intervals, so that a long run does not fill its log
PIECE = 500  # records between two updates of a bar
Item = TypeVar("Item")


def shows_bars() -> bool:
    """Whether stderr shows bars: a terminal's or a notebook's does."""
    return sys.stderr.isatty() or CONSOLE.is_jupyter


def say(message: str) -> None:
    """Prints a line on stderr, for the user; stdout is for results only."""
    if not CONSOLE.quiet:
        print_message(message)


@contextmanager
def quiet(wanted: bool) -> Iterator[None]:
    """Prints nothing during the `with` block: of several processes, only process 0 prints."""
    before = CONSOLE.quiet
    CONSOLE.quiet = before or wanted
    try:
        yield
    finally:
        CONSOLE.quiet = before


class NoticePrinter(logging.Handler):
    """Prints the notices of the logger "ostinato" on stderr as they come, or holds them back."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[str] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if CONSOLE.quiet:
            return
        line = f"note: {record.getMessage()}"
        if self.held is None:
            say(line)
        else:
            self.held.append(line)


PRINTER = NoticePrinter()
LOGGER.addHandler(PRINTER)


@contextmanager
def hold_notices() -> Iterator[None]:
    """Prints notices at the end of the `with` block, and none if it fails: an error is one line."""
    if PRINTER.held is not None:
        yield
        return
    held: list[str] = []
    PRINTER.held = held
    try:
        yield
    finally:
        PRINTER.held = None
    for line in held:
        say(line)


@contextmanager
def explain_by_notices() -> Iterator[None]:
    """Adds the notices of a failing `with` block to its error, which stays one line: what was left
    out while reading may explain why nothing is left.
    """
    with collect_notices() as notices:
        try:
            yield
        except InputError as error:
            if notices:
                error.args = (shorten(f"{error} (noted before: {'; '.join(notices)})"),)
            raise


@contextmanager
def silence_notices() -> Iterator[None]:
    """Prints no notices during the `with` block: they have been printed for the same data."""
    before, PRINTER.held = PRINTER.held, []
    try:
        yield
    finally:
        PRINTER.held = before


class PlainLines:
    """Prints the progress at growing intervals, without a bar: after 10 s, 15 s, 23 s.

    Args:
        seconds: The time until the first line.
        growth: The factor between intervals.
    """

    def __init__(self, seconds: float = FIRST_LINE, growth: float = GROWTH):
        self.began = time.monotonic()
        self.due, self.growth = seconds, growth

    def show(self, line: str) -> None:
        """Prints the line if it is time for one."""
        passed = time.monotonic() - self.began
        if passed < self.due:
            return
        say(f"{describe_seconds(passed)}: {line}")
        while self.due <= passed:
            self.due *= self.growth


def describe_seconds(seconds: float) -> str:
    """describe_seconds(75) -> "1m15s" """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


class TrainingProgress:
    """A progress bar during the `with` block; plain lines where stderr shows no bars.

    Call `update` after each step and `show_score` after each evaluation on the dev set.
    """

    def __init__(self, metric: str):
        self.metric = metric
        self.plain = PlainLines()
        self.scored = ""
        self.recent: deque[tuple[int, float]] = deque(maxlen=50)
        columns: list[ProgressColumn | str] = [
            "epoch {task.fields[epoch]:.2f}",
            BarColumn(bar_width=24),
            "{task.percentage:>3.0f} %",
            TextColumn(
                "loss {task.fields[loss]:.3f}  gradient {task.fields[gradient]:.2f}  "
                "{task.fields[speed]:,.0f} tokens/s"
            ),
            TextColumn("{task.fields[dev]}"),
            TimeRemainingColumn(),
        ]
        self.bar = Progress(*columns, console=CONSOLE, transient=False, disable=not shows_bars())
        self.line = self.bar.add_task(
            "train", total=1.0, epoch=0.0, loss=0.0, gradient=0.0, speed=0.0, dev=""
        )

    def __enter__(self) -> TrainingProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def update(self, done: float, progress: Step) -> None:
        """Shows a step; `done` is the completed share of the run's epochs or time."""
        self.recent.append((progress.tokens, progress.seconds))
        if self.bar.disable:
            self.plain.show(
                f"{min(1.0, done):.0%} done, epoch {progress.epoch:.2f}, step {progress.step}, "
                f"loss {progress.loss:.3f}{self.scored}"
            )
            return
        speed = sum(tokens for tokens, _ in self.recent) / max(
            1e-9, sum(seconds for _, seconds in self.recent)
        )
        self.bar.update(
            self.line,
            completed=min(1.0, done),
            epoch=progress.epoch,
            loss=progress.loss,
            gradient=progress.gradient_norm,
            speed=speed,
        )

    def show_score(self, progress: Step, score: float, best: float) -> None:
        """Shows a dev score, and prints a line with it."""
        text = f"dev {self.metric} {score:.4g} (best {best:.4g})"
        self.scored = f", {text}"
        if self.bar.disable:
            return
        self.bar.update(self.line, dev=text)
        self.bar.console.print(
            f"epoch {progress.epoch:.2f}  step {progress.step}  loss {progress.loss:.3f}  {text}",
            highlight=False,
        )


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterable[Item]:
    """Yields the items, with a bar on stderr (on a terminal only)."""
    from rich.progress import track as bar

    return bar(
        items,
        description,
        total=total,
        console=CONSOLE,
        disable=not shows_bars(),
        transient=True,
    )


def track_pieces(records: Sequence[Item], description: str) -> Iterable[Sequence[Item]]:
    """Yields the records in pieces of PIECE, with a bar."""
    starts = range(0, len(records), PIECE)
    return track([records[start : start + PIECE] for start in starts], description)


def count_along(items: Iterable[Item], description: str, *, printed: bool) -> Iterator[Item]:
    """Yields items of unknown number, with a counter on stderr.

    Silent if stderr is not a terminal, or if the items are `printed` to a terminal.
    """
    if not sys.stderr.isatty() or (printed and sys.stdout.isatty()):
        yield from items
        return
    columns = TextColumn("{task.description} {task.completed:,}"), TimeElapsedColumn()
    with Progress(*columns, console=CONSOLE, transient=True) as bar:
        line = bar.add_task(description, total=None)
        for item in items:
            yield item
            bar.advance(line)


@contextmanager
def show_working(description: str) -> Iterator[None]:
    """A spinner on stderr during the `with` block (on a terminal only)."""
    if not sys.stderr.isatty():
        yield
        return
    with CONSOLE.status(description):
        yield
