"""Music quality: negative log-likelihood a step, in nats, on sets that the field knows, with
the baselines' beside it.

    python benchmarks/melody.py --data FOLDER  # everything: about a quarter of an hour on one core
    python benchmarks/melody.py --data FOLDER --runs-of jsb-voices --minutes 3.5

FOLDER has one folder a set:

    melody_jsb                jsb-chorales-quarter.json: Bach's chorales, a chord each quarter;
                              the split and the frames of Boulanger-Lewandowski, Bengio and
                              Vincent (2012), so that their numbers compare
    melody_oneills1850_abc    O'Neill's Music of Ireland (1903) in ABC; equal X: numbers are
                              taken once; a tenth each is dev and test, of those with a kind
                              (R:) as of the others

Published, on the test set of the chorales: GRU with independent pitches 8.43 (Bai, Kolter and
Koltun 2018), RNN-NADE 5.56 (Boulanger-Lewandowski et al. 2012). The clock counts everything
from reading the files on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import ostinato
from ostinato.commands.tables import number
from ostinato.data.batching.held_out import hold_out
from ostinato.data.music.abc import split_tunes
from setting import find, flags, kept, tell

COLUMNS = [
    "run",
    "nll/step",
    "95 % interval",
    "perplexity",
    "baseline",
    "nll/step",
    "simplest",
    "nll/step",
    "epochs",
    "minutes",
    "steps/s",
    "parameters",
]
CHORALES = {"steps_per_quarter": 1, "voices": "chords", "transpose": 6, "epochs": 90.0}
TUNES = {
    "voices": "melody",
    "transpose": 0,
    "epochs": 12.0,
    "hidden_size": 320,
    "evaluate_every": 1.0,
    "dropout": 0.3,
    "input_dropout": 0.1,
}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "jsb-voices": ("chorales", CHORALES),
    "jsb-independent": (
        "chorales",
        {**CHORALES, "head": "independent", "transpose": 0, "dropout": 0.3, "epochs": 150.0},
    ),
    "oneills": ("tunes", TUNES),
    "oneills-genre": ("tunes", {**TUNES, "condition": "genre"}),
}


def main() -> None:
    arguments = read_arguments()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sets = {"chorales": chorales(arguments.data), "tunes": tunes(arguments.data, Path(folder))}
        for name in arguments.runs_of:
            kind, settings = RUNS[name]
            rows.append(measure(arguments, name, sets[kind], settings))
            print(
                f"{name}: {rows[-1]['metrics']['nll_per_step']:.3f} nats a step",
                file=sys.stderr,
                flush=True,
            )
    tell(arguments, COLUMNS, [cells(row) for row in rows], {"runs": rows})


def read_arguments() -> argparse.Namespace:
    parser = flags(__doc__, runs="runs/melody")
    parser.add_argument("--runs-of", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument(
        "--minutes", type=float, default=3.5, help="training time of each run at most"
    )
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def measure(
    arguments: argparse.Namespace, name: str, files: dict[str, list[str]], settings: dict[str, Any]
) -> dict[str, Any]:
    """One run trained and tested, by the same calls as a user's."""
    report = ostinato.train(
        "melody",
        **files,
        out=f"{arguments.runs}/{name}",
        time_limit=f"{round(arguments.minutes * 60)}s",
        seed=arguments.seed,
        overwrite=True,
        **settings,
    ).report
    return {"run": name, **kept(report)}


def chorales(data: str) -> dict[str, list[str]]:
    file = find(f"{data}/melody_jsb", "jsb-chorales-quarter.json")
    return {"train": [file], "dev": [f"{file}:valid"], "test": [f"{file}:test"]}


def tunes(data: str, folder: Path) -> dict[str, list[str]]:
    """The tunes by their numbers, the first of those that stand in several files."""
    found: dict[str, str] = {}
    for file in sorted(Path(f"{data}/melody_oneills1850_abc").glob("*.abc")):
        for _, lines in split_tunes(
            file.read_text(encoding="latin-1").replace("\r", "").split("\n")
        ):
            found.setdefault(lines[0].removeprefix("X:").strip(), "\n".join(lines))
    parts: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for kind in (True, False):
        some = [tune for tune in found.values() if has_kind(tune) == kind]
        rest, test = hold_out(some, fraction=0.1, seed=1)
        train, dev = hold_out(rest, fraction=0.11, seed=2)
        for part, chosen in (("train", train), ("dev", dev), ("test", test)):
            parts[part] += chosen
    return {part: [written(folder / f"{part}.abc", chosen)] for part, chosen in parts.items()}


def has_kind(tune: str) -> bool:
    return any(line.startswith("R:") and line[2:].strip() for line in tune.split("\n"))


def written(path: Path, chosen: list[str]) -> str:
    path.write_text("\n\n".join(chosen) + "\n", encoding="utf-8")
    return str(path)


def cells(row: dict[str, Any]) -> list[Any]:
    metrics, (low, high), baseline = (
        row["metrics"],
        row["intervals"]["nll_per_step"],
        row["baseline"],
    )
    simplest = baseline["simpler"][0]
    return [
        row["run"],
        metrics["nll_per_step"],
        f"{number(low)} .. {number(high)}",
        metrics["perplexity"],
        baseline["name"],
        baseline["metrics"]["nll_per_step"],
        simplest["name"],
        simplest["metrics"]["nll_per_step"],
        row["training"]["epochs"],
        row["seconds"] / 60,
        row["tokens_per_second"],
        row["parameters"],
    ]


if __name__ == "__main__":
    main()
