"""Sound files: WAV, FLAC, OGG and MP3 of any rate, width and number of channels, as mono
samples.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.audio.resampler import Resampler
from ostinato.data.audio.sound_headers import check_wav_header, lacks_last_page
from ostinato.data.files.streams import cannot_open
from ostinato.errors import InputError

SUFFIXES = (
    ".wav",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".aiff",
    ".aif",
    ".au",
    ".rf64",
    ".w64",
)
BLOCK = 1 << 18  # samples decoded at a time
MP3_FRAMES = 2 * 1152  # samples that encoders of MP3 add, and some decoders leave out
LOWEST_RATE, HIGHEST_RATE = 1000, 768_000


class DamagedAudioError(InputError):
    """A sound file that ends, or cannot be decoded, before its header says."""


class AudioInfo(NamedTuple):
    """What a sound file says of itself: samples a second, samples of each channel, channels."""

    rate: int
    samples: int
    channels: int

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


def is_audio(file: str | os.PathLike) -> bool:
    """Whether a file's name says that it is a sound file."""
    return Path(file).suffix.lower() in SUFFIXES


def require_soundfile() -> Any:
    """The module soundfile. InputError where it is not installed."""
    try:
        import soundfile
    except (ImportError, OSError):
        raise InputError(
            "sound files need soundfile and soxr: pip install 'ostinato[audio]'"
        ) from None
    return soundfile


def open_audio(file: str | os.PathLike) -> Any:
    """The file opened by soundfile. InputError, in one line, for what is no readable sound file."""
    soundfile, path = require_soundfile(), Path(file)
    if path.is_dir():
        raise InputError(f"{path}: a folder; expected a sound file")
    if path.exists() and not path.is_file():
        raise InputError(cannot_open(path, FileNotFoundError()))
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; audio paths are relative to the list that has them"
        )
    if not path.stat().st_size:
        raise InputError(f"{path}: an empty file (0 bytes); record it again or remove it")
    check_wav_header(path)
    try:
        return soundfile.SoundFile(str(path))
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        reason = str(error).split(": ", 1)[-1].strip().rstrip(".")
        mp3 = path.suffix.lower() == ".mp3" and "MP3" not in soundfile.available_formats()
        remedy = (
            "this libsndfile reads no MP3; pip install -U soundfile, or convert it to WAV"
            if mp3
            else "expected WAV, FLAC, OGG or MP3"
        )
        raise InputError(f"{path}: no readable sound file ({reason}); {remedy}") from None


def audio_info(file: str | os.PathLike) -> AudioInfo:
    """Rate, length and channels, from the header."""
    with open_audio(file) as opened:
        return AudioInfo(check_rate(opened.samplerate, str(file)), opened.frames, opened.channels)


def check_rate(rate: int, where: str) -> int:
    """The rate. InputError for one that no recording has, such as a damaged header gives."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise InputError(
            f"{where}: {rate:,} samples a second; expected {LOWEST_RATE:,} to {HIGHEST_RATE:,}"
        )
    return rate


def read_blocks(file: str | os.PathLike, rate: int | None = None) -> Iterator[np.ndarray]:
    """The samples of a file as mono float32 of -1 to 1, block by block, at `rate` where given."""
    with open_audio(file) as opened:
        own = check_rate(opened.samplerate, str(file))
        resampler = None if rate in (None, own) else Resampler(own, int(rate or own))
        done = 0  # samples of the blocks before
        while len(block := decode_block(opened, file, done)):
            mono = mix_down(block)
            if not np.isfinite(mono).all():
                place = done + int(np.flatnonzero(~np.isfinite(mono))[0]) + 1
                raise InputError(
                    f"{file}: sample {place:,} is not a finite number; record it again"
                )
            done += len(block)
            yield mono if resampler is None else resampler(mono)
        check_length(opened, file, done)
        if resampler is not None:
            yield resampler(np.zeros(0, np.float32), last=True)


def decode_block(opened: Any, file: str | os.PathLike, done: int) -> np.ndarray:
    """The next block [N, channels] after `done` samples. DamagedAudioError where it is damaged."""
    try:
        return opened.read(BLOCK, dtype="float32", always_2d=True)
    except RuntimeError as error:
        reason = str(error).split(": ", 1)[-1].strip().rstrip(".")
        raise DamagedAudioError(
            f"{file}: damaged after {done:,} samples ({reason}); copy it again"
        ) from None


def check_length(opened: Any, file: str | os.PathLike, done: int) -> None:
    """DamagedAudioError where a file that was read to its end had fewer samples than its header
    says, or is an Ogg file without an end."""
    missing = opened.frames - done
    spare = MP3_FRAMES if "MP3" in opened.format or "MPEG" in opened.subtype else 0
    if spare < missing and opened.frames < 1 << 62:  # libsndfile's number where it is unknown
        raise DamagedAudioError(
            f"{file}: truncated ({done:,} of {opened.frames:,} samples are there); copy "
            "it again, or convert what there is of it to a new file"
        )
    if lacks_last_page(file):
        raise DamagedAudioError(
            f"{file}: truncated (its last page is missing, {done:,} samples are there); copy it "
            "again, or convert what there is of it to a new file"
        )


def read_audio(file: str | os.PathLike, rate: int | None = None) -> np.ndarray:
    """All samples of a file as mono float32 of -1 to 1 [N], at `rate` where given."""
    return np.concatenate([np.zeros(0, np.float32), *read_blocks(file, rate)])


def mix_down(block: np.ndarray) -> np.ndarray:
    """The mean of the channels: [N, channels] -> [N]"""
    return block[:, 0] if block.shape[1] == 1 else block.mean(1, dtype=np.float32)
