"""Training from more examples than memory holds: what `--cache` costs, and what it saves.

    python benchmarks/beyond_memory.py --make 10000000                       # the data, once
    python benchmarks/beyond_memory.py --task forecasting --make 20000000
    python benchmarks/beyond_memory.py --task classification --examples 2000000
    python benchmarks/beyond_memory.py --task classification --examples 2000000 --in-memory

Each call prints a row: the processor time of reading, fitting and encoding (with a cache of
indexing, too), the peak of memory before and while training, and steps a second with the task's
defaults (one network). The data are generated: texts of 2 to 12 words out of 50,000 (Zipf's law)
with two labels, and pairs of such a text and its translation word for word; for the other tasks see
`generated_data.py`. `--examples` takes the first ones of them, and counts texts, pairs, sequences,
recordings, and of genome-bases, forecasting and anomaly bases or values. `--until` ends after a
phase; the next call goes on from there."""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from generated_data import MAKERS, take_files
from memory import forget_peak, peak_mib
from ostinato.commands.run.config import RunRequest, make_config
from ostinato.commands.run.parts import make_batches
from ostinato.commands.run.splits import Splits, read_splits
from ostinato.options import to_dict
from ostinato.tasks.task import Task
from ostinato.training import lazy_adam
from ostinato.training.loop import EpochBatches, train
from ostinato.training.optimise import build_optimizer

FOLDERS = {task: task for task in MAKERS if task not in ("classification", "translation")}
SETTINGS: dict[str, dict[str, Any]] = {
    "classification": {"members": 1, "characters": "none"},
    "translation": {"vocabulary_size": 20_000},
    "genome": {},
    "genome-bases": {},
    "transcription": {},
    "forecasting": {"horizon": 7},
    "anomaly": {},
}


class Preparation:
    """Everything that comes before the first step, in phases whose processor seconds are kept.

    With a cache, a phase that an earlier call has done is not done again, so that a long
    preparation can be measured in pieces; `fitted.json` beside the index serves this alone.
    """

    def __init__(self, task: str, files: tuple[list[str], list[str]], cache: Path | None):
        settings: dict[str, Any] = {**SETTINGS[task], "tensorboard": False}
        if cache is not None:
            settings["cache"] = str(cache)
        request = RunRequest(
            task.partition("-")[0], train=files[0], dev=files[1], settings=settings
        )
        self.config, self.cache = make_config(request), cache
        self.seconds: dict[str, float] = {}

    def run(self, until: str) -> tuple[EpochBatches, nn.Module] | None:
        task = self.config.build_task()
        with self.timed("read"):
            splits = read_splits(self.config, task)
        if until == "read":
            return None
        with self.timed("fit"):
            task = self.fit(task, splits)
        if until == "fit":
            return None
        torch.manual_seed(1)
        with self.timed("encode"):
            batches = make_batches(task, splits, self.config.build_options(), 1)
        return batches, task.build_network()

    def fit(self, task: Task, splits: Splits) -> Task:
        path = None if self.cache is None else self.cache / f"{task.name}-{len(splits.train)}.json"
        if path is not None and path.exists():
            saved = json.loads(path.read_text())
            return task.definition.create(saved["options"]).restore(saved["state"])
        task = task.fit(splits.train)
        if path is not None:
            state = task.preprocessing.to_dict()
            path.write_text(json.dumps({"options": to_dict(task.options), "state": state}))
        return task

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.seconds[phase] = round(time.process_time() - began, 1)


def time_steps(
    preparation: Preparation, batches: EpochBatches, network: nn.Module, steps: int
) -> dict[str, float]:
    """Steps a second and a second of the processor, and the milliseconds that reading a batch
    takes; after ten steps to warm up.
    """
    options = preparation.config.build_options()
    optimizer = build_optimizer(network, options)
    taken = train(
        network, batches, optimizer, schedule=lambda step, epoch: 0.001, **options.loop_settings
    )
    for _ in islice(taken, 10):
        pass
    began, worked = time.perf_counter(), time.process_time()
    for _ in islice(taken, steps):
        pass
    rate = steps / (time.perf_counter() - began)
    each = steps / (time.process_time() - worked)
    taken.close()  # type: ignore[attr-defined]
    lazy_adam.close(optimizer)
    began = time.perf_counter()
    for _ in islice(batches.epoch(0), steps):
        pass
    reading = (time.perf_counter() - began) / steps
    return {
        "steps_per_second": round(rate, 2),
        "steps_per_processor_second": round(each, 2),
        "reading_a_batch_ms": round(1000 * reading, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--make", type=int, metavar="N", help="write the data of N examples")
    parser.add_argument("--task", choices=sorted(SETTINGS), default="classification")
    parser.add_argument("--examples", type=int, default=2_000_000)
    parser.add_argument("--in-memory", action="store_true", help="without --cache, to compare")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--until", choices=("read", "fit", "encode", "train"), default="train")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path("beyond-memory"))
    options = parser.parse_args()
    if options.make:
        MAKERS[options.task](options.data / FOLDERS.get(options.task, "."), options.make)
        return
    torch.set_num_threads(options.threads)
    folder = options.data / FOLDERS.get(options.task, ".")
    files = take_files(options.task, folder, options.examples)
    cache = None if options.in_memory else options.data / "cache"
    forget_peak()
    preparation = Preparation(options.task, files, cache)
    found = preparation.run(options.until)
    row = {
        "task": options.task,
        "examples": options.examples,
        "from": "memory" if options.in_memory else "cache",
        "processor_seconds": preparation.seconds,
        "peak_mib_before": round(peak_mib()),
    }
    if found is not None and options.until == "train":
        forget_peak()
        row |= time_steps(preparation, *found, options.steps)
        row |= {"peak_mib_training": round(peak_mib()), "weights": digest_weights(found[1])}
    if cache is not None:
        row["cache_gb"] = round(size_of(cache) / 1e9, 2)
    print(json.dumps(row))


def digest_weights(network: nn.Module) -> str:
    """The same for equal weights: with a cache and without one they are."""
    content = hashlib.sha256()
    for _, value in sorted(network.state_dict().items()):
        content.update(value.contiguous().numpy().tobytes())
    return content.hexdigest()[:8]


def size_of(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


if __name__ == "__main__":
    main()
