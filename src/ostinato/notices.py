"""Notices: what the user should hear about their data, as records of the logger "ostinato".

    notify("train.tsv: 3 pairs with a blank side left out")

Commands print them on standard error and collect them for the report; a Python program handles
the logger "ostinato" as any other. Importable from everywhere; imports nothing of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = logging.getLogger("ostinato")


def notify(message: str) -> None:
    """Tells the user something about the data that is no error."""
    LOGGER.warning("%s", message)


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
