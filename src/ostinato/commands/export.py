"""ostinato export"""

from __future__ import annotations

import copy
import json as json_format
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ostinato.commands.run.default_files import tested_files
from ostinato.commands.run.progress import hold_notices
from ostinato.data.files.atomic import write_all_atomically
from ostinato.errors import InputError, option_name
from ostinato.metrics import METRICS
from ostinato.notices import notify
from ostinato.tasks.run_folder import Trained

EXAMPLES = (
    "ostinato export runs/language --format html --output model.html   # opens in any browser",
    "ostinato export runs/sentiment --format onnx --output model.onnx",
    "ostinato export runs/sentiment --format folder --output model/    # NumPy alone runs it",
    "ostinato export runs/sentiment --format onnx --output small.onnx --int8 --dev dev.tsv",
)


def export(
    run: str | Trained,
    *,
    format: Literal["onnx", "html", "folder"],
    output: str,
    int8: bool = False,
    dev: list[str] = [],  # noqa: B006
    tolerance: float = 0.02,
) -> dict[str, Any]:
    """Exports a model to run without PyTorch: as ONNX, as a single HTML file, or with NumPy.

    Args:
        run: the folder that `ostinato train` made
        format: onnx: a graph for ONNX Runtime; html: one file with a runner in JavaScript and
            int8 weights; folder: weights and a runner that needs only NumPy
        output: the file, or the folder, to write
        int8: onnx, folder: 8-bit weights, a quarter of the size; the loss in score is measured
        dev: with --int8 and html, files to measure the score on (default: the run's test files)
        tolerance: with --int8 and html, the share of the score that may be lost
    """
    from ostinato.exporting.build_program import build_program
    from ostinato.model import as_model, load

    if not 0 <= tolerance <= 1:
        raise InputError(f"{option_name('tolerance')} must be between 0 and 1; got {tolerance}")
    check_name(output, format)
    model = as_model(run) if isinstance(run, Trained) else load(run)
    with hold_notices():  # a refusal is one line
        model = model.without_baseline("export")
        if format == "onnx" and model.task.name in ("translation", "dialogue"):
            build: Callable[[], dict[Path, bytes]] = partial(
                sequence_files, model, Path(output), int8
            )
        elif format == "onnx" and model.task.name == "forecasting":
            build = partial(forecast_files, model, Path(output), int8)
        else:
            program = build_program(model)  # what cannot be exported is refused before it is scored
            build = partial(program_files, program, format, Path(output), int8 or format == "html")
        files = build()
    result: dict[str, Any] = {"task": model.task.name, "format": format}
    if int8 or format == "html":
        scored = list(dev) or files_to_score(model, needed=int8)
        result |= check_small(model, scored, tolerance) if scored else {}
    for path in files:
        path.parent.mkdir(exist_ok=True)
    write_all_atomically(files)
    result["files"] = [str(path) for path in files]
    result["bytes"] = sum(map(len, files.values()))
    return result


def check_name(output: str, format: str) -> None:
    """InputError for an output that is no file's name, or not one of a folder."""
    if not output:
        raise InputError(f"{option_name('output')} is empty; name the file or folder to write")
    if format != "folder" and (not Path(output).name or Path(output).is_dir()):
        raise InputError(f"{output}: a folder; name a file")


def sequence_files(model: Any, output: Path, small: bool) -> dict[Path, bytes]:
    """The files of an encoder-decoder: x.encoder.onnx and x.decoder.onnx for x.onnx."""
    from ostinato.exporting.sequence_graphs import write_encoder_decoder

    if output.exists() and not output.is_file():  # such as /dev/null
        raise InputError(f"{output}: not a file, and two would be written beside it; name a file")
    stem = output.name.removesuffix(".onnx")
    found = write_encoder_decoder(model, small=small)
    return {output.with_name(f"{stem}.{part}.onnx"): data for part, data in found.items()}


def forecast_files(model: Any, output: Path, small: bool) -> dict[Path, bytes]:
    """The file of a forecaster."""
    from ostinato.exporting.forecast_graph import write_forecaster

    return {output: write_forecaster(model, small=small)}


def program_files(program: Any, format: str, output: Path, small: bool) -> dict[Path, bytes]:
    """The files of a program, by their names."""
    from ostinato.exporting.folder_format import build_folder
    from ostinato.exporting.html_format import build_html_page
    from ostinato.exporting.onnx_graph import write_program

    if format == "folder":
        return build_folder(program, output, small=small)
    content = build_html_page(program) if format == "html" else write_program(program, small=small)
    return {output: content}


def files_to_score(model: Any, *, needed: bool) -> list[str]:
    """The files of the run's test set or dev set, if they still exist.

    Raises:
        InputError: They do not exist, and are `needed`.
    """
    missing = "--int8 is scored: give --dev FILE, as the files that the run was tested on are gone"
    try:
        return tested_files(model, missing)
    except InputError:
        if needed:
            raise
    notify("8 bits a weight were not scored; --dev FILE does")
    return []


def check_small(model: Any, files: list[str], tolerance: float) -> dict[str, Any]:
    """Measures the score with the original weights and with 8-bit weights.

    Raises:
        InputError: The loss is more than `tolerance` of the score.
    """
    from ostinato.commands.evaluate import evaluate
    from ostinato.exporting.small_weights import with_small_weights

    small = copy.copy(model)
    small.networks = [with_small_weights(model.networks[0])]
    before, after = (evaluate(each, files) for each in (model, small))
    metric = model.task.choose_metric(before["metrics"])
    old, new = before["metrics"][metric], after["metrics"][metric]
    loss = (old - new) if METRICS[metric].higher_is_better else (new - old)
    if loss > tolerance * abs(old):
        raise InputError(
            f"8 bits a weight change {metric} from {old:.4g} to {new:.4g}, more than --tolerance "
            f"{tolerance:g} of it; export without --int8, or give a larger --tolerance"
        )
    return {
        "metric": metric,
        "score": old,
        "score_int8": new,
        "scored_on": before["files"],
    }


def lines(result: dict[str, Any], *, json: bool = False) -> Iterable[str]:
    """The files written, and the score with 8-bit weights."""
    if json:
        yield json_format.dumps(result, ensure_ascii=False)
        return
    if "metric" in result:
        yield (
            f"{result['metric']} {result['score']:.4g}, with 8 bits a weight "
            f"{result['score_int8']:.4g} ({' '.join(result['scored_on'])})"
        )
    yield f"wrote {' '.join(result['files'])} ({result['bytes'] / 1e6:.2f} MB)"
