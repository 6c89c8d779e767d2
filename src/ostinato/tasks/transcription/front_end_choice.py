"""The choice of the front end: by the options, by the feature file, or the default."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ostinato.data.audio.audio_files import audio_info
from ostinato.data.audio.front_end import FrontEnd
from ostinato.data.audio.recordings import Recording, Samples
from ostinato.errors import InputError, option_name
from ostinato.tasks.transcription.options import TranscriptionOptions

MOST_RATE = 16_000  # Hz, by default: higher frequencies matter little for speech


def choose_front_end(
    options: TranscriptionOptions, records: Sequence[Recording]
) -> FrontEnd | None:
    """The front end of the options, of the feature file, or the default; None for other
    features.
    """
    first, size = None, 0  # the first recording whose features are given, and how many a frame
    sound = ""  # where the first sound file is
    kinds: set[str] = set()
    rates: Counter[int] = Counter()
    for record in records:
        if not isinstance(record.audio, np.ndarray):
            rates[rate_of(record)] += 1
            sound = sound or record.where
            continue
        rates[record.rate] += 1
        if first is None:
            first, size = record.where, record.audio.shape[1]
        kinds.update([record.front_end] if record.front_end else [])
    if len(kinds) > 1:
        raise InputError(f"features of different kinds: {' and '.join(sorted(kinds))}")
    named: str | None = next(iter(kinds), None)
    kind = options.front_end or named or ("log-mel" if first is None else None)
    if kinds and kind not in kinds:
        raise InputError(f"the features were made by {kinds.pop()}, not by {kind}")
    if kind not in ("log-mel", "mfcc"):
        if sound:
            raise InputError(
                f"{sound}: a sound file beside features, and how these were computed from sound is "
                f"unknown; give {option_name('front_end')} mfcc or log-mel, if they were, or files "
                "of one kind"
            )
        return None
    usual = rates.most_common(1)[0][0] or MOST_RATE
    rate = options.sample_rate or min(MOST_RATE, usual)
    bins = size if first is not None and kind == "log-mel" else options.mel_bins
    front_end = FrontEnd(kind, rate, bins)
    if first is not None and size != front_end.size:
        raise InputError(
            f"{first}: {size} features per frame are not {kind}, which has {front_end.size}"
        )
    return front_end


def rate_of(record: Recording) -> int:
    """The sample rate of a recording in Hz."""
    return record.audio.rate if isinstance(record.audio, Samples) else audio_info(record.audio).rate
