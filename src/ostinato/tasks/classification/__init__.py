"""Classification: one label for a whole text, time series or image. Many to one."""

from __future__ import annotations

import shlex
from pathlib import Path

from ostinato.models.ensemble import ClassifierEnsemble
from ostinato.tasks.classification.baseline import ClassificationBaseline, fit_baseline
from ostinato.tasks.classification.network import build_network, initialise
from ostinato.tasks.classification.options import ClassificationOptions
from ostinato.tasks.classification.prediction import ClassificationPredictor
from ostinato.tasks.classification.preprocessing import ClassificationPreprocessing
from ostinato.tasks.classification.reader import ClassificationReader
from ostinato.tasks.task import Task, TaskDefinition


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    try_it = f"ostinato predict {run} {file or 'FILE.ts'}"
    typed = not file or not all(Path(each).is_file() for each in shlex.split(file))
    if task.preprocessing.reads_text and typed:
        try_it = f'echo "..." | ostinato predict {run}'
    return [
        try_it,
        f"ostinato predict {run} {file or 'FILE'} --json",
        "ostinato compare classification --time-limit 1m",
    ]


TASK = TaskDefinition(
    name="classification",
    reads=(
        "TSV, CSV, JSONL or Parquet with columns text and label, a folder a class, or a text file "
        "a class; series of numbers in .ts (UCR/UEA), .npz, or CSV (id, time, values, label, or "
        "a file a series beside labels.csv); images in a folder a class, or "
        "images [N, H, W] or [N, H, W, C] and y in .npz"
    ),
    example="ostinato train classification --train train.tsv --dev dev.tsv --out runs/sentiment",
    metrics=("accuracy", "f1", "calibration_error"),
    sample="classification",
    options=ClassificationOptions,
    reader=ClassificationReader,
    preprocessing=ClassificationPreprocessing,
    predictor=ClassificationPredictor,
    build_network=build_network,
    initialise=initialise,
    combine=ClassifierEnsemble,
    fit_baseline=fit_baseline,
    restore_baseline=ClassificationBaseline.restore,
    next_commands=next_commands,
    training={
        "normalise": "sequences",
        "batch_size": 32,
        "optimizer": "adamw",
        "weight_decay": 0.3,
        "learning_rate": 0.002,
        "schedule": "cosine",
        "epochs": 10.0,
        "least_steps": 800,
        "evaluate_every": 0.5,
        "average_checkpoints": 5,
        "clip_norm": 1.0,
    },
    sample_training={"pooling": "attention", "batch_size": 16, "members": 1},
    throughput_unit="inputs",
    compare_models=(
        "most-frequent",
        "bag-of-words",
        "character-ngrams",
        "word-and-character-ngrams",
        "nearest-neighbour",
        "random-convolutions",
        "feedforward",
        "convolution",
        "rnn",
        "gru",
        "lstm",
    ),
)
