"""A picture of one recording: its features with the words, and the posteriors of the labels
under them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from ostinato.decoding.ctc import BLANK
from ostinato.tasks.transcription.transcript import Transcript

SHOWN = 0.2  # labels that reach this probability somewhere are named


def draw_posteriors(
    file: BinaryIO,
    *,
    frames: np.ndarray,
    transcript: Transcript,
    labels: Sequence[str],
    step: float,
    factor: int,
) -> None:
    """Writes a PNG.

    Args:
        file: Where to.
        frames: Raw features [T, D].
        transcript: With posteriors [T', C].
        labels: Their names; number 0 is the blank.
        step: Seconds from one row of posteriors to the next.
        factor: Frames for one row.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    posteriors = np.exp(np.asarray(transcript.posteriors, np.float64))  # [T', C]
    seconds = len(frames) * step / factor
    figure = Figure(figsize=(max(6.0, min(16.0, 3 * seconds)), 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.imshow(frames.T, origin="lower", aspect="auto", extent=(0, seconds, 0, frames.shape[1]))
    above.set_ylabel("feature")
    above.set_title(transcript.text)
    for word in transcript.words:
        for place in (word.start, word.end):
            above.axvline(place, color="white", linewidth=0.6)
            below.axvline(place, color="0.8", linewidth=0.6)
        above.text((word.start + word.end) / 2, 0.5, word.text, color="white", ha="center")
    times = (np.arange(len(posteriors)) + 0.5) * step
    below.plot(times, posteriors[:, BLANK], color="0.7", linestyle="--", label="blank")
    for number in np.flatnonzero(posteriors.max(0) >= SHOWN).tolist():
        if number != BLANK:
            name = "space" if labels[number].isspace() else labels[number]
            below.plot(times, posteriors[:, number], label=name)
    below.set_xlabel("seconds")
    below.set_ylabel("posterior")
    below.set_ylim(0, 1.05)
    below.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7, ncols=2)
    figure.savefig(file, format="png", dpi=110)


def draw_attention(file: BinaryIO, *, transcript: Transcript, step: float) -> None:
    """Writes a PNG: where an attention decoder listened at each label.

    Args:
        file: Where to.
        transcript: With attention weights [U, T'].
        step: Seconds from one frame of them to the next.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    weights = np.asarray(transcript.attention)
    labels, frames = weights.shape
    figure = Figure(figsize=(max(5.0, min(14.0, 2.5 * frames * step)), 4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(weights, aspect="auto", extent=(0, frames * step, labels, 0), cmap="magma")
    axes.set_xlabel("seconds")
    axes.set_ylabel("label")
    axes.set_title(transcript.text)
    figure.savefig(file, format="png", dpi=110)
