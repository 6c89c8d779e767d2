"""Live transcription of samples in chunks of any size, with partial and final text."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from ostinato.data.audio.resampler import Resampler
from ostinato.errors import InputError
from ostinato.models.transcriber import Transcriber
from ostinato.tasks.transcription.decoder import Decoder
from ostinato.tasks.transcription.recogniser import Recogniser
from ostinato.tasks.transcription.transcript import Transcript


class LiveTranscription:
    """Transcribes a recording while it arrives, with a unidirectional model.

    Pass chunks to `accept` and call `finish` at the end. Chunks may have any size: frames,
    the network's outputs and text are those of the whole recording, to the bit. `copy()` gives an
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
        self.recogniser = Recogniser(decoder)
        own = preprocessing.front_end
        self.front_end = None if own is None else own.start()
        self.resampler = Resampler(rate, own.rate) if own and rate not in (0, own.rate) else None
        self.features = preprocessing.start_features()
        self.encoder = self.recogniser.start_stream(network)
        self.frames = 0  # frames of features so far
        self.rows: list[np.ndarray] = []  # the network's outputs of the current line
        self.line_start = 0  # rows before the current line
        self.begin_line()

    def begin_line(self) -> None:
        """Starts a new line of text; the recurrent state is kept."""
        self.line_start += len(self.rows)
        self.rows = []
        self.line = self.recogniser.start_line(self.network)

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
        other.encoder = self.recogniser.start_stream(self.network)
        other.encoder.encoder.restore(kept["encoder"])
        other.rows, other.line = kept["rows"], self.line.copy()
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
        """Appends outputs of the network, and decodes them."""
        for tensor in rows:
            row = tensor.numpy().copy()  # an array of its own: a tensor takes several times as much
            self.rows.append(row)
            self.line.advance(row)

    @property
    def rate(self) -> int:
        """Sample rate of the chunks in Hz; 0 for that of the model."""
        return 0 if self.resampler is None else self.resampler.before

    @property
    def text(self) -> str:
        """The text so far."""
        return self.decoder.preprocessing.join(self.line.labels)

    @property
    def pause(self) -> float:
        """Seconds since the last label."""
        return self.line.silent * self.decoder.preprocessing.seconds_per_frame

    @property
    def paused(self) -> bool:
        """Whether a line has ended: there is text, and a pause after it."""
        return self.line.begun and self.pause >= self.decoder.options.pause_seconds

    def end_line(self) -> Transcript:
        """Ends the current line and begins the next; returns the transcript of the line."""
        step = self.decoder.preprocessing.seconds_per_frame
        rows = np.stack(self.rows) if self.rows else np.zeros((0, 1), np.float32)
        start = self.line_start * step
        found = self.line.transcribe(rows, name=self.name, seconds=len(rows) * step)
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
