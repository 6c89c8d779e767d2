"""The Numenta Anomaly Benchmark: one network and one setting for all 58 series, its score, and
the windowed Gaussian's beside it.

    python benchmarks/anomaly.py --data FOLDER

FOLDER/anomaly_nab holds data/*/*.csv.gz, labels/combined_windows.json and
results/final_results.json (numenta/NAB). The network learns from the probation of each series,
its first 15 % (at most 750 steps), without labels; the rest is scored in the order of time. As
NAB does for every detector, the threshold is the best one over all series for the standard
profile ("best threshold"); beside it stands the score with the threshold of the run itself,
which has seen no label. That the scorer is NAB's own shows in the windowed Gaussian, computed
here as NAB does, beside its stored score.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import ostinato
from ostinato.metrics import nab
from ostinato.tasks.anomaly.counts import probation_of
from ostinato.tasks.anomaly.reader import LabelledSeries
from ostinato.tasks.anomaly.scoring import find_alarms
from setting import flags, tell

COLUMNS = ["detector", "NAB, best threshold", "NAB, own threshold", "published"]


class Series(NamedTuple):
    name: str
    stamps: list[str]
    values: np.ndarray
    windows: list[tuple[int, int]]


def main() -> None:
    parser = flags(__doc__, runs="runs/anomaly", data="the folder of the sets")
    parser.add_argument("--skip-gaussian", action="store_true", help="only the network")
    arguments = parser.parse_args()
    folder = Path(arguments.data) / "anomaly_nab"
    series = read_nab(folder)
    published = json.loads((folder / "results" / "final_results.json").read_text())
    rows = [measure(arguments.runs, series)]
    if not arguments.skip_gaussian:
        gaussian = [score_windowed_gaussian(each.values) for each in series]
        known = published["windowedGaussian"]["standard"]
        rows.append(["windowed Gaussian, NAB's", sweep(series, gaussian), "", f"{known:.10f}"])
    tell(arguments, COLUMNS, [[str(cell) for cell in row] for row in rows], {"rows": rows})


def read_nab(folder: Path) -> list[Series]:
    """All series with their windows as first and last steps."""
    found = []
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text())
    for name, windows in sorted(labels.items()):
        text = gzip.decompress((folder / "data" / f"{name}.gz").read_bytes()).decode()
        rows = list(csv.reader(io.StringIO(text)))[1:]
        stamps = [row[0][:19] for row in rows]
        pairs = [(stamps.index(first[:19]), stamps.index(last[:19])) for first, last in windows]
        values = np.array([float(row[1]) for row in rows])
        found.append(Series(Path(name).stem, stamps, values, pairs))
    return found


def measure(runs: str, series: list[Series]) -> list[Any]:
    """The network's score with the best threshold, and with its own."""
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for part in ("train", "test"):
            files[part] = f"{folder}/{part}.csv"
            with Path(files[part]).open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["unique_id", "ds", "y", "anomaly"])
                for each in series:
                    end = probation_of(len(each.values)) if part == "train" else len(each.values)
                    for step in range(end):
                        inside = any(first <= step <= last for first, last in each.windows)
                        writer.writerow(
                            [each.name, each.stamps[step], each.values[step], int(inside)]
                        )
        model = ostinato.train("anomaly", train=[files["train"]], out=f"{runs}/nab", overwrite=True)
        records: list[LabelledSeries] = model.task.reader.read([files["test"]])
        predictor, network = model.task.predictor, model.network
        scores = [predictor.score(network, record) for record in records]
        result = model.evaluate([files["test"]])
    print(result["metrics"], result["alarms"], file=sys.stderr)
    best = best_with_hold_off(series, scores, model.task.options.hold_off)
    return ["recurrent network", best, result["metrics"]["nab"], ""]


def best_with_hold_off(series: list[Series], scores: list[np.ndarray], hold_off: int) -> float:
    """The best score over 60 thresholds, one for all series, with no alarm soon after an alarm."""
    levels = np.unique(np.quantile(np.concatenate(scores), 1 - np.geomspace(1e-6, 0.05, 60)))
    best = 0.0
    for level in levels:
        raw = windows = 0.0
        for each, own in zip(series, scores, strict=True):
            labels = np.zeros(len(own), dtype=bool)
            for first, last in each.windows:
                labels[first : last + 1] = True
            alarms = find_alarms(own, float(level), hold_off)
            one, number = nab.count(alarms.tolist(), labels.tolist(), probation_of(len(own)))
            raw, windows = raw + one, windows + number
        best = max(best, nab.score((raw, windows)))
    return best


def score_windowed_gaussian(values: np.ndarray, size: int = 6400, step: int = 100) -> np.ndarray:
    """NAB's detector: 1 - the tail probability under the window's Gaussian, which moves on by
    `step`.
    """
    window: list[float] = []
    waiting: list[float] = []
    mean, deviation, found = 0.0, 1.0, []
    for value in values.tolist():
        tail = 0.5 * math.erfc(abs(value - mean) / deviation / math.sqrt(2))
        found.append(1 - tail if window else 0.0)
        if len(window) < size:
            window.append(value)
        else:
            waiting.append(value)
            if len(waiting) < step:
                continue
            window, waiting = window[step:] + waiting, []
        mean, deviation = float(np.mean(window)), float(np.std(window)) or 1e-6
    return np.round(found, 12)  # as NAB's result files have them


def sweep(series: list[Series], scores: list[np.ndarray]) -> float:
    """The best score over all thresholds, one for all series."""
    points = []
    for number, (each, own) in enumerate(zip(series, scores, strict=True)):
        for step in range(probation_of(len(each.values)), len(each.values)):
            window, weight = nab.weigh_step(step, each.windows)
            points.append((float(own[step]), None if window is None else (number, window), weight))
    points.sort(key=lambda point: -point[0])
    best, total, last = 0.0, 0.0, math.inf
    highest: dict[tuple[int, int], float] = {}
    for score, window, weight in points:
        if score != last:
            best, last = max(best, total), score
        if window is None:
            total += weight
        else:
            before = highest.get(window, -1.0)
            highest[window] = max(before, weight)
            total += highest[window] - before
    windows = sum(len(each.windows) for each in series)
    return 100 * max(best, total) / (2 * windows)


if __name__ == "__main__":
    main()
