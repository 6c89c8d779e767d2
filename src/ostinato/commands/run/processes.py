"""The number of processes that train, and whether this process is one of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ostinato.commands.run.config import RunConfig
from ostinato.commands.run.run_files import read_config
from ostinato.errors import InputError, option_name
from ostinato.training.group import read_launched

MOST_PROCESSES = 1024
MOST_RESTARTS = 1000


class Processes(NamedTuple):
    """The processes of a run.

    Attributes:
        number: How many processes train.
        launched: Whether this process is one of them, so that none need be started.
    """

    number: int
    launched: bool


def count_processes(
    folder: Path, task: str, wanted: int | None, restarts: int, *, resume: bool
) -> Processes:
    """Determines the number of processes of a run.

    Args:
        folder: the run folder
        task: the name of the task
        wanted: the value of --processes; None: as started by torchrun, or as before on resuming
        restarts: the value of --restarts
        resume: whether a run continues

    Raises:
        InputError: a number is out of range, or differs from that of torchrun.
    """
    for name, value, least, most in (
        ("processes", wanted, 1, MOST_PROCESSES),
        ("restarts", restarts, 0, MOST_RESTARTS),
    ):
        if value is not None and not least <= value <= most:
            raise InputError(f"{option_name(name)} must be from {least} to {most:,}; got {value}")
    launched = read_launched()
    if launched.size > 1:
        if wanted not in (None, launched.size):
            raise InputError(
                f"{option_name('processes')} {wanted}, but {launched.size} processes were started "
                f"by torchrun; leave out {option_name('processes')}"
            )
        return Processes(launched.size, True)
    if wanted is None:
        wanted = read_config(folder, task).processes if resume else 1
    return Processes(wanted, wanted == 1 and not restarts)


def check_several(config: RunConfig, processes: int) -> None:
    """Raises InputError for a run that several processes cannot train together."""
    if processes == 1:
        return
    if config.build_task().options.closed_form:
        raise InputError(
            "a model that is fitted without gradient steps trains in one process; "
            f"leave out {option_name('processes')}"
        )
    if "-" in (*config.train, *config.dev, *config.test):
        raise InputError(
            f"several processes cannot all read standard input; give {option_name('train')} a file"
        )
