"""Atomic writing: a file is the old or the new one, whole, if power fails or the disk fills."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from ostinato.data.files.streams import FULL, FilePath
from ostinato.errors import InputError

Content = bytes | Callable[[BinaryIO], object]
TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{12}\.tmp")  # a file that is being written
JUST_MADE = 0.2  # seconds


class NotWritten(InputError):
    """A file that could not be written: disk full, no permission. What was there is whole."""


def write_atomically(path: FilePath, content: Content, *, tidy: bool = True) -> None:
    """Writes a file whole or not at all.

    write_atomically("model.json", b"{}");  write_atomically("curve.png", figure.savefig)

    A temporary file in the same folder is written, synced and renamed, then the folder is synced.
    On any failure the temporary file is removed and the old file stays whole.

    Args:
        path: the file; a link is written through.
        content: bytes, or a function that writes to an open binary file.
        tidy: whether temporary files of this name are removed that a killed process has left.

    Raises:
        InputError: a folder, no such folder, not writable, disk full.
    """
    write_all_atomically({path: content}, tidy=tidy)


def write_all_atomically(contents: Mapping[Any, Content], *, tidy: bool = True) -> None:
    """Writes files that belong together: all of them, or where the disk is full none.

    All are written under temporary names before the first is renamed.

    Args:
        contents: what to write into each file, as for `write_atomically`.
        tidy: as for `write_atomically`.

    Raises:
        InputError: as `write_atomically`.
    """
    with ExitStack() as stack:
        ready: list[tuple[FilePath, Path, Path]] = []
        for path, content in contents.items():
            target = Path(os.path.realpath(path))  # writes through a link, as open() does
            if target.is_dir():
                raise InputError(f"{path}: a folder; name a file")
            # /dev/stdout or a pipe: there is no old file to keep, and none to rename
            if target.exists() and not target.is_file():
                write_to_device(path, target, content)
                continue
            if tidy:
                remove_leftovers(target.parent, target.name)
            temporary = target.with_name(f".{target.name[:60]}.{uuid4().hex[:12]}.tmp")
            stack.callback(remove, temporary)
            with naming_the_reason(path, temporary, content):
                stack.enter_context(closing(write_temporary(temporary, content)))
            ready.append((path, target, temporary))
        for path, target, temporary in ready:
            with naming_the_reason(path, temporary, contents[path]):
                if target.exists():
                    temporary.chmod(target.stat().st_mode & 0o777)
                temporary.replace(target)
                sync_folder(target.parent)


def write_to_device(path: FilePath, target: Path, content: Content) -> None:
    """Writes to a device or a pipe."""
    try:
        with target.open("wb") as file:
            write(file, content)
    except OSError as error:
        if error.errno is None or isinstance(error, BrokenPipeError):
            raise
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def write_temporary(temporary: Path, content: Content) -> BinaryIO:
    """Writes and syncs a new file; it is locked until it is closed, by which `remove_leftovers`
    knows that it is in use."""
    file = temporary.open("xb")
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write(file, content)
        file.flush()
        os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):  # the buffer does not fit on the disk at this attempt, either
            file.close()
        raise
    return file


@contextmanager
def naming_the_reason(path: FilePath, temporary: Path, content: Content) -> Iterator[None]:
    """Turns an OSError of the file system inside the `with` block into an InputError."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # raised by the caller's function, not by the file system
            raise
        reached = remove(temporary)
        raise NotWritten(failure(path, temporary.parent, error, content, reached)) from error


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Removes the temporary files that killed processes have left in a folder.

    Args:
        folder: where to look
        name: of the file that they were to become; None: any
    """
    try:
        names = [TEMPORARY.fullmatch(found.name) for found in os.scandir(folder)]
    except OSError:  # the message about the folder comes from writing into it
        return
    for found in names:
        if found and (name is None or found[1] == name[:60]):
            _remove_unless_in_use(folder / found[0])


def _remove_unless_in_use(path: Path) -> None:
    with suppress(OSError):  # not ours to remove, or another process has just done it
        if path.is_symlink() or not path.is_file():
            return
        if time.time() - path.stat().st_mtime < JUST_MADE:
            return  # its process may be about to lock it
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where a process writes it
            path.unlink()


def write(file: BinaryIO, content: Content) -> None:
    """Writes bytes, or calls the function that does."""
    if callable(content):
        content(file)
    else:
        file.write(content)


def remove(temporary: Path) -> int:
    """Removes the temporary file, if there is one; gives the number of bytes it had reached."""
    try:
        reached = temporary.stat().st_size
        temporary.unlink()
    except OSError:
        return 0
    return reached


def sync_folder(folder: Path) -> None:
    """The rename itself reaches the disk only with its folder."""
    if os.name == "nt":  # Windows has no handle to a folder that could be synced
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def failure(path: FilePath, folder: Path, error: OSError, content: Content, reached: int) -> str:
    """The message for a file that cannot be written."""
    if error.errno in FULL:
        needed = f"more than {megabytes(reached)}" if callable(content) else megabytes(len(content))
        free = megabytes(shutil.disk_usage(folder).free)
        what = f"no space left: {needed} needed, {free} free; nothing was replaced"
        return f"{path}: {what}. Make room and run again"
    if not folder.is_dir():
        return f"{path}: there is no folder {folder}; create it first"
    return f"{path}: cannot be written: {error.strerror}"


def megabytes(count: int) -> str:
    """megabytes(2_500_000) -> "2.5 MB" """
    return f"{count / 1e6:.1f} MB"


def sha256(path: FilePath) -> str:
    """The checksum of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
