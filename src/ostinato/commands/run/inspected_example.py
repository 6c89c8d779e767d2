"""Encodes a record as an example to inspect, cut to a number of steps, with step names."""

from __future__ import annotations

from dataclasses import replace

import torch

from ostinato.data.batching.batch import Batch, Example, collate
from ostinato.data.batching.readings import cut_readings
from ostinato.inspection.subject import (
    to_float64,
)
from ostinato.tasks.reader import Record
from ostinato.tasks.task import Task


def encode(task: Task, record: Record) -> Example:
    """Encodes a record as an Example, without targets if it has none."""
    preprocessing = task.preprocessing
    if hasattr(preprocessing, "prompt_ids"):  # a text, of one line or many
        ids = torch.tensor(preprocessing.prompt_ids(record.text), dtype=torch.int64)
        return Example(ids[:-1], ids[1:]) if len(ids) > 1 else Example(ids)
    example = preprocessing.encode(record)
    targets = example.targets
    empty = targets is not None and targets.dim() > 0 and not len(targets)
    unknown = getattr(record, "target", None) == "" or getattr(record, "label", None) == ""
    if targets is not None and targets.is_floating_point() and bool(targets.isnan().all()):
        return example._replace(targets=None)
    conditioned = hasattr(record, "notes")  # a tune may have a label, and is its own target
    return example._replace(targets=None) if empty or (unknown and not conditioned) else example


def cut_example(example: Example, steps: int) -> tuple[Example, int]:
    """Cuts an example to its first `steps` steps; also returns the number of steps left out."""
    length = len(example.inputs)
    if length <= steps:
        return example, 0
    targets = example.targets
    if targets is not None and targets.dim() > 0 and len(targets) == length:
        targets = targets[:steps]
    spellings = None if example.spellings is None else example.spellings[:steps]
    readings = cut_readings(example.readings, steps)
    return Example(example.inputs[:steps], targets, spellings, readings), length - steps


def prepare(example: Example) -> Batch:
    """Makes a batch of one example, in float64."""
    batch = collate([example])
    return replace(batch, inputs=to_float64(batch.inputs), targets=to_float64(batch.targets))


def label_steps(task: Task, record: Record, batch: Batch) -> dict[str, list[str]]:
    """Names for the steps of the inputs and of the targets."""
    preprocessing = task.preprocessing
    labels = {}
    for side, values in (("inputs", batch.inputs), ("targets", batch.targets)):
        name = preprocessing.input_labels if side == "inputs" else preprocessing.target_labels
        known = list(name(record))
        tokens = preprocessing.vocabulary(side)
        if known:
            labels[side] = known[: batch.inputs.shape[1]] if side == "inputs" else known
        elif values is not None and values.dtype == torch.int64 and values.dim() <= 2:
            ids = [id for id in values[0].reshape(-1).tolist() if id >= 0]
            labels[side] = [tokens[id].replace("▁", " ") if tokens else str(id) for id in ids]
    return labels


def describe_record(task: Task, record: Record) -> str:
    """The text of a record, or a description of a record without text."""
    for name in ("source", "text", "inputs", "bases", "name", "image", "where"):
        value = getattr(record, name, None)
        if isinstance(value, str) and value.strip():
            return value
    if hasattr(record, "series"):
        return f"series {record.series.name}"
    words = getattr(record, "words", None)
    return " ".join(words) if words else f"an input of the task {task.name}"
