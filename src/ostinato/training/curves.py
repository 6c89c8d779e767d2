"""Learning curves: a line of JSON per step and per dev score, a plot, and TensorBoard events.

{"step": 7, "epoch": 0.35, "loss": 5.12, "gradient_norm": 2.3, "learning_rate": 0.001, ...}
{"step": 20, "epoch": 1.0, "dev": {"bleu": 12.3, "perplexity": 40.1}}
{"step": 20, "epoch": 1.0, "gates": {"encoder, layer 0": {"forget": [0.61, 0.02, 0.13]}}}
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError, option_name
from ostinato.training.event_log import EventLog
from ostinato.training.loop import Progress

LOG = "log.jsonl"
LOGGED = ("loss", "gradient_norm", "learning_rate", "tokens", "seconds")
AXES = {"loss": "nats", "gradient_norm": "norm (log scale)"}
POINTS = 400  # of a plotted curve: more cannot be told apart


class Curves:
    """The curves of one run, in `folder` (RUN/training): log.jsonl, and tensorboard/ on request.

        with Curves(folder) as curves:
            for progress in train(...):
                curves.record_step(progress)
            curves.record_scores(progress.step, progress.epoch, {"bleu": 12.3})
            draw_curves(read_curves(folder / "log.jsonl"), run / "curves.png")

    Args:
        folder: is made if need be
        resumed_step: continue the curves that are there, without what is after this step; None
            begins new ones
        tensorboard: whether to write TensorBoard events

    Raises:
        InputError: the log cannot be written (disk full).
    """

    def __init__(
        self, folder: Path, *, resumed_step: int | None = None, tensorboard: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / LOG
        before = []
        if resumed_step is not None and self.path.is_file():
            before = [record for record in read_curves(self.path) if record["step"] <= resumed_step]
        write_atomically(self.path, "".join(map(_to_line, before)).encode())
        # unbuffered: a kill loses no line
        self.file = self.path.open("ab", buffering=0)
        self.events = EventLog(folder / "tensorboard", resumed_step) if tensorboard else None

    def __enter__(self) -> Curves:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record_step(self, progress: Progress) -> None:
        """Records what a step did."""
        values = {name: getattr(progress, name) for name in LOGGED}
        self._append({"step": progress.step, "epoch": progress.epoch, **values})
        if self.events is not None:
            names = ("loss", "gradient_norm", "learning_rate")
            shown = {f"train/{name}": values[name] for name in names}
            shown["train/tokens_per_second"] = progress.tokens / progress.seconds
            self.events.record(progress.step, shown)

    def record_scores(self, step: int, epoch: float, scores: dict[str, float]) -> None:
        """Records the dev scores after a step."""
        self._append({"step": step, "epoch": epoch, "dev": scores})
        if self.events is not None:
            self.events.record(step, {f"dev/{name}": value for name, value in scores.items()})

    def record_gates(self, step: int, epoch: float, gates: dict[str, Any]) -> None:
        """Records how open the gates are after a step: [mean, share shut, share open] of each."""
        if gates:
            self._append({"step": step, "epoch": epoch, "gates": gates})

    def close(self) -> None:
        with suppress(OSError):  # a network's disk that is full may say so only now
            self.file.close()
        if self.events is not None:
            self.events.close()

    def _append(self, record: dict[str, Any]) -> None:
        try:
            self.file.write(_to_line(record).encode())
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be written: {error.strerror}; make room and "
                f"{option_name('resume')}"
            ) from None


def read_curves(path: Path) -> list[dict[str, Any]]:
    """The records of a log; a line that a kill or a full disk cut short is skipped."""
    records = []
    for line in path.read_bytes().split(b"\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            records.append(record)
    return records


def draw_curves(records: list[dict[str, Any]], path: Path, *, best: int | None = None) -> None:
    """Plots loss, gradient norm and each dev score into a file: PNG, or what its name ends in.

    Args:
        records: As `read_curves` gives them.
        path: The file.
        best: The step of the best dev score; it is marked.
    """
    from matplotlib.figure import Figure

    steps = [record for record in records if "loss" in record]
    scored = [record for record in records if "dev" in record]
    names = [name for record in scored for name in record["dev"] if name != "loss"]
    metrics = list(dict.fromkeys(names))[:3]
    figure = Figure(figsize=(4.5 * (2 + len(metrics)), 3.5), layout="constrained")
    panels = figure.subplots(1, 2 + len(metrics))
    for panel, name in zip(panels, ("loss", "gradient_norm"), strict=False):
        points = _thin_out([(record["epoch"], record[name]) for record in steps])
        panel.plot(*points, label="train", linewidth=1)
        panel.set(title=name.replace("_", " "), xlabel="epoch", ylabel=AXES[name])
    panels[1].set_yscale("log")
    for panel, name in zip([panels[0], *panels[2:]], ["loss", *metrics], strict=True):
        found = [
            (record["epoch"], record["dev"][name]) for record in scored if name in record["dev"]
        ]
        epochs, values = [epoch for epoch, _ in found], [value for _, value in found]
        if name == "loss" and not found:
            continue
        panel.plot(epochs, values, label="dev", color="C1", marker=".")
        if name != "loss":
            words = name.replace("_", " ")
            panel.set(title=f"{words} on the dev set", xlabel="epoch", ylabel=words)
        mark_best(panel, scored, name, best)
    panels[0].legend()
    kind = path.suffix.removeprefix(".") or "png"
    write_atomically(
        path, lambda file: figure.savefig(file, format=kind, dpi=120, bbox_inches="tight")
    )


def mark_best(panel: Any, scored: list[dict[str, Any]], name: str, best: int | None) -> None:
    """Marks the best dev score."""
    for record in scored:
        if record["step"] == best and name in record["dev"]:
            epoch, value = record["epoch"], record["dev"][name]
            panel.axvline(epoch, color="0.6", linestyle=":", linewidth=1)
            label = f"best: {value:.4g} after step {best:,}"
            panel.plot(
                [epoch], [value], "o", markersize=9, fillstyle="none", color="C3", label=label
            )
            panel.legend()


class Points(NamedTuple):
    """The points of a plotted curve."""

    xs: list[float]
    ys: list[float]


def _thin_out(points: list[tuple[float, float]]) -> Points:
    """At most POINTS points: the means of pieces of equal length."""
    width = max(1, -(-len(points) // POINTS))
    pieces = [points[i : i + width] for i in range(0, len(points), width)]
    return Points(
        [sum(x for x, _ in piece) / len(piece) for piece in pieces],
        [sum(y for _, y in piece) / len(piece) for piece in pieces],
    )


def _to_line(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"
