"""The choice of the front end: by the options, by the feature file, or the default."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ostinato.data.audio.audio_files import audio_info
from ostinato.data.audio.front_end import FrontEnd
from ostinato.data.audio.recordings import Recording, Samples
from ostinato.errors import InputError
from ostinato.tasks.transcription.options import TranscriptionOptions

MOST_RATE = 16_000  # Hz, by default: higher frequencies matter little for speech


def choose_front_end(
    options: TranscriptionOptions, records: Sequence[Recording]
) -> FrontEnd | None:
    """The front end of the options, of the feature file, or the default; None for other
    features.
    """
    given = [record for record in records if isinstance(record.audio, np.ndarray)]
    kinds = {record.front_end for record in given if record.front_end}
    if len(kinds) > 1:
        raise InputError(f"features of different kinds: {' and '.join(sorted(kinds))}")
    named: str | None = next(iter(kinds), None)
    kind = options.front_end or named or (None if given else "log-mel")
    if kinds and kind not in kinds:
        raise InputError(f"the features were made by {kinds.pop()}, not by {kind}")
    if kind not in ("log-mel", "mfcc"):
        return None
    rates = Counter(
        record.rate if isinstance(record.audio, np.ndarray) else rate_of(record)
        for record in records
    )
    usual = rates.most_common(1)[0][0] or MOST_RATE
    rate = options.sample_rate or min(MOST_RATE, usual)
    bins = given[0].audio.shape[1] if given and kind == "log-mel" else options.mel_bins
    front_end = FrontEnd(kind, rate, bins)
    if given and given[0].audio.shape[1] != front_end.size:
        raise InputError(
            f"{given[0].where}: {given[0].audio.shape[1]} features per frame are not {kind}, which "
            f"has {front_end.size}"
        )
    return front_end


def rate_of(record: Recording) -> int:
    """The sample rate of a recording in Hz."""
    return record.audio.rate if isinstance(record.audio, Samples) else audio_info(record.audio).rate
