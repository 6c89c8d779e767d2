"""ostinato train"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ostinato.commands.report_lines import report_lines
from ostinato.commands.run.config import RunRequest, parse_duration
from ostinato.commands.run.launcher import start_training
from ostinato.commands.run.processes import count_processes
from ostinato.commands.run.records import records_as_files
from ostinato.commands.run.train_here import Manner
from ostinato.commands.tables import as_json
from ostinato.errors import InputError
from ostinato.signature import check_types
from ostinato.tasks.run_folder import Trained
from ostinato.training.group import read_launched

EXAMPLES = (
    "ostinato train translation     # on the packaged sample; `ostinato tasks` lists the tasks",
    "ostinato train translation --train train.de train.en --dev dev.de dev.en --out runs/de-en",
    "ostinato train translation --recipe multi30k --train train.de train.en --time-limit 15m",
    "ostinato train translation --out runs/de-en --resume     # continues a run that was stopped",
    "ostinato train translation --processes 4 --restarts 3     # four processes train together",
    "ostinato train translation --help     # common options of the task; --help-all lists them all",
)


@check_types
def train(
    task: str,
    *,
    train: list[str] = [],  # noqa: B006
    dev: list[str] = [],  # noqa: B006
    test: list[str] = [],  # noqa: B006
    out: str | None = None,
    recipe: str | None = None,
    time_limit: str | None = None,
    seed: int = 1,
    device: str = "cpu",
    init_from: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    processes: int | None = None,
    restarts: int = 0,
    process_timeout: str = "10m",
    threads: str = "auto",
    **settings,
) -> Trained:
    """Trains a model on files, and saves it in a run folder with a report of its scores.

    Args:
        task: what to learn; `ostinato tasks` lists them
        train: files to learn from, or in Python examples: pairs, dicts, a DataFrame; without
            any, the small sample that the package carries
        dev: files to choose the best weights by; without any, part of the training data
        test: files to report on; without any, the dev set
        out: the run folder (default: runs/TASK)
        recipe: published or measured settings: a packaged name, or a TOML file of options
        time_limit: end, with the report, after this long: 90s, 10m, 2h; with --resume counted
            from now. Default sizes, and numbers of networks and dev scores, are reduced to fit
        seed: seed of all random numbers; the same seed, data, machine and number of threads give
            the same run
        device: cpu, cuda, or auto
        init_from: start with the weights and the network options of this run of the same task
        resume: continue the run in --out; the weights are as if it had never stopped
        overwrite: replace the run that --out holds, once the new one has a checkpoint or a model
        processes: number of processes that train together, with --batch-size examples each per
            step (default: 1, or as started by torchrun); one GPU each with --device cuda
        restarts: how often new processes resume from the last checkpoint after one has died
        process_timeout: how long the processes wait for one that no longer answers: 30s, 10m
        threads: number of threads of each process; auto divides the cores of this container or
            machine that other programs leave free
    """
    folder = Path(out or f"runs/{task}")
    several = count_processes(folder, task, processes, restarts, resume=resume)
    manner = Manner(resume, overwrite, threads, parse_duration(process_timeout, "process_timeout"))
    chosen: Any = {"recipe": recipe, "time_limit": time_limit, "seed": seed, "device": device}
    with records_as_files(task, settings, train=train, dev=dev, test=test) as files:
        request = RunRequest(task, **{**chosen, **files}, settings=settings, init_from=init_from)
        return start_training(folder, request, manner, several, restarts)


def lines(trained: Trained, *, json: bool = False) -> Iterator[str]:
    report = trained.report
    if read_launched().rank:  # of several processes, only process 0 prints
        return
    if json:
        yield as_json(report)
        if trained.not_saved:
            raise InputError(trained.not_saved)
        return
    yield ""
    yield from report_lines(report)
    if trained.not_saved:  # after the report, so that the exit status shows the failure
        raise InputError(trained.not_saved)
