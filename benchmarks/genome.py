"""DNA: a label a sequence and a label a base, with the baselines beside the networks; and what
a long sequence costs.

    python benchmarks/genome.py --data FOLDER  # all of it: about fifteen minutes on one core
    python benchmarks/genome.py --parts islands memory   # needs no data

    peaks     which of two proteins is bound (Oct4 or Mafk, 200 bases each): 7,797 sequences to
              learn from, 200 to test on. --data has oct4.fa, mafk.fa, oct4_test.fa and
              mafk_test.fa, which stand in BIMSBbioinfo/janggu, src/janggu/resources
    repeats   which bases are repeats: those that RepeatMasker has put in lower case in the same
              folder's genome.fa (the case is taken away); learned on one sequence of 30,000
              bases, tested on the other
    islands   segments drawn from a hidden Markov model, for which the hidden Markov model is as
              good as anything can be
    chunks    the probabilities of 100,000 bases window by window, against those of the whole
              sequence at once
    memory    the most memory that `ostinato predict` takes for sequences of 1 and 10 million
              bases, and its bases a second

Splice junctions, ten-fold, are in classification.py."""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ostinato
from memory import cost_of
from ostinato.commands.tables import number, table
from ostinato.data.dna.fasta import read_fasta
from ostinato.tasks.genome.windows import split_windows
from setting import find, flags, kept, setting, write

COLUMNS = [
    "part",
    "model",
    "accuracy",
    "95 % interval",
    "f1",
    "auroc",
    "95 % interval",
    "auprc",
    "baseline",
    "accuracy",
    "auroc",
    "seconds",
    "bases/s",
]
SMALL = {"hidden_size": 32, "motifs": 16}


def main() -> None:
    arguments = read_arguments()
    rows: list[dict[str, Any]] = []
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in arguments.parts:
            result = PARTS[part](arguments, folder)
            if part in ("chunks", "memory"):
                found[part] = result
            else:
                rows += result
    print(*setting(arguments), sep="\n")
    if rows:
        print(*table(COLUMNS, [format_cells(row) for row in rows]), sep="\n")
    for part, result in found.items():
        print(
            *table(list(result[0]), [list(each.values()) for each in result], title=part), sep="\n"
        )
    write(arguments.output, arguments, {"runs": rows, **found})


