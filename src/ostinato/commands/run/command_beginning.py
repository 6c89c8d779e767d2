"""The start time of `ostinato train`, from which a time limit counts; it includes the imports."""

from __future__ import annotations

import time

_began: list[float] = []


def note_command_beginning() -> None:
    """Notes the current time; the command line calls it before slow imports."""
    _began[:] = [time.monotonic()]


def take_command_beginning() -> float:
    """The start time of the command, by time.monotonic(); the current time if none was noted.

    A noted time is used once: a second run in the same process starts when it is called.
    """
    return _began.pop() if _began else time.monotonic()
