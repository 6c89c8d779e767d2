"""The raw features of sound files that were read already: on disk or in memory."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.data.audio.front_end import FrontEnd
from ostinato.data.audio.recordings import Recording
from ostinato.data.audio.stored_recordings import Described, StoredRecordings
from ostinato.data.stored.cached_folder import CachedFolder, cache_locked, digest
from ostinato.data.stored.ragged_file import RaggedFile, RaggedWriter
from ostinato.data.stored.stored_records import NAME as RECORDS
from ostinato.data.stored.stored_records import StoredRecords
from ostinato.tasks.transcription.raw_features import read_features

NAME = "features"


class FeatureCache(MutableMapping[str, np.ndarray]):
    """Raw features [T, D] by the path of the sound file.

    Those of stored recordings are computed once, written beside them, and read from there; those
    of others are kept in memory."""

    def __init__(self) -> None:
        self.in_memory: dict[str, np.ndarray] = {}
        self.rows: dict[str, int] = {}  # of the file, by path
        self.file: RaggedFile | None = None

    def store(self, records: StoredRecordings, front_end: FrontEnd | None) -> None:
        """Computes the features of all sound files of stored recordings, unless it is done.

        Args:
            records: The recordings, or some of them.
            front_end: What computes features of sound; None if all features are given.
        """
        if front_end is None or self.file is not None:
            return
        cache, name = records.folder.parent, records.folder.name
        made_by = list(front_end)
        path = cache / f"{name}-{digest(made_by)}"
        # the recordings as they are stored, with the hash of each sound file
        folder = CachedFolder(path, [str(records.folder / f"{RECORDS}.npy")], made_by)
        with cache_locked(cache, name):
            if folder.why_stale(folder.read()) is not None:
                folder.make(lambda place: write_features(place, records.folder, front_end))
        self.file = RaggedFile(path, NAME)
        self.rows = {sound: row for row, sound in enumerate(list_sounds(records.folder))}

    def frames(self, described: Described, given: RaggedFile) -> int:
        """The number of frames of a stored recording, without reading them."""
        if described.given is not None:
            start, stop = given.find(described.given)
        else:
            assert self.file is not None
            start, stop = self.file.find(self.rows[described.recording.audio])
        return stop - start

    def __getitem__(self, path: str) -> np.ndarray:
        if self.file is not None and path in self.rows:
            return self.file.read(self.rows[path])
        return self.in_memory[path]

    def __contains__(self, path: object) -> bool:
        return path in self.rows or path in self.in_memory

    def __setitem__(self, path: str, frames: np.ndarray) -> None:
        if path not in self.rows:
            self.in_memory[path] = frames

    def __delitem__(self, path: str) -> None:
        del self.in_memory[path]

    def __iter__(self) -> Iterator[str]:
        yield from self.rows
        yield from self.in_memory

    def __len__(self) -> int:
        return len(self.rows) + len(self.in_memory)


def list_sounds(folder: Path) -> Iterator[str]:
    """The different sound files of stored recordings."""
    seen = dict.fromkeys(
        described.recording.audio
        for described in StoredRecords(folder, Described._make)
        if described.given is None
    )
    return iter(seen)


def write_features(place: Path, records: Path, front_end: FrontEnd) -> dict[str, Any]:
    """Writes the raw features of the sound files of stored recordings.

    Args:
        place: A new folder.
        records: The folder of the recordings.
        front_end: What computes them.
    """
    with RaggedWriter(place, NAME) as writer:
        for path in list_sounds(records):
            writer.append_parts(read_features(Recording(path), front_end, {}))
    return {"recordings": writer.count}
