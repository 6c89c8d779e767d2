"""Translation: from sentences of one language to another. Many to many, unaligned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ostinato.data.text.sentence_pairs import Pair
from ostinato.errors import option_off
from ostinato.notices import notify
from ostinato.options import as_flag
from ostinato.tasks.task import Task, TaskDefinition
from ostinato.tasks.translation.baseline import WordForWord
from ostinato.tasks.translation.network import build_network, combine, initialise
from ostinato.tasks.translation.options import TranslationOptions
from ostinato.tasks.translation.prediction import TranslationPredictor
from ostinato.tasks.translation.preprocessing import TranslationPreprocessing
from ostinato.tasks.translation.reader import TranslationReader


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    files = "" if file is None else f" {file}"
    return [
        f'echo "..." | ostinato predict {run}',
        f"ostinato evaluate {run}{files}" + ("" if task.options.closed_form else " --beam 10"),
        f"ostinato verify {run}",
    ]


def with_lexicon(task: Task, records: Sequence[Pair], seconds: float) -> Task:
    """The task with a lexicon, unless the options decide otherwise."""
    options = task.options
    plain = options.attention != "none" and options.teacher_forcing == 1
    if options.lexicon is not None or options.reverse_source or not plain:
        return task
    notify(
        "time limit: a statistical translation model, of which the network learns what it lacks "
        f"({as_flag('lexicon')}, {option_off('lexicon')})"
    )
    fitted = task.preprocessing.with_lexicon(records, seconds)
    fitted = replace(fitted, options=replace(options, lexicon=fitted.options.lexicon))
    return replace(task, options=fitted.options, preprocessing=fitted)


TASK = TaskDefinition(
    name="translation",
    reads=(
        "two line-aligned text files (source target), or one TSV, CSV or JSONL with columns "
        "source and target"
    ),
    example=(
        "ostinato train translation --train train.de train.en --dev dev.de dev.en --out runs/de-en"
    ),
    metrics=("bleu", "chrf", "perplexity"),
    record_columns=("source", "target"),
    sample="translation",
    options=TranslationOptions,
    reader=TranslationReader,
    preprocessing=TranslationPreprocessing,
    predictor=TranslationPredictor,
    build_network=build_network,
    initialise=initialise,
    with_head_start=with_lexicon,
    combine=combine,
    fit_baseline=lambda task, records: WordForWord.fit(records, task.options),
    restore_baseline=lambda task, state: WordForWord.restore(state, task.options),
    next_commands=next_commands,
    compare_models=("dictionary", "rnn", "gru", "lstm"),
    training={
        "epochs": 12.0,
        "least_steps": 800,
        "least_batches": 20,
        "batch_tokens": 1200,
        "optimizer": "adam",
        "learning_rate": 0.002,
        "beta2": 0.98,
        "schedule": "cosine",
        "warmup": 200,
        "clip_norm": 1.0,
    },
    sample_training={
        "hidden_size": 256,
        "vocabulary_size": 2000,
        "dropout": 0.2,
        "batch_tokens": 500,
        "epochs": 10.0,
    },
)
