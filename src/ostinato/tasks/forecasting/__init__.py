"""Forecasting: past values of real-valued series to future values, with intervals."""

from __future__ import annotations

from ostinato.models.forecaster_ensemble import ForecasterEnsemble
from ostinato.tasks.forecasting.baseline import fit_baseline, restore_baseline
from ostinato.tasks.forecasting.network import build_network, initialise
from ostinato.tasks.forecasting.options import ForecastingOptions
from ostinato.tasks.forecasting.prediction import ForecastingPredictor
from ostinato.tasks.forecasting.preprocessing import ForecastingPreprocessing
from ostinato.tasks.forecasting.reader import ForecastingReader
from ostinato.tasks.forecasting.scores import METRIC_NAMES
from ostinato.tasks.task import Task, TaskDefinition


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    return [
        f"ostinato predict {run} {file or 'FILE.csv'} --level 50,80,95 --picture forecasts.png",
        f"ostinato evaluate {run} {file or 'FILE.csv'} --windows 10",
        f"ostinato generate {run} --prompt {file or 'FILE.csv'} --samples 3 --output scenarios.csv",
    ]


TASK = TaskDefinition(
    name="forecasting",
    reads=(
        "CSV, TSV or Parquet, long (unique_id, ds, y, further columns as covariates) or wide "
        "(a date column, a series a column)"
    ),
    example=(
        "ostinato train forecasting --train sales.csv --horizon 28 "
        "--future-covariates price,holiday --out runs/sales"
    ),
    metrics=METRIC_NAMES,
    sample="forecasting",
    options=ForecastingOptions,
    reader=ForecastingReader,
    preprocessing=ForecastingPreprocessing,
    predictor=ForecastingPredictor,
    build_network=build_network,
    initialise=initialise,
    combine=ForecasterEnsemble,
    fit_baseline=fit_baseline,
    restore_baseline=restore_baseline,
    next_commands=next_commands,
    training={
        "batch_size": 64,
        "optimizer": "adamw",
        "weight_decay": 0.001,
        "learning_rate": 0.002,
        "schedule": "cosine",
        "warmup": 50,
        "clip_norm": 1.0,
        "epochs": 15.0,
        "least_steps": 600,
        "evaluate_every": 1.0,
        "average_checkpoints": 3,
    },
    sample_training={"horizon": 14, "season": 7, "windows": "8"},
    throughput_unit="inputs",
    compare_models=("seasonal-naive", "theta", "linear", "rnn", "gru", "lstm"),
)
