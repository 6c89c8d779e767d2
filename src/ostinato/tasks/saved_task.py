"""Reads and checks model.json, and restores the task and the network that it describes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ostinato import options
from ostinato.data.files.weights_file import (
    check_shapes,
    load_unique_state,
    load_weights,
    unique_state,
)
from ostinato.errors import InputError, nearest, option_name
from ostinato.tasks.kept_files import resolve_paths
from ostinato.tasks.task import Task, TaskDefinition

FORMAT = 2  # of model.json; increased when older versions cannot read newer folders
READABLE = (1, 2)


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{path}: damaged (not JSON: {error}); copy the run again or train anew"
        ) from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: damaged (no JSON object); copy the run again or train anew")
    return content


def describe(folder: str | Path) -> dict[str, Any]:
    """Reads and checks a run's model.json."""
    folder = Path(folder)
    path = folder / "model.json"
    if folder.is_file():
        raise InputError(f"{folder}: a file; name the folder that `ostinato train` made")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder; `ostinato train` makes one")
    if not path.is_file():
        raise InputError(
            f"{folder}: no trained model in it (model.json is missing); is its training "
            "still running?"
        )
    description = read_json(path)
    version = description.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise InputError(
            f"{path}: format {version} is newer than this version of ostinato reads ({FORMAT}); "
            f"install ostinato {description.get('ostinato', 'of a newer version')} or later"
        )
    kinds = {"task": str, "options": dict, "state": dict}
    if version not in READABLE or not all(
        isinstance(description.get(name), kind) for name, kind in kinds.items()
    ):
        raise InputError(
            f"{path}: damaged (format, task, options or state is missing); copy the run "
            "again or train anew"
        )
    return description


def restore_task(
    definition: TaskDefinition,
    description: dict[str, Any],
    where: str | Path,
    changes: dict[str, Any] | None = None,
    *,
    paths: Mapping[str, Any] | None = None,
) -> Task:
    """Restores a task of a known definition.

    Args:
        definition: The definition of the task.
        description: The contents of model.json.
        where: Its folder.
        changes: Options given now; only options for predicting are allowed.
        paths: The user's files and folders that a run does not keep, by option.
    """
    known = options.fields(definition.options)
    values, state = move_decided_options(description, known, definition.options.format_1_state_only)
    if unknown := [option for option in values if option not in known]:
        raise InputError(
            f"{where}/model.json: has options that this version does not ({', '.join(unknown)}); "
            f"install ostinato {description.get('ostinato', 'of a newer version')}, which it was "
            "trained by"
        )
    given = changes or {}
    allowed = [name for name, field in known.items() if field.metadata.get("when_predicting")]
    for option in given:
        if option not in allowed:
            raise InputError(
                f"{option_name(option)} cannot be changed on a trained "
                f"model{nearest(option, allowed)}"
            )
    values = resolve_paths({**values, **(paths or {})}, known, where, {**(paths or {}), **given})
    task = definition.create(
        {**values, **given},
        lambda name: option_name(name) if name in given else f"{where}/model.json: {name}",
    )
    try:
        return task.restore(state)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{where}: damaged (vocabulary or scaler cannot be read: {error}); train anew"
        ) from None


def move_decided_options(
    description: dict[str, Any], known: Collection[str], state_only: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(options, preprocessing state) of a model.json of any format.

    In format 1 options that the data decides (members, crop, embedding_size, ...) were part of the
    state, and the options were as the user gave them; since format 2 they are options.
    """
    values, state = dict(description["options"]), dict(description["state"])
    if description["format"] == 1:
        decided = [name for name in state if name in known and name not in state_only]
        values |= {name: state[name] for name in decided}
    return values, state


def outline_of(task: Task, folder: Path) -> nn.Module:
    """The network without memory for its weights; InputError where its sizes are absurd."""
    try:
        return task.outline()
    except InputError as error:
        raise InputError(
            f"{folder / 'model.json'}: damaged ({error}); copy the run again or train anew"
        ) from None


def load_weights_of(task: Task, folder: Path, device: str) -> nn.Module:
    """Builds the network of a task with the weights of its folder."""
    path = folder / "model.safetensors"
    weights = load_weights(path)
    if (
        not task.options.closed_form
    ):  # before memory is allocated for sizes that contradict the file
        check_shapes(unique_state(outline_of(task, folder)), weights, str(path))
    network = task.build_unchecked()
    load_unique_state(network, weights, str(path))
    return network.to(device).eval()
