"""A trained model as Python sees it: what the commands do, as methods."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ostinato.errors import InputError
from ostinato.tasks.folder import Trained
from ostinato.tasks.folder import load as load_trained
from ostinato.tasks.task import Record


class Model(Trained):
    """What `ostinato.train` and `ostinato.load` give: a task, its trained network(s), the run's folder and report."""

    def predict(self, inputs: Sequence[Any]) -> list[str]:
        """An answer for each input, in order: model.predict(["Ein Hund läuft."]) -> ["A dog runs."]"""
        return [prediction.text for prediction in self.predictions(inputs)]

    def predictions(self, inputs: Sequence[Any]) -> list:
        """As predict(), with what `--json` shows besides: log-probability, n-best list, alignment."""
        return self.task.predictor.predict(self.network, self.records(inputs))

    def records(self, inputs: Sequence[Any]) -> list[Record]:
        """Each input as the task knows it. Raises InputError for a text in place of a list of them."""
        if isinstance(inputs, str):
            raise InputError(f"expected a list of inputs, not one text: [{inputs!r:.60}]")
        if not isinstance(inputs, Iterable):
            raise InputError(f"expected a list of inputs; got {inputs!r:.60}")
        return [self.task.reader.as_record(each) for each in inputs]

    def evaluate(self, files: Sequence[str], **settings) -> dict[str, Any]:
        """The scores on a test set, as `ostinato evaluate --json` prints them; `settings` as that command's flags."""
        from ostinato.commands.evaluate import evaluate

        return evaluate(self, files, **settings)

    def score(self, records: Sequence[Any]) -> list[float]:
        """log P of each record: of the target given the source for a pair (source, target)."""
        return self.task.predictor.log_probabilities(self.network, self.records(records))

    def generate(self, **settings) -> list[Any]:
        """What the model makes up: model.generate(prompt="ROMEO:", length=200, temperature=0.8); settings as of `ostinato generate`."""
        from ostinato.commands.generate import generate

        pieces = generate(self, **settings)
        complete = {piece.sample: piece.result for piece in pieces if piece.result is not None}
        return [complete[number] for number in sorted(complete)]

    def stream(self) -> Stream:
        """One item in, one answer out: `stream = model.stream(); answer = stream("Ein Hund läuft.")`."""
        return Stream(self)


class Stream:
    """Answers one item at a time: `stream("Ein Hund läuft.")` -> "A dog runs."

    Each stream has its own state, such as the turns of a conversation."""

    def __init__(self, model: Model):
        self.reader = model.task.reader
        self.waiting: deque[Record] = deque()
        inputs = iter(self.waiting.popleft, None)
        self.predictions = model.task.predictor.stream(model.network, inputs)

    def __call__(self, item: Any) -> str:
        self.waiting.append(self.reader.as_record(item))
        return next(self.predictions).text

    def each(self, items: Iterable[Any]) -> Iterator[str]:
        return map(self, items)


def load(folder: str | Path, *, device: str = "cpu", **changes) -> Model:
    """A run folder (or several joined by commas, as an ensemble) as a Model; `changes` to options that matter when predicting.

    model = ostinato.load("runs/de-en", beam=10)"""
    return as_model(load_trained(folder, changes, device))


def train(task: str, **settings) -> Model:
    """As the command `ostinato train`, with the same settings: train("translation", train=[...], out="runs/x", hidden_size=256)."""
    from ostinato.commands.train import train as run

    return as_model(run(task, **settings))


def as_model(trained: Trained) -> Model:
    return Model(trained.task, trained.networks, trained.folder, trained.report, trained.counts)
