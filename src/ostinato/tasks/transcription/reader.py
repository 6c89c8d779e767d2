"""Reads recordings with transcripts from tables, folders and feature files."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from ostinato.data.audio.audio_files import audio_info, read_blocks
from ostinato.data.audio.recordings import (
    OUTSIDE,
    Recording,
    Samples,
    as_features,
    clean,
    find_problem,
    read_audio_list,
    stream_recordings,
)
from ostinato.data.audio.sound_headers import missing_bytes
from ostinato.data.audio.standard_input import read_standard_input
from ostinato.data.audio.stored_recordings import (
    StoredRecordings,
    find_changed_sound,
    write_recordings,
)
from ostinato.data.files.wording import display_path, pluralise
from ostinato.data.stored.indexed_records import IndexedFiles, index_files
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.reader import Reader

MOST_SECONDS = 3600  # maximum length of a recording sent to a server
MOST_NAMED = 10  # recordings named in a notice


class TranscriptionReader(Reader):
    decodes: ClassVar[Mapping[str, str]] = {"application/x-npz": ".npz"}

    def read(self, files: Sequence[str], *, training: bool = False) -> Sequence[Recording]:
        if training and self.options.cache is not None:
            return self.index(files, self.options.cache)
        if training:
            return list(self.select(files))
        records = list(self.stream(files))
        for record in records:
            self.check_readable(record)
        if not any(record.text for record in records):
            raise InputError(f"{' '.join(map(display_path, files))}: no transcripts")
        self.check_alphabet(records)
        return records

    def stream(self, files: Sequence[str]) -> Iterator[Recording]:
        """The recordings of the files as they are written there."""
        return stream_recordings(
            files,
            audio_column=self.options.audio_column,
            text_column=self.options.text_column,
            folder=self.options.audio_folder,
        )

    def select(self, files: Sequence[str]) -> Iterator[Recording]:
        """The recordings of the files that are good for training; a notice names the others."""
        good, bad = 0, []
        for record in self.stream(files):
            wrong = "empty transcript" if not record.text else find_problem(record)
            if wrong:
                bad.append(f"{record.name or record.where}: {wrong}")
                continue
            good += 1
            yield record
        notify_left_out(bad)
        if not good:
            raise InputError(
                f"{' '.join(map(display_path, files))}: no recording to learn from ({bad[0]})"
            )

    def index(self, files: Sequence[str], cache: str) -> StoredRecordings:
        """The training recordings of files, kept in a cache folder."""
        names = ("audio_column", "text_column", "audio_folder")
        settings = {name: getattr(self.options, name) for name in names}
        folders = [file for file in files if Path(file).is_dir()]
        tables = [file for file in files if file not in folders]
        return index_files(
            IndexedFiles(cache, self.task_name, tables, settings, folders),
            lambda folder: write_recordings(folder, self.select(files)),
            StoredRecordings,
            find_changed_sound,
        )

    def check_readable(self, record: Recording) -> None:
        """Raises InputError for an unreadable recording; silence is allowed."""
        if isinstance(record.audio, str):
            check_path(record)
            wrong = find_problem(record)
            if (wrong or "").startswith(("missing", "no audio named", "truncated", "damaged")):
                raise InputError(
                    f"{record.where}: {record.audio or 'the audio'}: {wrong}; "
                    "complete the recordings or remove the row"
                )

    def check_alphabet(self, records: Sequence[Recording]) -> None:
        """Notifies of characters of the references that are not among the model's labels."""
        if self.preprocessing is None:
            return
        unknown = sorted(
            {token for each in records for token in self.preprocessing.unknown_tokens(each.text)}
        )
        if unknown:
            some = " ".join(map(repr, unknown[:MOST_NAMED]))
            notify(
                f"{len(unknown)} {pluralise(self.options.unit, len(unknown))} of the transcripts "
                f"never occurred in training and cannot be written: {some}"
            )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Recording]:
        for file in files:
            if file == "-":
                yield from read_standard_input(self.options.rate)
                continue
            for record in read_audio_list(
                [file],
                audio_column=self.options.audio_column,
                folder=self.options.audio_folder,
            ):
                check_path(record)
                check_complete(record)
                yield record

    def check_compatible(self, records: Sequence[Recording]) -> None:
        for record in records:
            self.preprocessing.check(record)

    def as_record(self, value: Any) -> Recording:
        """Makes a Recording of a sound, or of a pair (sound, transcript).

        A sound is the path of a file, samples [N] from -1 to 1, a pair (samples, rate in Hz), or
        features [T, D].
        """
        text = ""
        if isinstance(value, Recording):
            return value
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
            value, text = value
        if isinstance(value, str) or hasattr(value, "__fspath__"):
            path = str(value).strip()
            return Recording(path, clean(text), where=path, name=Path(path).name)
        rate = self.preprocessing.front_end.rate if self.preprocessing.front_end else 0
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], int):
            value, rate = value
        if isinstance(value, Samples):
            return Recording(value, clean(text), where="the input")
        values = np.asarray(value)
        if values.dtype.kind not in "fiu":
            raise InputError(
                "expected the path of a sound file, samples or features; got "
                f"{type(value).__name__}"
            )
        if values.ndim == 1:
            return Recording(as_samples(values, rate), clean(text), where="the input")
        return Recording(as_features(values), clean(text), where="the input")

    def decode(self, content: bytes, media_type: str) -> list[Recording]:
        """Decodes the content of a sound file, or of an .npz of features."""
        if not media_type.startswith("audio/"):
            return super().decode(content, media_type)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "sound"  # libsndfile detects the format by the content
            path.write_bytes(content)
            info = audio_info(path)
            if info.seconds > MOST_SECONDS:
                raise InputError(f"a recording of more than {MOST_SECONDS // 60} minutes")
            values = np.concatenate([np.zeros(0, np.float32), *read_blocks(path)])
        return [Recording(Samples(values, info.rate), where="the sound")]

    def key(self, record: Recording) -> Hashable:
        if isinstance(record.audio, np.ndarray):
            return record.audio.tobytes()
        return record.audio.values.tobytes() if isinstance(record.audio, Samples) else record.audio

    def with_target(self, record: Recording, text: str) -> Recording:
        return record._replace(text=clean(text))

    def text_of(self, record: Recording) -> str:
        return record.name


