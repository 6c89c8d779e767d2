"""Learning curves: a line of JSON for each step and each dev score, a picture of them, and TensorBoard events.

{"step": 7, "epoch": 0.35, "loss": 5.12, "gradient_norm": 2.3, "learning_rate": 0.001, "tokens": 3120, ...}
{"step": 20, "epoch": 1.0, "dev": {"bleu": 12.3, "perplexity": 40.1}}
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError
from ostinato.training.loop import Progress

SHOWN = ("loss", "gradient_norm", "learning_rate", "tokens", "seconds")
POINTS = 400  # of a drawn curve: more cannot be told apart


class Curves:
    """The curves of one run, in `folder` (RUN/training): log.jsonl, and tensorboard/ on request.

        with Curves(folder) as curves:
            for progress in train(...):
                curves.step(progress)
            curves.evaluated(progress.step, progress.epoch, {"bleu": 12.3})
            draw(read_curves(folder / "log.jsonl"), run / "curves.png")

    resumed_step  go on with the curves that are there, without what lies beyond this step; None begins anew
    Raises InputError, one line, when the log cannot be written (disk full)."""

    def __init__(
        self, folder: Path, *, resumed_step: int | None = None, tensorboard: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "log.jsonl"
        kept = []
        if resumed_step is not None and self.path.is_file():
            kept = [record for record in read_curves(self.path) if record["step"] <= resumed_step]
        write_atomically(self.path, "".join(map(_line, kept)).encode())
        self.file = self.path.open("ab", buffering=0)  # each line is out at once: a kill loses none
        self.events = _events(folder / "tensorboard", resumed_step) if tensorboard else None

    def __enter__(self) -> Curves:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def step(self, progress: Progress) -> None:
        """Note what a step did."""
        values = {name: getattr(progress, name) for name in SHOWN}
        self._append({"step": progress.step, "epoch": progress.epoch, **values})
        if self.events is not None:
            for name in ("loss", "gradient_norm", "learning_rate"):
                self.events.add_scalar(f"train/{name}", values[name], progress.step)
            self.events.add_scalar(
                "train/tokens_per_second", progress.tokens / progress.seconds, progress.step
            )

    def evaluated(self, step: int, epoch: float, scores: dict[str, float]) -> None:
        """Note the dev scores after a step."""
        self._append({"step": step, "epoch": epoch, "dev": scores})
        if self.events is not None:
            for name, value in scores.items():
                self.events.add_scalar(f"dev/{name}", value, step)

    def close(self) -> None:
        self.file.close()
        if self.events is not None:
            self.events.close()

    def _append(self, record: dict[str, Any]) -> None:
        try:
            self.file.write(_line(record).encode())
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be written: {error.strerror}; make room and --resume"
            ) from None


def read_curves(path: Path) -> list[dict[str, Any]]:
    """The records of a log; a line that a kill or a full disk cut short is passed over."""
    records = []
    for line in path.read_bytes().split(b"\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            records.append(record)
    return records


def draw(records: list[dict[str, Any]], path: Path) -> None:
    """The curves as a picture (PNG, or what the name ends in): loss, gradient norm, and each dev score but the loss."""
    from matplotlib.figure import Figure

    steps = [record for record in records if "loss" in record]
    scored = [record for record in records if "dev" in record]
    metrics = list(
        dict.fromkeys(name for record in scored for name in record["dev"] if name != "loss")
    )[:3]
    figure = Figure(figsize=(4.5 * (2 + len(metrics)), 3.5), layout="constrained")
    panels = figure.subplots(1, 2 + len(metrics))
    for panel, name in zip(panels, ("loss", "gradient_norm"), strict=False):
        panel.plot(
            *_thinned([(record["epoch"], record[name]) for record in steps]),
            label="train",
            linewidth=1,
        )
        panel.set(title=name.replace("_", " "), xlabel="epoch")
    panels[1].set_yscale("log")
    for panel, name in zip([panels[0], *panels[2:]], ["loss", *metrics], strict=True):
        found = [
            (record["epoch"], record["dev"][name]) for record in scored if name in record["dev"]
        ]
        panel.plot(
            [epoch for epoch, _ in found],
            [value for _, value in found],
            label="dev",
            color="C1",
            marker=".",
        )
        panel.set(title=name.replace("_", " "), xlabel="epoch")
    panels[0].legend()
    kind = path.suffix.removeprefix(".") or "png"
    write_atomically(path, lambda file: figure.savefig(file, format=kind, dpi=120))


def _thinned(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """(xs, ys) of at most POINTS points: means over stretches of equal length."""
    width = max(1, -(-len(points) // POINTS))
    stretches = [points[i : i + width] for i in range(0, len(points), width)]
    means = [
        [sum(column) / len(stretch) for column in zip(*stretch, strict=True)]
        for stretch in stretches
    ]
    return [x for x, _ in means], [y for _, y in means]


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"


def _events(folder: Path, resumed_step: int | None) -> Any:
    """A tensorboardX writer; events beyond the resumed step are hidden from what is drawn."""
    from tensorboardX import SummaryWriter

    if resumed_step is None:
        shutil.rmtree(folder, ignore_errors=True)
        return SummaryWriter(str(folder))
    return SummaryWriter(
        str(folder), purge_step=resumed_step + 1, filename_suffix=f".{resumed_step}"
    )
