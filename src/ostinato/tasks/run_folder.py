"""Run folders of trained models: model.json describes the model, model.safetensors holds its
weights, report.json its scores.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from ostinato import options
from ostinato.data.files.atomic import write_atomically
from ostinato.data.files.json_bytes import encode_json
from ostinato.data.files.weights_file import (
    load_weights,
    save_weights,
    unique_state,
)
from ostinato.errors import InputError, nearest, option_name
from ostinato.notices import notify
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.kept_files import describe_paths, notify_not_kept, read_kept
from ostinato.tasks.prediction import Counts
from ostinato.tasks.saved_task import (
    FORMAT,
    describe,
    load_weights_of,
    read_json,
    restore_task,
)
from ostinato.tasks.task import Task

WEIGHT = "network_weight"  # key of model.json; absent: no interpolation with the baseline


@dataclass
class Trained:
    """A trained model: a fitted task with one network, or several that decode together.


    Args:
        task: The fitted task.
        networks: The networks.
        folder: The run folder.
        report: The contents of report.json.
        counts: The metric counts of each test example, which `train` leaves for `compare`.
        not_saved: Why a picture of a new run could not be saved; "" if all were.
        joint: The interpolation of the network with its baseline, if the model uses it.
    """

    task: Task
    networks: list[nn.Module]
    folder: Path
    report: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, list[Counts]] = field(default_factory=dict, repr=False)
    not_saved: str = ""
    joint: nn.Module | None = field(default=None, repr=False)

    @property
    def network(self) -> nn.Module:
        """The network, or an ensemble of the networks."""
        return self.networks[0] if len(self.networks) == 1 else self.task.combine(self.networks)

    @property
    def answering_network(self) -> nn.Module:
        """The network that predicts: interpolated with its baseline, if the model does that."""
        return self.network if self.joint is None else self.joint

    def without_baseline(self, purpose: str) -> Self:
        """A copy that predicts with the network only, without its baseline; a notice says so.

        Args:
            purpose: The purpose, for the notice: "streaming".
        """
        if self.joint is None:
            return self
        notify(f"{purpose}: the network alone, without the share of its baseline")
        other = copy.copy(self)
        other.joint = None
        return other


def save_description(folder: Path, task: Task, kept: Mapping[str, bytes] | None = None) -> None:
    """Writes model.json, which describes the network and the preprocessing, and the files that a
    run keeps.

    Args:
        folder: The run folder.
        task: The fitted task.
        kept: The contents of the files to keep, by option; None reads them.
    """
    from ostinato import __version__

    kept = read_kept(task.options) if kept is None else kept
    values, not_kept = describe_paths(task.options, kept)
    for name, content in kept.items():
        write_atomically(folder / values[name], content)
    description = {
        "format": FORMAT,
        "ostinato": __version__,
        "torch": torch.__version__,
        "task": task.name,
        "options": values,
        "not_kept": not_kept,
        "state": task.preprocessing.to_dict(),
    }
    write_atomically(folder / "model.json", encode_json(description, indent=1))


def save_weight(folder: Path, weight: float | None) -> None:
    """Writes the weight of the network in the interpolation with its baseline into model.json;
    None removes it.
    """
    before = read_json(folder / "model.json")
    description = {key: value for key, value in before.items() if key != WEIGHT}
    if weight is not None:
        description[WEIGHT] = weight
    elif description == before:
        return
    write_atomically(folder / "model.json", encode_json(description, indent=1))


def restore_joint(
    folder: Path, weights: Sequence[Any], task: Task, networks: list[nn.Module]
) -> nn.Module | None:
    """Restores the interpolation of the network with its baseline; None without one, or with
    --alone.

    An ensemble of runs is interpolated with the baseline of the first, if all runs use theirs.

    Args:
        folder: The folder of the first run.
        weights: The weight of the network in each run; None for a network alone.
        task: The task of the runs.
        networks: The networks of the runs.

    Raises:
        InputError: The baseline is missing, or a weight is invalid.
    """
    known = [weight for weight in weights if weight is not None]
    if not known or task.options.alone:
        return None
    if not all(isinstance(weight, (int, float)) and 0 <= weight <= 1 for weight in known):
        raise InputError(
            f"{folder}/model.json: damaged ({WEIGHT} must be from 0 to 1); copy the run again or "
            "train anew"
        )
    if len(known) < len(weights):
        notify(
            "not all of the runs are interpolated with a baseline: predictions are by the networks "
            "alone"
        )
        return None
    weight = sum(known) / len(known)
    network = networks[0] if len(networks) == 1 else task.combine(networks)
    baseline = load_baseline(folder, task)
    joint = None if baseline is None else task.predictor.join(network, baseline, weight)
    if joint is None:
        raise InputError(
            f"{folder}: baseline.json is missing, with which this run answers; copy "
            f"the run again, or use the network alone with {option_name('alone')}"
        )
    return joint


def save_network(folder: Path, network: nn.Module) -> None:
    save_weights(folder / "model.safetensors", unique_state(network))


def save_report(folder: Path, report: dict[str, Any]) -> None:
    write_atomically(folder / "report.json", encode_json(report, indent=1))


def save_baseline(folder: Path, baseline: Baseline) -> None:
    write_atomically(folder / "baseline.json", encode_json(baseline.state()))
    if tensors := baseline.tensors():
        save_weights(folder / "baseline.safetensors", tensors)


def load_baseline(folder: Path, task: Task) -> Baseline | None:
    """Loads the baseline that `train` saved; None in a folder without one."""
    path = folder / "baseline.json"
    tensors = path.with_suffix(".safetensors")
    try:
        if not path.is_file():
            return None
        return task.restore_baseline(
            {**read_json(path), **({"tensors": load_weights(tensors)} if tensors.is_file() else {})}
        )
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: damaged ({error}); remove it to do without the baseline"
        ) from None


def task_from(
    description: dict[str, Any],
    where: str | Path,
    changes: dict[str, Any] | None = None,
    *,
    paths: Mapping[str, Any] | None = None,
) -> Task:
    """The task that model.json describes.

    Args:
        description: The contents of model.json.
        where: Its folder.
        changes: Options given now; only options for predicting are allowed.
        paths: The user's files and folders that a run does not keep, by option.
    """
    from ostinato.tasks import TASKS

    name = description["task"]
    if name not in TASKS:
        raise InputError(
            f"{where}: of task '{name}', which this version does not "
            f"have{nearest(str(name), TASKS)}"
        )
    return restore_task(TASKS[name], description, where, changes, paths=paths)


def load(folder: str | Path, changes: dict[str, Any] | None = None, device: str = "cpu") -> Trained:
    """Loads a run folder, or an ensemble of several, separated by commas.

    Raises:
        InputError: A file is missing, damaged or newer than this version, or runs do not fit
            together.
    """
    from ostinato.tasks import TASKS

    folders = [Path(part) for part in str(folder).split(",")]
    descriptions = [describe(part) for part in folders]
    for part, description in zip(folders, descriptions, strict=True):
        if shared(description) != shared(descriptions[0]):
            raise InputError(
                f"{part}: cannot decode together with {folders[0]}: another task or vocabulary; "
                f"train both on the same data with the same {option_name('unit')} and "
                "vocabulary options"
            )
    networks = [
        load_network(part, description, device, changes)
        for part, description in zip(folders, descriptions, strict=True)
    ]
    known = options.fields(TASKS[descriptions[0]["task"]].options)
    notify_not_kept(descriptions[0].get("not_kept"), known, folders[0], changes or {})
    report = folders[0] / "report.json"
    task = task_from(descriptions[0], folders[0], changes)
    weights = [description.get(WEIGHT) for description in descriptions]
    joint = restore_joint(folders[0], weights, task, networks)
    return Trained(
        task,
        networks,
        folders[0],
        read_json(report) if report.is_file() else {},
        joint=joint,
    )


def shared(description: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The part of model.json that the runs of an ensemble must share: task, vocabularies,
    scalers.
    """
    from ostinato.tasks import TASKS

    name = description["task"]
    own = TASKS[name].per_network_state if name in TASKS else ()
    return name, {key: value for key, value in description["state"].items() if key not in own}


def load_network(
    folder: Path,
    description: dict[str, Any],
    device: str,
    changes: dict[str, Any] | None = None,
) -> nn.Module:
    return load_weights_of(task_from(description, folder, changes), folder, device)
