"""Captioning: a sentence that describes an image or a video clip. One to many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostinato.baselines.nearest_neighbour import NearestNeighbour
from ostinato.data.files.samples import sample_files
from ostinato.data.images.picture import Picture
from ostinato.models.ensemble import EncoderDecoderEnsemble
from ostinato.tasks.captioning.baseline import NearestCaption
from ostinato.tasks.captioning.network import build_network
from ostinato.tasks.captioning.options import CaptioningOptions
from ostinato.tasks.captioning.prediction import CaptioningPredictor
from ostinato.tasks.captioning.preprocessing import CaptioningPreprocessing
from ostinato.tasks.captioning.reader import CaptioningReader
from ostinato.tasks.task import Task, TaskDefinition


def fit_baseline(task: Task, records: Sequence[Picture]) -> NearestCaption:
    """The nearest neighbour among the training images."""
    return NearestCaption.fit(records, task.preprocessing.loader, task.options)


def restore_baseline(task: Task, state: dict[str, Any]) -> NearestCaption:
    return NearestCaption(
        NearestNeighbour.from_dict(state),
        lambda record: task.preprocessing.loader(record),
        task.options,
    )


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    test = file or sample_files("captioning")["test"]
    return [
        f"ostinato predict {run} {test}",
        f"ostinato predict {run} {test} --output page.html",
        f"ostinato evaluate {run} {test} --beam 10",
    ]


TASK = TaskDefinition(
    name="captioning",
    reads=(
        "TSV, CSV or JSONL with columns image (a file, or a part of one: "
        "sheet.png#xywh=0,0,32,32) and caption; .npz of images, features or frames with captions; "
        "predict: images, or a list of them"
    ),
    example=(
        "ostinato train captioning --train captions.tsv --image-size 64 --attention additive "
        "--out runs/captions"
    ),
    metrics=("bleu", "exact_match", "perplexity"),
    record_columns=("image", "caption"),
    sample="captioning",
    options=CaptioningOptions,
    reader=CaptioningReader,
    preprocessing=CaptioningPreprocessing,
    predictor=CaptioningPredictor,
    build_network=build_network,
    combine=EncoderDecoderEnsemble,
    fit_baseline=fit_baseline,
    restore_baseline=restore_baseline,
    next_commands=next_commands,
    training={
        "epochs": 30.0,
        "batch_size": 32,
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "learning_rate": 0.006,
        "schedule": "cosine",
        "warmup": 50,
        "clip_norm": 1.0,
        "evaluate_every": 2.0,
    },
    sample_training={
        "attention": "none",
        "channels": 64,
        "members": 2,
        "epochs": 30.0,
        "shift": 0.03,
        "zoom": 0.03,
        "dev_metric": "bleu",
    },
)
