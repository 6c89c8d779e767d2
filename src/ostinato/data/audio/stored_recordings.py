"""Recordings on disk: what a manifest says of each, and the features that files give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.audio.recordings import Recording
from ostinato.data.files.atomic import sha256
from ostinato.data.files.wording import display_path
from ostinato.data.stored.cached_folder import describe_source
from ostinato.data.stored.ragged_file import RaggedFile, RaggedWriter
from ostinato.data.stored.stored_records import RecordsOnDisk, StoredRecords, write_records

GIVEN = "features"


class Described(NamedTuple):
    """What is stored of a recording as JSON.

    Args:
        fields: Of the `Recording`; `audio` is the path of a sound file, or None for features.
        given: The number of its features among those that are stored; None for a sound file.
        sound: Size, time and SHA-256 of its sound file; None for features.
    """

    fields: list[Any]
    given: int | None
    sound: dict[str, Any] | None

    @property
    def recording(self) -> Recording:
        """The recording, with the audio None where its features are given."""
        return Recording(*self.fields)


def write_recordings(folder: Path, recordings: Iterable[Recording]) -> int:
    """Writes recordings, those of sound files without their sound, and gives their number."""
    with RaggedWriter(folder, GIVEN) as given:

        def describe() -> Iterator[tuple]:
            for each in recordings:
                if isinstance(each.audio, np.ndarray):
                    given.append(each.audio)
                    yield list(each._replace(audio=None)), given.count - 1, None
                else:
                    sound = {**describe_source(each.audio), "sha256": sha256(each.audio)}
                    yield list(each), None, sound

        return write_records(folder, describe())


def find_changed_sound(folder: Path) -> str | None:
    """Which sound file of stored recordings has changed since, for a note; None if none has.

    A file of another time is compared by its hash."""
    for _, _, before in StoredRecords(folder, Described._make):
        if before is None:
            continue
        path = before["path"]
        if not Path(path).is_file():
            return f"{display_path(path)} is missing"
        now = describe_source(path)
        if now["bytes"] != before["bytes"]:
            return f"{display_path(path)} has another size"
        if now["modified"] != before["modified"] and sha256(path) != before["sha256"]:
            return f"{display_path(path)} has changed"
    return None


class StoredRecordings(RecordsOnDisk[Recording]):
    """What `write_recordings` has written; given features are read with their recording.

    Args:
        folder: Of the files.
        described: The recordings as they are described; None: all.
        given: The features, where the file is open already.
    """

    def __init__(
        self,
        folder: Path,
        described: StoredRecords[Described] | None = None,
        given: RaggedFile | None = None,
    ):
        self.folder = folder
        self.described = StoredRecords(folder, Described._make) if described is None else described
        self.given = RaggedFile(folder, GIVEN) if given is None else given

    def __len__(self) -> int:
        return len(self.described)

    def read(self, place: int) -> Recording:
        return self.complete(self.described.read(place))

    def __iter__(self) -> Iterator[Recording]:
        return map(self.complete, self.described)

    def complete(self, described: Described) -> Recording:
        """The recording with its features, if they are given."""
        recording = described.recording
        if described.given is None:
            return recording
        return recording._replace(audio=self.given.read(described.given))

    def take(self, places: np.ndarray) -> StoredRecordings:
        return StoredRecordings(self.folder, self.described.take(places), self.given)

    def sample(self, number: int) -> tuple[StoredRecordings, str | None]:  # type: ignore[override]
        """These recordings: what a model holds in memory of them are a few templates."""
        return self, None
