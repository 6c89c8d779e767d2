"""A model as the server uses it: values of JSON in, values for JSON out."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ostinato.errors import InputError
from ostinato.serving.refusal import Refusal
from ostinato.serving.settings import Settings

LOGGER = logging.getLogger("ostinato.serving")
# what an input of each task is; a text of another task might name a file, and none is read
TEXTS = {
    "translation": "a sentence",
    "dialogue": "an utterance, or a list of turns",
    "language": "the beginning of a text",
    "classification": "a text, or where the model was trained on series [[...], ...] of numbers",
    "tagging": "a sentence with spaces between its words, or a list of words",
    "genome": "a sequence of bases",
}
SERIES = 'a list of numbers, {"ds": [...], "y": [...]}, or a table as the body (text/csv)'
NUMBERS = {
    "captioning": "an image as the body (Content-Type: image/png), or features [[...], ...]",
    "video": "frames as lists of numbers, or an .npz as the body (application/x-npz)",
    "melody": "a list of pitches, or of chords",
    "transcription": "a sound as the body (Content-Type: audio/wav), or a list of samples",
    "forecasting": SERIES,
    "anomaly": SERIES,
    "autoencoder": "a list of numbers, or of steps of a sequence",
}
CHECKED = 50  # merged batches of which one request is answered a second time, alone


class ServedModel:
    """A model with the limits of the server.

    Args:
        model: Has predict, task, answering_network, streamer(), fingerprint, report
            (`ostinato.Model`).
        name: In URLs.
        settings: The limits.
        request: Builds a request to generate from its fields.
        generates: Whether the model makes samples of its own.
        together: A context in which a batch's rows do not depend on each other.
        views: By name, what inspects an input of the model: (value, whether its panels are wanted,
            for a page, and `record`, where a file was read) -> what JSON can hold.
        suited: The names of the views that suit the model; all where None.
    """

    def __init__(
        self,
        model: Any,
        name: str,
        settings: Settings,
        *,
        request: Callable[..., Any],
        generates: bool = False,
        together: Callable[[], AbstractContextManager] = nullcontext,
        views: dict[str, Callable[..., Any]] | None = None,
        suited: Sequence[str] | None = None,
    ):
        self.model, self.name, self.settings = model, name, settings
        self.task, self.network = model.task, model.answering_network
        self.request, self.generates = request, generates
        self.together, self.views = together, views or {}
        self.suited = sorted(self.views if suited is None else suited)
        self.streamer = model.streamer()
        # made once: the network is not called outside of the model's thread, as two threads in it
        # at a time would write to the same buffers; states are never changed, so all can share it
        self.initial = self.streamer.start()
        self.merges, self.checked = bool(self.task.predictor.one_pass), 0

    def describe(self) -> dict[str, Any]:
        """What `GET /model` tells."""
        task, report = self.task, self.model.report
        reads = TEXTS.get(task.name) or NUMBERS.get(task.name, "a list of numbers")
        found = {
            "name": self.name,
            "task": task.name,
            "input": reads,
            "reads_text": self.reads_text,
            "item": self.streamer.item,
            "carries_state": self.streamer.carries_state,
            "generates": self.generates,
            "suggests": self.generates and task.name == "language" and self.streamer.carries_state,
            "words": getattr(task.options, "unit", "") == "word",
            "views": self.suited,
            "parameters": sum(each.numel() for each in self.network.parameters()),
            "metrics": report.get("metrics", {}),
        }
        if self.streamer.why_not:
            found["why_no_state"] = self.streamer.why_not
        labels = getattr(getattr(task.preprocessing, "labels", None), "tokens", None)
        return found | ({"labels": list(labels)} if labels else {})

    @property
    def reads_text(self) -> bool:
        """Whether an input is a text."""
        series = not getattr(self.task.preprocessing, "reads_text", True)
        return self.task.name in TEXTS and not series

    # from JSON

    def check_size(self, value: Any, number: int) -> None:
        """Raises a Refusal for an input that is too long, or text where it might name a file."""
        if isinstance(value, str):
            if len(value) > self.settings.characters:
                most = self.settings.characters
                raise Refusal(413, f"input {number} is too long; at most {most:,} characters")
            if self.task.name not in TEXTS and value.strip():
                raise self.not_an_input(number)
        elif isinstance(value, list | dict) and count_values(value) > self.settings.numbers:
            most = self.settings.numbers
            raise Refusal(413, f"input {number} is too long; at most {most:,} values")

    def not_an_input(self, number: int) -> Refusal:
        reads = self.describe()["input"]
        return Refusal(422, f"input {number} is nothing that this model reads; it reads {reads}")

    def record(self, value: Any, number: int) -> Any:
        """An input as a record. Raises a Refusal for what the model does not read."""
        self.check_size(value, number)
        columns = isinstance(value, dict) and self.task.reader.reads_tables
        if value is None or isinstance(value, bool) or (isinstance(value, dict) and not columns):
            raise self.not_an_input(number)
        try:
            return self.task.reader.as_record(value)
        except Exception as error:
            log_unexpected(error)
            raise self.not_an_input(number) from None

    def file_records(self, content: bytes, media_type: str) -> list[Any]:
        """The body of a request as records."""
        try:
            records = self.task.reader.decode(content, media_type)
        except Exception as error:
            log_unexpected(error)
            reads = self.describe()["input"]
            raise Refusal(415, f"this model reads no such file; it reads {reads}") from None
        if not 0 < len(records) <= self.settings.inputs:
            most = self.settings.inputs
            raise Refusal(413, f"expected 1 to {most:,} inputs in the file; got {len(records):,}")
        return records

    def item(self, value: Any, number: int) -> Any:
        """An item of a stream, parsed."""
        self.check_size(value, number)
        try:
            return self.streamer.parse(value)
        except Exception as error:
            log_unexpected(error)
            raise Refusal(
                422, f"input {number} is no item of this model; an item is {self.streamer.item}"
            ) from None

    # answers; called in the model's thread

    def predict_all(self, requests: Sequence[list[Any]]) -> list[Any]:
        """The predictions of several requests; of one that fails, its exception."""
        if len(requests) == 1 or not self.merges:
            return [self.try_predict(records) for records in requests]
        flat = [record for records in requests for record in records]
        try:
            with self.together():
                found = iter(self.predictions(flat))
        except Exception:  # one of them is the cause: each for itself
            return [self.try_predict(records) for records in requests]
        answers: list[Any] = [[next(found) for _ in records] for records in requests]
        return self.compare(requests, answers) if self.checked < CHECKED else answers

    def compare(self, requests: Sequence[list[Any]], answers: list[Any]) -> list[Any]:
        """The merged answers, if one of them, made again alone, is the same.

        From the first difference on, requests are no longer merged."""
        place = self.checked % len(requests)
        self.checked += 1
        if self.try_predict(requests[place]) == answers[place]:
            return answers
        self.merges = False
        LOGGER.warning(
            "%s: on this machine answers to merged requests differ in the last bits; "
            "from now on each is answered alone",
            self.name,
        )
        return [self.try_predict(records) for records in requests]

    def try_predict(self, records: list[Any]) -> Any:
        try:
            with self.together():
                return self.predictions(records)
        except InputError:
            return Refusal(422, "the model cannot answer one of the inputs")
        except Exception as error:
            return error

    def predictions(self, records: Sequence[Any]) -> list[dict[str, Any]]:
        """The predictions as `predict --json` shows them; "cut" counts what was left out."""
        found = self.task.predictor.predict(self.network, records)
        cuts = [self.task.preprocessing.count_cut(record) for record in records]
        return [
            self.to_json(each) | ({"cut": cut} if cut else {})
            for each, cut in zip(found, cuts, strict=True)
        ]

    def to_json(self, prediction: Any) -> dict[str, Any]:
        """A prediction as `predict --json` shows it."""
        return to_finite({"prediction": prediction.text, **prediction.details})

    def feed_all(self, works: Sequence[tuple[list[Any], Any]]) -> list[Any]:
        """(items, state) of several sessions -> (outputs, new state) of each, or an exception."""
        try:
            return self.feed_together(works)
        except Exception:
            if len(works) == 1:
                raise
        answers: list[Any] = []
        for work in works:
            try:
                answers += self.feed_together([work])
            except Exception as error:
                answers.append(error)
        return answers

    def feed_together(self, works: Sequence[tuple[list[Any], Any]]) -> list[Any]:
        states = [state for _, state in works]
        outputs: list[list[Any]] = [[] for _ in works]
        for position in range(max(len(items) for items, _ in works)):
            rows = [row for row, (items, _) in enumerate(works) if position < len(items)]
            items = [works[row][0][position] for row in rows]
            found = self.streamer.feed_all(items, [states[row] for row in rows])
            for row, (answer, state) in zip(rows, found, strict=True):
                outputs[row].append(self.to_json(answer))
                states[row] = state
        return list(zip(outputs, states, strict=True))

    def generate(self, fields: dict[str, Any]) -> Iterator[Any]:
        """The pieces of generated samples."""
        return self.task.predictor.generate(self.network, self.request(**fields))


def count_values(value: Any) -> int:
    """The number of values in lists of lists, and of objects."""
    if isinstance(value, dict):
        value = list(value.values())
    return sum(count_values(each) if isinstance(each, list | dict) else 1 for each in value)


def to_finite(value: Any) -> Any:
    """A value as strict JSON has it: infinite numbers and NaN become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: to_finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_finite(each) for each in value]
    return value if value is None or isinstance(value, str | int) else to_finite(value.item())


def log_unexpected(error: Exception) -> None:
    """Logs an error that is no usual answer to wrong input."""
    if not isinstance(error, InputError | Refusal | ValueError | TypeError):
        LOGGER.error("an input could not be read", exc_info=error)
