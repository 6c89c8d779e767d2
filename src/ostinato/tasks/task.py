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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from torch import nn

from ostinato import options as option_fields
from ostinato.errors import option_name
from ostinato.models.outline import check_memory, outline
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.reader import Reader


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
        build_network: (options, preprocessing) -> a network with initial weights.
        combine: Several trained networks -> an ensemble.
        fit_baseline: (task, records) -> Baseline.
        restore_baseline: (task, state) -> Baseline.
        next_commands: (task, run folder, file or None) -> commands to try next.
        initialise: (network, options, preprocessing): sets initial weights other than random ones,
            such as pretrained embeddings. Called before training only.
        with_head_start: (task, training records, seconds) -> the task with what helps a network
            whose training will be short, fitted in about these seconds; None if there is nothing.
        training: Defaults of training options that differ from the general ones.
        sample_training: Options for a good run of a few minutes on the packaged sample.
        record_columns: The names of the two parts of an example given as a pair in Python.
        throughput_unit: The side whose tokens are counted as tokens per second.
        token: The name of a token, for tasks without an option `unit`.
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
    combine: Callable[[list[Any]], nn.Module]
    fit_baseline: Callable[[Task, Any], Baseline]
    restore_baseline: Callable[[Task, dict[str, Any]], Baseline]
    next_commands: Callable[[Task, str, str | None], list[str]]
    initialise: Callable[[Any, Any, Any], None] = lambda network, options, preprocessing: None
    with_head_start: Callable[[Task, Any, float], Task] | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    sample_training: Mapping[str, Any] = field(default_factory=dict)
    record_columns: tuple[str, ...] = ("text", "label")
    throughput_unit: Literal["targets", "inputs"] = "targets"
    token: str = "step"
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
        """Fits vocabularies and scalers and fills in the options that the data decides; returns the
        fitted task.
        """
        options, preprocessing = self.definition.preprocessing.fit(self.options, records)
        return replace(self, options=options, preprocessing=preprocessing)

    def restore(self, state: dict[str, Any]) -> Task:
        """The task with the fitted state that `preprocessing.to_dict()` returned."""
        preprocessing = self.definition.preprocessing.from_dict(self.options, state)
        # options that older versions did not save may follow from the state
        options = getattr(preprocessing, "options", self.options)
        return replace(self, options=options, preprocessing=preprocessing)

    def with_options(self, options: Any) -> Task:
        return replace(self, options=options)

    def build_network(self) -> nn.Module:
        """Builds a network with initial weights; the task must be fitted.

        Raises:
            InputError: It does not fit into memory.
        """
        if not self.options.closed_form:  # the size of those follows from their counts
            check_memory(self.outline())
        return self.build_unchecked()

    def build_unchecked(self) -> nn.Module:
        """Builds a network without checking that it fits into memory."""
        return self.definition.build_network(self.options, self.preprocessing)

    def outline(self) -> nn.Module:
        """The network's modules with the shapes of their tensors, on the meta device."""
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

    def choose_metric(self, scores: Mapping[str, float]) -> str:
        """The metric of a report by which models are compared: the dev metric; if the report does
        not have it (the loss, which chooses the weights with small data), the task's first metric.
        """
        metric = self.options.dev_metric
        return metric if metric in scores else self.definition.metrics[0]

    def next_commands(self, run: str, file: str | None) -> list[str]:
        return self.definition.next_commands(self, run, file)
