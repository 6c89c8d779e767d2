"""Resumes a run: the same configuration, with a new number of epochs or time limit if given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ostinato import options
from ostinato.commands.run.config import RunConfig, RunRequest, make_config, relative_path
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError
from ostinato.training.checkpoint import Checkpoint
from ostinato.training.schedule import Schedule

# settings that may change when a run is resumed; any other would make it another run
CHANGEABLE = {"epochs", "time_limit", "patience", "checkpoint_every", "tensorboard", "keep"}


def resume_config(saved: RunConfig, request: RunRequest) -> RunConfig:
    """The saved configuration with the changes of the request.

    Raises:
        InputError: the request has settings that would make it another run.
    """
    requested = make_config(request)
    changes = {
        name: value
        for name, value in requested.values.items()
        if saved.values.get(name, value) != value or name not in saved.values
    }
    for part in ("train", "dev", "test"):
        files = getattr(requested, part)
        if files and files != getattr(saved, part):
            changes[part] = files
    if not requested.train:  # settings that come with the packaged sample were not requested
        changes = {
            name: value
            for name, value in changes.items()
            if name in request.settings or name in ("dev", "test")
        }
    if requested.init_from not in (None, saved.init_from):
        changes["init_from"] = requested.init_from
    refused = [options.as_flag(name) for name in changes if name not in CHANGEABLE]
    if refused:
        raise InputError(
            f"{', '.join(refused)} cannot change when a run is resumed; leave out unchanged "
            "settings, or start another run with another --out"
        )
    return replace(
        saved,
        values={**saved.values, **changes},
        time_limit=requested.time_limit or saved.time_limit,
    )


def describe_changed_files(saved: RunConfig, contents: Mapping[str, str]) -> str | None:
    """The notice of files that are not what they were when the run began; None without any.

    Args:
        saved: the configuration that the run was started with
        contents: digests of the files as they are now
    """
    before = saved.contents or {}
    changed = [file for file in contents if before.get(file, contents[file]) != contents[file]]
    if not changed:
        return None
    names = ", ".join(display_path(relative_path(file)) for file in changed)
    return (
        f"changed since the run began: {names}; it goes on with what is there now, as neither the "
        "old data nor the new alone would have it; another --out trains anew"
    )


def describe_schedule_change(before: Schedule, now: Schedule, checkpoint: Checkpoint) -> str | None:
    """Describes how the cosine or linear schedule jumps because the resumed run has another end.

    Args:
        before: the schedule with the old end of the run
        now: the schedule with the new end
        checkpoint: the checkpoint that the run continues from

    Returns:
        The notice, or None if the learning rate changes by less than 1 %.
    """
    if before.options.schedule not in ("cosine", "linear"):
        return None
    step, epoch = checkpoint.position.step + 1, checkpoint.counters.get("epoch", 0.0)
    old_rate, new_rate = before(step, epoch), now(step, epoch)
    if abs(new_rate - old_rate) <= 0.01 * now.options.initial_rate:
        return None
    return (
        f"the {now.options.schedule} schedule ends with the run, whose end has moved: "
        f"it continues at a learning rate of {new_rate:.2g} instead of {old_rate:.2g}"
    )
