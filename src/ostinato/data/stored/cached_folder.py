"""A folder that is made once from files, kept, and made anew where these have changed.

Its `index.json` is written last: a folder without it, or with files of other sizes than it says,
was not finished, and is made anew, too."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ostinato.data.files.atomic import megabytes, sha256
from ostinato.data.files.streams import FULL, open_file
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError, option_name

FORMAT = 1
INDEX = "index.json"


def digest(value: Any) -> str:
    """A short name that is the same for equal JSON values."""
    content = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


@contextmanager
def cache_locked(cache: Path, name: str) -> Iterator[None]:
    """Holds the lock of a name in a cache folder, which is made if need be; others wait for it.

    Several processes that begin at the same time then make a folder once."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        file = (cache / f"{name}.lock").open("a")
    except OSError as error:
        raise InputError(
            f"{cache}: cannot be written: {error.strerror}; choose another {option_name('cache')}"
        ) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class CachedFolder:
    """A folder in a cache, and what it was made from.

    Args:
        path: of the folder.
        sources: the files that it is made from.
        made_by: what else decides its content, as JSON can hold it.
    """

    def __init__(self, path: Path, sources: Sequence[str] = (), made_by: Any = None):
        self.path, self.sources = path, list(sources)
        self.made_by = json.loads(json.dumps([FORMAT, made_by], default=str))

    def read(self) -> dict[str, Any] | None:
        """Its index; None if there is none that can be read."""
        try:
            index = json.loads((self.path / INDEX).read_bytes())
        except (OSError, ValueError):
            return None
        keys = {"made_by", "sources", "files", "facts"}
        return index if isinstance(index, dict) and keys <= index.keys() else None

    def why_stale(self, index: dict[str, Any] | None) -> str | None:
        """Why the folder must be made anew; None if it is as it should be.

        A file of another time is compared by its hash: one that was only copied is no other."""
        if index is None or index["made_by"] != self.made_by:
            return "it was made otherwise, or not finished"
        for name, size in index["files"].items():
            file = self.path / name
            if not file.is_file() or file.stat().st_size != size:
                return f"{name} is missing or cut short"
        for source, before in zip(self.sources, index["sources"], strict=True):
            now = describe_source(source)
            if now["bytes"] != before["bytes"]:
                return f"{display_path(source)} has another size"
            if now["modified"] != before["modified"] and sha256(source) != before["sha256"]:
                return f"{display_path(source)} has changed"
        return None

    def make(self, write: Callable[[Path], Mapping[str, Any]]) -> dict[str, Any]:
        """Makes the folder anew, whole or not at all; what was there is replaced at the end.

        Args:
            write: writes into a new folder, and gives facts to be kept in the index.

        Raises:
            InputError: no space, not writable, or a source that changes meanwhile.
        """
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)  # what a killed process has left
        began = time.monotonic()
        try:
            temporary.mkdir()
            before = [describe_source(source) for source in self.sources]
            facts = dict(write(temporary))
            hashes = [sha256(source) for source in self.sources]
            if [describe_source(source) for source in self.sources] != before:
                raise InputError(
                    f"{' '.join(map(display_path, self.sources))}: changed while being indexed; "
                    "run again when complete"
                )
            index = {
                "made_by": self.made_by,
                "sources": [
                    {**each, "sha256": hash} for each, hash in zip(before, hashes, strict=True)
                ],
                "files": {each.name: each.stat().st_size for each in sorted(temporary.iterdir())},
                "facts": {**facts, "seconds": round(time.monotonic() - began, 1)},
            }
            write_synced(temporary / INDEX, json.dumps(index, indent=1).encode())
            shutil.rmtree(self.path, ignore_errors=True)
            temporary.rename(self.path)
        except OSError as error:
            raise InputError(self.failure(error, folder_size(temporary))) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return index

    def failure(self, error: OSError, reached: int) -> str:
        """The message where the folder cannot be written."""
        cache = self.path.parent
        remedy = f"make room, or choose another {option_name('cache')}"
        if error.errno in FULL:
            free = megabytes(shutil.disk_usage(cache).free)
            return (
                f"{cache}: no space left for the index: more than {megabytes(reached)} needed, "
                f"{free} free; what was there is unchanged; {remedy}"
            )
        return f"{cache}: the index cannot be written: {error.strerror or error}; {remedy}"


def describe_source(source: str) -> dict[str, Any]:
    """The path, size and time of a file; InputError where there is none."""
    path = Path(source)
    if path.is_dir() or (path.exists() and not path.is_file()):
        what = "a folder" if path.is_dir() else "no regular file"
        raise InputError(
            f"{display_path(source)}: {what}; {option_name('cache')} needs files that can be read "
            "again"
        )
    open_file(path).close()  # which says what is wrong, and which name is near
    found = path.stat()
    return {"path": str(path.absolute()), "bytes": found.st_size, "modified": found.st_mtime_ns}


def folder_size(folder: Path) -> int:
    """The bytes of the files in a folder."""
    return sum(each.stat().st_size for each in folder.iterdir()) if folder.is_dir() else 0


def write_synced(path: Path, content: bytes) -> None:
    """Writes a new file that is on the disk when this returns."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
