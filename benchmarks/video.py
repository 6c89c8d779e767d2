"""Labels for films: recurrent networks beside a feedforward one on the flattened frames, a linear one, and the most frequent label.

    python benchmarks/video.py                                   # the packaged sample: digits that move, a label a clip
    python benchmarks/video.py --data FOLDER --sets signs        # key points of signs, 5-fold

FOLDER/frames_signs_hello_thanks_iloveyou/keypoints.npz has X [90, 30, 258] (pose and hands of one signer, zeros where a hand is not
seen), y and labels: three signs, thirty clips each. It has no split, so each fifth in turn is tested on what the other four taught,
the same number of each sign in every part; scores are over all clips. An eighth of each fold's training clips is the dev set that
chooses the weights; nothing is chosen by the test fold."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import ostinato
from ostinato.commands.report import number
from ostinato.data.samples import sample
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.metrics.interval import interval
from ostinato.tasks.folder import load_baseline
from setting import add_sets, find, flags, tell

MODELS = ("most-frequent", "feedforward", "rnn", "gru", "lstm")
FOLDS = 5
COLUMNS = ["set", "model", "seed", "accuracy", "95 % interval", "macro F1", "clips tested", "linear, flattened: accuracy", "seconds"]


def main() -> None:
    arguments = read_arguments()
    rows = []
    for name in arguments.sets:
        for model in arguments.models:
            for seed in arguments.seeds:
                rows.append(measure(arguments, name, model, seed))
                print(f"{name}, {model}, seed {seed}: accuracy {rows[-1]['accuracy']:.4f}", file=sys.stderr, flush=True)
    tell(arguments, COLUMNS, [cells(row) for row in rows], {"runs": rows})


def read_arguments() -> argparse.Namespace:
    parser = flags(__doc__, runs="runs/video", data="the folder of the sets; the sample needs none", needs_data=False)
    add_sets(parser, ["sample", "signs"], chosen=["sample"], seeds=[1])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--epochs", type=float, help="instead of the task's own number")
    arguments = parser.parse_args()
    if "signs" in arguments.sets and not arguments.data:
        parser.error("--sets signs needs --data")
    return arguments


def measure(arguments: argparse.Namespace, name: str, model: str, seed: int) -> dict[str, Any]:
    """One model on one set; of several folds, what was counted of all their test clips together."""
    counts: dict[str, list] = {"accuracy": [], "f1": []}
    linear: list = []
    seconds = 0.0
    settings = {} if arguments.epochs is None else {"epochs": arguments.epochs}
    with tempfile.TemporaryDirectory() as folder:
        for place, files in enumerate(folds(arguments, Path(folder)) if name == "signs" else [{}]):
            out = f"{arguments.runs}/{name}-{model}-{seed}-{place}"
            trained = ostinato.train("video", **files, out=out, overwrite=True, model=model, seed=seed, **settings)
            records = trained.task.read(files["test"] if files else [str(sample("video")["test"])])
            for metric, each in trained.task.measure(trained.network, records, trained.task.predict(trained.network, records)).items():
                counts[metric] += each
            linear += load_baseline(trained.folder, trained.task).measure(records)["accuracy"]
            seconds += trained.report["seconds"]
    scores = {metric: corpus_score(METRICS[metric], each) for metric, each in counts.items()}
    return {"set": name, "model": model, "seed": seed, **scores, "interval": list(interval(METRICS["accuracy"], counts["accuracy"])),
            "examples": len(counts["accuracy"]), "linear": corpus_score(METRICS["accuracy"], linear), "seconds": seconds}  # fmt: skip


def folds(arguments: argparse.Namespace, folder: Path) -> Iterator[dict[str, list[str]]]:
    """The files of each fold: the clips of each sign dealt out in turn, after a shuffle that is always the same."""
    with np.load(find(f"{arguments.data}/frames_signs_hello_thanks_iloveyou", "keypoints.npz")) as arrays:
        x, y, labels = arrays["X"], arrays["y"], arrays["labels"]
    order = np.random.default_rng(0).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=int)
    fold[order] = np.arange(len(y)) % FOLDS
    for number_ in range(FOLDS):
        rest = np.flatnonzero(fold != number_)
        parts = {"train": rest[np.arange(len(rest)) % 8 > 0], "dev": rest[::8], "test": np.flatnonzero(fold == number_)}
        files = {}
        for part, rows in parts.items():
            files[part] = [str(folder / f"{part}-{number_}.npz")]
            np.savez(files[part][0], X=x[rows], y=y[rows], labels=labels)
        yield files


def cells(row: dict[str, Any]) -> list[Any]:
    low, high = row["interval"]
    return [row["set"], row["model"], row["seed"], row["accuracy"], f"{number(low)} .. {number(high)}", row["f1"], row["examples"],
            row["linear"], row["seconds"]]  # fmt: skip


if __name__ == "__main__":
    main()
