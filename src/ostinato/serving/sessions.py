"""Sessions: the state of many sequences, kept between requests."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ostinato.serving.refusal import Refusal, busy
from ostinato.serving.settings import Settings

LOGGER = logging.getLogger("ostinato.serving")
REMEMBERED = 10_000  # expired sessions that still get 410 instead of 404
SNAPSHOT = 1  # format of a snapshot


@dataclass
class Session:
    """A sequence in progress.

    `lock` keeps the requests of one session in order."""

    id: str
    state: Any
    used: float
    items: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sessions:
    """The sessions of a model.

    Args:
        start: The state before the first item.
        settings: How many there may be, and how long they may idle.
        clock: Seconds, for tests.
    """

    def __init__(self, start: Any, settings: Settings, *, clock: Any = time.monotonic):
        self.start, self.settings, self.clock = start, settings, clock
        self.live: OrderedDict[str, Session] = OrderedDict()  # the longest idle first
        self.expired: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self.live)

    def create(self, state: Any = None) -> Session:
        """A new session, from a state where one is given.

        Raises a Refusal (503) when there are too many."""
        self.expire()
        if len(self.live) >= self.settings.sessions:
            oldest = next(iter(self.live.values()))
            left = self.settings.idle_seconds - (self.clock() - oldest.used)
            seconds = max(1, min(60, round(left)))
            raise busy("there are as many sessions as the server keeps; delete one", seconds)
        session = Session(secrets.token_urlsafe(16), self.start(), self.clock())
        if state is not None:
            session.state = state
        self.live[session.id] = session
        return session

    def find(self, id: str) -> Session:
        """A session, which is then no longer idle.

        Raises:
            Refusal: 410 for one that idled too long, 404 for an unknown one.
        """
        self.expire()
        session = self.live.get(id)
        if session is None:
            if id in self.expired:
                raise Refusal(410, "this session was removed after idling; create another")
            raise Refusal(404, "no such session; POST /sessions creates one")
        session.used = self.clock()
        self.live.move_to_end(id)
        return session

    def delete(self, id: str) -> None:
        self.find(id)
        del self.live[id]

    def expire(self) -> None:
        """Removes the sessions that have idled too long, unless a request is using them."""
        deadline = self.clock() - self.settings.idle_seconds
        for session in list(self.live.values()):
            if session.used > deadline:
                break
            if session.lock.locked():
                continue
            del self.live[session.id]
            self.expired[session.id] = None
            if len(self.expired) > REMEMBERED:
                self.expired.popitem(last=False)

    # between two runs of the server

    def save(self, path: Path, to_bytes: Any, write: Any) -> None:
        """Writes all sessions to a file, readable by its owner alone.

        Args:
            path: The file.
            to_bytes: A state -> the bytes of a safetensors file.
            write: (path, content) writes a file whole or not at all.
        """
        sessions = [
            {"id": each.id, "items": each.items, "state": to_bytes(each.state).hex()}
            for each in self.live.values()
        ]
        content = json.dumps({"format": SNAPSHOT, "sessions": sessions}).encode()
        if path.is_symlink():  # a run folder may be a stranger's: nothing is written through a link
            path.unlink()
        write(path, content)
        path.chmod(0o600)

    def load(self, path: Path, from_bytes: Any) -> int:
        """Restores the sessions of a file that `save` wrote, and removes it; those of another
        model are left out.

        Returns:
            Their number.
        """
        try:
            content = json.loads(path.read_bytes())
            for each in content["sessions"][: self.settings.sessions]:
                state = from_bytes(bytes.fromhex(each["state"]))
                session = Session(str(each["id"]), state, self.clock(), int(each["items"]))
                self.live[session.id] = session
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            LOGGER.warning("%s: not the sessions of this model; left out", path)
        with suppress(OSError):  # a folder that cannot be written to
            path.unlink(missing_ok=True)
        return len(self.live)
