"""Tagging: a label for each word, such as its part of speech. Many to many, aligned."""

from __future__ import annotations

from ostinato.tasks.tagging.baseline import TagBaseline
from ostinato.tasks.tagging.network import build_network, combine, initialise
from ostinato.tasks.tagging.options import TaggingOptions
from ostinato.tasks.tagging.prediction import TaggingPredictor
from ostinato.tasks.tagging.preprocessing import TaggingPreprocessing
from ostinato.tasks.tagging.reader import TaggingReader
from ostinato.tasks.tagging.span_reader import span_reader
from ostinato.tasks.task import Task, TaskDefinition


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    return [
        f'echo "..." | ostinato predict {run}',
        f"ostinato predict {run} {file or 'FILE'} --output tagged.conll",
        f"ostinato verify {run}",
    ]


TASK = TaskDefinition(
    name="tagging",
    reads=(
        "CoNLL columns (word first, tag last), CoNLL-U (--tag-column upos), a CSV with a word a "
        "row (Sentence #, Word, Tag), JSONL or Parquet with tokens and ner_tags; predict also "
        "reads a sentence a line"
    ),
    example=(
        "ostinato train tagging --train train.conllu --dev dev.conllu --tag-column upos "
        "--out runs/pos"
    ),
    metrics=("accuracy", "f1", "precision", "recall"),
    record_columns=("tokens", "tags"),
    sample="tagging",
    options=TaggingOptions,
    reader=TaggingReader,
    preprocessing=TaggingPreprocessing,
    predictor=TaggingPredictor,
    build_network=build_network,
    initialise=initialise,
    combine=combine,
    fit_baseline=lambda task, records: TagBaseline.fit(records, span_reader(task.preprocessing)),
    restore_baseline=lambda task, state: TagBaseline.restore(
        state, span_reader(task.preprocessing)
    ),
    next_commands=next_commands,
    training={
        "batch_size": 32,
        "learning_rate": 0.002,
        "schedule": "linear",
        "epochs": 12.0,
        "least_steps": 1500,
        "average_checkpoints": 3,
    },
    sample_training={"batch_size": 8},
    token="word",
    compare_models=("most-frequent", "hmm", "feature-crf", "rnn", "gru", "lstm"),
)
