"""Notices: what the user should hear about their data, as records of the logger "ostinato".

    notify("train.tsv: 3 pairs with a blank side left out")

Commands print them on standard error and collect them for the report; a Python program handles
the logger "ostinato" as any other. Importable from everywhere; imports nothing of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LOGGER = logging.getLogger("ostinato")
_silent: ContextVar[bool] = ContextVar("silent", default=False)


def notify(message: str) -> None:
    """Tells the user something about the data that is not an error."""
    if not _silent.get():
        LOGGER.warning("%s", message)


@contextmanager
def silence_notices() -> Iterator[None]:
    """No notices inside the `with` block: a baseline's would repeat the network's."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


class NoticeList(list[str]):
    """A list whose new entries are passed on by `notify`, for readers that report into a list."""

    def append(self, message: str) -> None:
        super().append(message)
        notify(message)


class _Collector(logging.Handler):
    def __init__(self, messages: list[str]):
        super().__init__()
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def collect_notices() -> Iterator[list[str]]:
    """The notices that are logged inside the `with` block, as a list that grows."""
    messages: list[str] = []
    collector = _Collector(messages)
    LOGGER.addHandler(collector)
    try:
        yield messages
    finally:
        LOGGER.removeHandler(collector)
