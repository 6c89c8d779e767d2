"""A task: what an application needs to say of itself, so that training, evaluating, predicting and serving need not know it.

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
from typing import Any, BinaryIO, ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from ostinato.data.batching.batch import Example
from ostinato.data.batching.held_out import hold_out, overlap
from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError

Record = Any  # what a task's `read` makes of a line or a file: a Pair of sentences, say
Counts = tuple  # what a metric counts of one example; adds up over a corpus


class Unsuitable(InputError):
    """A model that cannot be had here: not for this kind of data, or not without a package. `compare` goes on without it."""


@dataclass(frozen=True)
class Prediction:
    """What the user gets for one record: `text` is the line printed, `details` what `--json` adds."""

    text: str
    details: dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What `generate` is asked for.

    prompt       what every sample goes on from: text, or the name of a file of it; None: from nothing
    length       at most so many tokens or steps of each sample; None: as the task finds fit
    samples      how many
    temperature  divides log-probabilities; 0: the likeliest always
    top_k, top_p among how many, or how much of the probability, is drawn (0 and 1: all)
    beam         search for the likeliest sequence with a beam so wide instead of drawing; 0: draw
    stop         a sample ends before this text
    condition    what kind is wanted, where a model has learned kinds (a genre)
    """

    prompt: str | None = None
    length: int | None = None
    samples: int = 1
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    beam: int = 0
    seed: int = 1
    stop: str | None = None
    condition: str | None = None


class Piece(NamedTuple):
    """Something newly made of sample number `sample`: `text` to show at once; `result`, the whole of it, once it is complete."""

    sample: int
    text: str
    result: Any = None


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


def spread(items: list, number: int = 5) -> list:
    """spread([0, 1, ..., 99], 5) -> [0, 20, 40, 60, 80]: a few from everywhere."""
    return items[:: max(1, len(items) // number)][:number]


class Baseline(ABC):
    """What a network is measured against: answers for records, scored by the task's own metrics."""

    name: str

    @property
    def simpler(self) -> Sequence[Baseline]:
        """Baselines that are worth a line beside this one."""
        return ()

    @abstractmethod
    def measure(self, records: Sequence[Record]) -> dict[str, list[Counts]]:
        """As Task.measure, for the metrics that make sense for it."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What it has learned, as JSON can hold it."""

    def tensors(self) -> dict[str, Tensor]:
        """What it has learned besides, too much for JSON; restore_baseline finds it under "tensors"."""
        return {}
