"""Free running: a decoder's loss on prefixes of its own, against teacher forcing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ostinato.commands.run.decoding_start import measure_prefixes, reads_own_answers
from ostinato.commands.run.subject import first_network
from ostinato.commands.tables import table
from ostinato.errors import InputError, option_name
from ostinato.inspection.views.forcing import summarise
from ostinato.tasks.reader import Record
from ostinato.tasks.task import Task


def measure_free_running(task: Task, network: Any, records: Sequence[Record]) -> dict[str, Any]:
    """-log p per token with teacher forcing and with free running, for the first examples.

    Args:
        task: The task of the records.
        network: The trained network; the first one of an ensemble.
        records: Examples with targets.

    Returns:
        {"examples": N, "teacher_forcing": nats, "free_running": nats, "gap": nats, "by_position":
        {...}}; see `inspection.views.forcing`.

    Raises:
        InputError: The model has no decoder.
    """
    member = first_network(network)
    if not reads_own_answers(task, member):
        raise InputError(
            f"{option_name('free_running')}: a model of task {task.name} does not read its "
            "own output while it decodes"
        )
    return summarise(measure_prefixes(task, member, records))


def format_free_running(
    name: str, found: dict[str, Any], other: dict[str, Any] | None, other_name: str
) -> Iterator[str]:
    """A table of the loss on gold and on own prefixes, for one run or for two."""
    rows = [
        [run, each["teacher_forcing"], each["free_running"], each["gap"]]
        for run, each in ((name, found), (other_name, other))
        if each is not None
    ]
    yield f"-log p of a target token, mean over {found['examples']:,} examples:"
    yield from table(["run", "gold prefix", "own prefix", "gap"], rows)
