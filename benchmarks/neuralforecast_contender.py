"""A network of neuralforecast (Nixtla), as benchmarks/forecasting_peers.py measures it: a process
of its own, in an environment of its own, that imports nothing of Ostinato.

    VENV/bin/python -I benchmarks/neuralforecast_contender.py < wanted.json

Reads {"file": long table, "horizon": 18, "input_size": 36, "model": "LSTM", "steps": 1000,
"threads": 1, "seed": 1, "scaler": "standard"} and writes {"seconds": of fitting,
"processor_seconds": of fitting, "predict_seconds": ..., "memory": peak in MB,
"forecasts": {unique_id: [...]}}. What is not named here is the library's own default.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

os.environ["NIXTLA_ID_AS_COL"] = "1"


def main() -> None:
    wanted = json.loads(sys.stdin.read())
    answers = os.fdopen(os.dup(1), "w")
    with contextlib.redirect_stdout(sys.stderr):
        found = measure(**wanted)
    print(json.dumps(found), file=answers, flush=True)


def measure(
    *,
    file: str,
    horizon: int,
    input_size: int,
    model: str,
    steps: int,
    threads: int,
    seed: int,
    scaler: str,
) -> dict[str, Any]:
    """Fits one network to all series and forecasts the steps after each."""
    import pandas
    import torch
    from neuralforecast import NeuralForecast, models

    torch.set_num_threads(threads)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    frame = pandas.read_csv(file, dtype={"unique_id": str})
    network = getattr(models, model)(
        h=horizon,
        input_size=input_size,
        max_steps=steps,
        scaler_type=scaler,
        random_seed=seed,
        start_padding_enabled=True,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    forecaster = NeuralForecast(models=[network], freq=1)
    began, worked = time.perf_counter(), time.process_time()
    forecaster.fit(frame)
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    began = time.perf_counter()
    predicted = forecaster.predict()
    took = time.perf_counter() - began
    column = next(name for name in (model, f"{model}-median") if name in predicted.columns)
    return {
        "seconds": seconds,
        "processor_seconds": worked,
        "predict_seconds": took,
        "memory": peak_memory(),
        "parameters": sum(each.numel() for each in network.parameters()),
        "forecasts": {
            str(name): rows[column].tolist() for name, rows in predicted.groupby("unique_id")
        },
    }


def peak_memory() -> int:
    """Of this process, in MB; not of the one that started it, as getrusage has it."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1e3)


if __name__ == "__main__":
    main()
