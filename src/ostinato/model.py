"""The Python interface to a trained model: the commands as methods."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ostinato.commands.report_lines import Report
from ostinato.commands.tables import format_interval, number
from ostinato.data.files.atomic import write_all_atomically
from ostinato.data.files.weights_file import digest, unique_state
from ostinato.errors import InputError
from ostinato.hub import fetch_from_hub
from ostinato.notices import notify
from ostinato.stream import Stream
from ostinato.tasks.model_card import CARD, card_of_run
from ostinato.tasks.reader import Record
from ostinato.tasks.run_folder import Trained
from ostinato.tasks.run_folder import load as load_trained
from ostinato.tasks.shared.cut_inputs import report_cuts
from ostinato.tasks.shared.streamer import (
    Streamer,
    WholeInputs,
)

SAVED_FILE = re.compile(r"(model|baseline)\.(json|safetensors)|report\.json|kept-.+")


class Model(Trained):
    """What `ostinato.train` and `ostinato.load` return: task, network(s), folder and report.

    `print(model)` says in three lines what it is; `print(model.report)` is its table of scores.
    """

    def __repr__(self) -> str:
        return "\n".join(describe_model(self))

    def _repr_html_(self) -> str:
        first, second, third = map(html.escape, describe_model(self))
        scores = Report(self.report)._repr_html_() if self.report.get("table") else ""
        return f"<p><b>{first}</b><br>{second}<br>{third}</p>{scores}"

    def predict(self, inputs: Sequence[Any]) -> list[str]:
        """The answer for each input: model.predict(["Ein Hund läuft."]) -> ["A dog runs."]

        A column of a pandas or polars table is as good as a list:
        table["english"] = model.predict(table["german"]).

        Models of series also take a table, such as a DataFrame, and answer for each series in
        it."""
        return [prediction.text for prediction in self.predictions(inputs)]

    def predictions(self, inputs: Sequence[Any]) -> list[Any]:
        """As predict(), with the details of `--json`: log-probability, n-best list, alignment."""
        records = self.records(inputs)
        report_cuts(self.task, records)
        return self.task.predictor.predict(self.answering_network, records)

    def records(self, inputs: Sequence[Any]) -> list[Record]:
        """The inputs as the task's records.

        Raises:
            InputError: `inputs` is a single text, a table instead of its column, or not iterable.
        """
        if isinstance(inputs, str):
            raise InputError(f"expected a list of inputs, not one text: [{inputs!r:.60}]")
        if self.task.reader.reads_tables and (is_table(inputs) or is_one_series(inputs)):
            from ostinato.commands.run.records import records_as_files

            with records_as_files(self.task.name, {}, inputs=inputs) as files:
                return list(self.task.reader.read_inputs(files["inputs"]))
        if self.task.name == "autoencoder" and hasattr(inputs, "to_numpy"):
            inputs = inputs.to_numpy()  # each row of a table is an input
        if hasattr(inputs, "columns"):  # iterating over it would give the names of its columns
            names = ", ".join(map(str, list(inputs.columns)[:5]))
            raise InputError(
                f"a table of columns {names}: a model of task {self.task.name} answers for one "
                "column; give it alone, as in model.predict(table['text'])"
            )
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
        return self.task.predictor.log_probabilities(self.answering_network, self.records(records))

    def generate(self, **settings: Any) -> list[Any]:
        """Generated samples: model.generate(prompt="ROMEO:", length=200, temperature=0.8).

        Args:
            settings: As the flags of `ostinato generate`.
        """
        from ostinato.commands.generate import generate

        pieces = generate(self, **settings)
        complete = {piece.sample: piece.result for piece in pieces if piece.result is not None}
        return [complete[sample] for sample in sorted(complete)]

    def save_pretrained(self, directory: str | Path, *, licence: str = "unknown") -> Path:
        """Writes what is needed to use the model to a folder: its description and weights, and a
        README.md with a model card, as model hubs expect them. `ostinato.load` reads the folder.

        Args:
            directory: The folder; made if need be. Files of other names in it stay.
            licence: A licence identifier for the card, such as "mit".

        Returns:
            The folder.

        Raises:
            InputError: An ensemble, which is several folders; or the folder cannot be written.
        """
        if len(self.networks) != 1:
            raise InputError("an ensemble is several runs; save each of them")
        target = Path(directory)
        if target.exists() and target.resolve() == self.folder.resolve():
            raise InputError(f"{target}: the run's own folder; name another one")
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{target}: cannot be made: {error.strerror}") from None
        name = target.resolve().name
        card = card_of_run(self.folder, name, self.task.name, self.report, licence)
        contents = {
            target / path.name: path.read_bytes()
            for path in sorted(self.folder.iterdir())
            if path.is_file() and SAVED_FILE.fullmatch(path.name)
        }
        write_all_atomically({**contents, target / CARD: card})
        return target

    def stream(self, *, rate: int = 0) -> Stream:
        """Feeds the model item by item: `stream = model.stream(); stream("R"); stream("O")`

        Args:
            rate: Samples a second of the chunks of sound, where it is not the model's.
        """
        return Stream(self, rate=rate)

    def streamer(self) -> Streamer:
        """What feeds the network item by item, the state in the caller's hands; see `Stream`."""
        predictor, network = self.task.predictor, self.network
        as_record = self.task.reader.as_record
        found = predictor.streamer(network, as_record)
        if found is not None:
            self.without_baseline("streaming")
            return found
        why_not = predictor.why_no_streamer(network)
        return WholeInputs(predictor, self.answering_network, as_record, why_not)

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the weights: states of other models are not restored."""
        return digest(
            {
                f"{number}.{name}": tensor
                for number, network in enumerate(self.networks)
                for name, tensor in unique_state(network).items()
            }
        )


def is_table(inputs: Any) -> bool:
    """Whether inputs are a DataFrame, columns by name, or rows by column; not if each input is a
    series of its own, {"ds": [...], "y": [...]}."""
    first = inputs[0] if isinstance(inputs, (list, tuple)) and inputs else None
    rows = isinstance(first, Mapping) and not any(
        isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) for value in first.values()
    )
    table = hasattr(inputs, "columns") or hasattr(inputs, "column_names")
    return table or isinstance(inputs, Mapping) or rows


def is_one_series(inputs: Any) -> bool:
    """Whether inputs are the numbers of one series, and not several series."""
    if isinstance(inputs, (list, tuple)):
        return bool(inputs) and all(isinstance(each, (int, float)) for each in inputs)
    return getattr(inputs, "ndim", 0) == 1 or hasattr(inputs, "to_frame")


def load(folder: str | Path, *, device: str = "cpu", **changes: Any) -> Model:
    """Loads a run folder, or several separated by commas as an ensemble.

    model = ostinato.load("runs/de-en", beam=10)

    Args:
        folder: The run folder(s); or what `Model.save_pretrained` has written, or the name of such
            a folder on the Hugging Face hub, OWNER/NAME (needs huggingface_hub, and honours
            HF_HUB_OFFLINE).
        device: Where the network runs.
        changes: Options that apply to prediction.
    """
    return as_model(load_trained(fetch_from_hub(folder), changes, device))


def train(task: str, **settings: Any) -> Model:
    """Trains a model, as the command `ostinato train` with the same settings.

    model = ostinato.train("translation", train=[...], out="runs/x", hidden_size=256)

    Args:
        task: The task's name.
        settings: As the command's flags. Each of train, dev and test is a list of files, or of
            examples: pairs such as (text, label), dicts by the names of columns, a DataFrame, a
            Hugging Face dataset, or two columns (X, y); pictures as Pillow's images, sounds as
            (samples, rate).
    """
    from ostinato.commands.train import train as run

    trained = run(task, **settings)
    if trained.not_saved:
        notify(trained.not_saved)
    return as_model(trained)


def as_model(trained: Trained) -> Model:
    """The Model of a loaded or newly trained run."""
    report = Report(trained.report)
    return Model(
        trained.task,
        trained.networks,
        trained.folder,
        report,
        trained.counts,
        joint=trained.joint,
    )


def describe_model(model: Trained) -> tuple[str, str, str]:
    """What a model is, how good, and what it can do: three lines."""
    options, report = model.task.options, model.report
    kind = getattr(options, "model", "recurrent")
    if kind == "recurrent":
        kind = f"{str(getattr(options, 'cell', '')).upper()} network"
    parameters = sum(each.numel() for network in model.networks for each in network.parameters())
    several = f"{len(model.networks)} models, " if len(model.networks) > 1 else ""
    first = f"{model.task.name} model in {model.folder}: {several}{kind}, {parameters:,} parameters"
    second = "not measured yet: model.evaluate(files)"
    if report.get("table"):
        row = report["table"][0]
        against = report["baseline"]
        second = f"{row['metric']} {number(float(row['score']))}"
        second += f" ({format_interval(row['low'], row['high'])}) on {report['tested_on']}"
        if row["baseline"] is not None:
            second += f"; {against['name']} {number(float(row['baseline']))}"
    able = "predict(list), evaluate(files), score(list), generate(...), stream(), print(report)"
    return first, second, able


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
        settings: `layer`, `direction`, `unit` (from 0), `step` (from 1), `part`, `count`, `clamp`
            (`["0.17=0"]`), `force`, `corpus`, as the command's flags; of a module also `loss` (what
            it returns -> a scalar), `labels` (of the steps) and `row` (of the batch).

    Returns:
        A View: `.data`, `.json()`, `.draw(path)`, `.panels`, and a page for notebooks.

    Raises:
        InputError: A view that the model has not, a layer, unit or step out of range, or a setting
            that the view does not read.
    """
    from ostinato.commands.run.inspected_input import inspect_input

    return inspect_input(model, x, view, **settings)
