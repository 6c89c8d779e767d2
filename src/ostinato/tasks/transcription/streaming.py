"""Streaming transcription: the text so far after each chunk, the transcript at the end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ostinato.data.audio.audio_files import check_rate
from ostinato.errors import InputError
from ostinato.models.transcriber import Transcriber
from ostinato.tasks.prediction import Prediction
from ostinato.tasks.shared.streamer import Streamer, flatten_state, restore_state
from ostinato.tasks.transcription.decoder import Decoder
from ostinato.tasks.transcription.live import LiveTranscription
from ostinato.tasks.transcription.transcript import Transcript

MOST_ROWS = 100_000  # frames of a line
LAYOUT, RECURRENT = "layout", "recurrent."  # names of tensors in a stored state


@dataclass(frozen=True)
class PartialText(Prediction):
    """The text of a recording so far."""

    heard: str

    @property
    def text(self) -> str:
        return self.heard

    @property
    def details(self) -> dict[str, Any]:
        return {}


class TranscriptionStreamer(Streamer):
    """Transcribes chunk by chunk; the state is a LiveTranscription, copied before each change.

    Args:
        network: A unidirectional transcriber.
        decoder: Decodes its outputs.
    """

    listens = True
    item = (
        "a chunk of samples at the model's rate or the session's, -1 to 1 or whole 16-bit numbers, "
        "or of features [n, D]"
    )

    def __init__(self, network: Transcriber, decoder: Decoder):
        self.network, self.decoder = network, decoder

    def start(self) -> Any:
        return LiveTranscription(self.network, self.decoder)

    def listen(self, rate: int) -> LiveTranscription:
        """The state before a recording of this sample rate in Hz (0: that of the model)."""
        if rate:
            check_rate(rate, "chunks of sound")
        return LiveTranscription(self.network, self.decoder, rate=rate)

    def parse(self, item: Any) -> np.ndarray:
        try:
            values = np.asarray(item)
        except ValueError:  # lists of different lengths
            values = np.array("")
        if isinstance(item, list) and not item:
            values = np.zeros(0, np.float32)
        if values.dtype.kind not in "fiu" or values.ndim not in (1, 2):
            raise InputError("expected a chunk of samples [n] or of features [n, D]")
        preprocessing = self.decoder.preprocessing
        size = len(preprocessing.statistics.mean)
        if values.ndim == 2 and values.shape[1] != size:
            raise InputError(f"{values.shape[1]} features a frame, but the model has {size}")
        if values.ndim == 1 and preprocessing.front_end is None:
            raise InputError("the model was trained on features, not on sound")
        scale = np.float32(1 / 32768 if values.dtype.kind in "iu" and values.ndim == 1 else 1)
        found = values.astype(np.float32) * scale
        if not np.isfinite(found).all():
            raise InputError("a sample is not a finite number")
        return found

    def feed(self, item: np.ndarray, state: Any) -> tuple[PartialText, Any]:
        if len(state.rows) > MOST_ROWS:
            raise InputError("the recording is too long; end it")
        live = state.copy()
        if item.ndim == 2:
            live.accept_features(item)
        elif len(item):
            live.accept(item)
        return PartialText(live.text), live

    def finish(self, state: Any) -> tuple[Transcript, Any]:
        return state.copy().finish(), self.listen(state.rate)

    def to_tensors(self, state: Any) -> dict[str, Tensor]:
        """The recurrent state, and the other arrays by the names that the JSON `layout` gives
        them.
        """
        content = state.state()
        recurrent = tuple(content["encoder"].pop("states"))
        tensors = {f"{RECURRENT}{name}": each for name, each in flatten_state(recurrent).items()}
        content["rows"] = np.stack(content["rows"]) if content["rows"] else None
        layout = json.dumps(lay_out(content, tensors)).encode()
        return {**tensors, LAYOUT: torch.tensor(list(layout), dtype=torch.uint8)[None]}

    def from_tensors(self, tensors: dict[str, Tensor]) -> Any:
        like = tuple(self.start().encoder.encoder.states)
        own = {
            name.removeprefix(RECURRENT): each
            for name, each in tensors.items()
            if name.startswith(RECURRENT)
        }
        recurrent = restore_state(own, like)
        try:
            content = collect(json.loads(bytes(tensors[LAYOUT][0].tolist())), tensors)
            resampler = content["resampler"] = to_arrays(content.get("resampler"))
            live = self.listen(0 if resampler is None else int(resampler["rate"]))
            content["front_end"] = to_arrays(content["front_end"])
            content["features"] = to_arrays(content["features"])
            content["encoder"]["states"] = list(recurrent)
            content["rows"] = [] if content["rows"] is None else list(content["rows"])
            live.restore(content)
            live.copy().finish()  # fails for an inconsistent state
        except (ValueError, TypeError, KeyError, IndexError, RuntimeError, RecursionError):
            raise InputError("the state is not of this model: its parts do not fit") from None
        return live


def lay_out(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Replaces the arrays in a value of dicts and lists by names such as "@3", and adds them to
    `tensors` by these names.
    """
    if isinstance(value, dict):
        return {key: lay_out(each, tensors) for key, each in value.items()}
    if isinstance(value, list):
        return [lay_out(each, tensors) for each in value]
    if isinstance(value, np.ndarray | Tensor):
        name = f"@{len(tensors)}"
        tensors[name] = torch.as_tensor(value).clone()
        return name
    return value


def collect(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `lay_out`. ValueError for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: collect(each, tensors) for key, each in value.items()}
    if isinstance(value, list):
        return [collect(each, tensors) for each in value]
    if isinstance(value, str):
        found = tensors[value]
        if not bool(torch.isfinite(found).all()):
            raise ValueError("not finite")
        return found
    return value


def to_arrays(value: Any) -> Any:
    """A value of dicts and lists with its tensors converted to arrays."""
    if isinstance(value, dict):
        return {key: to_arrays(each) for key, each in value.items()}
    if isinstance(value, list):
        return [to_arrays(each) for each in value]
    return value.numpy() if isinstance(value, Tensor) else value
