"""Labels for films: recurrent networks beside a feedforward one on the flattened frames, a
linear one, and the most frequent label.

    python benchmarks/video.py  # the packaged sample: digits that move, a label a clip
    # key points of signs, 5-fold
    python benchmarks/video.py --data FOLDER --sets signs signs-apart --models lstm trees

FOLDER/frames_signs_hello_thanks_iloveyou/keypoints.npz has X [90, 30, 258] (pose and hands of
one signer, zeros where a hand is not seen), y and labels: three signs, thirty clips each. It
has no split, so each fifth in turn is tested on what the other four taught, the same number of
each sign in every part; scores are over all clips. An eighth of each fold's training clips is
the dev set that chooses the weights; nothing is chosen by the test fold.

Clips recorded one after the other are alike whatever they show: `signs-apart` deals out six
neighbouring clips of a sign at a time, so that those right before and after a clip are not
learned from. `trees` is scikit-learn's ExtraTreesClassifier of a clip's mean frame.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import ostinato
from ostinato.commands.tables import number
from ostinato.data.files.samples import sample_files
from ostinato.data.images.video_clips import Clip
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.metrics.interval import interval
from ostinato.tasks.run_folder import load_baseline
from ostinato.tasks.video.labels import count_clip_labels
from setting import add_sets, find, flags, tell

NETWORKS = ("most-frequent", "feedforward", "rnn", "gru", "lstm")
SIGNS = ("signs", "signs-apart")
FOLDS = 5
COLUMNS = [
    "set",
    "model",
    "seed",
    "accuracy",
    "95 % interval",
    "macro F1",
    "clips tested",
    "linear, flattened: accuracy",
    "seconds",
]


def main() -> None:
    arguments = read_arguments()
    rows = []
    if set(SIGNS) & set(arguments.sets):
        print(seen_in(arguments), file=sys.stderr, flush=True)
    for name in arguments.sets:
        for model in arguments.models:
            for seed in arguments.seeds:
                rows.append((trees if model == "trees" else measure)(arguments, name, model, seed))
                print(
                    f"{name}, {model}, seed {seed}: accuracy {rows[-1]['accuracy']:.4f}",
                    file=sys.stderr,
                    flush=True,
                )
    tell(arguments, COLUMNS, [cells(row) for row in rows], {"runs": rows})


def read_arguments() -> argparse.Namespace:
    parser = flags(
        __doc__,
        runs="runs/video",
        data="the folder of the sets; the sample needs none",
        needs_data=False,
    )
    add_sets(parser, ["sample", *SIGNS], chosen=["sample"], seeds=[1])
    parser.add_argument("--models", nargs="+", choices=[*NETWORKS, "trees"], default=list(NETWORKS))
    parser.add_argument("--epochs", type=float, help="instead of the task's own number")
    arguments = parser.parse_args()
    if set(SIGNS) & set(arguments.sets) and not arguments.data:
        parser.error("--sets signs needs --data")
    if "sample" in arguments.sets and "trees" in arguments.models:
        parser.error("--models trees is for features: --sets signs signs-apart")
    return arguments


def measure(arguments: argparse.Namespace, name: str, model: str, seed: int) -> dict[str, Any]:
    """One model on one set; of several folds, what was counted of all their test clips together."""
    counts: dict[str, list] = {"accuracy": [], "f1": []}
    linear: list = []
    seconds = 0.0
    settings = {} if arguments.epochs is None else {"epochs": arguments.epochs}
    with tempfile.TemporaryDirectory() as folder:
        for place, files in enumerate(
            folds(arguments, name, Path(folder)) if name in SIGNS else [{}]
        ):
            out = f"{arguments.runs}/{name}-{model}-{seed}-{place}"
            trained = ostinato.train(
                "video", **files, out=out, overwrite=True, model=model, seed=seed, **settings
            )
            records = trained.task.reader.read(
                files["test"] if files else [str(sample_files("video")["test"])]
            )
            for metric, each in trained.task.predictor.count(
                trained.network, records, trained.task.predictor.predict(trained.network, records)
            ).items():
                counts[metric] += each
            linear += load_baseline(trained.folder, trained.task).measure(records)["accuracy"]
            seconds += trained.report["seconds"]
    return as_row(name, model, seed, counts, corpus_score(METRICS["accuracy"], linear), seconds)


def as_row(
    name: str, model: str, seed: int, counts: dict[str, list], linear: float, seconds: float
) -> dict[str, Any]:
    scores = {metric: corpus_score(METRICS[metric], each) for metric, each in counts.items()}
    return {
        "set": name,
        "model": model,
        "seed": seed,
        **scores,
        "interval": list(interval(METRICS["accuracy"], counts["accuracy"])),
        "examples": len(counts["accuracy"]),
        "linear": linear,
        "seconds": seconds,
    }


def trees(arguments: argparse.Namespace, name: str, model: str, seed: int) -> dict[str, Any]:
    """What many random decision trees make of a clip's mean frame, learned from training and
    dev clips together.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    x, y, labels = signs(arguments)
    answers, began = np.empty(len(y), dtype=y.dtype), time.perf_counter()
    for fold in range(FOLDS):
        tested = fold_of(y, name) == fold
        found = ExtraTreesClassifier(300, random_state=seed).fit(x[~tested].mean(1), y[~tested])
        answers[tested] = found.predict(x[tested].mean(1))
    known = Vocabulary(sorted(map(str, labels)), specials=())
    truths = [Clip(each, str(labels[right])) for each, right in zip(x, y, strict=True)]
    counts = count_clip_labels([[str(labels[answer])] for answer in answers], truths, known)
    return as_row(name, model, seed, counts, float("nan"), time.perf_counter() - began)


