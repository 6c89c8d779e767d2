"""The form of task of before, and an adapter to today's; it leaves when every task is composed of parts.

A task: what an application needs to say of itself, so that training, evaluating, predicting and serving need not know it.

A task is a dataclass. Its fields are its options (and so its flags and recipe keys); its methods take files to records,
records to examples, examples to a network, and the network's answers back to what the user reads:

    file -> read -> record -> encode -> Example -> Batch -> network -> predict -> decode -> what the user reads

To add one: a file or folder with a subclass, and its name in tasks/__init__.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

from torch import nn

from ostinato import options as option_fields
from ostinato.data.batching.batch import Example
from ostinato.data.batching.held_out import hold_out, overlap
from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError, option_name
from ostinato.tasks.task import Baseline, Counts, Piece, Record, Request, Unsuitable, spread  # noqa: F401


@dataclass(frozen=True)
class Prediction:
    """What the user gets for one record: `text` is the line printed, `details` what `--json` adds."""

    text: str
    details: dict[str, Any]

    @property
    def candidates(self) -> list[tuple[str, float]]:
        only = {"prediction": self.text, "log_probability": self.details["log_probability"]}
        return [
            (each["prediction"], each["log_probability"])
            for each in self.details.get("n_best", [only])
        ]


@dataclass
class Task(ABC):
    """See the module's docstring. `name`, `reads`, `example` and `metrics` describe it to users; the first metric is the main one."""

    name: ClassVar[str]
    reads: ClassVar[str]
    example: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    training: ClassVar[
        dict[str, Any]
    ] = {}  # where this task's training options differ from the general defaults
    sample: ClassVar[
        str
    ]  # the folder of the packaged sample: train, dev and test files under samples/
    sample_training: ClassVar[dict[str, Any]] = {}  # what makes a few good minutes of it
    speed_of: ClassVar[Literal["targets", "inputs"]] = (
        "targets"  # which tokens are counted as tokens per second
    )
    models: ClassVar[tuple[str, ...]] = (
        "rnn",
        "gru",
        "lstm",
    )  # what `compare` compares where nothing else is asked for
    solved_models: ClassVar[
        tuple[str, ...]
    ] = ()  # models that fit() counts or solves; they are not trained step by step
    of_one_network: ClassVar[
        tuple[str, ...]
    ] = ()  # entries of state() that may differ among runs that answer together
    measured_by_answers: ClassVar[bool] = (
        True  # False: measure() needs no predictions, and is given none
    )

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.data_defaults, cls.closed_form_models = cls.suited, cls.solved_models

    @property
    def closed_form(self) -> bool:
        return self.solved

    def at_a_terminal(self) -> Task:
        return self

    dev_metric: str  # which metric chooses the best weights while training
    notices: list[
        str
    ]  # what the user should hear about the data, collected while reading and fitting

    @abstractmethod
    def read(self, files: Sequence[str], *, training: bool = False) -> list[Record]:
        """The records of the files; `training` drops (and counts, in `notices`) what cannot be learned from."""

    @abstractmethod
    def read_inputs(self, files: Sequence[str]) -> Iterator[Record]:
        """What `predict` reads: inputs without references, streamed, one record for every answer."""

    @abstractmethod
    def as_record(self, value: Any) -> Record:
        """What a Python caller or a server hands in (a string, say), as a record."""

    @abstractmethod
    def key(self, record: Record) -> Hashable:
        """What must not be in the training and in the dev set at once."""

    @abstractmethod
    def fit(self, records: Sequence[Record]) -> None:
        """Learns what comes before learning: vocabularies, scalers."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What fit() learned, as JSON can hold it."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what state() gave."""

    def accept(self, records: Sequence[Record]) -> None:  # noqa: B027 (most tasks read one kind of input)
        """Raises InputError for a record to be judged by, if it is of another kind than those that fit() has seen: pixels, features."""

    def learnable(self, records: Sequence[Record]) -> Sequence[Record]:
        """The training records without those too long to learn from, which `notices` counts. Needs fit() or restore()."""
        return records

    def hold_out(
        self, records: Sequence[Record], *, number: int, seed: int
    ) -> tuple[list[Record], list[Record]]:
        """(what is left to learn from, about `number` records for the dev set): nothing of one key stands in both."""
        return hold_out(records, number=number, seed=seed, key=self.key)

    def batches(
        self,
        records: Sequence[Record],
        *,
        batch_size: int | None,
        batch_tokens: int | None,
        seed: int,
    ) -> Any:
        """What has `epoch(number, start=0)` and a length, as data.batching.buckets.BucketedBatches, where the batches of this task are not
        examples of similar length: chunks that continue (truncated BPTT), say. None: they are."""
        return None

    def overlap(self, records: Sequence[Record], training: Sequence[Record]) -> float:
        """The share of the records that stand in the training data, too."""
        return overlap([self.key(each) for each in records], [self.key(each) for each in training])

    @abstractmethod
    def encode(self, record: Record, *, draw: int | None = None) -> Example:
        """One record as tensors; with `draw`, a seed, as one of the variations that training may see of it."""

    @classmethod
    def suited(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults, of the task's options or of training, that suit what was asked for; what is asked for goes before them."""
        return {}

    @classmethod
    def as_model(cls, name: str) -> dict[str, Any]:
        """The options that make the task use the model that `compare` knows by this name."""
        return {"cell": name}

    @property
    def solved(self) -> bool:
        """Whether fit() and initialise() are all the learning there is (counts, a convex problem), so that no step is taken."""
        return False

    @property
    def varies(self) -> bool:
        """Whether encode(draw=...) gives other tensors in each epoch."""
        return False

    @abstractmethod
    def network(self) -> nn.Module:
        """A fresh network of the sizes asked for; needs fit() or restore() first."""

    def initialise(self, network: nn.Module) -> None:  # noqa: B027 (most tasks have nothing to add)
        """What a fresh network starts from besides chance: pretrained vectors, a range. Called by `train` alone."""

    @abstractmethod
    def combine(self, networks: list[nn.Module]) -> nn.Module:
        """Several trained networks of this task as one."""

    @abstractmethod
    def predict(self, network: nn.Module, records: Sequence[Record]) -> list[Prediction]:
        """An answer for every record, in the same order, for an empty one, too."""

    def answers(
        self, network: nn.Module, inputs: Iterator[Record], ahead: int
    ) -> Iterator[Prediction]:
        """An answer for each input as they are read, of which at most `ahead` are read before they are answered."""
        while records := list(islice(inputs, ahead)):
            yield from self.predict(network, records)

    def written(
        self, predictions: Iterator[Prediction], output: str | None = None
    ) -> Iterator[str]:
        """The answers as lines for people and files; the name of the file that they go to may decide their form."""
        return (prediction.text for prediction in predictions)

    @abstractmethod
    def measure(
        self, network: nn.Module, records: Sequence[Record], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        """For each metric, what it counts of each record."""

    @abstractmethod
    def quick_score(self, network: nn.Module, records: Sequence[Record], metric: str) -> float:
        """A dev score while training: as measure(), but as fast as it can be had."""

    @abstractmethod
    def log_probabilities(self, network: nn.Module, records: Sequence[Record]) -> list[float]:
        """log P of each record (of its target given its source, where there are two)."""

    def generate(self, network: nn.Module, request: Request) -> Iterator[Piece]:
        """What the model makes up, piece by piece; the samples one after the other or side by side."""
        raise InputError(f"a model of task {self.name} does not generate; use predict")

    def save_generated(self, results: Sequence[Any], path: Path) -> list[Path]:
        """Writes the complete samples to the file asked for (its suffix may decide the format), or to several; gives their names."""
        write_atomically(path, "".join(f"{result}\n" for result in results).encode())
        return [path]

    def pictures(
        self, records: Sequence[Record], predictions: Sequence[Prediction]
    ) -> dict[str, Callable[[BinaryIO], object]]:
        """Pictures for the run's folder, by file name, each with what writes it: {"confusion.png": write}"""
        return {}

    def with_target(self, record: Record, text: str) -> Record:
        """The record with another target, as rescoring an n-best list needs it; an InputError where there are no targets."""
        raise InputError(f"a model of task {self.name} cannot rescore: it has no source and target")

    def text_of(self, record: Record) -> str:
        """The text of an input record."""
        raise InputError(f"a model of task {self.name} does not read lines of text")

    @abstractmethod
    def baseline(self, records: Sequence[Record]) -> Baseline:
        """The simplest thing that could work, learned from the same training records."""

    @abstractmethod
    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        """The baseline whose state() this is."""

    @abstractmethod
    def next_commands(self, run: str, file: str | None) -> list[str]:
        """What to try with a fresh run; `file` is one that it was trained or tested with."""

    @abstractmethod
    def show(self, record: Record, prediction: Prediction) -> dict[str, str]:
        """A record and its prediction as a few named strings, for the report's examples."""

    def examples(
        self, network: nn.Module, records: Sequence[Record], predictions: Sequence[Prediction]
    ) -> list[dict[str, str]]:
        """A few of the test set for the report."""
        return [
            self.show(record, prediction)
            for record, prediction in spread(list(zip(records, predictions, strict=True)))
        ]


RENAMED = {
    "check_compatible": "accept",
    "trainable_records": "learnable",
    "to_dict": "state",
    "count": "measure",
    "dev_score": "quick_score",
    "stream": "answers",
    "format_lines": "written",
}


class Parts:
    """All parts of a legacy task: the task itself, by the names of today."""

    def __init__(self, old: Task):
        self.old = old

    def __getattr__(self, name: str) -> Any:
        return getattr(self.old, RENAMED.get(name, name))

    def stream(
        self, network: nn.Module, inputs: Iterator[Record], *, ahead: int = 1
    ) -> Iterator[Prediction]:
        return self.old.answers(network, inputs, ahead)


class Adapter:
    """A legacy task as commands know a Task."""

    def __init__(self, definition: LegacyDefinition, old: Task):
        self.definition, self.options = definition, old
        self.name = definition.name
        self.reader = self.preprocessing = self.predictor = Parts(old)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.options, name)

    def fit(self, records: Any) -> Adapter:
        self.options.fit(records)
        return self

    def restore(self, state: dict[str, Any]) -> Adapter:
        self.options.restore(state)
        return self

    def with_options(self, options: Any) -> Adapter:
        return self

    def build_network(self) -> nn.Module:
        return self.options.network()

    def initialise(self, network: nn.Module) -> None:
        self.options.initialise(network)

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        return self.options.combine(networks)

    def fit_baseline(self, records: Any) -> Baseline:
        return self.options.baseline(records)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return self.options.restore_baseline(state)

    def next_commands(self, run: str, file: str | None) -> list[str]:
        return self.options.next_commands(run, file)


class LegacyDefinition:
    """A class of legacy task as commands know a TaskDefinition."""

    def __init__(self, old: type[Task]):
        self.options, self.name, self.reads, self.example = old, old.name, old.reads, old.example
        self.metrics, self.sample, self.training = old.metrics, old.sample, old.training
        self.sample_training, self.throughput_unit = old.sample_training, old.speed_of
        self.compare_models, self.per_network_state = old.models, old.of_one_network
        self.needs_predictions = old.measured_by_answers

    def create(
        self, values: Mapping[str, Any], where: Callable[[str], str] = option_name
    ) -> Adapter:
        return Adapter(self, option_fields.build(self.options, values, where))
