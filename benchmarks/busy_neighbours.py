"""What other programs on the same cores cost a training step, with each number of threads and with
the number that `--threads auto` takes.

    python benchmarks/busy_neighbours.py                     # 0, 1 and 2 neighbours, a minute
    python benchmarks/busy_neighbours.py --neighbours 0 4 --task tagging --output busy.json

A neighbour is a process that computes without a pause. Run it on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time

import torch

from ostinato.commands.run.threads import choose_threads, use_threads
from ostinato.commands.tables import table
from ostinato.tasks import TASKS
from setting import setting, write
from training_step import Step


def compute() -> None:
    while True:
        sum(range(10_000))


def seconds_a_step(step: Step, threads: int, seconds: float) -> float:
    """The median over as many steps as fit."""
    taken: list[float] = []
    with use_threads(threads):
        end = time.perf_counter() + seconds
        for progress in step.run(1_000_000):
            taken.append(progress.seconds)
            if time.perf_counter() > end and len(taken) > 5:
                return statistics.median(taken[2:])
    raise RuntimeError("no step was taken")


def measure(arguments: argparse.Namespace) -> list[dict[str, float]]:
    step = Step(arguments.task, "float32")
    most = max(torch.get_num_threads(), len(os.sched_getaffinity(0)))
    rows = []
    for number in arguments.neighbours:
        busy = [multiprocessing.Process(target=compute, daemon=True) for _ in range(number)]
        for process in busy:
            process.start()
        time.sleep(0.3)
        row: dict[str, float] = {"neighbours": number, "auto": choose_threads("auto")}
        for threads in {1, most}:
            row[f"{threads} threads"] = 1000 * seconds_a_step(step, threads, arguments.seconds)
        row["with auto"] = 1000 * seconds_a_step(step, int(row["auto"]), arguments.seconds)
        rows.append(row)
        for process in busy:
            process.kill()
            process.join()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--neighbours", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--task", choices=TASKS, default="classification")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each number")
    parser.add_argument("--output", help="also write everything to this JSON file")
    arguments = parser.parse_args()
    rows = measure(arguments)
    quiet = rows[0]["with auto"]
    print(*setting(arguments), sep="\n")
    columns = [*rows[0], "to the first row"]
    print(*table(columns, [[*row.values(), row["with auto"] / quiet] for row in rows]), sep="\n")
    write(arguments.output, arguments, {"rows": rows})


if __name__ == "__main__":
    main()
