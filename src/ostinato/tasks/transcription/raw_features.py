"""Raw features of recordings: given, computed from sound, or cached."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

import numpy as np

from ostinato.data.audio.audio_files import read_blocks
from ostinato.data.audio.front_end import FrontEnd
from ostinato.data.audio.recordings import Recording, Samples
from ostinato.data.audio.resampler import Resampler, resample
from ostinato.data.audio.standard_input import LiveAudio


def read_features(
    record: Recording, front_end: FrontEnd | None, cache: MutableMapping[str, np.ndarray]
) -> Iterator[np.ndarray]:
    """Yields the raw features of a recording in blocks [n, D], from sound or as given."""
    if isinstance(record.audio, np.ndarray):
        yield record.audio
    elif record.audio in cache if isinstance(record.audio, str) else False:
        yield cache[record.audio]
    elif record.audio != "":
        assert front_end is not None
        stream = front_end.start()
        for block in read_samples(record, front_end.rate):
            yield stream.accept(block)
        yield stream.finish()


def read_samples(record: Recording, rate: int) -> Iterator[np.ndarray]:
    """Yields the samples of a recording in blocks, resampled to a rate in Hz."""
    audio = record.audio
    if isinstance(audio, LiveAudio):
        resampler = None if audio.rate in (0, rate) else Resampler(audio.rate, rate)
        for chunk in audio:
            yield chunk if resampler is None else resampler(chunk)
        if resampler is not None:
            yield resampler(np.zeros(0, np.float32), last=True)
    elif isinstance(audio, Samples):
        yield resample(audio.values, audio.rate or rate, rate)
    else:
        yield from read_blocks(audio, rate)


def whole_features(
    record: Recording, front_end: FrontEnd | None, cache: MutableMapping[str, np.ndarray]
) -> np.ndarray:
    """All raw features [T, D] of a recording; those of sound files are cached."""
    if isinstance(record.audio, np.ndarray):
        return record.audio
    frames = np.concatenate(list(read_features(record, front_end, cache)))
    if isinstance(record.audio, str):
        cache[record.audio] = frames
    return frames