def signs(arguments: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(
        find(f"{arguments.data}/frames_signs_hello_thanks_iloveyou", "keypoints.npz")
    ) as arrays:
        return arrays["X"], arrays["y"], arrays["labels"]


def seen_in(arguments: argparse.Namespace) -> str:
    """What of the signs stands in the key points at all: 33 of the pose (x, y, z, visibility),
    21 of each hand (x, y, z).
    """
    x, y, _ = signs(arguments)
    hand = (x[..., 132:] != 0).any(-1)
    wrists = x[..., :132].reshape(*x.shape[:2], 33, 4)[:, :, [15, 16]]
    wrist = ((wrists[..., 1] < 1) & (wrists[..., 3] > 0.5)).any(
        (1, 2)
    )  # within the picture, and likely to be visible
    mean = x.mean(1)
    mean = (mean - mean.mean(0)) / (mean.std(0) + 1e-3)
    apart = np.square(mean[:, None] - mean).sum(-1)
    np.fill_diagonal(apart, np.inf)
    beside = np.abs(apart.argmin(1) - np.arange(len(y))) == 1
    return (
        f"signs: a hand in {hand.mean():.0%} of the frames, {hand.any(1).sum()} of {len(y)} "
        f"clips; a wrist in {wrist.sum()} clips; the clip most alike in its mean is the one "
        f"before or behind for {beside.mean():.0%}"
    )


def fold_of(y: np.ndarray, name: str) -> np.ndarray:
    """Which fold tests each clip: those of each sign dealt out in turn after a shuffle that is
    always the same; `signs-apart`: in the order of their recording, neighbours together.
    """
    fold = np.empty(len(y), dtype=int)
    if name == "signs-apart":
        for sign in np.unique(y):
            own = np.flatnonzero(y == sign)
            fold[own] = np.arange(len(own)) * FOLDS // len(own)
        return fold
    order = np.random.default_rng(0).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold[order] = np.arange(len(y)) % FOLDS
    return fold


def folds(arguments: argparse.Namespace, name: str, folder: Path) -> Iterator[dict[str, list[str]]]:
    """The files of each fold."""
    x, y, labels = signs(arguments)
    fold = fold_of(y, name)
    for number_ in range(FOLDS):
        rest = np.flatnonzero(fold != number_)
        parts = {
            "train": rest[np.arange(len(rest)) % 8 > 0],
            "dev": rest[::8],
            "test": np.flatnonzero(fold == number_),
        }
        files = {}
        for part, rows in parts.items():
            files[part] = [str(folder / f"{part}-{number_}.npz")]
            np.savez(files[part][0], X=x[rows], y=y[rows], labels=labels)
        yield files


def cells(row: dict[str, Any]) -> list[Any]:
    low, high = row["interval"]
    return [
        row["set"],
        row["model"],
        row["seed"],
        row["accuracy"],
        f"{number(low)} .. {number(high)}",
        row["f1"],
        row["examples"],
        row["linear"],
        row["seconds"],
    ]


if __name__ == "__main__":
    main()
