"""Genome: a label for a DNA sequence (many to one), or for every base (many to many, aligned)."""

from __future__ import annotations

import shlex

from ostinato.tasks.genome.baseline import GenomeBaseline, fit_baseline
from ostinato.tasks.genome.network import build_network, combine, initialise
from ostinato.tasks.genome.options import GenomeOptions
from ostinato.tasks.genome.prediction import GenomePredictor
from ostinato.tasks.genome.preprocessing import GenomePreprocessing
from ostinato.tasks.genome.reader import GenomeReader
from ostinato.tasks.task import Task, TaskDefinition


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    per_base = task.preprocessing.per_base
    new = "new.fa" if file is None else shlex.split(file)[0]  # the sequences, not the segments
    return [
        f"ostinato predict {run} {new} --output {'segments' if per_base else 'labels'}.bed",
        f"ostinato predict {run} {new} {'--output page.html' if per_base else '--json'}",
        "ostinato compare genome --time-limit 1m",
    ]


TASK = TaskDefinition(
    name="genome",
    reads=(
        "FASTA (one file a class, or with BED files of the segments); TSV, CSV, JSONL with "
        "sequence and label, or labels of its bases"
    ),
    example=(
        "ostinato train genome --train genome.fa exons.bed --dev dev.fa dev.bed --out runs/exons"
    ),
    metrics=("accuracy", "f1", "auroc", "auprc"),
    record_columns=("sequence", "label"),
    sample="genome",
    options=GenomeOptions,
    reader=GenomeReader,
    preprocessing=GenomePreprocessing,
    predictor=GenomePredictor,
    build_network=build_network,
    initialise=initialise,
    combine=combine,
    fit_baseline=fit_baseline,
    restore_baseline=GenomeBaseline.restore,
    next_commands=next_commands,
    training={
        "batch_size": 32,
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "learning_rate": 0.003,
        "schedule": "cosine",
        "epochs": 15.0,
        "least_steps": 400,
        "average_checkpoints": 3,
    },
    sample_training={"epochs": 12.0},
    throughput_unit="inputs",
    token="base",
    compare_models=(
        "most-frequent",
        "k-mers",
        "weight-matrix",
        "hmm",
        "feedforward",
        "convolution",
        "rnn",
        "gru",
        "lstm",
    ),
)
