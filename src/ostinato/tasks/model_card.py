"""A model card: a model's description, scores and training command, for people and model hubs.

The front matter has the fields of huggingface_hub's cards: licence, library, pipeline tag
and, as `model-index`, the metrics (Mitchell et al. 2019, "Model Cards for Model Reporting")."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ostinato.data.files.atomic import write_atomically
from ostinato.options import as_flag
from ostinato.tasks.saved_task import read_json

CARD = "README.md"
OURS = b'library_name: "ostinato"'

PIPELINES = {
    "translation": "translation",
    "dialogue": "text-generation",
    "language": "text-generation",
    "classification": "text-classification",
    "tagging": "token-classification",
    "captioning": "image-to-text",
    "video": "video-classification",
    "forecasting": "time-series-forecasting",
    "transcription": "automatic-speech-recognition",
}


def card_of_run(
    folder: Path, name: str, task: str, report: Mapping[str, Any], licence: str = "unknown"
) -> bytes:
    """The card of a model in a run folder, from its report and the plan beside it.

    Args:
        folder: The run folder.
        name: What to call the model.
        task: The name of its task.
        report: The contents of report.json.
        licence: As for `format_model_card`.
    """
    plan = folder / "training" / "plan.json"
    made = read_json(plan) if plan.is_file() else {}
    card = format_model_card(name, task, report, made, licence)
    return card.encode("utf-8", "backslashreplace")  # names of files that are not UTF-8


def save_card(folder: Path, task: str, report: Mapping[str, Any]) -> None:
    """Writes the card of a run into its folder; a README.md of the user's stays as it is."""
    path, name = folder / CARD, folder.resolve().name
    if not (path.exists() or path.is_symlink()) or is_card(path):
        write_atomically(path, card_of_run(folder, name, task, report))


def is_card(path: Path) -> bool:
    """Whether a file is a card that this module has written."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return OURS in file.read(1000)
    except OSError:
        return False


def format_model_card(
    name: str, task: str, report: Mapping[str, Any], plan: Mapping[str, Any], licence: str
) -> str:
    """The card as Markdown with a front matter in YAML.

    Args:
        name: The name of the model.
        task: The name of its task.
        report: The contents of report.json.
        plan: The contents of training/plan.json; empty where it is missing.
        licence: A licence identifier such as "mit"; "unknown" without one.
    """
    tested = str(report.get("tested_on", "unknown"))
    fields: dict[str, Any] = {
        "license": licence,
        "library_name": "ostinato",
        "tags": ["ostinato", "recurrent-neural-network", task],
    }
    if task in PIPELINES:
        fields["pipeline_tag"] = PIPELINES[task]
    metrics = list(describe_metrics(report))
    if metrics:
        result = {
            "task": {"type": PIPELINES.get(task, task), "name": task},
            "dataset": {"type": "files", "name": tested},
            "metrics": metrics,
        }
        fields["model-index"] = [{"name": name, "results": [result]}]
    # JSON is a subset of YAML, so no other quoting is needed
    front = "".join(
        f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in fields.items()
    )
    return f"---\n{front}---\n" + "\n".join(describe_model(name, task, report, plan)) + "\n"


def describe_metrics(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The finite scores, each with its 95 % interval in its name."""
    for name, value in report.get("metrics", {}).items():
        if isinstance(value, (int, float)) and math.isfinite(value):
            low, high = report.get("intervals", {}).get(name, (None, None))
            interval = "" if low is None or high is None else f" (95 % {low:.4g} to {high:.4g})"
            yield {"type": name, "value": value, "name": f"{name}{interval}"}


def describe_model(
    name: str, task: str, report: Mapping[str, Any], plan: Mapping[str, Any]
) -> Iterator[str]:
    """Yields the lines of the card's text."""
    yield f"\n# {name}\n"
    size = f" with {report['parameters']:,} parameters" if "parameters" in report else ""
    yield f"A recurrent network for {task}{size}, trained with Ostinato.\n"
    scores = report.get("metrics", {})
    if scores:
        baseline = report.get("baseline", {})
        yield f"Measured on {report.get('tested_on', 'unknown data')}:\n"
        yield f"| metric | score | 95 % interval | {baseline.get('name', 'baseline')} |"
        yield "|---|---|---|---|"
        for metric, value in scores.items():
            low, high = report.get("intervals", {}).get(metric, (None, None))
            interval = "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
            reference = baseline.get("metrics", {}).get(metric)
            shown = "" if reference is None else f"{reference:.4g}"
            yield f"| {metric} | {value:.4g} | {interval} | {shown} |"
        yield ""
    yield '```python\nimport ostinato\n\nmodel = ostinato.load(".")\n```\n'
    command = train_command(plan) if plan else report.get("command")
    if command:
        yield f"Made by:\n\n```sh\n{command}\n```"


def train_command(plan: Mapping[str, Any]) -> str:
    """The training command of a run, from its plan; file names are given without their folders."""
    words = ["ostinato", "train", plan["task"]]
    for part in ("train", "dev", "test"):
        names = [str(file).replace("\\", "/").rsplit("/", 1)[-1] for file in plan.get(part, ())]
        words += [f"--{part}", *names] if names else []
    for name, value in plan.get("values", {}).items():
        if isinstance(value, bool):
            flag = as_flag(name)
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, list):
            words += [as_flag(name), *map(str, value)]
        else:
            words += [as_flag(name), "none" if value is None else str(value)]
    return shlex.join([*words, "--seed", str(plan.get("seed", 1))])
