"""Splits long recordings into segments where they are quiet, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ostinato.tasks.transcription.transcript import Transcript, join_transcripts

SMOOTHED = 21  # frames that the loudness is averaged over


@dataclass
class SegmentedRecording:
    """A recording in segments, of which some are transcribed and others wait.

    Args:
        name: Of the recording.
        starts: Of all segments, in seconds.
        pending: The raw features [T, D] of those that wait.
        parts: The transcripts of the others, which come before them.
    """

    name: str
    starts: list[float] = field(default_factory=list)
    pending: list[np.ndarray] = field(default_factory=list)
    parts: list[Transcript] = field(default_factory=list)

    def add(self, start: float, segment: np.ndarray) -> None:
        self.starts.append(start)
        self.pending.append(segment)

    def keep(self, part: Transcript) -> None:
        """The transcript of the next segment; what pictures need is kept of a single one only."""
        if len(self.starts) > 1:
            part = replace(part, posteriors=None, attention=None)
        self.parts.append(part)

    @property
    def transcript(self) -> Transcript:
        """The whole, once no segment waits."""
        if len(self.parts) == 1:
            return self.parts[0]
        return join_transcripts(self.parts, self.starts)


def cut_segments(blocks: Iterable[np.ndarray], most: int) -> Iterator[tuple[int, np.ndarray]]:
    """Splits raw features in blocks [n, D] into (first frame, segment [T, D]), T at most `most`.

    Each segment but the last ends at the quietest point of its second half. Loudness is measured
    by the first feature (cepstra) or the sum of all (log-mel).
    """
    waiting: list[np.ndarray] = []
    length = start = 0
    for block in blocks:
        waiting.append(block)
        length += len(block)
        while length > most:
            frames = np.concatenate(waiting)
            end = quietest(frames[:most])
            yield start, frames[:end]
            start += end
            waiting, length = [frames[end:]], length - end
    rest = np.concatenate(waiting) if waiting else np.zeros((0, 1), np.float32)
    if length or not start:
        yield start, rest


def quietest(frames: np.ndarray) -> int:
    """The quietest frame in the second half of features [T, D], by the smoothed loudness."""
    loudness = frames[:, 0] if frames.shape[1] <= 13 else frames.mean(1)
    kernel = np.ones(min(SMOOTHED, len(loudness))) / min(SMOOTHED, len(loudness))
    smooth = np.convolve(loudness, kernel, mode="same")
    half = max(1, len(smooth) // 2)
    return half + int(smooth[half : len(smooth) - len(kernel) // 2 or None].argmin())
