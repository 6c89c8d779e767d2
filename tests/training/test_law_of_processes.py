"""Two processes take the steps of one process with twice the batch, whatever the task."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from ostinato import options
from ostinato.commands.run.config import RunRequest
from ostinato.commands.run.prepare import open_run
from ostinato.data.stored.cached_folder import CachedFolder
from ostinato.tasks import TASKS
from ostinato.training.group import STORE
from ostinato.training.options import Options

# without what is drawn (dropout, resets of the state), which differs from process to process
SETTINGS = {
    "hidden_size": 8,
    "embedding_size": 6,
    "tensorboard": False,
    "epochs": 0.02,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "head_dropout": 0.0,
    "layer_dropout": 0.0,
    "output_dropout": 0.0,
    "character_dropout": 0.0,
    "locked_dropout": False,
    "word_dropout": 0.0,
    "unknown": 0.0,
    "weight_drop": 0.0,
    "recurrent_dropout": 0.0,
    "state_reset": 0.0,
    "label_smoothing": 0.1,
    "clip_norm": 0.5,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "vocabulary_size": 300,
    "characters": "none",  # a classifier's has a dropout of its own
    "beam": 1,
}
LANGUAGE = "language"  # whose option `cache` is another one
MADE = "made.txt"  # the folders that the processes have made in the cache
QUICK = (LANGUAGE, "tagging", "forecasting from a cache")
CASES = {
    **{name: {} for name in TASKS if name != "captioning"},  # its batch norm looks at whole batches
    "subwords": {"task": "translation", "unit": "subword", "subword_sampling": 0.1},
    "lazy adam": {
        "task": "translation",
        "optimizer": "adam",
        "learning_rate": 0.001,
        "hidden_size": 64,
        "embedding_size": 64,
        "vocabulary_size": 2000,
    },
    "sparse": {"task": "translation", "sparse_embeddings": True, "tied": False},
    "words": {"task": "language", "unit": "word"},
    "accumulate": {"task": "tagging", "accumulate": 2, "normalise": "sequences"},
    **{
        f"{name} from a cache": {"task": name, "cache": "cache"}
        for name in TASKS
        if name != LANGUAGE and "cache" in options.fields(TASKS[name].options)
    },
    "an empty share": {"task": "classification", "batch_size": 1, "epochs": 0.003},
}


def train_steps(case: str, folder: Path, *, processes: int, batch: int) -> dict:
    """The weights and the log of a short run, in this process of one or several."""
    given = dict(CASES[case])
    task = TASKS[given.pop("task", case)]
    known = {*options.fields(task.options), *options.fields(Options)}
    settings = {name: value for name, value in {**SETTINGS, **given}.items() if name in known}
    if "cache" in given:
        settings["cache"] = str(folder.parent / given["cache"])
    if not processes > 1 or "batch_size" not in given:
        settings["batch_size"] = batch
    request = RunRequest(task.name, seed=3, settings=settings, processes=processes)
    with open_run(folder, request, resume=False, overwrite=False) as run:
        run.train()
        log = run.curves.path.read_text() if run.curves else ""
        return {"weights": run.network.state_dict(), "log": log, "steps": log.count("loss")}


def process(rank: int, size: int, place: Path, cases: Sequence[str]) -> None:
    torch.set_num_threads(1)
    make = CachedFolder.make

    def make_and_note(folder: CachedFolder, write: Callable) -> dict:
        with (place / MADE).open("a") as file:
            file.write(f"{folder.path}\n")
        return make(folder, write)

    CachedFolder.make = make_and_note  # type: ignore[method-assign]
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(size), GLOO_SOCKET_IFNAME="lo")
    for number, case in enumerate(cases):
        os.environ[STORE] = str(place / f"store {number}")
        found = train_steps(case, place / case, processes=size, batch=4)
        torch.save(found, place / f"{case} {rank}.pt")


def check_law(cases: Sequence[str], place: Path) -> None:
    """Trains each case in two processes and in one, and compares."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=process, args=(rank, 2, place, cases)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(280)
        assert worker.exitcode == 0
    cached = [case for case in cases if "cache" in CASES[case]]
    made = (place / MADE).read_text().splitlines() if cached else []
    assert len(made) == len(set(made)) >= len(cached)  # one process each; the other waits
    torch.set_num_threads(1)
    for case in cases:
        batch = 2 if CASES[case].get("batch_size") == 1 else 8
        alone = train_steps(case, place / f"{case} alone", processes=1, batch=batch)
        first, second = (torch.load(place / f"{case} {rank}.pt") for rank in range(2))
        assert first["steps"] == alone["steps"] >= 1
        assert second["log"] == ""  # process 0 alone writes
        for name, wanted in alone["weights"].items():
            assert torch.equal(first["weights"][name], second["weights"][name])
            torch.testing.assert_close(
                first["weights"][name], wanted, rtol=1e-3, atol=2e-5, msg=f"{case}: {name}"
            )


def test_two_processes_are_one_with_twice_the_batch(tmp_path):
    check_law(QUICK, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case not in QUICK])
def test_the_law_holds_for_every_task(case, tmp_path):
    check_law([case], tmp_path)
