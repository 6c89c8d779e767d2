"""ostinato train"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ostinato.commands.tables import as_json, format_interval, number, table
from ostinato.errors import InputError
from ostinato.signature import check_types
from ostinato.tasks.folder import Trained
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
    """From files to a trained model in a run folder, with a report of how good it is.

    Args:
        task: what to learn; `ostinato tasks` lists them
        train: files to learn from, or in Python examples: pairs, dicts, a DataFrame; without
            any, the small sample that the package carries
        dev: files to choose the best weights by; without any, part of the training data is held
            out
        test: files to report on; without any, the dev set
        out: the run folder (default: runs/TASK)
        recipe: published or measured settings: a packaged name, or a TOML file of options
        time_limit: end, with the report, after this long: 90s, 10m, 2h; with --resume counted
            from now. Networks, sizes and dev scores by default are then as many as fit into it
        seed: same seed, same data, same machine: same run
        device: cpu, cuda, or auto
        init_from: begin with the weights, and the network's options, of this run of the same task
        resume: continue the run in --out, to the same weights as if it had never stopped
        overwrite: replace the run that --out holds
        processes: that train together, each on its rows of every batch of --batch-size examples
            for each of them (default: 1, or as torchrun started them); one GPU each with
            --device cuda
        restarts: how often new processes go on from the last checkpoint after one has died
        process_timeout: how long the processes wait for one that no longer answers: 30s, 10m
        threads: of each process: a number, or auto, which divides the cores that this container
            or machine grants
    """
    from ostinato.commands.run.config import RunRequest, parse_duration
    from ostinato.commands.run.launcher import Launch, launch
    from ostinato.commands.run.processes import count_processes
    from ostinato.commands.run.records import records_as_files
    from ostinato.commands.run.train_here import Manner, train_here

    folder = Path(out or f"runs/{task}")
    several = count_processes(folder, task, processes, restarts, resume=resume)
    with records_as_files(task, settings, train=train, dev=dev, test=test) as files:
        request = RunRequest(
            task,
            **files,
            recipe=recipe,
            time_limit=time_limit,
            seed=seed,
            device=device,
            settings=settings,
            processes=several.number,
            init_from=init_from,
        )
        timeout = parse_duration(process_timeout, "process_timeout")
        manner = Manner(resume, overwrite, threads, timeout)
        if several.launched:
            return train_here(folder, request, manner)
        return launch(Launch(folder, request, manner, several.number, restarts))


def lines(trained: Trained, *, json: bool = False) -> Iterator[str]:
    report = trained.report
    if read_launched().rank:  # of several processes, process 0 alone speaks
        return
    if json:
        yield as_json(report)
        if trained.not_saved:
            raise InputError(trained.not_saved)
        return
    yield ""
    if report.get("verdict"):
        yield report["verdict"]
        yield ""
    columns = ["task", "metric", "score", "95 % interval", "baseline", "seconds", "tokens/s"]
    yield from table(columns, [cells(each) for each in report["table"]])
    for metric, details in report["details"].items():
        yield f"{metric}: " + ", ".join(f"{name} {value}" for name, value in details.items())
    simpler = "".join(
        f"; {each['name']}: {shown_metrics(each)}" for each in report["baseline"].get("simpler", [])
    )
    yield f"measured on {report['tested_on']}; baseline: {report['baseline']['name']}{simpler}"
    if "alone" in report:
        yield f"the network alone: {shown_metrics({'metrics': report['alone']})}"
    if "alarms" in report:
        yield "alarms: " + ", ".join(f"{name} {value}" for name, value in report["alarms"].items())
    for example in report["examples"]:
        yield ""
        for name, text in example.items():
            first, *more = text.split("\n")
            yield f"  {name:<10} {first}"
            yield from (f"{'':<13}{line}" for line in more)
    yield ""
    yield "Next:"
    yield from (f"  {command}" for command in report["next"])
    if trained.not_saved:  # the report has been shown; the exit status tells of the failure
        raise InputError(trained.not_saved)


def shown_metrics(baseline: dict[str, Any]) -> str:
    """{"metrics": {"perplexity": 642.1}} -> "perplexity 642.1" """
    return ", ".join(
        f"{name} {number(float(value))}" for name, value in baseline["metrics"].items()
    )


def cells(row: dict[str, Any]) -> list[Any]:
    baseline = "" if row["baseline"] is None else number(float(row["baseline"]))
    return [
        row["task"],
        row["metric"],
        float(row["score"]),
        format_interval(row["low"], row["high"]),
        baseline,
        float(row["seconds"]),
        float(row["tokens_per_second"]),
    ]
