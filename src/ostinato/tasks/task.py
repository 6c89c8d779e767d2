"""A task: an application of recurrent networks, composed of small parts with one job each.

    file -> Reader -> record -> Preprocessing -> Example -> Batch -> network
        -> Predictor -> Prediction

Every task folder holds the same files, importing one way down this list:

    options.py        a frozen dataclass: the task's flags, recipe keys and their help
    reader.py         files -> records, for training and for predicting
    preprocessing.py  vocabularies and scalers: fitted once, saved as JSON; record -> Example
    network.py        options and preprocessing -> nn.Module
    prediction.py     the network's answer as a typed Prediction; its text, its JSON, its metric
                      counts
    baseline.py       the simplest model that could work
    __init__.py       TASK, a TaskDefinition that names these parts

`Task` joins a definition with options and, once fitted, preprocessing. It never changes: fitting
gives a new one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal, NamedTuple, Self

from torch import Tensor, nn

from ostinato import options as option_fields
from ostinato.data.batching.batch import Example
from ostinato.data.batching.held_out import hold_out, overlap
from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError, option_name
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.outline import check_memory, outline

Record = Any  # what a reader makes of a line or a file, such as a Pair of sentences
Counts = tuple  # what a metric counts of one example; counts add up over a corpus


class Unsuitable(InputError):
    """A model that this data, or this installation, does not allow. `compare` skips it."""


class Prediction(ABC):
    """The answer to one record, as values. Text, JSON and metric counts are each made from them."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The answer as the line that `predict` prints."""

    @property
    @abstractmethod
    def details(self) -> dict[str, Any]:
        """What `predict --json` shows beside the text."""

    @property
    def candidates(self) -> list[tuple[str, float]]:
        """The n best answers with their log-probabilities, the best first."""
        raise InputError("this model gives no n-best list")


@dataclass(frozen=True)
class Request:
    """The arguments of `generate`.

    Args:
        prompt: Text, or the name of a text file, that every sample continues; None starts afresh.
        length: Maximum number of tokens or steps of a sample; None leaves it to the task.
        samples: Number of samples.
        temperature: Divides the log-probabilities; 0 takes the most probable token.
        top_k: Draw from the k most probable tokens only; 0 from all.
        top_p: Draw from the most probable tokens that hold this share of the probability.
        beam: Width of a beam search that replaces drawing; 0 draws.
        seed: Seed of the random numbers.
        stop: A sample ends before this text.
        condition: The class of sample wanted (a genre), where the model was trained with classes.
        reads_files: Whether a prompt may be the name of a file; False for a server's clients.
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
    reads_files: bool = True


class Piece(NamedTuple):
    """A newly generated part of sample number `sample`: `text` to print at once; `result`, the
    whole sample, when complete.
    """

    sample: int
    text: str
    result: Any = None


@dataclass(frozen=True)
class TaskOptions:
    """The base of every task's options."""

    closed_form_models: ClassVar[tuple[str, ...]] = ()  # models fitted by counting or a solver
    # keys of a format 1 state that are no decided options, though options have the same names
    format_1_state_only: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Checks of options against each other; subclasses call it first."""

    @classmethod
    def data_defaults(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults, of the task or of training, that depend on other options that were given."""
        return {}

    @classmethod
    def as_model(cls, name: str) -> dict[str, Any]:
        """The options that select the model which `compare` knows by this name."""
        return {"cell": name}

    @property
    def closed_form(self) -> bool:
        """Whether the model is fitted by counting or by a solver, without gradient steps."""
        return False

    def at_a_terminal(self) -> Self:
        """The options for answering somebody who types one input after the other."""
        return self


