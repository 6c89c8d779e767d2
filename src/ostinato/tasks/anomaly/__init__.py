"""Anomaly detection: a score for each step of a series, from its distance to the expected value."""

from __future__ import annotations

from ostinato.models.point_forecaster import PointForecasterEnsemble
from ostinato.tasks.anomaly.baseline import fit_baseline, restore_baseline
from ostinato.tasks.anomaly.counts import METRIC_NAMES
from ostinato.tasks.anomaly.network import build_network
from ostinato.tasks.anomaly.options import AnomalyOptions
from ostinato.tasks.anomaly.prediction import AnomalyPredictor
from ostinato.tasks.anomaly.preprocessing import AnomalyPreprocessing
from ostinato.tasks.anomaly.reader import AnomalyReader
from ostinato.tasks.task import Task, TaskDefinition


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    return [
        f"ostinato predict {run} {file or 'FILE.csv'} --output scores.csv",
        f"ostinato evaluate {run} {file or 'FILE.csv'} --threshold 0.4",
        f"ostinato verify {run} {file or 'FILE.csv'}",
    ]


TASK = TaskDefinition(
    name="anomaly",
    reads=(
        "series as forecasting does, CSV, TSV or Parquet, long or wide; labels, where there are "
        "any, in a column anomaly of 0 and 1, or as NAB's JSON of windows (--labels)"
    ),
    example="ostinato train anomaly --train cpu.csv disk.csv --labels windows.json --out "
    "runs/servers",
    metrics=METRIC_NAMES,
    sample="anomaly",
    options=AnomalyOptions,
    reader=AnomalyReader,
    preprocessing=AnomalyPreprocessing,
    predictor=AnomalyPredictor,
    build_network=build_network,
    combine=PointForecasterEnsemble,
    fit_baseline=fit_baseline,
    restore_baseline=restore_baseline,
    next_commands=next_commands,
    training={
        "batch_size": 16,
        "optimizer": "adamw",
        "learning_rate": 0.003,
        "schedule": "cosine",
        "clip_norm": 1.0,
        "epochs": 15.0,
        "least_steps": 300,
        "evaluate_every": 3.0,
    },
    throughput_unit="inputs",
    compare_models=("rnn", "gru", "lstm"),
)
