"""When `ostinato train` began: a time limit counts from there, the imports included."""

from __future__ import annotations

import time

_began: list[float] = []


def note_command_beginning() -> None:
    """Notes the time; the command line calls it before anything slow is imported."""
    _began[:] = [time.monotonic()]


def take_command_beginning() -> float:
    """When the command began, by time.monotonic(); now, where nothing was noted.

    What was noted holds for one run: a second one in the same process begins when it begins."""
    return _began.pop() if _began else time.monotonic()
