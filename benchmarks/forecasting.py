"""Forecasts on public sets by their published protocols: our networks and baselines, published
figures beside.

    python benchmarks/forecasting.py --data FOLDER --sets m3-monthly m4-hourly etth1-96 ili
    exchange-96
    python benchmarks/forecasting.py --data FOLDER --sets m3-monthly --models theta seasonal-naive

FOLDER/forecast_m3 (m3_monthly.csv.gz), forecast_m4_hourly (Hourly-train.csv.gz,
Hourly-test.csv.gz), timeseries (ETTh1.csv.gz), forecast_ili (national_illness.csv),
forecast_exchange_rate (exchange_rate.txt.gz).

M3 and M4: one global model of all series, the official test steps, sMAPE and MASE as the
competitions define them. ETTh1, ILI and exchange rates: all channels standardised by the
training part, every window of the test part scored (none dropped), MSE. What the weights and
epochs are chosen by is the end of the training part, or the official validation part; the test
part is scored once.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import ostinato
from ostinato.commands.tables import number
from setting import add_sets, find, flags, tell

LONG_RANGE = {
    "etth1": (96, 192, 336, 720),
    "exchange": (96, 192, 336, 720),
    "ili": (24, 36, 48, 60),
}
SETS = ("m3-monthly", "m4-hourly", *(f"{name}-{h}" for name, hs in LONG_RANGE.items() for h in hs))
PUBLISHED = {
    "m3-monthly": "Theta 13.892 / .858, ForecastPro 13.898 / .848, seasonal naive 17.234 / 1.146",
    "m4-hourly": "ES-RNN 9.328 / .893, seasonal naive 13.912 / 1.193, M4's RNN 14.698 / 3.048",
    "etth1-96": "SegRNN .351, PatchTST .370, NLinear .374, GRU 1.135",
    "etth1-192": "SegRNN .392, PatchTST .413, NLinear .408, GRU 1.123",
    "etth1-336": "SegRNN .423, PatchTST .422, NLinear .429, GRU 1.080",
    "etth1-720": "SegRNN .446, PatchTST .447, NLinear .440, GRU 1.089",
    "ili-24": "PatchTST/64 1.319, NLinear 1.683, repeat 6.587",
    "exchange-96": "repeat .081, DLinear .081, NLinear .089",
}
SETTINGS: dict[str, dict[str, Any]] = {
    "m3": {
        "season": 12,
        "scaling": "log",
        "decoder": "direct",
        "hidden_size": 64,
        "look_back": 36,
        "epochs": 4.0,
        "epoch_windows": 20_000,
        "batch_size": 128,
        "members": 2,
        "reference": "theta",
        "skip": False,
    },
    "m4": {
        "season": 24,
        "look_back": 240,
        "segment": 24,
        "hidden_size": 128,
        "batch_size": 64,
        "epochs": 12.0,
        "epoch_windows": 20_000,
        "scaling": "mean",
    },
    "etth1": {
        "season": 24,
        "scaling": "none",
        "look_back": 720,
        "segment": 48,
        "hidden_size": 256,
        "dropout": 0.5,
        "skip": False,
        "calendar": False,
        "batch_size": 128,
        "epochs": 10.0,
        "epoch_windows": 20_000,
        "learning_rate": 0.001,
    },
    "ili": {
        "season": 52,
        "scaling": "standard",
        "decoder": "direct",
        "look_back": 104,
        "hidden_size": 128,
        "dropout": 0.3,
        "calendar": False,
        "batch_size": 32,
        "epochs": 20.0,
    },
    "exchange": {
        "season": 1,
        "scaling": "none",
        "look_back": 96,
        "segment": 24,
        "hidden_size": 64,
        "dropout": 0.3,
        "calendar": False,
        "batch_size": 64,
        "epochs": 5.0,
        "skip": False,
    },
}
OF_ONE_SET: dict[str, dict[str, Any]] = {"etth1-720": {"hidden_size": 512}}  # besides its family's
COLUMNS = [
    "set",
    "model",
    "seed",
    "sMAPE",
    "MASE",
    "MSE",
    "80 % covered",
    "MSIS",
    "last value: MASE",
    "last value: MSE",
    "train s",
    "processor s",
    "test s",
]


def main() -> None:
    arguments = read_arguments()
    rows = []
    for name in arguments.sets:
        for model in arguments.models:
            for seed in arguments.seeds:
                rows.append(measure(arguments, name, model, seed))
                shown = ", ".join(map(str, cells(rows[-1])))
                print(
                    f"{shown}\n  published: {PUBLISHED.get(name, '-')}", file=sys.stderr, flush=True
                )
    tell(arguments, COLUMNS, [cells(row) for row in rows], {"runs": rows})


def read_arguments() -> argparse.Namespace:
    parser = flags(__doc__, runs="runs/forecasting", data="the folder of the sets")
    add_sets(parser, SETS, chosen=["m3-monthly", "m4-hourly", "etth1-96"], seeds=[1])
    parser.add_argument("--models", nargs="+", default=["gru"])
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, at most")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="OPTION=VALUE", help="other options"
    )
    return parser.parse_args()


def measure(arguments: argparse.Namespace, name: str, model: str, seed: int) -> dict[str, Any]:
    """One model trained on one set, and scored on its test part."""
    family, _, rest = name.partition("-")
    settings = SETTINGS[family] | OF_ONE_SET.get(name, {})
    for pair in arguments.set:
        option, _, value = pair.partition("=")
        settings[option] = parse(value)
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(arguments.data, name, Path(folder))
        settings["horizon"] = files.pop("horizon")
        windows = files.pop("windows")
        if windows != "1":
            settings |= {"windows": "40", "stride": files.pop("stride")}
        began, worked = time.perf_counter(), time.process_time()
        trained = ostinato.train(
            "forecasting",
            out=f"{arguments.runs}/{name}-{model}-{seed}",
            overwrite=True,
            seed=seed,
            model=model,
            time_limit=f"{arguments.minutes}m",
            **files,
            **settings,
        )
        seconds, worked = time.perf_counter() - began, time.process_time() - worked
        began = time.perf_counter()
        loaded = ostinato.load(trained.folder, windows=windows, stride=1)
        result = loaded.evaluate(files["test"])
        tested = time.perf_counter() - began
    beside = {each["name"]: each["metrics"] for each in result["baseline"]["simpler"]}
    beside[result["baseline"]["name"]] = result["baseline"]["metrics"]
    return {
        "set": name,
        "model": model,
        "seed": seed,
        "metrics": result["metrics"],
        "baselines": beside,
        "intervals": result["intervals"],
        "verdict": result.get("verdict", ""),
        "seconds": seconds,
        "processor_seconds": worked,  # what another load on the machine does not lengthen
        "test_seconds": tested,
        "settings": settings,
    }


def parse(text: str) -> Any:
    """parse("3") -> 3; parse("true") -> True; other text as it is."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text, text)


