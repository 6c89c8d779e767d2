"""The first hour of a new user: default options, three minutes, and what they would use instead.

    python benchmarks/first_hour.py --data FOLDER --output first_hour.json
    python benchmarks/first_hour.py --data FOLDER --only opinions-products,vowels --limit 1m
    python benchmarks/first_hour.py --data FOLDER --busy    # one core, shared with another process
    python benchmarks/first_hour.py --data FOLDER --idle    # as on one idle core, on any machine

FOLDER has the folders that `first_hour_sets.py` names, each with its publisher's files; a set that
is not there is left out. Each set is trained by `ostinato train` in a process of its own, as a user
would: training and test files, the time limit, and nothing else but the name of a column where the
files need it. `network` is the score that the run reports (of network and baseline together, where
they answer together), `baseline` the best of the run's own baselines, `instead` what a user would
take in place of it:

    n-grams  scikit-learn's logistic regression on tf-idf of words and of characters, the better of
             both by cross-validation
    dtw      one nearest neighbour with dynamic time warping, Euclidean over the dimensions

With `--idle` time limits are of processor time and there is one thread, so that other programs on
the machine make a run longer, but not worse.

`outcome` compares with the better of both: ahead, level (within the 95 % interval) or
behind."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from first_hour_sets import SETS, DataSet
from ostinato.commands.run.verdict import choose_metric, find_best
from ostinato.commands.tables import format_interval, number, table
from ostinato.metrics import METRICS
from ostinato.tasks import find_task
from setting import machine

PLAIN = [sys.executable, "-m", "ostinato"]
# the same by the clock of the process, which stands still while others have the processor
IDLE = [
    *(sys.executable, "-c"),
    "import sys, time; time.monotonic = time.perf_counter = time.process_time; "
    "from ostinato.cli import main; sys.exit(main())",
]
MOST_TEXTS = 20_000  # that the cross-validation of the n-grams reads


def compare_ngrams(train: list[Any], test: list[Any]) -> float:
    """The accuracy of logistic regression on n-grams of words, or of characters."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    texts, labels = [each.inputs for each in train], [each.label for each in train]
    kinds: tuple[dict[str, Any], ...] = (
        {"ngram_range": (1, 2)},
        {"analyzer": "char_wb", "ngram_range": (1, 5)},
    )
    models = [
        make_pipeline(
            TfidfVectorizer(sublinear_tf=True, **kind), LogisticRegression(C=10, max_iter=300)
        )
        for kind in kinds
    ]
    few = texts[:: max(1, len(texts) // MOST_TEXTS)], labels[:: max(1, len(labels) // MOST_TEXTS)]
    best = max(models, key=lambda model: cross_val_score(model, *few, cv=3).mean())
    best.fit(texts, labels)
    return float(best.score([each.inputs for each in test], [each.label for each in test]))


def compare_warping(train: list[Any], test: list[Any]) -> float:
    """The accuracy of the label of the nearest training series by dynamic time warping."""
    right = 0
    for each in test:
        distances = [warp(np.asarray(each.inputs), np.asarray(other.inputs)) for other in train]
        right += train[int(np.argmin(distances))].label == each.label
    return right / len(test)


def warp(one: np.ndarray, other: np.ndarray) -> float:
    """The cost of the best alignment of two series [S, D] and [T, D], diagonal by diagonal."""
    costs = ((one[:, None] - other[None]) ** 2).sum(-1)  # [S, T]
    rows, columns = costs.shape
    before = np.full(rows + 1, np.inf)  # of the diagonal before, by row + 1
    earlier = before.copy()
    earlier[0] = 0.0
    for diagonal in range(rows + columns - 1):
        row = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        best = np.minimum(np.minimum(before[row], before[row + 1]), earlier[row])
        here = np.full(rows + 1, np.inf)
        here[row + 1] = costs[row, diagonal - row] + best
        before, earlier = here, before
    return float(before[rows])


RIVALS: dict[str, Callable[[list[Any], list[Any]], float]] = {
    "n-grams": compare_ngrams,
    "dtw": compare_warping,
}


@contextlib.contextmanager
def busy_core(wanted: bool) -> Iterator[list[str]]:
    """What comes before a command; with `wanted`, it runs on one core beside another process."""
    if not wanted:
        yield []
        return
    core = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    other = subprocess.Popen([*core, sys.executable, "-c", "while True: pass"])
    try:
        yield core
    finally:
        other.kill()
        other.wait()


def run_set(name: str, data: Path, limit: str, start: list[str]) -> dict[str, Any]:
    """Trains on a set as a new user would, and compares; `start` is the command without its
    arguments.
    """
    chosen = SETS[name]
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        files = chosen.files(data / chosen.folder, out)
        command = [*start, "train", chosen.task, "--json"]
        command += ["--threads", "1"] * (start[-1] == IDLE[-1])
        for part, paths in files.items():
            command += [f"--{part}", *map(str, paths)]
        command += ["--out", str(out / "run"), "--time-limit", limit]
        for option, value in chosen.flags.items():
            command += [f"--{option.replace('_', '-')}", str(value)]
        began = time.monotonic()
        outcome = subprocess.run(command, capture_output=True, text=True)
        seconds = time.monotonic() - began
        if outcome.returncode:
            return {"set": name, "failed": outcome.stderr.strip().splitlines()[-1:]}
        report = json.loads(outcome.stdout)
        found = summarise(name, chosen, report, seconds)
        if chosen.rival:
            reader = find_task(chosen.task).create({}).reader
            train, test = (
                list(reader.read(list(map(str, files[part])), training=part == "train"))
                for part in ("train", "test")
            )
            found["instead"] = RIVALS[chosen.rival](train, test)
    return decide(found)


def summarise(name: str, chosen: DataSet, report: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What is kept of a report."""
    metrics = find_task(chosen.task).metrics
    metric, beside = choose_metric(metrics, report, report["baseline"]) or (metrics[0], {})
    best = find_best(metric, beside) if beside else ("", None)
    return {
        "set": name,
        "task": chosen.task,
        "metric": metric,
        "network": report["metrics"][metric],
        "interval": report["intervals"][metric],
        "alone": report.get("alone", {}).get(metric),
        "baseline": best[1],
        "baseline_name": best[0],
        "seconds": round(seconds, 1),
        "epochs": report["epochs"],
        "parameters": report["parameters"],
        "verdict": report["verdict"],
        "notes": report["notes"],
        "tested_on": report["tested_on"],
    }


def decide(found: dict[str, Any]) -> dict[str, Any]:
    """Whether the score is ahead of the best of the others, level with it, or behind."""
    sign = 1 if METRICS[found["metric"]].higher_is_better else -1
    others = [found[key] for key in ("baseline", "instead") if found.get(key) is not None]
    if not others:
        return {**found, "outcome": ""}
    best = max(others, key=lambda value: sign * value)
    low, high = found["interval"]
    if sign * (found["network"] - best) >= 0:
        return {**found, "outcome": "ahead"}
    inside = low <= best and (high is None or best <= high)
    return {**found, "outcome": "level" if inside else "behind"}


def show(found: dict[str, Any]) -> list[str]:
    """A row of the table."""
    if "failed" in found:
        return [found["set"], *[""] * 7, " ".join(found["failed"])]
    values = [found.get(key) for key in ("network", "alone", "baseline", "instead")]
    network, alone, baseline, instead = ("" if v is None else number(float(v)) for v in values)
    interval = format_interval(*found["interval"])
    return [
        found["set"],
        found["metric"],
        network,
        interval,
        alone,
        f"{baseline} {found['baseline_name']}",
        instead,
        f"{found['seconds']:.0f}",
        found["outcome"],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--limit", default="3m", help="of each training")
    parser.add_argument("--only", default=",".join(SETS), help="names of sets, joined by commas")
    parser.add_argument("--busy", action="store_true", help="one core with another process on it")
    parser.add_argument("--idle", action="store_true", help="limits are of processor time")
    parser.add_argument("--output", type=Path, help="write everything to this JSON file")
    given = parser.parse_args()
    unknown = [name for name in given.only.split(",") if name not in SETS]
    if unknown:
        parser.error(f"no set {', '.join(unknown)}; there are {', '.join(SETS)}")
    results: list[dict[str, Any]] = []
    with busy_core(given.busy) as before:
        start = [*before, *(IDLE if given.idle else PLAIN)]
        for name in given.only.split(","):
            if not (given.data / SETS[name].folder).is_dir():
                print(f"{name}: {given.data / SETS[name].folder} is not there", file=sys.stderr)
                continue
            results.append(run_set(name, given.data, given.limit, start))
            print(results[-1].get("verdict", results[-1]), file=sys.stderr)
            if given.output:
                content = {"machine": machine(), **vars(given), "results": results}
                given.output.write_text(json.dumps(content, indent=1, default=str))
    columns = ["set", "metric", "network", "95 % interval", "alone", "baseline", "instead"]
    print("\n".join(table([*columns, "seconds", "outcome"], [show(each) for each in results])))


if __name__ == "__main__":
    main()
