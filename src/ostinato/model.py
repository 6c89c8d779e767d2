"""The Python interface to a trained model: the commands as methods."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ostinato.errors import InputError
from ostinato.tasks.folder import Trained
from ostinato.tasks.folder import load as load_trained
from ostinato.tasks.shared.cut_inputs import count_cuts, notify_cut
from ostinato.tasks.task import Record


class Model(Trained):
    """What `ostinato.train` and `ostinato.load` return: task, network(s), folder and report."""

    def predict(self, inputs: Sequence[Any]) -> list[str]:
        """The answer for each input: model.predict(["Ein Hund läuft."]) -> ["A dog runs."]"""
        return [prediction.text for prediction in self.predictions(inputs)]

    def predictions(self, inputs: Sequence[Any]) -> list[Any]:
        """As predict(), with the details of `--json`: log-probability, n-best list, alignment."""
        records = self.records(inputs)
        notify_cut(count_cuts(self.task, records))
        return self.task.predictor.predict(self.network, records)

    def records(self, inputs: Sequence[Any]) -> list[Record]:
        """The inputs as the task's records.

        Raises:
            InputError: `inputs` is a single text or not iterable.
        """
        if isinstance(inputs, str):
            raise InputError(f"expected a list of inputs, not one text: [{inputs!r:.60}]")
        if not isinstance(inputs, Iterable):
            raise InputError(f"expected a list of inputs; got {inputs!r:.60}")
        return [self.as_record(each, number) for number, each in enumerate(inputs, start=1)]

    def as_record(self, value: Any, number: int) -> Record:
        """One input as a record; InputError for a value of a kind that the task does not read."""
        try:
            return self.task.reader.as_record(value)
        except (TypeError, ValueError, AttributeError, IndexError, KeyError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"input {number}: not what a model of task {self.task.name} reads: {value!r:.60}"
            ) from error

    def evaluate(self, files: Any = (), **settings: Any) -> dict[str, Any]:
        """The scores on a test set, as printed by `ostinato evaluate --json`.

        Args:
            files: The test set: a list of files, or examples as `ostinato.train` takes them; none:
                the test files of the run.
            settings: As the command's flags.
        """
        from ostinato.commands.evaluate import evaluate

        return evaluate(self, files, **settings)

    def score(self, records: Sequence[Any]) -> list[float]:
        """log P of each record; for a pair (source, target), of the target given the source."""
        return self.task.predictor.log_probabilities(self.network, self.records(records))

    def generate(self, **settings: Any) -> list[Any]:
        """Generated samples: model.generate(prompt="ROMEO:", length=200, temperature=0.8).

        Args:
            settings: As the flags of `ostinato generate`.
        """
        from ostinato.commands.generate import generate

        pieces = generate(self, **settings)
        complete = {piece.sample: piece.result for piece in pieces if piece.result is not None}
        return [complete[sample] for sample in sorted(complete)]

    def stream(self) -> Any:
        """A callable for one input at a time: `stream = model.stream(); stream("Ein Hund.")`

        A transcriber of one direction takes chunks of samples: see `LiveTranscription`."""
        own = self.task.predictor.open_stream(self.network)
        return Stream(self) if own is None else own


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


def load(folder: str | Path, *, device: str = "cpu", **changes: Any) -> Model:
    """Loads a run folder, or several separated by commas as an ensemble.

    model = ostinato.load("runs/de-en", beam=10)

    Args:
        folder: The run folder(s).
        device: Where the network runs.
        changes: Options that apply to prediction.
    """
    return as_model(load_trained(folder, changes, device))


def train(task: str, **settings: Any) -> Model:
    """Trains a model, as the command `ostinato train` with the same settings.

    model = ostinato.train("translation", train=[...], out="runs/x", hidden_size=256)

    Args:
        task: The task's name.
        settings: As the command's flags. Each of train, dev and test is a list of files, or of
            examples: pairs such as (text, label), dicts by the names of columns, a DataFrame, a
            Hugging Face dataset, or for series and clips a pair of arrays (X, y).
    """
    from ostinato.commands.train import train as run

    return as_model(run(task, **settings))


def as_model(trained: Trained) -> Model:
    """The Model of a loaded or newly trained run."""
    return Model(trained.task, trained.networks, trained.folder, trained.report, trained.counts)


def inspect(model: Any, x: Any, view: str, **settings: Any) -> Any:
    """What happens inside a model: numbers, pictures and a page.

        ostinato.inspect(ostinato.load("runs/de-en"), "Ein Hund.", "attention").draw("look.png")
        ostinato.inspect(torch.nn.LSTM(8, 16), torch.randn(20, 1, 8), "gradients").data

    Args:
        model: What `ostinato.load` and `ostinato.train` return; or any module with an
            `ostinato.Recurrent`, or torch.nn's RNN, GRU or LSTM, inside.
        x: One input of a model, or a list of them (the first is looked at, a batch of all is
            encoded); what a module is called with: a tensor, a PackedSequence, a tuple of both.
        view: Its name; `ostinato inspect --help` lists them.
        settings: `layer`, `direction`, `unit` (from 0), `step` (from 1), `part`, `count`, as the
            command's flags; of a module also `loss` (what it returns -> a scalar), `labels` (of
            the steps) and `row` (of the batch).

    Returns:
        A View: `.data`, `.json()`, `.draw(path)`, `.panels`, and a page for notebooks.

    Raises:
        InputError: A view that the model has not, or a layer, unit or step out of range.
    """
    from ostinato.commands.inspect import inspect_input

    return inspect_input(model, x, view, **settings)