def cells(row: dict[str, Any]) -> list[Any]:
    metrics, last = row["metrics"], row["baselines"].get("last value", {})
    found = [
        metrics["smape"],
        metrics["mase"],
        metrics["mse"],
        metrics["coverage_80"],
        metrics["msis"],
        last.get("mase", float("nan")),
        last.get("mse", float("nan")),
        row["seconds"],
        row["processor_seconds"],
        row["test_seconds"],
    ]
    return [row["set"], row["model"], row["seed"], *(number(float(each)) for each in found)]


def write_files(data: str, name: str, folder: Path) -> dict[str, Any]:
    """train, perhaps dev, and test as tables; the horizon, and how many windows are scored."""
    family, _, rest = name.partition("-")
    if family in LONG_RANGE:
        return write_long_range(data, family, int(rest), folder)
    series = read_m3(data) if family == "m3" else read_m4(data)
    horizon = 18 if family == "m3" else 48
    for part, end in (("train", -horizon), ("test", None)):
        with (folder / f"{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["unique_id", "ds", "y"])
            for key, values in series:
                writer.writerows((key, step, value) for step, value in enumerate(values[:end], 1))
    return {
        "train": [str(folder / "train.csv")],
        "test": [str(folder / "test.csv")],
        "horizon": horizon,
        "windows": "1",
    }


def read_rows(path: str) -> Iterator[list[str]]:
    raw = Path(path).read_bytes()
    text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    return csv.reader(io.StringIO(text.decode()))


def read_m3(data: str) -> list[tuple[str, list[float]]]:
    """The monthly series of M3, training and test part together."""
    found: dict[str, list[float]] = {}
    rows = read_rows(find(f"{data}/forecast_m3", "m3_monthly.csv"))
    next(rows)
    for key, _, value, _ in rows:
        found.setdefault(key, []).append(float(value))
    return list(found.items())


def read_m4(data: str) -> list[tuple[str, list[float]]]:
    """The hourly series of M4, training and test part together."""
    found: dict[str, list[float]] = {}
    for part in ("train", "test"):
        rows = read_rows(find(f"{data}/forecast_m4_hourly", f"Hourly-{part}.csv"))
        next(rows)
        for key, *values in rows:
            found.setdefault(key, []).extend(float(value) for value in values if value)
    return list(found.items())


def write_long_range(data: str, family: str, horizon: int, folder: Path) -> dict[str, Any]:
    """Wide tables, every channel standardised by the training part."""
    names, values = read_channels(data, family)
    total = len(values)
    ends = (
        (8640, 11520, 14400)
        if family == "etth1"
        else (int(total * 0.7), total - int(total * 0.2), total)
    )
    train = values[: ends[0]]
    scaled = (values - train.mean(0)) / train.std(0)
    for part, end in zip(("train", "dev", "test"), ends, strict=True):
        with (folder / f"{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["ds", *names])
            writer.writerows([step, *row] for step, row in enumerate(scaled[:end].tolist(), 1))
    return {
        **{part: [str(folder / f"{part}.csv")] for part in ("train", "dev", "test")},
        "horizon": horizon,
        "windows": str(ends[2] - ends[1] - horizon + 1),
        "stride": max(1, (ends[1] - ends[0] - horizon) // 40),
    }


def read_channels(data: str, family: str) -> tuple[Sequence[str], np.ndarray]:
    """The names and values [T, C] of a multivariate series."""
    if family == "exchange":
        path = find(f"{data}/forecast_exchange_rate", "exchange_rate.txt")
        values = np.array([[float(each) for each in row] for row in read_rows(path)])
        return [f"rate {place}" for place in range(1, values.shape[1] + 1)], values
    path = (
        find(f"{data}/timeseries", "ETTh1.csv")
        if family == "etth1"
        else find(f"{data}/forecast_ili", "national_illness.csv")
    )
    rows = read_rows(path)
    _, *names = next(rows)
    return names, np.array([[float(each) for each in row[1:]] for row in rows])


if __name__ == "__main__":
    main()
