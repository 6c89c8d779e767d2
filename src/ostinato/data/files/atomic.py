"""Files that are either the old one or the new one, whole, if power fails or the disk fills."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from ostinato.data.files.streams import FULL
from ostinato.errors import InputError

Content = bytes | Callable[[BinaryIO], object]


def write_atomically(path: str | os.PathLike, content: Content) -> None:
    """Writes a file whole or not at all.

    write_atomically("model.json", b"{}");  write_atomically("curve.png", figure.savefig)

    A temporary file in the same folder is written, synced and renamed, then the folder is synced.
    On any failure the temporary file is removed and the old file stays whole.

    Args:
        path: the file; a link is written through.
        content: bytes, or a function that writes to an open binary file.

    Raises:
        InputError: a folder, no such folder, not writable, disk full.
    """
    target = Path(os.path.realpath(path))  # writes through a link, as open() does
    if target.is_dir():
        raise InputError(f"{path}: a folder; name a file")
    # /dev/stdout or a pipe: there is no old file to keep, and none to rename
    if target.exists() and not target.is_file():
        try:
            with target.open("wb") as file:
                write(file, content)
        except OSError as error:
            if error.errno is None or isinstance(error, BrokenPipeError):
                raise
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        return
    temporary = target.with_name(f".{target.name[:60]}.{uuid4().hex[:12]}.tmp")
    try:
        with temporary.open("xb") as file:
            write(file, content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        reached = remove(temporary)
        if error.errno is None:  # raised by the caller's function, not by the file system
            raise
        raise InputError(failure(path, target.parent, error, content, reached)) from error
    except BaseException:
        remove(temporary)
        raise


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


def failure(
    path: str | os.PathLike, folder: Path, error: OSError, content: Content, reached: int
) -> str:
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


def sha256(path: str | os.PathLike) -> str:
    """The checksum of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
