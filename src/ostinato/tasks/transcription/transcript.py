"""Transcripts with the times of their words, and their formats: text, SRT, WebVTT, TSV, CTM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ostinato.errors import InputError, option_name
from ostinato.tasks.shared.ranked_answers import RankedAnswers

CUE_SECONDS, CUE_CHARACTERS, CUE_PAUSE = 7.0, 84, 1.0  # limits of a subtitle


class Word(NamedTuple):
    """A word with its times in seconds and the model's confidence, 0 to 1."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Transcript(RankedAnswers):
    """The transcript of one recording.

    Args:
        words: The words with their times.
        answers: (text, log P) of the n best, the best first.
        name: The name of the recording.
        seconds: The length of the recording.
        n_best: Whether several answers were asked for.
        posteriors: log p of the labels [T', C], for pictures.
        attention: The attention weights of each label [U, T'], for pictures.
    """

    words: list[Word]
    answers: list[tuple[str, float]]
    name: str = ""
    seconds: float = 0.0
    n_best: bool = False
    posteriors: np.ndarray | None = field(default=None, repr=False, compare=False)
    attention: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def details(self) -> dict[str, Any]:
        details: dict[str, Any] = {"log_probability": self.answers[0][1]}
        if self.name:
            details["audio"] = self.name
        details["seconds"] = round(self.seconds, 3)
        details["words"] = [
            {
                "word": word.text,
                "start": round(word.start, 3),
                "end": round(word.end, 3),
                "confidence": round(word.confidence, 4),
            }
            for word in self.words
        ]
        details |= self.n_best_details
        return details


def join_transcripts(parts: Sequence[Transcript], starts: Sequence[float]) -> Transcript:
    """Joins the transcripts of a recording's segments, which begin at `starts` seconds."""
    words = [
        word._replace(start=word.start + start, end=word.end + start)
        for part, start in zip(parts, starts, strict=True)
        for word in part.words
    ]
    texts = [part.text for part in parts if part.text]
    total = sum(part.answers[0][1] for part in parts)
    return Transcript(
        words, [(" ".join(texts), total)], parts[0].name, starts[-1] + parts[-1].seconds
    )


def cues(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Groups words into subtitles of a few seconds, split at pauses."""
    cue: list[Word] = []
    for word in words:
        if cue and (
            word.start - cue[-1].end > CUE_PAUSE
            or word.end - cue[0].start > CUE_SECONDS
            or sum(len(each.text) + 1 for each in cue) + len(word.text) > CUE_CHARACTERS
        ):
            yield cue
            cue = []
        cue.append(word)
    if cue:
        yield cue


def clock(seconds: float, point: str) -> str:
    """clock(3661.5, ",") -> "01:01:01,500" """
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    whole, part = divmod(rest, 1000)
    return f"{hours:02}:{minutes:02}:{whole:02}{point}{part:03}"


def write_subtitles(transcripts: Iterator[Transcript], kind: str) -> Iterator[str]:
    """Formats the transcript of one recording as SRT or WebVTT.

    Raises:
        InputError: There is a second recording, whose times would start from 0 again.
    """
    if kind == "vtt":
        yield "WEBVTT"
        yield ""
    number = 0
    for count, transcript in enumerate(transcripts):
        if count:
            raise InputError(
                f"{option_name('format')} {kind} holds one recording; call it once for each file"
            )
        for cue in cues(transcript.words):
            number += 1
            point = "," if kind == "srt" else "."
            if kind == "srt":
                yield str(number)
            yield f"{clock(cue[0].start, point)} --> {clock(cue[-1].end, point)}"
            yield " ".join(word.text for word in cue)
            yield ""


def write_table(transcripts: Iterator[Transcript]) -> Iterator[str]:
    """Formats the words of all recordings as TSV: audio, start, end, word, confidence."""
    yield "audio\tstart\tend\tword\tconfidence"
    for transcript in transcripts:
        for word in transcript.words:
            yield (
                f"{transcript.name}\t{word.start:.3f}\t{word.end:.3f}\t{word.text}\t"
                f"{word.confidence:.4f}"
            )


def write_ctm(transcripts: Iterator[Transcript]) -> Iterator[str]:
    """Formats words as NIST's CTM: recording, channel, start, duration, word, confidence."""
    for number, transcript in enumerate(transcripts, start=1):
        name = "_".join(Path(transcript.name).stem.split()) or f"recording{number}"
        for word in transcript.words:
            yield (
                f"{name} 1 {word.start:.2f} {word.end - word.start:.2f} {word.text} "
                f"{word.confidence:.2f}"
            )
