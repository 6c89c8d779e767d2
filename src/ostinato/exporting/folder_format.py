"""`--format folder`: the program, its weights, and a runner that needs NumPy alone."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from ostinato.data.text.tokenizers import WORD
from ostinato.errors import InputError
from ostinato.exporting.program import Program, quantise

# what the network of a task reads, where it is more than ids or the numbers of a file
FEATURES = {
    "transcription": "features of sound (log-mel, MFCC)",
    "anomaly": "features of each step's past",
}
RUNNER = Path(__file__).with_name("runner.py")
FORECAST_RUNNER = Path(__file__).with_name("forecast_runner.py")


def build_folder(program: Program, output: Path, *, small: bool = False) -> dict[Path, bytes]:
    """program.json, weights.npz and runner.py (of a forecaster operations.py, too).

    Args:
        program: What to write.
        output: The folder, which must not exist or be empty.
        small: Whether matrices are stored as int8.

    Returns:
        The contents of the files by their names.
    """
    check_units(program, "folder")
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise InputError(f"{output}: exists already and is not an empty folder; name another")
    content = describe(program)
    weights = program.weights
    if small:
        weights, scales = quantise(weights)
        weights = {**weights, **{f"scale:{name}": value for name, value in scales.items()}}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **weights)
    files = {
        "program.json": json.dumps(content, ensure_ascii=False).encode(),
        "weights.npz": buffer.getvalue(),
        **read_runners(program),
    }
    return {output / name: data for name, data in files.items()}


def read_runners(program: Program) -> dict[str, bytes]:
    """runner.py; that of a forecaster and, as operations.py, the general one that it builds on."""
    if program.about.get("task") != "forecasting":
        return {"runner.py": RUNNER.read_bytes()}
    own = FORECAST_RUNNER.read_text(encoding="utf-8")
    own = own.replace("from ostinato.exporting import runner as operations", "import operations")
    return {"runner.py": own.encode(), "operations.py": RUNNER.read_bytes()}


def describe(program: Program) -> dict:
    """The program as JSON, with the pattern that cuts words."""
    content = program.to_dict()
    tokenizer = content["about"].get("tokenizer")
    if tokenizer and tokenizer["unit"] == "word":
        content["about"] = {**content["about"], "pattern": WORD.pattern}
    return content


def check_units(program: Program, format: str) -> None:
    """Raises InputError for inputs that are made by more than a runner has: subwords, features."""
    task = program.about.get("task")
    if task in FEATURES:
        raise InputError(
            f"--format {format}: a model of {task} reads {FEATURES[task]}, which its runner cannot "
            "compute; use --format onnx"
        )
    if program.about.get("tokenizer", {}).get("unit") == "subword":
        raise InputError(
            f"--format {format}: subwords are cut by sentencepiece, which it does not have; "
            "use --format onnx, or train with --unit word or character"
        )
