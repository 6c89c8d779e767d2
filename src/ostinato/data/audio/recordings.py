"""Recordings with their transcripts, from the files people have: manifests, folders, features,
and audio paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.audio.audio_files import (
    DamagedAudioError,
    audio_info,
    is_audio,
    read_blocks,
)
from ostinato.data.audio.corpus_lists import SCRIPT, read_kaldi, read_librispeech
from ostinato.data.audio.sound_headers import missing_bytes
from ostinato.data.files.columns import Row
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.npz import load_arrays, split_series
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import begins_as_table, is_table, read_table
from ostinato.data.files.wording import display_path, is_renamed, quote
from ostinato.errors import InputError, option_name

CONTENTS = ("X", "features", "frames")
TEXTS, SPEAKERS, IDS = ("text", "texts"), ("speaker", "speakers"), ("id", "ids")
ARRAYS = (*CONTENTS, *TEXTS, *SPEAKERS, *IDS, "lengths", "front_end", "rate")
SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id")
CLIPPED = 0.05  # share of samples at full scale from which on a recording counts as clipped
SILENT = 1e-4  # of full scale; no sample is louder
DURATION_ERROR = 0.5  # seconds by which a manifest's duration may be wrong


@dataclass(frozen=True)
class Samples:
    """Samples of -1 to 1 [N] with their rate."""

    values: np.ndarray
    rate: int


class Recording(NamedTuple):
    """One recording.

    Attributes:
        audio: The path of a sound file ("" for none), `Samples`, or features [T, D].
        text: Its transcript; "" for none.
        speaker: Who speaks, where that is known.
        where: "train.tsv:7".
        name: How reports name it.
        front_end: What made the features ("mfcc"), where the file says so.
        rate: Samples a second of the audio that features were made of; 0 where unknown.
        duration: In seconds, as a manifest says; 0 where it does not.
    """

    audio: Any
    text: str = ""
    speaker: str = ""
    where: str = ""
    name: str = ""
    front_end: str = ""
    rate: int = 0
    duration: float = 0.0


def read_recordings(
    files: Sequence[FilePath],
    *,
    audio_column: str | None = None,
    text_column: str | None = None,
    folder: str | None = None,
) -> list[Recording]:
    """Recordings with transcripts from files, each of which may be

        a table (TSV, CSV, JSONL, Parquet)   columns audio and text, also speaker and duration
        a folder                             metadata.csv or .jsonl, Kaldi's wav.scp with text,
                                             LibriSpeech's .trans.txt, or NAME.wav with NAME.txt
        .npz                                 X frames [N, D] or [B, T, D], lengths, text

    Args:
        files: The files.
        audio_column, text_column: Names of the columns, where they are others.
        folder: What audio paths are relative to; the table's folder where None.
    """
    return list(
        stream_recordings(files, audio_column=audio_column, text_column=text_column, folder=folder)
    )


def stream_recordings(
    files: Sequence[FilePath],
    *,
    audio_column: str | None = None,
    text_column: str | None = None,
    folder: str | None = None,
) -> Iterator[Recording]:
    """As `read_recordings`, one after another; of feature files one is in memory at a time."""
    names = {"audio": audio_column, "text": text_column}
    for file in files:
        record = None
        for record in read_one(file, names, folder):
            yield record
        if record is None:
            raise InputError(f"{display_path(file)}: no examples (0 recordings)")


def read_one(
    file: FilePath, names: dict[str, str | None], folder: str | None
) -> Iterator[Recording]:
    path = Path(file)
    if is_npz(file):
        yield from read_features(file)
    elif path.is_dir():
        yield from read_folder(path, names, folder)
    elif is_audio(file):
        raise InputError(
            f"{path}: a sound file without its transcript; expected a table with columns audio and "
            "text, a folder of NAME.wav with NAME.txt, or .npz"
        )
    else:
        for row in read_table(file, ("audio", "text"), names=names):
            yield from_row(row, folder)


def is_npz(file: FilePath) -> bool:
    return str(file).lower().endswith(".npz")


def from_row(row: Row, folder: str | None) -> Recording:
    """A row of a table as a recording; a path that leaves the table's folder is refused later."""
    where = f"{display_path(row.file)}:{row.line}"
    name = row.text("audio").strip()
    text = row.text("text") if "text" in row.values else ""
    speaker = next((str(row.values[key]) for key in SPEAKER_COLUMNS if row.values.get(key)), "")
    try:
        duration = float(row.values.get("duration") or 0)
    except (TypeError, ValueError):
        raise InputError(
            f"{where}: duration must be seconds; got {row.values['duration']!r}"
        ) from None
    root = Path(folder) if folder is not None else Path(row.file).parent
    # examples given in Python may name any file, what a table from elsewhere may not
    path = name if is_renamed(row.file) else path_below(root, name, where)
    return Recording(path, clean(text), speaker, where, name, duration=duration)


