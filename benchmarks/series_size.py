"""Time and memory of forecasting on large inputs, each in a process of its own.

    python benchmarks/series_size.py                  # rows: 1,000,000 x 32; short: 10,000
    series; windows: all of a long table

rows: a wide table of 1,000,000 rows and 32 columns is read and trained on for one epoch of
    5,000 windows. short: one epoch over 10,000
series of 40 to 120 values. windows: the last 2,785 windows of a table of 14,400 rows and 7
columns (the size of ETTh1's usual
test) are forecast 96 steps ahead from 720 before, with all baselines beside. The series are
made up: what counts is their size."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from memory import peak_mib
from setting import flags, tell

COLUMNS = ["what", "seconds", "processor s", "peak memory, MB"]
ROWS, WIDTH, SERIES = 1_000_000, 32, 10_000
FEW = {"epochs": 1.0, "least_steps": 0, "tensorboard": False}


def main() -> None:
    parser = flags(__doc__, runs="runs/series_size", needs_data=False)
    parser.add_argument("--parts", nargs="+", default=["rows", "short", "windows"])
    parser.add_argument("--one", help="used by the benchmark itself")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(PARTS[arguments.one]()))
        return
    rows = []
    for part in arguments.parts:
        done = subprocess.run(
            [sys.executable, __file__, "--one", part], check=True, capture_output=True, text=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        rows.append([part, found["seconds"], found["processor"], found["memory"]])
        print(rows[-1], file=sys.stderr, flush=True)
    tell(arguments, COLUMNS, [[str(cell) for cell in row] for row in rows], {"rows": rows})


def train(file: Path, folder: str, **settings: Any) -> Any:
    import ostinato

    return ostinato.train("forecasting", train=[str(file)], out=f"{folder}/run", **FEW, **settings)


def measured(began: float, worked: float) -> dict[str, float]:
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "processor": round(time.process_time() - worked, 1),
        "memory": round(peak_mib() * 1.048576),
    }


def write_wide(path: Path, rows: int, width: int) -> None:
    random = np.random.default_rng(0)
    with path.open("w") as file:
        file.write("ds," + ",".join(f"c{place}" for place in range(width)) + "\n")
        for start in range(0, rows, 20_000):
            steps = np.arange(start, min(rows, start + 20_000))
            values = np.sin(steps[:, None] * 2 * np.pi / 24 + np.arange(width))
            values += random.normal(size=values.shape) * 0.2
            lines = zip(steps.tolist(), values.tolist(), strict=True)
            file.writelines(f"{t},{','.join(f'{v:.3f}' for v in row)}\n" for t, row in lines)


def measure_rows() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        write_wide(file, ROWS, WIDTH)
        began, worked = time.perf_counter(), time.process_time()
        train(file, folder, horizon=24, season=24, look_back=96, hidden_size=32, epoch_windows=5000)
        return measured(began, worked)


def measure_short() -> dict[str, float]:
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "short.csv"
        with path.open("w") as file:
            file.write("unique_id,ds,y\n")
            for number in range(SERIES):
                length = int(random.integers(40, 120))
                values = 50 + random.normal(size=length).cumsum()
                values += 5 * np.sin(np.arange(length) * 2 * np.pi / 12)
                lines = enumerate(values.tolist(), start=1)
                file.writelines(f"s{number},{step},{value:.3f}\n" for step, value in lines)
        began, worked = time.perf_counter(), time.process_time()
        train(path, folder, horizon=12, season=12)
        return measured(began, worked)


def measure_windows() -> dict[str, float]:
    import ostinato

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "long.csv"
        write_wide(file, 14_400, 7)
        settings = {
            "horizon": 96,
            "season": 24,
            "look_back": 720,
            "segment": 48,
            "hidden_size": 256,
        }
        train(file, folder, epoch_windows=500, **settings)
        model = ostinato.load(f"{folder}/run", windows="2785", stride=1)
        began, worked = time.perf_counter(), time.process_time()
        model.evaluate([str(file)])
        return measured(began, worked)


PARTS = {"rows": measure_rows, "short": measure_short, "windows": measure_windows}


if __name__ == "__main__":
    main()
