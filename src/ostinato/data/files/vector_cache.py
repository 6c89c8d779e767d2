"""Vectors of sentences on disk, found by a key: what is costly to compute is computed once.

FOLDER/vectors-HASH.safetensors     vectors [T, D] of many sentences, by their keys"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import safetensors
from torch import Tensor

from ostinato.data.files.atomic import NotWritten
from ostinato.data.files.weights_file import load_weights, save_weights
from ostinato.errors import InputError
from ostinato.notices import notify

FILE_NAME = re.compile(r"vectors-[0-9a-f]{16}\.safetensors")
FILE_BYTES = 1 << 26  # vectors that wait in memory until they are written as a file


class VectorCache:
    """Keys -> vectors, in files of a folder; nothing is removed from it, and it has a bound.

    Args:
        folder: It is made if need be. Files in it that are damaged are removed, and said.
        bound: Bytes that are kept at most; what comes later is not kept.
    """

    def __init__(self, folder: Path, *, bound: int):
        self.folder, self.bound = folder, bound
        self.places: dict[str, Any] = {}  # key -> the open file that has it
        self.waiting: dict[str, Tensor] = {}
        self.waiting_bytes = self.bytes = 0
        self.full = False
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if FILE_NAME.fullmatch(path.name) and not path.is_symlink():
                self.open(path)

    def open(self, path: Path) -> None:
        """Reads which keys a file has; a damaged one is removed."""
        try:
            load_weights(path)  # compares the checksum
            file = safetensors.safe_open(path, framework="pt")
        except (InputError, safetensors.SafetensorError):
            notify(f"{path}: damaged, and removed: its vectors are computed again")
            path.unlink(missing_ok=True)
            return
        self.bytes += path.stat().st_size
        self.places |= dict.fromkeys(file.keys(), file)

    def get(self, key: str) -> Tensor | None:
        """The vectors [T, D] of a sentence; None where they are not kept."""
        if key in self.waiting:
            return self.waiting[key]
        return self.places[key].get_tensor(key) if key in self.places else None

    def put(self, key: str, vectors: Tensor) -> None:
        """Keeps the vectors [T, D] of a sentence, unless the cache is full."""
        size = vectors.numel() * vectors.element_size()
        if self.full or self.bytes + self.waiting_bytes + size > self.bound:
            if not self.full:
                notify(f"{self.folder}: full; further sentences are computed whenever they come")
            self.full = True
            return
        self.waiting[key] = vectors
        self.waiting_bytes += size
        if self.waiting_bytes >= FILE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes what waits in memory."""
        if not self.waiting:
            return
        name = hashlib.sha256(" ".join(sorted(self.waiting)).encode()).hexdigest()[:16]
        path = self.folder / f"vectors-{name}.safetensors"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_weights(path, self.waiting)
            file = safetensors.safe_open(path, framework="pt")
        except (NotWritten, OSError) as error:
            notify(f"{path}: not written ({error}); further sentences are not kept")
            self.full = True
        else:
            self.bytes += path.stat().st_size
            self.places |= dict.fromkeys(self.waiting, file)
        self.waiting, self.waiting_bytes = {}, 0

    def remove(self) -> None:
        """Removes the files of the cache, and its folder if nothing else is in it."""
        self.places.clear()
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if FILE_NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty, or another process was quicker
            self.folder.rmdir()
