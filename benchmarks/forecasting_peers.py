"""Our forecasters beside those of neuralforecast (Nixtla): the time that each needs to reach our
score, and its memory.

    python benchmarks/forecasting_peers.py --data FOLDER --peer-python VENV/bin/python
    python benchmarks/forecasting_peers.py --peer-python VENV/bin/python --sets sample

Sets: sample (the packaged weather: three series, their last two weeks), m3-monthly
(FOLDER/forecast_m3/m3_monthly.csv.gz), m4-hourly. Every contender is a process of its own on one
thread, sees the same series without their last steps, and forecasts these. The peers train for as
many steps as --steps says, each time from the beginning; ours with the settings of
benchmarks/forecasting.py, and with fitting its baselines, tuning its intervals and saving. "To our
score" is the shortest training of a peer whose MASE is as low as ours. Times are of the processor,
so that other work on the machine counts little; memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from forecasting import SETTINGS, read_m3, read_m4
from memory import peak_mib
from setting import flags, tell

CONTENDER = Path(__file__).with_name("neuralforecast_contender.py")
HORIZONS = {"m3-monthly": 18, "m4-hourly": 48, "sample": 14}
SEASONS = {"m3-monthly": 12, "m4-hourly": 24, "sample": 7}
LOOK_BACKS = {"m3-monthly": 36, "m4-hourly": 240, "sample": 70}
COLUMNS = [
    "set",
    "contender",
    "steps",
    "sMAPE",
    "MASE",
    "processor s",
    "seconds",
    "memory, MB",
    "to our score, s",
]
Values = Mapping[str, np.ndarray]  # by series


def main() -> None:
    parser = flags(__doc__, runs="runs/forecasting_peers", needs_data=False)
    parser.add_argument("--peer-python", help="of an environment with neuralforecast")
    parser.add_argument("--sets", nargs="+", choices=list(HORIZONS), default=["sample"])
    parser.add_argument("--peers", nargs="+", default=["LSTM", "DeepAR", "NHITS"])
    parser.add_argument("--steps", nargs="+", type=int, default=[100, 300, 1000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", help="used by the benchmark itself")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(fit_ours(**json.loads(arguments.one))))
        return
    rows: list[list[Any]] = []
    for name in arguments.sets:
        rows += compare(arguments, name)
    tell(arguments, COLUMNS, [[str(cell) for cell in row] for row in rows], {"rows": rows})


def compare(arguments: argparse.Namespace, name: str) -> list[list[Any]]:
    """The rows of one set."""
    horizon, season = HORIZONS[name], SEASONS[name]
    series = read_set(arguments.data, name)
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/train.csv"
        write_long(file, {key: values[:-horizon] for key, values in series.items()})
        ours = json.dumps({"file": file, "name": name, "runs": arguments.runs})
        found = run([sys.executable, __file__, "--one", ours])
        rows = [row_of(name, "Ostinato, GRU", "-", found, series, horizon, season)]
        print(rows[-1], file=sys.stderr, flush=True)
        for peer in arguments.peers if arguments.peer_python else []:
            for steps in arguments.steps:
                wanted = {
                    "file": file,
                    "horizon": horizon,
                    "input_size": LOOK_BACKS[name],
                    "model": peer,
                    "steps": steps,
                    "threads": 1,
                    "seed": arguments.seed,
                    "scaler": "standard",
                }
                found = run([arguments.peer_python, "-I", str(CONTENDER)], json.dumps(wanted))
                rows.append(row_of(name, peer, steps, found, series, horizon, season))
                print(rows[-1], file=sys.stderr, flush=True)
    return add_times(rows)


def add_times(rows: list[list[Any]]) -> list[list[Any]]:
    """The rows of a set, each with the processor's seconds that its contender needs to our
    MASE."""
    wanted = rows[0][4]
    times: dict[str, float] = {}
    for row in rows:
        if row[4] <= wanted:
            times[row[1]] = min(times.get(row[1], np.inf), row[5])
    return [[*row, times.get(row[1], "not reached")] for row in rows]


def row_of(
    name: str,
    contender: str,
    steps: int | str,
    found: dict[str, Any],
    series: Values,
    horizon: int,
    season: int,
) -> list[Any]:
    smape, mase = score(series, found["forecasts"], horizon, season)
    return [
        name,
        contender,
        steps,
        round(smape, 2),
        round(mase, 3),
        round(found["processor_seconds"], 1),
        round(found["seconds"], 1),
        found["memory"],
    ]


def score(
    series: Values, forecasts: Mapping[str, list[float]], horizon: int, season: int
) -> tuple[float, float]:
    """M4's sMAPE and MASE, the mean over the series; constant series have no MASE."""
    smapes, mases = [], []
    for key, values in series.items():
        history, true = values[:-horizon], values[-horizon:]
        errors = np.abs(np.array(forecasts[key]) - true)
        sizes = np.abs(np.array(forecasts[key])) + np.abs(true)
        smapes.append(200 * np.mean(errors / np.maximum(sizes, 1e-12)))
        scale = np.abs(history[season:] - history[:-season]).mean()
        if scale > 0:
            mases.append(errors.mean() / scale)
    return float(np.mean(smapes)), float(np.mean(mases))


def run(command: list[str], wanted: str = "") -> dict[str, Any]:
    """What a contender's process answers in its last line."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, input=wanted, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def read_set(data: str | None, name: str) -> dict[str, np.ndarray]:
    """The series of a set with the steps that are forecast."""
    if name == "sample":
        import ostinato

        file = Path(ostinato.__file__).parent / "samples" / "forecasting" / "test.csv"
        with file.open() as lines:
            header, *rows = csv.reader(lines)
        columns = np.array([row[1:] for row in rows], dtype=float)
        return dict(zip(header[1:], columns.T, strict=True))
    if data is None:
        raise SystemExit(f"{name}: name the folder of the sets with --data")
    found = read_m3(data) if name == "m3-monthly" else read_m4(data)
    return {key: np.array(values) for key, values in found}


def write_long(file: str, series: Values) -> None:
    with Path(file).open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["unique_id", "ds", "y"])
        for key, values in series.items():
            writer.writerows((key, step, value) for step, value in enumerate(values.tolist(), 1))


def fit_ours(*, file: str, name: str, runs: str) -> dict[str, Any]:
    """Trains with the settings of benchmarks/forecasting.py and forecasts the steps after each
    series."""
    import torch

    import ostinato

    torch.set_num_threads(1)
    family = name.partition("-")[0]
    settings = dict(SETTINGS.get(family, {"season": SEASONS[name], "look_back": LOOK_BACKS[name]}))
    began, worked = time.perf_counter(), time.process_time()
    model = ostinato.train(
        "forecasting",
        train=[file],
        out=f"{runs}/{name}",
        overwrite=True,
        seed=1,
        horizon=HORIZONS[name],
        tensorboard=False,
        **settings,
    )
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    records = list(model.task.reader.read_inputs([file]))
    predicted = model.task.predictor.predict(model.network, records)
    return {
        "seconds": seconds,
        "processor_seconds": worked,
        "memory": round(peak_mib() * 1.048576),
        "forecasts": {each.name: each.point.tolist() for each in predicted},
    }


if __name__ == "__main__":
    main()