def as_samples(values: np.ndarray, rate: int) -> Samples:
    """Makes Samples of floats from -1 to 1, or of 16-bit integers."""
    if values.dtype.kind in "iu":
        values = values.astype(np.float32) / 32768
    if not np.isfinite(values).all():
        raise InputError("the input: a sample is not a finite number")
    return Samples(values.astype(np.float32), rate)


def check_path(record: Recording) -> None:
    """Raises InputError for a path outside the folder of its table."""
    if isinstance(record.audio, str) and record.audio.startswith(OUTSIDE):
        raise InputError(
            f"{record.where}: {record.name} is outside the folder of the table; "
            f"name the folder of all recordings with {option_name('audio_folder')}"
        )


def check_complete(record: Recording) -> None:
    """Raises InputError for a sound file that is shorter than its header says."""
    there = isinstance(record.audio, str) and Path(record.audio).is_file()
    if there and (missing := missing_bytes(record.audio)):
        raise InputError(
            f"{record.where}: truncated ({missing:,} bytes are missing of those in its header); "
            "copy it again, or convert the rest of it to a new file"
        )


def notify_left_out(bad: Sequence[str]) -> None:
    """Notifies of recordings that are left out, and why."""
    if bad:
        others = f"; and {len(bad) - MOST_NAMED:,} others" if len(bad) > MOST_NAMED else ""
        notify(
            f"{len(bad):,} {pluralise('recording', len(bad))} left out: "
            f"{'; '.join(bad[:MOST_NAMED])}{others}"
        )