def path_below(root: Path, name: str, where: str) -> str:
    """The path of a name in a folder, marked where it leaves the folder; "" for no name."""
    path = str(root / name) if name else ""
    try:
        outside = path and not Path(path).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a name with a zero, a loop of links
        raise InputError(f"{where}: {quote(name)}: not a file name ({error})") from None
    return OUTSIDE + path if outside else path


OUTSIDE = "\0"  # before a path outside its folder, which no file name can contain


def clean(text: str) -> str:
    """The text on one line, with single spaces."""
    return " ".join(text.split())


def read_folder(
    folder: Path, names: dict[str, str | None], root: str | None
) -> Iterator[Recording]:
    """A folder of metadata.csv, .jsonl or .tsv, of Kaldi's wav.scp and text, of LibriSpeech's
    .trans.txt, or of sound files each with its text beside it.
    """
    for suffix in ("csv", "jsonl", "tsv"):
        table = folder / f"metadata.{suffix}"
        if table.is_file():
            yield from read_one(table, names, root)
            return
    corpus = read_kaldi(folder) if (folder / SCRIPT).is_file() else read_librispeech(folder)
    found = 0
    for audio, text, speaker, where in corpus:
        below = path_below(folder if root is None else Path(root), audio, where)
        yield Recording(below, clean(text), speaker, where, audio)
        found += 1
    if found:
        return
    for path in sorted(folder.rglob("*")):
        if is_audio(path) and not path.name.startswith("."):
            beside = path.with_suffix(".txt")
            if not beside.is_file():
                raise InputError(
                    f"{path}: no transcript {beside.name} beside it; add it, or give a table "
                    "with columns audio and text"
                )
            text = clean(" ".join(iterate_lines(beside)))
            speaker = path.parent.name if path.parent != folder else ""
            name = str(path.relative_to(folder))
            yield Recording(str(path), text, speaker, str(path), name)


def read_features(file: FilePath) -> Iterator[Recording]:
    """Features from an .npz of plain arrays.

    X        [N, D] the frames of all recordings one after another, or [B, T, D] padded
    lengths  [B] frames of each recording
    text     [B] transcripts; also speaker [B] and id [B]
    front_end, rate   what made them, such as "mfcc" and 16000
    """
    arrays = load_arrays(file, ARRAYS)
    name = display_path(file)
    held = [each for each in CONTENTS if each in arrays]
    if len(held) != 1 or arrays[held[0]].ndim not in (2, 3):
        raise InputError(
            f"{name}: expected one array X of frames [N, D] with lengths; got "
            f"{' and '.join(held) or 'none'}"
        )
    values = arrays[held[0]]
    if values.dtype.kind not in "fiu" or not values.shape[-1]:
        raise InputError(
            f"{name}: {held[0]} must be numbers [N, D]; got {values.dtype} of shape "
            f"{list(values.shape)}"
        )
    lengths = arrays.get("lengths")
    if values.ndim == 2:
        lengths = np.array([len(values)]) if lengths is None else lengths.ravel()
    if values.ndim == 2 and lengths is not None and int(lengths.sum()) != len(values):
        raise InputError(
            f"{name}: lengths add up to {int(lengths.sum()):,}, but {held[0]} has "
            f"{len(values):,} frames"
        )
    parts = (
        np.split(values, np.cumsum(lengths)[:-1])
        if values.ndim == 2 and lengths is not None
        else split_series(values, lengths, file, name=held[0])
    )
    columns = [strings(arrays, keys, len(parts), name) for keys in (TEXTS, SPEAKERS, IDS)]
    front_end = str(arrays["front_end"]) if "front_end" in arrays else ""
    rate = int(arrays["rate"]) if "rate" in arrays else 0
    for number, (part, text, speaker, own) in enumerate(zip(parts, *columns, strict=True), start=1):
        where = f"{name}: recording {number}"
        yield Recording(
            as_features(part, where), clean(text), speaker, where, own or where, front_end, rate
        )


