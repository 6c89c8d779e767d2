"""Captions of emoji that were held out: exact match and BLEU beside the nearest neighbour's,
altogether and for each group of emoji.

    python benchmarks/captioning.py  # the packaged sample, a seed: some minutes on one core
    python benchmarks/captioning.py --seeds 1 2 3 --attention none additive
    # also draw some of them beside what was said of them
    python benchmarks/captioning.py --picture emoji.png

No name of the test set stands in the training data: whoever repeats a caption heard before has
an exact match of 0. The skin tones of one emoji are all in one part. The clock counts
everything from reading the files on.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ostinato
from ostinato.commands.tables import number, table
from ostinato.data.files.samples import sample_files
from ostinato.data.images.images import open_image
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.tasks.run_folder import load_baseline
from setting import setting, write

COLUMNS = [
    "attention",
    "seed",
    "exact match",
    "95 % interval",
    "BLEU",
    "95 % interval",
    "perplexity",
    "nearest neighbour: exact match",
    "BLEU",
    "epochs",
    "seconds",
    "parameters",
]


def main() -> None:
    arguments = read_arguments()
    rows, groups = [], []
    for attention in arguments.attention:
        for seed in arguments.seeds:
            model = train(arguments, attention, seed)
            rows.append(as_row(model, attention, seed))
            groups.append((attention, seed, by_group(model)))
            print(
                f"{attention}, seed {seed}: exact match {rows[-1]['metrics']['exact_match']:.3f}",
                file=sys.stderr,
                flush=True,
            )
            if arguments.picture and len(rows) == 1:
                draw(model, arguments.picture)
    print(*setting(arguments), sep="\n")
    print(*table(COLUMNS, [cells(row) for row in rows]), sep="\n")
    print(
        *table(
            [
                "attention",
                "seed",
                "group",
                "emoji",
                "exact match",
                "BLEU",
                "nearest neighbour's BLEU",
            ],
            [[attention, seed, *row] for attention, seed, found in groups for row in found],
        ),
        sep="\n",
    )
    write(arguments.output, arguments, {"runs": rows, "groups": groups})


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument(
        "--attention", nargs="+", choices=["none", "dot", "general", "additive"], default=["none"]
    )
    parser.add_argument("--epochs", type=float, help="instead of the task's own number")
    parser.add_argument("--picture", help="draw some of the first run's answers into this PNG")
    parser.add_argument(
        "--runs",
        default="runs/captioning",
        help="where the trained models go; replaces what is there",
    )
    parser.add_argument("--output", help="also write everything to this JSON file")
    return parser.parse_args()


def train(arguments: argparse.Namespace, attention: str, seed: int) -> ostinato.Model:
    settings = {} if arguments.epochs is None else {"epochs": arguments.epochs}
    out = f"{arguments.runs}/{attention}-{seed}"
    return ostinato.train(
        "captioning", out=out, overwrite=True, attention=attention, seed=seed, **settings
    )


def as_row(model: ostinato.Model, attention: str, seed: int) -> dict[str, Any]:
    kept = ("metrics", "intervals", "baseline", "seconds", "parameters", "weights", "training")
    return {"attention": attention, "seed": seed, **{name: model.report[name] for name in kept}}


def by_group(model: ostinato.Model) -> list[list[Any]]:
    """[group, emoji, exact match, BLEU, the nearest neighbour's BLEU] of each group of the
    test set.
    """
    task, network = model.task, model.network
    file = str(sample_files("captioning")["test"])
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        group = {
            row["caption"]: row["group"]
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        }
    records = task.reader.read([file])
    predictions = task.predictor.predict(network, records)
    counts = task.predictor.count(network, records, predictions)
    beside = load_baseline(model.folder, task).measure(records)
    rows = []
    for name in dict.fromkeys(group.values()):
        places = [
            place for place, record in enumerate(records) if group[record.captions[0]] == name
        ]
        found = [
            corpus_score(METRICS[metric], [each[metric][place] for place in places])
            for each, metric in ((counts, "exact_match"), (counts, "bleu"), (beside, "bleu"))
        ]
        rows.append([name, len(places), *found])
    return rows


def cells(row: dict[str, Any]) -> list[Any]:
    metrics, beside = row["metrics"], row["baseline"]["metrics"]
    intervals = {
        name: f"{number(float(low))} .. {number(float(high))}"
        for name, (low, high) in row["intervals"].items()
    }
    return [
        row["attention"],
        row["seed"],
        metrics["exact_match"],
        intervals["exact_match"],
        metrics["bleu"],
        intervals["bleu"],
        metrics["perplexity"],
        beside["exact_match"],
        beside["bleu"],
        row["training"]["epochs"],
        row["seconds"],
        row["parameters"],
    ]


def draw(model: ostinato.Model, output: str, *, columns: int = 4, rows: int = 8) -> None:
    """Every so-manieth picture of the test set, right and wrong alike, with its caption; below
    a wrong one, its name.
    """
    from matplotlib.figure import Figure
    from PIL import Image

    records = model.task.reader.read([str(sample_files("captioning")["test"])])
    shown = records[:: len(records) // (columns * rows)][: columns * rows]
    figure = Figure(figsize=(2.6 * columns, 0.62 * rows), layout="constrained")
    panels = figure.subplots(rows, columns).ravel()
    for panel, record, prediction in zip(
        panels, shown, model.task.predictor.predict(model.network, shown), strict=False
    ):
        panel.imshow(open_image(record.image), extent=(0, 1, 0, 1), interpolation="lanczos")
        right = prediction.text in record.captions
        panel.text(
            1.12,
            0.52 if right else 0.7,
            wrapped(prediction.text),
            fontsize=7.5,
            va="center",
            color="#176d2d" if right else "black",
        )
        if not right:
            panel.text(
                1.12, 0.16, wrapped(record.captions[0]), fontsize=6, va="center", color="0.5"
            )
        panel.set(xlim=(0, 4), ylim=(0, 1))
        panel.axis("off")
    figure.savefig(output, dpi=100)
    with Image.open(output) as drawn:
        drawn.convert("RGB").quantize(96).save(output, optimize=True)
    print(f"drawn: {output}, {Path(output).stat().st_size:,} bytes", file=sys.stderr)


def wrapped(text: str, width: int = 28) -> str:
    import textwrap

    lines: Sequence[str] = textwrap.wrap(text, width)
    return "\n".join(lines[:2])


if __name__ == "__main__":
    main()