class Reader(ABC):
    """Files to records, for training and for predicting.

    Args:
        options: The task's options.
        preprocessing: What was fitted, or None before fitting; it tells which inputs the model
            knows.
        task_name: The task's name, for messages.
    """

    def __init__(self, options: Any, preprocessing: Any = None, *, task_name: str = "?"):
        self.options, self.preprocessing, self.task_name = options, preprocessing, task_name

    @abstractmethod
    def read(self, files: Sequence[str], *, training: bool = False) -> Any:
        """The records of the files, a sequence; `training` drops those that cannot be learned
        from, with a notice.
        """

    @abstractmethod
    def read_inputs(self, files: Sequence[str]) -> Iterator[Record]:
        """The inputs that `predict` reads, one record for every answer, streamed."""

    @abstractmethod
    def as_record(self, value: Any) -> Record:
        """A value from Python or from a server (a string, a pair, an array) as a record."""

    @abstractmethod
    def key(self, record: Record) -> Hashable:
        """Records of equal key never stand in both the training and the dev set."""

    def check_compatible(self, records: Sequence[Record]) -> None:  # noqa: B027 (optional)
        """Raises InputError for a dev or test record of another kind than the model was fitted
        on.
        """

    def hold_out(self, records: Any, *, number: int, seed: int) -> tuple[Any, Any]:
        """Splits off about `number` records as dev set: (training records, dev records)."""
        return hold_out(records, number=number, seed=seed, key=self.key)

    def overlap(self, records: Sequence[Record], training: Sequence[Record]) -> float:
        """The share of the records that are in the training data, too."""
        return overlap([self.key(each) for each in records], [self.key(each) for each in training])

    def decode(self, content: bytes, media_type: str) -> Record:
        """The content of a file, such as an image of type "image/png", as a record."""
        raise InputError(f"a model of task {self.task_name} does not read files of this kind")

    def with_target(self, record: Record, text: str) -> Record:
        """The record with another target, for rescoring an n-best list."""
        raise InputError(
            f"a model of task {self.task_name} cannot rescore: it has no source and target"
        )

    def text_of(self, record: Record) -> str:
        """The text of an input record."""
        raise InputError(f"a model of task {self.task_name} does not read lines of text")


class Preprocessing(ABC):
    """What is fitted before training (vocabularies, scalers), and the way from a record to an
    Example.
    """

    @classmethod
    @abstractmethod
    def fit(cls, options: Any, records: Any) -> tuple[Any, Self]:
        """Fits to the training records.

        Returns:
            The options, with every value that the data decides filled in, and the preprocessing.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """What was fitted, as JSON can hold it."""

    @classmethod
    @abstractmethod
    def from_dict(cls, options: Any, state: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""

    @abstractmethod
    def encode(self, record: Record, *, draw: int | None = None) -> Example:
        """A record as tensors; with `draw`, a seed, as one of its random variations for
        training.
        """

    def count_cut(self, record: Record) -> int:
        """The tokens or steps of an input that `encode` leaves out, as it is longer than the
        maximum.
        """
        return 0

    def vocabulary(self, side: str) -> Sequence[str]:
        """The tokens or labels by id of the "inputs" or the "targets"; empty where there are
        none.
        """
        return ()

    def input_labels(self, record: Record) -> Sequence[str]:
        """What to call each step of a record's input; empty: its tokens, or the steps' numbers."""
        return ()

    def target_labels(self, record: Record) -> Sequence[str]:
        """What to call each step of a record's targets; empty: its tokens, or their numbers."""
        return ()

    @property
    def varies(self) -> bool:
        """Whether `encode(draw=...)` gives other tensors in each epoch (augmentation)."""
        return False

    def trainable_records(self, records: Any) -> Any:
        """The training records without those too long to learn from, with a notice that counts
        them.
        """
        return records

    def batches(
        self, records: Any, *, batch_size: int | None, batch_tokens: int | None, seed: int
    ) -> Any:
        """An object with `epoch(number, start=0)` and a length, where the task's batches are not
        examples of similar length, such as chunks for truncated BPTT; None: they are."""
        return None


