"""Melody: tunes and chorales, generated, continued and scored. One to many.

A model may be conditioned on a label of the tunes, such as their genre.
"""

from __future__ import annotations

from ostinato.models.ensemble import MusicEnsemble
from ostinato.tasks.melody.baseline import fit_baseline, restore_baseline
from ostinato.tasks.melody.network import build_network
from ostinato.tasks.melody.options import MelodyOptions
from ostinato.tasks.melody.prediction import METRIC_NAMES, MelodyPredictor
from ostinato.tasks.melody.preprocessing import MelodyPreprocessing
from ostinato.tasks.melody.reader import MelodyReader
from ostinato.tasks.task import Task, TaskDefinition


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    labels = task.preprocessing.labels
    condition = f" --condition '{labels[0]}'" if labels else ""
    return [
        f"ostinato generate {run}{condition} --temperature 0.8",
        f"ostinato generate {run}{condition} --samples 3 --output tunes",
        f"ostinato predict {run} {file or 'FILE.abc'}",
    ]


TASK = TaskDefinition(
    name="melody",
    reads=(
        "MIDI, ABC and JSON of pitches, as files or folders (with a label each: --condition), or "
        "a table of files and labels"
    ),
    example="ostinato train melody --train tunes/ --condition genre --out runs/tunes",
    metrics=METRIC_NAMES,
    record_columns=("pitches",),
    sample="melody",
    options=MelodyOptions,
    reader=MelodyReader,
    preprocessing=MelodyPreprocessing,
    predictor=MelodyPredictor,
    build_network=build_network,
    combine=MusicEnsemble,
    fit_baseline=fit_baseline,
    restore_baseline=restore_baseline,
    next_commands=next_commands,
    training={
        "batch_size": 16,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "learning_rate": 0.003,
        "schedule": "cosine",
        "clip_norm": 1.0,
        "epochs": 60.0,
        "least_steps": 800,
        "evaluate_every": 2.0,
        "average_checkpoints": 3,
    },
    sample_training={
        "condition": "genre",
        "normalise_key": True,
        "transpose": 0,
        "hidden_size": 128,
        "embedding_size": 64,
        "dropout": 0.4,
        "input_dropout": 0.1,
        "batch_size": 8,
        "learning_rate": 0.006,
        "evaluate_every": 4.0,
    },
    throughput_unit="inputs",
    compare_models=("frequencies", "markov", "rnn", "gru", "lstm"),
    per_network_state=("counted",),
    needs_predictions=False,
)