def strings(
    arrays: dict[str, np.ndarray], keys: Sequence[str], number: int, name: str
) -> list[str]:
    """An array of texts by one of its names; empty texts where there is none."""
    found = next((arrays[key] for key in keys if key in arrays), None)
    if found is None:
        return [""] * number
    if found.shape != (number,):
        raise InputError(
            f"{name}: {keys[0]} must be one for each of {number:,} recordings; got "
            f"{list(found.shape)}"
        )
    return [str(each) for each in found.tolist()]


def as_features(values: Any, where: str = "the input") -> np.ndarray:
    """Features as float32 [T, D].

    InputError for other shapes, and for values that are not finite.
    """
    try:
        values = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError):
        raise InputError(f"{where}: expected features [T, D] of numbers") from None
    if values.ndim != 2:
        raise InputError(f"{where}: expected features [T, D]; got shape {list(values.shape)}")
    if not np.isfinite(values).all():
        frame, place = np.argwhere(~np.isfinite(values))[0] + 1
        raise InputError(
            f"{where}, frame {frame}: feature {place} is not a finite number; remove the recording"
        )
    return np.ascontiguousarray(values)


def find_problem(record: Recording) -> str | None:
    """Why a recording is no good for training, in a few words; None where it is good.

    Raises InputError for a file that is no readable sound file at all.
    """
    if isinstance(record.audio, np.ndarray):
        return None if len(record.audio) else "no frames"
    if isinstance(record.audio, Samples):
        return None if len(record.audio.values) else "no samples"
    if not record.audio:
        return "no audio named"
    if record.audio.startswith(OUTSIDE):
        return f"outside the folder ({option_name('audio_folder')})"
    if not Path(record.audio).is_file():
        return "missing, as it is not a file" if Path(record.audio).exists() else "missing"
    if missing := missing_bytes(record.audio):
        return f"truncated ({missing:,} bytes are missing)"
    info = audio_info(record.audio)
    if not info.samples:
        return "no samples"
    if record.duration and abs(info.seconds - record.duration) > DURATION_ERROR:
        return f"{info.seconds:.2f} s long, not {record.duration:.2f}"
    return find_bad_samples(record.audio)


def find_bad_samples(file: str) -> str | None:
    """What is wrong with the samples of a sound file, in a few words; None where they are good."""
    loudest, clipped, samples = 0.0, 0, 0
    try:
        for block in read_blocks(file):
            if len(block):
                loudest = max(loudest, float(np.abs(block).max()))
                clipped += int((np.abs(block) >= 0.999).sum())
                samples += len(block)
    except DamagedAudioError as error:
        return str(error).removeprefix(f"{file}: ").partition("; ")[0]
    if loudest <= SILENT:
        return "silent"
    return "clipped" if clipped > CLIPPED * samples else None


def read_audio_list(
    files: Sequence[FilePath], *, audio_column: str | None = None, folder: str | None = None
) -> Iterator[Recording]:
    """What is to be transcribed: sound files, folders and tables of them, lists with a path a
    line, .npz.

    A blank line is a recording without audio.
    """
    for file in files:
        if is_npz(file):
            yield from read_features(file)
        elif Path(file).is_dir():
            paths = [path for path in sorted(Path(file).rglob("*")) if is_audio(path)]
            if not paths:
                raise InputError(f"{file}: no sound files in this folder")
            yield from (Recording(str(path), where=str(path), name=path.name) for path in paths)
        elif is_audio(file):
            yield Recording(str(file), where=str(file), name=Path(file).name)
        elif is_table(file) or begins_as_table(file, "audio", audio_column):
            names = {"audio": audio_column}
            for row in read_table(
                file, ("audio",), optional=("text",), names=names, keep_blank=True
            ):
                yield from_row(row, folder)
        else:
            for number, line in enumerate(iterate_lines(file), start=1):
                where = f"{display_path(file)}:{number}"
                yield named(line.strip(), file, where, folder)


def named(line: str, file: FilePath, where: str, folder: str | None) -> Recording:
    """A path on a line of a list, from its folder or from the working directory."""
    beside = Path(folder) if folder is not None else Path(file).parent
    path = beside / line
    return Recording(str(path) if line and path.exists() else line, where=where, name=line)
