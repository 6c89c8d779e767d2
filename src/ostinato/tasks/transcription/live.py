"""Live transcription of samples in chunks of any size, with partial and final text."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from ostinato.data.audio.resampler import Resampler
from ostinato.decoding.ctc import BLANK, PrefixBeam
from ostinato.errors import InputError
from ostinato.models.transcriber import Transcriber
from ostinato.tasks.transcription.decoder import Decoder
from ostinato.tasks.transcription.transcript import Transcript


class LiveTranscription:
    """Transcribes a recording while it arrives, with a unidirectional model.

    Pass chunks to `accept` and call `finish` at the end. Chunks may have any size: frames,
    log-probabilities and text are those of the whole recording, to the bit. `copy()` gives an
    independent copy; `state()` and `restore()` save and restore everything.

    Args:
        network: A unidirectional transcriber.
        decoder: Decodes its outputs; it has the preprocessing.
        rate: Sample rate of the chunks in Hz; 0 for that of the model.
        name: The name of the recording.
    """

    def __init__(self, network: Transcriber, decoder: Decoder, *, rate: int = 0, name: str = ""):
        preprocessing = decoder.preprocessing
        self.network, self.decoder, self.name = network, decoder, name
        own = preprocessing.front_end
        self.front_end = None if own is None else own.start()
        self.resampler = Resampler(rate, own.rate) if own and rate not in (0, own.rate) else None
        self.features = preprocessing.start_features()
        self.encoder = network.start_stream()
        self.frames = 0  # frames of features so far
        self.rows: list[np.ndarray] = []  # log-probabilities of the current line
        self.line_start = 0  # rows before the current line
        self.begin_line()

    def begin_line(self) -> None:
        """Starts a new line of text; the recurrent state is kept."""
        self.line_start += len(self.rows)
        self.rows = []
        self.labels: list[int] = []
        self.last = BLANK
        self.blanks = 0  # rows of blanks since the last label
        self.beam: PrefixBeam | None = None
        if not self.decoder.is_greedy and self.decoder.phrases is None:
            self.beam = self.decoder.start_beam()

    def copy(self) -> LiveTranscription:
        """A copy that continues from here, independent of this one."""
        kept = self.state()
        other = copy.copy(self)
        preprocessing = self.decoder.preprocessing
        if preprocessing.front_end is not None:
            other.front_end = preprocessing.front_end.start()
            other.front_end.restore(kept["front_end"])
        other.resampler = copy.copy(self.resampler)  # which replaces the samples that it holds
        other.features = preprocessing.start_features()
        other.features.restore(kept["features"])
        other.encoder = self.network.start_stream()
        other.encoder.encoder.restore(kept["encoder"])
        other.rows, other.labels = kept["rows"], list(self.labels)
        other.beam = copy.copy(self.beam)  # `advance` replaces what a beam holds
        return other

    def accept(self, samples: np.ndarray) -> None:
        """Reads samples [n] from -1 to 1."""
        if self.front_end is None:
            raise InputError("the model was trained on features, not on sound")
        if self.resampler is not None:
            samples = self.resampler(samples)
        self.accept_features(self.front_end.accept(samples))

    def accept_features(self, frames: np.ndarray) -> None:
        """Reads raw features [n, D]."""
        self.frames += len(frames)
        ready = self.features.accept(frames)
        if len(ready):
            self.take(self.encoder.push(torch.from_numpy(ready)))

    def take(self, rows: list[torch.Tensor]) -> None:
        """Appends rows of log-probabilities [C], and decodes them."""
        for tensor in rows:
            row = tensor.numpy().copy()  # an array of its own: a tensor takes several times as much
            self.rows.append(row)
            label = int(row.argmax())
            if label not in (BLANK, self.last):
                self.labels.append(label)
            self.blanks = self.blanks + 1 if label == BLANK else 0
            self.last = label
            if self.beam is not None:
                self.beam.advance(row)

    @property
    def rate(self) -> int:
        """Sample rate of the chunks in Hz; 0 for that of the model."""
        return 0 if self.resampler is None else self.resampler.before

    @property
    def text(self) -> str:
        """The text so far."""
        if self.beam is not None:
            found = self.beam.hypotheses(1)
            if found:
                return self.decoder.preprocessing.join(found[0].labels)
        return self.decoder.preprocessing.join(self.labels)

    @property
    def pause(self) -> float:
        """Seconds since the last label."""
        return self.blanks * self.decoder.preprocessing.seconds_per_frame

    @property
    def paused(self) -> bool:
        """Whether a line has ended: there is text, and a pause after it."""
        return bool(self.labels) and self.pause >= self.decoder.options.pause_seconds

    def end_line(self) -> Transcript:
        """Ends the current line and begins the next; returns the transcript of the line."""
        step = self.decoder.preprocessing.seconds_per_frame
        rows = np.stack(self.rows) if self.rows else np.zeros((0, 1), np.float32)
        start = self.line_start * step
        found = self.decoder.transcribe(
            rows, name=self.name, seconds=len(rows) * step, beam=self.beam
        )
        self.begin_line()
        if not start:
            return found
        words = [w._replace(start=w.start + start, end=w.end + start) for w in found.words]
        return Transcript(words, found.answers, found.name, found.seconds, found.n_best)

    def finish(self) -> Transcript:
        """Ends the recording; returns the transcript since the last `end_line`."""
        if self.front_end is not None:
            if self.resampler is not None:
                rest = self.resampler(np.zeros(0, np.float32), last=True)
                self.accept_features(self.front_end.accept(rest))
            self.accept_features(self.front_end.finish())
        ready = self.features.finish()
        if len(ready):
            self.take(self.encoder.push(torch.from_numpy(ready)))
        self.take(self.encoder.finish())
        return self.end_line()

    def state(self) -> dict[str, Any]:
        """The whole state of the stream."""
        return {
            "resampler": None if self.resampler is None else self.resampler.state(),
            "front_end": None if self.front_end is None else self.front_end.state(),
            "features": self.features.state(),
            "encoder": self.encoder.encoder.state(),
            "rows": list(self.rows),
            "line_start": self.line_start,
            "frames": self.frames,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restores a state from `state()` of chunks of the same rate."""
        if self.resampler is not None:
            self.resampler.restore(state["resampler"])
        if self.front_end is not None:
            self.front_end.restore(state["front_end"])
        self.features.restore(state["features"])
        self.encoder.encoder.restore(state["encoder"])
        self.rows = []
        self.begin_line()
        self.line_start, self.frames = int(state["line_start"]), int(state["frames"])
        self.take([torch.from_numpy(np.asarray(row)) for row in state["rows"]])
