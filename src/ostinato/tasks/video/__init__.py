"""Video: a label for a whole clip (many to one), or for each frame (many to many, aligned)."""

from __future__ import annotations

from ostinato.models.ensemble import ClassifierEnsemble
from ostinato.tasks.task import Task, TaskDefinition
from ostinato.tasks.video.baseline import fit_baseline, restore_baseline
from ostinato.tasks.video.network import build_network, initialise
from ostinato.tasks.video.options import VideoOptions
from ostinato.tasks.video.prediction import VideoPredictor
from ostinato.tasks.video.preprocessing import VideoPreprocessing
from ostinato.tasks.video.reader import VideoReader


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    return [
        f"ostinato predict {run} {file or 'FILE.npz'}",
        f"ostinato predict {run} {file or 'FILE.npz'} --json",
        "ostinato compare video --time-limit 1m",
    ]


TASK = TaskDefinition(
    name="video",
    reads=(
        ".npz with X [N, T, H, W, C] (pixels) or [N, T, D] (features of frames), "
        "lengths [N], and y: a label a clip [N], or one a frame [N, T]"
    ),
    example="ostinato train video --train train.npz --test test.npz --out runs/signs",
    metrics=("accuracy", "f1"),
    record_columns=("frames", "label"),
    sample="video",
    options=VideoOptions,
    reader=VideoReader,
    preprocessing=VideoPreprocessing,
    predictor=VideoPredictor,
    build_network=build_network,
    initialise=initialise,
    combine=ClassifierEnsemble,
    fit_baseline=fit_baseline,
    restore_baseline=restore_baseline,
    next_commands=next_commands,
    training={
        "normalise": "sequences",
        "batch_size": 32,
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "learning_rate": 0.002,
        "schedule": "cosine",
        "warmup": 20,
        "epochs": 20.0,
        "least_steps": 400,
        "evaluate_every": 4.0,
        "clip_norm": 1.0,
    },
    sample_training={"epochs": 30.0, "shift": 0.1, "evaluate_every": 1.0},
    throughput_unit="inputs",
    token="frame",
    compare_models=("most-frequent", "feedforward", "rnn", "gru", "lstm"),
)
