"""Where the time of a training step goes, in each task and precision: recurrence, other products,
embedding, loss, optimizer, dropout, batches, and the small operations between them.

    python benchmarks/training_step.py                                # all tasks, about 5 minutes
    python benchmarks/training_step.py --tasks tagging language --precisions bfloat16
    python benchmarks/training_step.py --steps 30 --threads 2 --output step.json
    python benchmarks/training_step.py --tasks transcription --set decoder=transducer

Each task trains on its packaged sample with the options that it has by itself, but for those that
are set. The parts are those
of torch's profiler: the time that the processor spent in each operation, without what it calls.
"Python" is what is left of the step: code between operations. "slowdown" is what the profiler
itself costs; a step's milliseconds are those without it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from ostinato import options
from ostinato.commands.run.parts import fit_network, make_batches
from ostinato.commands.run.splits import Splits
from ostinato.commands.tables import table
from ostinato.data.files.samples import sample_files
from ostinato.tasks import TASKS
from ostinato.training.loop import train
from ostinato.training.optimise import build_optimizer
from ostinato.training.options import Options
from setting import setting, write

PARTS = {  # part -> what the name of an operation contains; the first part that fits has it
    "recurrence": ("Run", "ostinato::recurrence", "aten::lstm", "aten::gru", "LinearScan"),
    "dropout": ("DropUnits", "dropout", "bernoulli", "random_"),
    "loss": (
        "CrossEntropy",
        "log_softmax",
        "nll_loss",
        "Crf",
        "ctc",
        "LogPartition",
        "softplus",
        "LatticeSum",
        "logaddexp",
    ),
    "embedding": ("embedding", "MaxPooled", "index_put", "index_select", "gather"),
    "optimizer": ("Optimizer", "_fused_adam", "_foreach", "foreach"),
    "products": ("mm", "linear", "Linear", "conv", "bmm", "matmul", "dot"),
}
SMALL, PYTHON, BATCHES = "small operations", "Python", "batches"


def part_of(operation: str) -> str:
    for part, names in PARTS.items():
        if any(name in operation for name in names):
            return part
    return SMALL


class Step:
    """The training of a task on its sample, step by step."""

    def __init__(self, name: str, precision: str, asked: dict[str, str]):
        definition = TASKS[name]
        task = definition.create(asked)
        defaults = definition.training | definition.sample_training
        known = options.fields(Options)
        chosen = {key: value for key, value in defaults.items() if key in known}
        self.options = Options(**chosen, precision=precision)
        sample = [str(sample_files(definition.sample)["train"])]
        records = task.reader.read(sample, training=True)
        torch.manual_seed(1)
        task, self.network = fit_network(task, Splits(records, [], []))
        self.batches = make_batches(task, Splits(records, [], []), self.options, seed=1)
        self.optimizer = build_optimizer(self.network, self.options)

    def run(self, steps: int) -> Iterator[Any]:
        settings = self.options.loop_settings | {"epochs": 1e9}
        progress = train(self.network, self.batches, self.optimizer, **settings)
        for _ in range(steps):
            yield next(progress)


class Watched:
    """Batches, and the seconds that making them took."""

    def __init__(self, batches: Any):
        self.batches, self.seconds = batches, 0.0

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Any]:
        each = iter(self.batches.epoch(number, start=start))
        while True:
            began = time.perf_counter()
            batch = next(each, None)
            self.seconds += time.perf_counter() - began
            if batch is None:
                return
            yield batch

    def __len__(self) -> int:
        return len(self.batches)


def measure(name: str, precision: str, steps: int, asked: dict[str, str]) -> dict[str, Any]:
    """Milliseconds of a step, and the share of each part."""
    step = Step(name, precision, asked)
    watched = step.batches = Watched(step.batches)
    undisturbed = [progress.seconds for progress in step.run(steps + 3)][3:]
    watched.seconds = 0.0
    began = time.perf_counter()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in step.run(steps):
            pass
    whole = time.perf_counter() - began
    spent: dict[str, float] = defaultdict(float)
    for event in profiler.key_averages():
        spent[part_of(event.key)] += event.self_cpu_time_total / 1e6
    spent[BATCHES] = watched.seconds
    # batches are made of torch's operations, too: what is left can only be Python's
    spent[PYTHON] = max(0.0, whole - sum(spent.values()))
    total = sum(spent.values())
    return {
        "milliseconds": 1000 * statistics.median(undisturbed),
        "slowdown": whole / steps / statistics.fmean(undisturbed),
        "shares": {part: seconds / total for part, seconds in spent.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--set", nargs="+", default=[], metavar="OPTION=TEXT", help="of the task")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", help="also write everything to this JSON file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    parts = [*PARTS, SMALL, BATCHES, PYTHON]
    asked = dict(each.split("=", 1) for each in arguments.set)
    found, rows = {}, []
    for name in arguments.tasks:
        for precision in arguments.precisions:
            one = found[f"{name} {precision}"] = measure(name, precision, arguments.steps, asked)
            shares = [f"{one['shares'].get(part, 0.0):.0%}" for part in parts]
            rows.append([name, precision, round(one["milliseconds"], 1), *shares])
    print(*setting(arguments), sep="\n")
    print(*table(["task", "precision", "ms a step", *parts], rows), sep="\n")
    write(arguments.output, arguments, {"steps": found})


if __name__ == "__main__":
    main()
