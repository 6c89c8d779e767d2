"""One process to a run folder: two that write into one would spoil both."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ostinato.errors import InputError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` (made if need be) while the block runs.

    The operating system holds the lock for the process and gives it up when the process dies, however it dies: a lock
    is never stale. The file only tells the others whose it is. Raises InputError, naming the process that has it."""
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+")
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written: {error.strerror}; choose another --out"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = file.read().strip()
            raise InputError(
                f"{folder}: in use by process {owner or 'unknown'}; wait for it, stop it, or choose another --out"
            ) from None
        file.seek(0)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate(0)
