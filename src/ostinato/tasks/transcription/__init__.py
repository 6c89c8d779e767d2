"""Transcription: speech to text, of whole recordings or live. Many to many, unaligned."""

from __future__ import annotations

from torch import nn

from ostinato.data.files.samples import FOLDER
from ostinato.errors import InputError
from ostinato.models.attention_transcriber import AttentionTranscriber
from ostinato.models.transcriber import TranscriberEnsemble
from ostinato.tasks.task import Task, TaskDefinition
from ostinato.tasks.transcription.baseline import fit_baseline, restore_baseline
from ostinato.tasks.transcription.network import build_network
from ostinato.tasks.transcription.options import TranscriptionOptions
from ostinato.tasks.transcription.prediction import TranscriptionPredictor
from ostinato.tasks.transcription.preprocessing import TranscriptionPreprocessing
from ostinato.tasks.transcription.reader import TranscriptionReader

RECORDING = FOLDER / "transcription" / "recording.wav"  # a recording of the packaged sample


def next_commands(task: Task, run: str, file: str | None) -> list[str]:
    """Commands to try with a newly trained run."""
    wav = RECORDING if task.preprocessing.front_end is not None and file is None else "FILE.wav"
    return [
        f"ostinato predict {run} {wav}",
        f"ostinato predict {run} {wav} --format srt",
        f"ostinato evaluate {run} --lm transcripts",
    ]


def combine(networks: list[nn.Module]) -> nn.Module:
    """Makes an ensemble that decodes by CTC or a transducer; InputError for attention alone."""
    if any(isinstance(network, AttentionTranscriber) for network in networks):
        raise InputError(
            "attention decoders of several runs do not decode together: train them with --decoder "
            "ctc, joint or transducer"
        )
    return TranscriberEnsemble(networks)


TASK = TaskDefinition(
    name="transcription",
    reads=(
        "TSV, CSV or JSONL with columns audio (WAV, FLAC, OGG, MP3) and text; a folder of NAME.wav "
        "with NAME.txt; .npz of features: X [N, D], lengths, text; predict: sound files, lists of "
        "them, or - for samples on a pipe"
    ),
    example="ostinato train transcription --train train.tsv --dev dev.tsv --out runs/speech",
    metrics=("wer", "cer"),
    sample="transcription",
    options=TranscriptionOptions,
    reader=TranscriptionReader,
    preprocessing=TranscriptionPreprocessing,
    predictor=TranscriptionPredictor,
    build_network=build_network,
    combine=combine,
    fit_baseline=fit_baseline,
    restore_baseline=restore_baseline,
    next_commands=next_commands,
    record_columns=("audio", "text"),
    training={
        "epochs": 30.0,
        "least_steps": 1500,
        "batch_tokens": 2000,
        "least_batches": 40,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "learning_rate": 0.003,
        "schedule": "cosine",
        "warmup": 100,
        "clip_norm": 1.0,
        "normalise": "sequences",
        "evaluate_every": 2.0,
    },
    sample_training={"epochs": 25.0, "hidden_size": 256},
    throughput_unit="inputs",
    token="frame",
)
