"""Ctrl-C and other signals as a flag, read after each step, so that the run is saved first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from ostinato.errors import Interrupted

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Interrupt:
    """True once a signal has come."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.message: str | None = None

    def __bool__(self) -> bool:
        return self.number is not None

    @property
    def name(self) -> str:
        """The signal's name, such as SIGINT; empty while none has come."""
        return "" if self.number is None else signal.Signals(self.number).name

    @property
    def exit_status(self) -> int:
        """What the shell expects: 130 after Ctrl-C, 143 after SIGTERM; 0 without a signal."""
        return 0 if self.number is None else 128 + self.number

    def exit_at_once(self, message: str) -> None:
        """From now on there is nothing to save first: a signal, also one that has come already,
        raises Interrupted(message)."""
        self.message = message
        if self:
            raise Interrupted(message, self.exit_status)


@contextmanager
def interruptible(announcement: str = "") -> Iterator[Interrupt]:
    """The first signal sets the flag; a second one ends the process at once, as signals do.

        with interruptible("stopping after this step; Ctrl-C again to stop at once") as interrupt:
            for progress in train(...):
                if interrupt:
                    save(...)
                    sys.exit(interrupt.exit_status)

    Signals reach only the main thread; in another one the flag stays False. A signal that was
    ignored (nohup) stays ignored.

    Args:
        announcement: is written to stderr at the first Ctrl-C
    """
    interrupt = Interrupt()
    before: dict[int, Any] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        if interrupt:
            _exit_by_signal(number)
        interrupt.number = number
        if interrupt.message is not None:
            raise Interrupted(interrupt.message, interrupt.exit_status)
        if announcement and number == signal.SIGINT:
            # print could be in the middle of a line of its own
            os.write(2, f"\n{announcement}\n".encode())

    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handle)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_by_signal(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
