"""Ctrl-C and its kin, made into a flag that is looked at after each step, so that the run can be saved first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ostinato.errors import Interrupted

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Interrupt:
    """True once a signal has come; `exit_status` is then what the shell expects: 130 for Ctrl-C, 143 for SIGTERM."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.last_words: str | None = None

    def __bool__(self) -> bool:
        return self.number is not None

    @property
    def name(self) -> str:
        """ "SIGINT", say; empty while no signal has come."""
        return "" if self.number is None else signal.Signals(self.number).name

    @property
    def exit_status(self) -> int:
        return 0 if self.number is None else 128 + self.number

    def at_once(self, last_words: str) -> None:
        """From here on there is nothing to be saved first: a signal, also one that has come, raises Interrupted(last_words)."""
        self.last_words = last_words
        if self:
            raise Interrupted(last_words, self.exit_status)


@contextmanager
def interruptible(announcement: str = "") -> Iterator[Interrupt]:
    """The first signal sets the flag; a second one ends the process at once, as signals do.

        with interruptible("stopping after this step; Ctrl-C again to stop at once") as interrupt:
            for progress in train(...):
                if interrupt:
                    save(...)
                    sys.exit(interrupt.exit_status)

    Signals reach only the main thread; in another one the flag stays False. What was ignored (nohup) stays ignored.
    The announcement goes to stderr when the first signal comes."""
    interrupt = Interrupt()
    before: dict[int, object] = {}

    def note(number: int, frame: FrameType | None) -> None:
        if interrupt:
            _raise(number)
        interrupt.number = number
        if interrupt.last_words is not None:
            raise Interrupted(interrupt.last_words, interrupt.exit_status)
        if announcement and number == signal.SIGINT:
            os.write(
                2, f"\n{announcement}\n".encode()
            )  # print could be in the middle of a line of its own

    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, note)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
