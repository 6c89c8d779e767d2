"""From a trained model to its `Program`, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ostinato.errors import InputError
from ostinato.exporting.feature_program import anomaly_program, transcription_program
from ostinato.exporting.forecast_program import forecasting_program
from ostinato.exporting.network_program import (
    classification_program,
    genome_program,
    language_program,
    tagging_program,
    video_program,
)
from ostinato.exporting.program import Program

BUILDERS: dict[str, Callable[[Any], Program]] = {
    "language": language_program,
    "classification": classification_program,
    "tagging": tagging_program,
    "video": video_program,
    "genome": genome_program,
    "transcription": transcription_program,
    "anomaly": anomaly_program,
    "forecasting": forecasting_program,
}


def build_program(model: Any) -> Program:
    """The program of a trained model.

    Raises:
        InputError: The model cannot be exported; the message says why.
    """
    if len(model.networks) > 1:
        raise InputError("several runs are exported one by one; name a single run")
    build = BUILDERS.get(model.task.name)
    if build is None:
        raise InputError(f"a model of task {model.task.name} is not exported so: {why_not(model)}")
    program = build(model)
    program.about["task"] = model.task.name
    return program


# why a model of a task has no program that a runner could carry out
DECODES = "its decoder goes on token by token; use --format onnx, of encoder and decoder step"
REASONS = {
    "translation": DECODES,
    "dialogue": DECODES,
    "captioning": "images are read by a convolution, which exports do not have",
    "melody": "tunes are made of MIDI and ABC files, which runners do not read",
    "autoencoder": "the code that its decoder repeats at every step is not written to graphs",
}


def why_not(model: Any) -> str:
    """The reason why there is no program of a model's task."""
    return REASONS.get(model.task.name, f"these are: {', '.join(BUILDERS)}")
