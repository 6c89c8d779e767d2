"""Plots of one recording: features with words, label posteriors, and attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from ostinato.decoding.ctc import BLANK
from ostinato.tasks.transcription.transcript import Transcript

SHOWN = 0.2  # labels that reach this posterior probability are named


def draw_posteriors(
    file: BinaryIO,
    *,
    frames: np.ndarray,
    transcript: Transcript,
    labels: Sequence[str],
    step: float,
    factor: int,
) -> None:
    """Writes a PNG of the features with the words, and below them the label posteriors.

    Args:
        file: The file to write to.
        frames: Raw features [T, D].
        transcript: A transcript with posteriors [T', C].
        labels: The names of the labels; id 0 is the blank.
        step: Seconds from one row of posteriors to the next.
        factor: Frames of features per row of posteriors.
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
    """Writes a PNG of an attention decoder's weights at each label.

    Args:
        file: The file to write to.
        transcript: A transcript with attention weights [U, T'].
        step: Seconds from one encoder output to the next.
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
