"""Autoencoders: rows, images or sequences -> a code of lower dimension -> a reconstruction."""

from __future__ import annotations

from ostinato.models.autoencoder import AutoencoderEnsemble
from ostinato.tasks.autoencoder.baseline import fit_baseline, restore_baseline
from ostinato.tasks.autoencoder.network import build_network, initialise
from ostinato.tasks.autoencoder.options import AutoencoderOptions
from ostinato.tasks.autoencoder.prediction import AutoencoderPredictor
from ostinato.tasks.autoencoder.preprocessing import AutoencoderPreprocessing
from ostinato.tasks.autoencoder.reader import AutoencoderReader
from ostinato.tasks.task import Task, TaskDefinition


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    return [
        f"ostinato predict {run} {file or 'FILE'}          # the codes",
        f"ostinato predict {run} {file or 'FILE'} --show reconstructions",
        "ostinato train autoencoder --model linear --out runs/linear",
    ]


TASK = TaskDefinition(
    name="autoencoder",
    reads=(
        "CSV, TSV, JSONL or Parquet with numeric columns; .npz with X [N, D], images "
        "[N, H, W] or [N, H, W, C], or sequences X [N, T, D] with lengths [N]; .ts"
    ),
    example="ostinato train autoencoder --train table.csv --code-size 8 --out runs/codes",
    metrics=("mse", "mae"),
    record_columns=("values", "where"),
    sample="autoencoder",
    options=AutoencoderOptions,
    reader=AutoencoderReader,
    preprocessing=AutoencoderPreprocessing,
    predictor=AutoencoderPredictor,
    build_network=build_network,
    initialise=initialise,
    combine=AutoencoderEnsemble,
    fit_baseline=fit_baseline,
    restore_baseline=restore_baseline,
    next_commands=next_commands,
    training={
        "batch_size": 32,
        "learning_rate": 0.002,
        "schedule": "cosine",
        "epochs": 60.0,
        "least_steps": 2000,
        "evaluate_every": 4.0,
        "clip_norm": 1.0,
    },
    throughput_unit="inputs",
    compare_models=("components", "linear", "deep", "rnn", "gru", "lstm"),
)