class Predictor(ABC):
    """A network's answers, and what the metrics count of them."""

    def __init__(self, options: Any, preprocessing: Any, *, task_name: str = "?"):
        self.options, self.preprocessing, self.task_name = options, preprocessing, task_name

    @abstractmethod
    def predict(self, network: nn.Module, records: Sequence[Record]) -> list[Any]:
        """A Prediction for every record, in order, for an empty one, too."""

    def stream(
        self, network: nn.Module, inputs: Iterator[Record], *, ahead: int = 1
    ) -> Iterator[Any]:
        """Predictions for inputs as they arrive; at most `ahead` are read before they are
        answered.
        """
        while records := list(islice(inputs, ahead)):
            yield from self.predict(network, records)

    # whether `predict` answers a batch in one pass through the network, so that the inputs of
    # several callers can be answered together (`shared.inference.independent_rows`)
    one_pass: ClassVar[bool] = False

    def streamer(self, network: nn.Module, as_record: Callable[[Any], Record]) -> Any:
        """What feeds the network item by item: a `shared.streamer.Streamer`; None if it cannot."""
        return None

    def why_no_streamer(self, network: nn.Module) -> str:
        """Why `streamer` gives None, for people."""
        return "the model needs the whole of an input"

    def open_stream(self, network: nn.Module) -> Any:
        """What `model.stream()` gives where a model answers parts of an input; None: a
        callable for whole inputs.
        """
        return None

    def analyse(
        self,
        records: Any,
        predictions: Sequence[Any],
        counts: Mapping[str, list[Counts]],
        *,
        seed: int = 1,
    ) -> dict[str, dict[str, Any]]:
        """What a report shows besides the metrics' own details: {"speakers": {...}}."""
        return {}

    @abstractmethod
    def count(
        self, network: nn.Module, records: Any, predictions: Sequence[Any]
    ) -> dict[str, list[Counts]]:
        """For each metric of the task, what it counts of each record."""

    @abstractmethod
    def count_quickly(self, network: nn.Module, records: Any, metric: str) -> list[Counts]:
        """What one metric counts of each record, by the fastest decoding: for dev scores while
        training.
        """

    def metric_settings(self, metric: str, records: Any) -> dict[str, Any]:
        """Keyword arguments for a metric's `details`, such as BLEU's tokenizer."""
        return {}

    def calibrate(self, network: nn.Module, records: Any) -> None:  # noqa: B027 (optional)
        """After training, on the dev set: what the network keeps in buffers about its own
        errors.
        """

    def tables(self, records: Any, predictions: Sequence[Any]) -> dict[str, Any]:
        """Further results of an evaluation, by name."""
        return {}

    def verdict(self, result: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
        """In words, how the scores compare with the baselines'; "" where the table says it all."""
        return ""

    def laws(self, network: nn.Module, records: Sequence[Record]) -> dict[str, float]:
        """For `verify`, laws of this task: how many of the records break each."""
        return {}

    def dev_score(self, network: nn.Module, records: Any, metric: str) -> float:
        """The score that chooses the best weights while training."""
        return corpus_score(METRICS[metric], self.count_quickly(network, records, metric))

    @abstractmethod
    def log_probabilities(self, network: nn.Module, records: Any) -> list[float]:
        """log P of each record (of its target given its source, where it has both)."""

    def generate(self, network: nn.Module, request: Request) -> Iterator[Piece]:
        """Samples from the model, piece by piece."""
        raise InputError(f"a model of task {self.task_name} does not generate; use predict")

    def save_generated(self, results: Sequence[Any], path: Path) -> list[Path]:
        """Writes complete samples to the file asked for (its suffix may choose the format);
        gives the files written.
        """
        write_atomically(path, "".join(f"{result}\n" for result in results).encode())
        return [path]

    def format_lines(self, predictions: Iterator[Any], output: str | None = None) -> Iterator[str]:
        """Predictions as lines of text; the name of the output file may choose their form."""
        return (prediction.text for prediction in predictions)

    def pictures(
        self, records: Any, predictions: Sequence[Any]
    ) -> dict[str, Callable[[BinaryIO], object]]:
        """Pictures for the run's folder: {"confusion.png": a function that writes it}."""
        return {}

    @abstractmethod
    def show(self, record: Record, prediction: Any) -> dict[str, str]:
        """A record and its prediction as a few named strings, for the report's examples."""

    def examples(
        self, network: nn.Module, records: Any, predictions: Sequence[Any]
    ) -> list[dict[str, str]]:
        """A few examples of the test set for the report."""
        pairs = spread(list(zip(records, predictions, strict=True)))
        return [self.show(record, prediction) for record, prediction in pairs]


def spread(items: list, number: int = 5) -> list:
    """Evenly spaced items: spread([0, 1, ..., 99], 5) -> [0, 20, 40, 60, 80]."""
    return items[:: max(1, len(items) // number)][:number]


class Baseline(ABC):
    """A simple model that the network is measured against by the task's own metrics."""

    name: str

    @property
    def simpler(self) -> Sequence[Baseline]:
        """Further baselines for the report."""
        return ()

    @abstractmethod
    def measure(self, records: Any) -> dict[str, list[Counts]]:
        """For each metric that makes sense for it, what it counts of each record."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What was fitted, as JSON can hold it."""

    def tensors(self) -> dict[str, Tensor]:
        """What was fitted and is too large for JSON; it is restored under the key "tensors"."""
        return {}


@dataclass(frozen=True, kw_only=True)
class TaskDefinition:
    """The parts of a task and how it describes itself.

    Args:
        name: The task's name on the command line.
        reads: The files it reads, in a phrase.
        example: An example command.
        metrics: Names in METRICS, the main one first.
        sample: The folder of the packaged sample.
        options, reader, preprocessing, predictor: The classes of these parts.
        build_network: (options, preprocessing) -> a fresh network.
        combine: Several trained networks -> one that answers for all (an ensemble).
        fit_baseline: (task, records) -> Baseline.
        restore_baseline: (task, state) -> Baseline.
        next_commands: (task, run folder, file or None) -> commands to try next.
        initialise: (network, options, preprocessing): sets what a fresh network starts from besides
            chance, such as pretrained vectors. Called before training only.
        training: Defaults of training options that differ from the general ones.
        sample_training: Options that make a good run of a few minutes on the packaged sample.
        record_columns: The names of the two parts of an example that is given in Python.
        throughput_unit: The tokens that are counted as tokens per second.
        compare_models: The models that `compare` trains by default.
        per_network_state: Keys of the preprocessing's state that may differ between runs of an
            ensemble.
        needs_predictions: Whether `Predictor.count` needs predictions; a language model's does not.
    """

    name: str
    reads: str
    example: str
    metrics: tuple[str, ...]
    sample: str
    options: type[Any]
    reader: type[Reader]
    preprocessing: type[Preprocessing]
    predictor: type[Predictor]
    build_network: Callable[[Any, Any], nn.Module]
    combine: Callable[[list[nn.Module]], nn.Module]
    fit_baseline: Callable[[Task, Any], Baseline]
    restore_baseline: Callable[[Task, dict[str, Any]], Baseline]
    next_commands: Callable[[Task, str, str | None], list[str]]
    initialise: Callable[[nn.Module, Any, Any], None] = lambda network, options, preprocessing: None
    training: Mapping[str, Any] = field(default_factory=dict)
    sample_training: Mapping[str, Any] = field(default_factory=dict)
    record_columns: tuple[str, ...] = ("text", "label")
    throughput_unit: Literal["targets", "inputs"] = "targets"
    compare_models: tuple[str, ...] = ("rnn", "gru", "lstm")
    per_network_state: tuple[str, ...] = ()
    needs_predictions: bool = True

    def create(self, values: Mapping[str, Any], where: Callable[[str], str] = option_name) -> Task:
        """The task with these options, checked; not fitted yet."""
        return Task(self, option_fields.build(self.options, values, where))


@dataclass(frozen=True)
class Task:
    """A definition with its options and, once fitted, its preprocessing."""

    definition: TaskDefinition
    options: Any
    preprocessing: Any = None

    @property
    def name(self) -> str:
        return self.definition.name

    @cached_property
    def reader(self) -> Any:
        return self.definition.reader(self.options, self.preprocessing, task_name=self.name)

    @cached_property
    def predictor(self) -> Any:
        return self.definition.predictor(self.options, self.preprocessing, task_name=self.name)

    def fit(self, records: Any) -> Task:
        """The same task, fitted: vocabularies and scalers made, options that the data decides
        filled in.
        """
        options, preprocessing = self.definition.preprocessing.fit(self.options, records)
        return replace(self, options=options, preprocessing=preprocessing)

    def restore(self, state: dict[str, Any]) -> Task:
        """The same task, fitted as `preprocessing.to_dict()` says."""
        preprocessing = self.definition.preprocessing.from_dict(self.options, state)
        # what a run of before does not say of its options may follow from the state
        options = getattr(preprocessing, "options", self.options)
        return replace(self, options=options, preprocessing=preprocessing)

    def with_options(self, options: Any) -> Task:
        return replace(self, options=options)

    def build_network(self) -> nn.Module:
        """A fresh network; the task must be fitted.

        Raises:
            InputError: The machine has not enough memory for it.
        """
        if not self.options.closed_form:  # else its size follows from what was counted
            check_memory(self.outline())
        return self.build_unchecked()

    def build_unchecked(self) -> nn.Module:
        """A fresh network whose size is known to fit."""
        return self.definition.build_network(self.options, self.preprocessing)

    def outline(self) -> nn.Module:
        """The network's modules with the shapes of their tensors, without memory for them."""
        return outline(self.build_unchecked)

    def initialise(self, network: nn.Module) -> None:
        self.definition.initialise(network, self.options, self.preprocessing)

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        """Several trained networks of this task as one (an ensemble)."""
        return self.definition.combine(networks)

    def fit_baseline(self, records: Any) -> Baseline:
        return self.definition.fit_baseline(self, records)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return self.definition.restore_baseline(self, state)

    def next_commands(self, run: str, file: str | None) -> list[str]:
        return self.definition.next_commands(self, run, file)