def read_arguments() -> argparse.Namespace:
    parser = flags(
        __doc__, runs="runs/genome", data="the folder of the FASTA files", needs_data=False
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--epochs", type=float, default=6.0, help="of peaks")
    parser.add_argument(
        "--models", nargs="+", default=["lstm", "gru", "convolution"], help="of peaks"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.data is None and {"peaks", "repeats"} & set(arguments.parts):
        parser.error("peaks and repeats need --data")
    return arguments


def measure_run(arguments: argparse.Namespace, part: str, model: str, **settings) -> dict[str, Any]:
    """One run, trained and tested by the same calls as a user's."""
    out = f"{arguments.runs}/{part}-{model}"
    report = ostinato.train(
        "genome", out=out, overwrite=True, seed=arguments.seed, model=model, **settings
    ).report
    metrics = report["metrics"]
    print(
        f"{part}, {model}: accuracy {metrics['accuracy']:.4f}, auroc {metrics['auroc']:.4f}",
        file=sys.stderr,
        flush=True,
    )
    return {"part": part, "model": model, **kept(report)}


def peaks(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    files = {
        part: [find(arguments.data, f"{kind}{ending}.fa") for kind in ("oct4", "mafk")]
        for part, ending in (("train", ""), ("test", "_test"))
    }
    settings = {**files, "reverse_complement": True, "epochs": arguments.epochs}
    return [measure_run(arguments, "peaks", model, **settings) for model in arguments.models]


def repeats(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """The case of the letters becomes segments, and is taken away."""
    files: dict[str, list[str]] = {}
    for part, entry in zip(
        ("train", "test"), read_fasta(find(arguments.data, "genome.fa")), strict=True
    ):
        bases = "".join(entry.pieces)
        segments = [(match.start(), match.end()) for match in re.finditer("[a-z]+", bases)]
        files[part] = write_files(
            folder / f"repeats-{part}",
            {entry.name: bases.upper()},
            {entry.name: segments},
            "repeat",
        )
    settings = {
        **SMALL,
        "reverse_complement": True,
        "epochs": 60.0,
        "evaluate_every": 4.0,
        "window": 500,
        "dropout": 0.5,
    }
    return [measure_run(arguments, "repeats", model, **files, **settings) for model in ("lstm",)]


def islands(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    wanted = {"train": ("abc", 60_000, 1), "dev": ("d", 30_000, 2), "test": ("ef", 60_000, 3)}
    files = {part: draw_islands(folder / part, *each) for part, each in wanted.items()}
    rows = [
        measure_run(arguments, "islands", "lstm", **files, **SMALL, epochs=40.0, evaluate_every=4.0)
    ]
    settings = {
        **files,
        **SMALL,
        "bidirectional": False,
        "epochs": 60.0,
        "evaluate_every": 6.0,
        "batch_size": 8,
    }
    forwards = measure_run(arguments, "islands", "gru", **settings)
    return [*rows, {**forwards, "model": "gru, forwards"}]


def draw_islands(path: Path, names: Sequence[str], length: int, seed: int) -> list[str]:
    """Islands of C and G, 300 bases long in the mean, in a background of A and T, 700 bases."""
    chance = random.Random(seed)
    sequences: dict[str, str] = {}
    segments: dict[str, list[tuple[int, int]]] = {}
    for name in names:
        pieces, position, inside = [], 0, False
        segments[name] = []
        while position < length:
            run = min(length - position, 1 + int(chance.expovariate(1 / (300 if inside else 700))))
            pieces.append(
                "".join(
                    chance.choices("ACGT", (15, 35, 35, 15) if inside else (30, 20, 20, 30), k=run)
                )
            )
            if inside:
                segments[name].append((position, position + run))
            position, inside = position + run, not inside
        sequences[name] = "".join(pieces)
    return write_files(path, sequences, segments, "island")


def write_files(
    path: Path, sequences: dict[str, str], segments: dict[str, list[tuple[int, int]]], label: str
) -> list[str]:
    """A FASTA and a BED file."""
    fasta, bed = path.with_suffix(".fa"), path.with_suffix(".bed")
    with fasta.open("w") as file:
        for name, bases in sequences.items():
            file.write(f">{name}\n")
            file.writelines(bases[start : start + 60] + "\n" for start in range(0, len(bases), 60))
    bed.write_text(
        "".join(
            f"{name}\t{start}\t{end}\t{label}\n"
            for name, each in segments.items()
            for start, end in each
        )
    )
    return [str(fasta), str(bed)]


def chunks(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Models of `islands`, which are trained first where they are not there."""
    bases = "".join(next(read_fasta(draw_islands(folder / "long", "x", 100_000, 4)[0])).pieces)
    return [
        compare_windows(arguments, folder, name, bases) for name in ("islands-lstm", "islands-gru")
    ]


def compare_windows(
    arguments: argparse.Namespace, folder: Path, name: str, bases: str
) -> dict[str, Any]:
    model = run_of(arguments, folder, name)
    options, margin = model.task.options, model.task.predictor.base_labeller(model.network).margin
    parts = {
        size: probabilities(model, bases, size, margin) for size in (options.window, len(bases))
    }
    one, whole = parts.values()
    apart, alike = np.abs(one - whole), (one.argmax(1) == whole.argmax(1)).mean()
    return {
        "model": name.removeprefix("islands-"),
        "reads": "both ways" if options.bidirectional else "forwards",
        "window": options.window,
        "margin": margin,
        "largest difference": float(apart.max()),
        "mean difference": float(apart.mean()),
        "same labels": float(alike),
    }


def probabilities(model: ostinato.Model, bases: str, size: int, margin: int) -> np.ndarray:
    labeller = model.task.predictor.base_labeller(model.network).window_labeller
    answers = labeller.label(split_windows("x", [bases], size, margin))
    return np.concatenate([answer.probabilities for answer in answers])


def run_of(arguments: argparse.Namespace, folder: Path, name: str) -> Any:
    if not Path(arguments.runs, name, "report.json").is_file():
        islands(arguments, folder)
    return ostinato.load(Path(arguments.runs, name))


def memory(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    return list(measure_costs(arguments, folder))


def measure_costs(arguments: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    for name in ("islands-lstm", "islands-gru"):
        run_of(arguments, folder, name)
    for millions in (1, 10):
        fasta, _ = draw_islands(folder / f"{millions}", "x", millions * 1_000_000, 5)
        for name in ("islands-lstm", "islands-gru"):
            seconds, peak = cost_of(
                ["predict", f"{arguments.runs}/{name}", fasta, "--output", str(folder / "out.bed")]
            )
            yield {
                "million bases": millions,
                "model": name.removeprefix("islands-"),
                "peak MiB": round(peak),
                "seconds": round(seconds, 1),
                "bases/s": round(millions * 1e6 / seconds),
                "segments": sum(1 for _ in (folder / "out.bed").open()),
            }


def format_cells(row: dict[str, Any]) -> list[Any]:
    metrics, beside = row["metrics"], row["baseline"]["metrics"]
    between = {
        name: f"{number(low)} .. {number(high)}" for name, (low, high) in row["intervals"].items()
    }
    return [
        row["part"],
        row["model"],
        metrics["accuracy"],
        between["accuracy"],
        metrics["f1"],
        metrics["auroc"],
        between["auroc"],
        metrics["auprc"],
        row["baseline"]["name"],
        beside["accuracy"],
        beside["auroc"],
        row["seconds"],
        row["tokens_per_second"],
    ]


PARTS = {"peaks": peaks, "repeats": repeats, "islands": islands, "chunks": chunks, "memory": memory}

if __name__ == "__main__":
    torch.manual_seed(0)
    main()
