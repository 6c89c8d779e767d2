"""Language models: the next word, character or subword of a text. One to many."""

from __future__ import annotations

from ostinato.models.ensemble import LanguageEnsemble
from ostinato.tasks.language.baseline import NGramBaseline
from ostinato.tasks.language.network import build_network, initialise
from ostinato.tasks.language.options import LanguageOptions
from ostinato.tasks.language.prediction import LanguagePredictor
from ostinato.tasks.language.preprocessing import LanguagePreprocessing
from ostinato.tasks.language.reader import LanguageReader
from ostinato.tasks.task import Task, TaskDefinition


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    length = 2 * task.options.unit_defaults.generated_length
    cache = "" if task.options.closed_form else " --cache 1000"
    if task.options.direction == "backward":
        return [
            f"ostinato evaluate {run} {file or 'FILE'}{cache}",
            f"ostinato train tagging --embeddings {run}",
        ]
    return [
        f"ostinato generate {run} --length {length} --temperature 0.8",
        f'echo "It was the" | ostinato predict {run} --suggest 5',
        f"ostinato evaluate {run} {file or 'FILE'}{cache}",
    ]


TASK = TaskDefinition(
    name="language",
    reads="plain text, any number of files, also larger than memory",
    example="ostinato train language --train book.txt --unit character --out runs/book",
    metrics=("perplexity", "bits_per_character"),
    record_columns=("text",),
    sample="language",
    options=LanguageOptions,
    reader=LanguageReader,
    preprocessing=LanguagePreprocessing,
    predictor=LanguagePredictor,
    build_network=build_network,
    initialise=initialise,
    combine=LanguageEnsemble,
    fit_baseline=lambda task, records: NGramBaseline.fit(task.predictor, records),
    restore_baseline=lambda task, state: NGramBaseline.restore(task.predictor, state),
    next_commands=next_commands,
    training={
        "batch_size": 32,
        "learning_rate": 0.003,
        "schedule": "cosine",
        "epochs": 10.0,
        "clip_norm": 1.0,
    },
    sample_training={"cell": "gru", "hidden_size": 384, "dropout": 0.1, "epochs": 6.0},
    compare_models=("kneser-ney", "rnn", "gru", "lstm"),
    per_network_state=("counted",),
    needs_predictions=False,
)
