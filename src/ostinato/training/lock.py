"""One process to a run folder: two that write into the same one would damage both runs."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from ostinato.errors import InputError, option_name

NAME = "lock"
CONTENT = re.compile(rb"(\d{1,20}\n?)?")  # empty, or the id of a process


class Lock:
    """A lock on `folder` that this process has taken.

    Args:
        folder: that is locked
        file: its open lock file
        directory: descriptor of the folder, which keeps the system from reusing its number
    """

    def __init__(self, folder: Path, file: TextIO, directory: int) -> None:
        self.folder, self.file, self.directory = folder, file, directory

    def is_held(self) -> bool:
        """Whether the folder is still the one that was locked: not removed, nor another's now."""
        try:
            return os.path.samestat(os.fstat(self.file.fileno()), (self.folder / NAME).stat())
        except OSError:
            pass
        try:  # the lock file alone may have been deleted
            return os.path.samestat(os.fstat(self.directory), self.folder.stat())
        except OSError:
            return False


def is_lock_file(path: Path) -> bool:
    """Whether this is a file that `locked` has written, and not somebody's file of that name."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return CONTENT.fullmatch(file.read(32)) is not None
    except OSError:
        return False


@contextmanager
def locked(folder: Path) -> Iterator[Lock]:
    """Holds `folder` (made if need be) for this process while the block runs.

    The operating system holds the lock and releases it when the process dies, however it dies: a
    lock is never stale. The file only tells other processes which one has it.

    Raises:
        InputError: another process has it (the message names it), the folder cannot be written, or
            its file `lock` is not one of ours.
    """
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_dir() and not is_lock_file(path):
            raise InputError(
                f"{path}: not written by ostinato; choose another {option_name('out')}"
            )
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+")
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written: {error.strerror}; choose another {option_name('out')}"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = file.read().strip()
            raise InputError(
                f"{folder}: in use by process {owner or 'unknown'}; "
                f"wait for it, stop it, or choose another {option_name('out')}"
            ) from None
        _write_owner(file, f"{os.getpid()}\n")
        directory = os.open(folder, os.O_RDONLY)
        try:
            yield Lock(folder, file, directory)
        finally:
            os.close(directory)
            _write_owner(file, "")


def _write_owner(file: TextIO, owner: str) -> None:
    """Replaces the content of the lock file; on a full disk the lock holds without a name."""
    with suppress(OSError):
        os.ftruncate(file.fileno(), 0)
        os.pwrite(file.fileno(), owner.encode(), 0)
