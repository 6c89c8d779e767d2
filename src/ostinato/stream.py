"""A model fed item by item, with its state in the caller's hands, saved and restored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError
from ostinato.tasks.shared.streamer import Streamer


class Stream:
    """One item in, one answer out; what the model remembers of the items before is `state`.

        stream = model.stream()
        stream("ROM")           # "E": of a language model what comes next
        before = stream.state   # tuples of tensors; a state is never changed, only replaced
        stream("E")
        stream.state = before   # back again; or in another stream of the same model
        stream.save("state.safetensors")

    Models of one direction carry a state: language models, forecasters and detectors of anomalies,
    and with --no-bidirectional taggers, transcribers and classifiers of texts, series, films and
    DNA; of a conversation it is the turns. Others answer each item on its own (`carries_state` is
    False, `why_not` says why). Speech comes in chunks, and its end is told:

        for chunk in microphone:    # samples [n], -1 to 1 or 16-bit numbers
            print(stream(chunk))    # the text so far
        final = stream.finish()     # a Transcript: text, words with times

    Args:
        model: A Model.
        rate: Samples a second of the chunks of sound, where it is not the model's.
    """

    def __init__(self, model: Any, *, rate: int = 0):
        self.model, self.streamer, self.rate = model, model.streamer(), rate
        self.carries_state, self.why_not = self.streamer.carries_state, self.streamer.why_not
        self.state: Any
        self.reset()

    def __call__(self, item: Any) -> str:
        return self.feed(item).text

    def feed(self, item: Any) -> Any:
        """The answer with its details (a Prediction): probabilities, what may come next."""
        answer, self.state = self.streamer.feed(self.streamer.parse(item), self.state)
        return answer

    def finish(self) -> Any:
        """The sequence has ended: the answer to all of it; the next item begins another one.

        Raises:
            InputError: The end changes nothing for this model.
        """
        answer, self.state = self.streamer.finish(self.state)
        return answer

    def each(self, items: Iterable[Any]) -> Iterator[str]:
        return map(self, items)

    def reset(self) -> None:
        """Begins another sequence."""
        self.state = self.streamer.listen(self.rate) if self.rate else self.streamer.start()

    def to_bytes(self) -> bytes:
        """The state as a safetensors file, with the fingerprint of the model."""
        return state_to_bytes(self.streamer, self.state, self.model.fingerprint)

    def from_bytes(self, content: bytes) -> None:
        """Restores a state.

        Raises:
            InputError: It is no state, or that of another model.
        """
        self.state = state_from_bytes(self.streamer, content, self.model.fingerprint)

    def save(self, path: str | Path) -> None:
        """Writes the state to a file, whole or not at all."""
        write_atomically(path, self.to_bytes())

    def restore(self, path: str | Path) -> None:
        """Reads what `save` wrote. Raises InputError as `from_bytes`."""
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; stream.save writes one")
        try:
            self.from_bytes(Path(path).read_bytes())
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def state_to_bytes(streamer: Streamer, state: Any, fingerprint: str) -> bytes:
    """A state as a safetensors file; an empty state has no tensors."""
    import safetensors.torch

    tensors = {name: each.contiguous() for name, each in streamer.to_tensors(state).items()}
    return safetensors.torch.save(tensors, metadata={"model": fingerprint})


def state_from_bytes(streamer: Streamer, content: bytes, fingerprint: str) -> Any:
    """The inverse of `state_to_bytes`.

    Raises:
        InputError: These are no tensors, or they are the state of another model.
    """
    import safetensors
    import safetensors.torch

    try:
        tensors = safetensors.torch.load(content)
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
    except (safetensors.SafetensorError, ValueError, KeyError, RecursionError):
        raise InputError("not a state: expected a safetensors file") from None
    if header.get("__metadata__", {}).get("model") != fingerprint:
        raise InputError("the state is not of this model: it was made by other weights")
    return streamer.from_tensors(tensors)
