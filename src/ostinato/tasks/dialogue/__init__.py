"""Dialogue: a reply to an utterance, and to the turns before it. Many to many, unaligned."""

from __future__ import annotations

from ostinato.models.ensemble import EncoderDecoderEnsemble
from ostinato.tasks.dialogue.baseline import Retrieval
from ostinato.tasks.dialogue.options import DialogueOptions
from ostinato.tasks.dialogue.prediction import DialoguePredictor
from ostinato.tasks.dialogue.reader import DialogueReader
from ostinato.tasks.task import Task, TaskDefinition
from ostinato.tasks.translation import TASK as TRANSLATION
from ostinato.tasks.translation.network import build_network, initialise
from ostinato.tasks.translation.preprocessing import TranslationPreprocessing


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    return [
        f"ostinato predict {run}",
        f"ostinato predict {run} --sampling --temperature 0.7",
        f"ostinato verify {run}",
    ]


TASK = TaskDefinition(
    name="dialogue",
    reads=(
        "TSV, CSV or JSONL with columns utterance and reply (and context), JSONL with lists of "
        "turns, ChatterBot YAML, or two line-aligned text files"
    ),
    example="ostinato train dialogue --train conversations.jsonl --turns 3 --out runs/dialogue",
    metrics=("perplexity", "bleu"),
    record_columns=("utterance", "reply"),
    sample="dialogue",
    options=DialogueOptions,
    reader=DialogueReader,
    preprocessing=TranslationPreprocessing,
    predictor=DialoguePredictor,
    build_network=build_network,
    initialise=initialise,
    combine=EncoderDecoderEnsemble,
    fit_baseline=lambda task, records: Retrieval.fit(
        records, task.preprocessing.target, task.options
    ),
    restore_baseline=lambda task, state: Retrieval.restore(
        state, task.preprocessing.target, task.options
    ),
    next_commands=next_commands,
    training={
        **TRANSLATION.training,
        "batch_tokens": 600,
        "least_batches": 15,
        "epochs": 20.0,
        "least_steps": 600,
    },
    sample_training={"hidden_size": 256, "vocabulary_size": 1500},
)
