"""`--init-from RUN`: initialises a network with the weights of another run of the same task.

Weights are matched by name. Rows that belong to tokens, labels or characters are matched by token:
the row of "house" is copied to the row of "house", whatever its ids in the two vocabularies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ostinato import options as option_fields
from ostinato.data.files.weights_file import check_finite, load_weights, unique_state
from ostinato.errors import InputError, option_name
from ostinato.option_groups import group_of
from ostinato.tasks import run_folder
from ostinato.tasks.task import Task

# the vocabulary that indexes the rows of a tensor, by the first pattern that matches its name
SIDES = (
    (re.compile(r"speller\.embedding"), "letters"),
    (re.compile(r"decoder|output|head|crf"), "targets"),
    (re.compile(r"embedding|words"), "inputs"),
)
HASHED = re.compile(r"affixes\.table")  # its rows are indexed by hashes of character ids
RUNNING = re.compile(r"running_(mean|var)$")  # the only buffers that training changes
# options of tokenisation, inherited so that tokens match those of the run
READING = {"unit", "lowercase", "tokenized", "zero_digits"}
# options that name files, or depend on them
NOT_TAKEN = {
    *("embeddings", "target_embeddings", "freeze_embeddings", "tune_embeddings"),
    *("embedding_cache", "fixed_length"),
}


@dataclass
class Reuse:
    """A record of which weights were copied from a run.

    Attributes:
        run: the run folder
        whole: names of the tensors copied whole
        rows: tensors matched by token: name -> (rows copied, all rows)
        new: names of the tensors with new initial weights
    """

    run: str
    whole: list[str] = field(default_factory=list)
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)

    def describe(self) -> str:
        """A one-line summary."""
        parts = [f"{len(self.whole)} of {self.count} tensors taken over whole"]
        parts += [
            f"{taken:,} of {all:,} rows of {name}" for name, (taken, all) in self.rows.items()
        ]
        if self.new:
            more = f" and {len(self.new) - 5} more" if len(self.new) > 5 else ""
            parts.append(f"new: {', '.join(self.new[:5])}{more}")
        return f"{self.run}: {'; '.join(parts)}"

    @property
    def count(self) -> int:
        return len(self.whole) + len(self.rows) + len(self.new)

    def to_dict(self) -> dict[str, Any]:
        """For the report."""
        rows = {name: {"taken": taken, "all": all} for name, (taken, all) in self.rows.items()}
        return {"run": self.run, "whole": self.whole, "rows": rows, "new": self.new}


def describe_source(run: str | Path, task_name: str) -> dict[str, Any]:
    """Reads the model.json of the run whose weights are copied.

    Raises:
        InputError: there is no such run, or it is of another task or of a closed-form model.
    """
    description = run_folder.describe(run)
    flag = option_name("init_from")
    if description["task"] != task_name:
        raise InputError(
            f"{flag} {run}: a run of task {description['task']}, not {task_name}; give a run of "
            f"the same task"
        )
    if run_folder.task_from(description, run).options.closed_form:
        raise InputError(
            f"{flag} {run}: its model was fitted without gradient steps and has no weights to "
            "start from"
        )
    return description


def inherit_options(run: str | Path, task: Any) -> dict[str, Any]:
    """The network options of the run, used as defaults of the new one."""
    saved = describe_source(run, task.name)["options"]
    fields = option_fields.fields(task.options)
    return {
        name: saved[name]
        for name, each in fields.items()
        if name in saved
        and saved[name] != each.default
        and not each.metadata.get("when_predicting")
        and name not in NOT_TAKEN
        and (group_of(each, "model") == "model" or name in READING)
    }


def init_from_run(network: nn.Module, task: Task, run: str) -> Reuse:
    """Copies the weights of a run into a new network.

    Raises:
        InputError: see `describe_source`; or no tensor has a matching shape.
    """
    description = describe_source(run, task.name)
    source = run_folder.task_from(description, run)
    path = Path(run) / "model.safetensors"
    weights = load_weights(path)
    check_finite(network, weights, str(path))
    before, now = vocabularies(source), vocabularies(task)
    found = Reuse(str(run))
    learned = {name for name, _ in network.named_parameters()}
    for name, tensor in unique_state(network).items():
        if name not in learned and not RUNNING.search(name):
            continue
        old = weights.get(name)
        if old is None or old.dim() != tensor.dim():
            found.new.append(name)
            continue
        copy_tensor(found, name, tensor, old, (before, now))
    if not (found.whole or found.rows):
        raise InputError(
            f"{option_name('init_from')} {run}: none of its weights fits this network; leave out "
            "the options of the model, which are then those of the run"
        )
    return found


Vocabularies = Mapping[str, Sequence[str]]


@torch.no_grad()
def copy_tensor(
    found: Reuse, name: str, new: Tensor, old: Tensor, known: tuple[Vocabularies, Vocabularies]
) -> None:
    """Copies one tensor, or its rows of known tokens, and records in `found` how much.

    Rows are matched in each dimension whose size is that of the vocabulary: the first one of an
    embedding [V, E] or output layer [V, H], both of a CRF's transitions [V, V].
    """
    before, now = known
    side = next((side for pattern, side in SIDES if pattern.search(name)), "")
    same = before.get(side) == now.get(side)
    if HASHED.search(name):
        same = before.get("letters") == now.get("letters")
        if not same:
            found.new.append(name)
            return
    indexed = [
        dim
        for dim in range(new.dim())
        if not same
        and new.shape[dim] == len(now.get(side, ()))
        and old.shape[dim] == len(before.get(side, ()))
    ]
    if not indexed:
        if new.shape == old.shape:
            new.copy_(old)
            found.whole.append(name)
        else:
            found.new.append(name)
        return
    fits = all(
        a == b
        for dim, (a, b) in enumerate(zip(new.shape, old.shape, strict=True))
        if dim not in indexed
    )
    places = {token: place for place, token in enumerate(before[side])}
    pairs = [(row, places[token]) for row, token in enumerate(now[side]) if token in places]
    if not fits or not pairs:
        found.new.append(name)
        return
    to, source = torch.tensor(pairs).unbind(1)
    for dim in indexed:
        old = old.index_select(dim, source)
    if len(indexed) == new.dim() == 2:
        new[to.unsqueeze(1), to.unsqueeze(0)] = old
    else:
        new.index_copy_(indexed[0], to, old)
    found.rows[name] = (len(pairs), len(now[side]))


def vocabularies(task: Task) -> Vocabularies:
    """The tokens by id of each vocabulary of a fitted task; empty if the task has none."""
    preprocessing = task.preprocessing
    found = {side: list(preprocessing.vocabulary(side)) for side in ("inputs", "targets")}
    letters = getattr(preprocessing, "letters", None) or getattr(
        getattr(preprocessing, "encoder", None), "letters", None
    )
    alphabet = getattr(letters, "alphabet", None)
    found["letters"] = [] if alphabet is None else list(alphabet.tokens)
    return found
