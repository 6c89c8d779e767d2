"""Translation quality on Multi30k: BLEU on test_2016_flickr (sacrebleu, cased, detokenised)
after so many minutes of training.

    python benchmarks/multi30k.py --data FOLDER  # three pairs, 15 minutes each: about 50 minutes
    python benchmarks/multi30k.py --data FOLDER --pairs de-en --minutes 90       # about 95 minutes

FOLDER has train, val and test_2016_flickr in de, en and fr (train.de or train.de.gz, ...): the
raw text of https://github.com/multi30k/dataset. The clock counts everything from reading the
files on; the weights with the best BLEU on val are tested. A word-for-word dictionary learned
from the same sentences (IBM model 1) stands beside them.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

import ostinato
from ostinato.commands.tables import number, table
from ostinato.training.curves import read_curves
from setting import parallel, setting, write

TEST = "test_2016_flickr"
COLUMNS = [
    "pair",
    "seed",
    "BLEU beam 5",
    "95 % interval",
    "BLEU greedy",
    "95 % interval",
    "word for word",
    "chrF",
    "perplexity",
    "epochs",
    "minutes",
    "tokens/s",
    "parameters",
    "weights",
]


def main() -> None:
    arguments = read_arguments()
    rows = []
    for pair in arguments.pairs:
        for seed in arguments.seeds:
            rows.append(measure(arguments, pair, seed))
            print(
                f"{pair}, seed {seed}: BLEU {rows[-1]['beam_5']['metrics']['bleu']:.2f}",
                file=sys.stderr,
                flush=True,
            )
    print(*setting(arguments), sep="\n")
    print(*table(COLUMNS, [cells(row) for row in rows]), sep="\n")
    print(
        "tokens/s: target tokens, <eos> counted, while training; BLEU's signature: "
        f"{rows[0]['beam_5']['details']['bleu']['signature']}"
    )
    write(arguments.output, arguments, {"runs": rows})


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="the folder of Multi30k")
    parser.add_argument(
        "--pairs", nargs="+", default=["de-en", "en-de", "en-fr"], help="source-target"
    )
    parser.add_argument("--minutes", type=float, default=15.0, help="training time of each run")
    parser.add_argument(
        "--recipe",
        default="multi30k",
        help="a packaged recipe or a TOML file; none: the task's defaults",
    )
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="OPTION=VALUE",
        help="options on top, as in a recipe: dropout=0.4",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument(
        "--runs",
        default="runs/multi30k",
        help="where the trained models go; replaces what is there",
    )
    parser.add_argument("--output", help="also write everything to this JSON file")
    return parser.parse_args()


def measure(
    arguments: argparse.Namespace, pair: str, seed: int, *, test: str = TEST
) -> dict[str, Any]:
    """One run trained and tested, by the same calls as a user's."""
    run = Path(arguments.runs) / f"{pair}-{seed}"
    tested = parallel(arguments.data, test, pair)
    model = ostinato.train(
        "translation",
        train=parallel(arguments.data, "train", pair),
        dev=parallel(arguments.data, "val", pair),
        test=tested,
        out=str(run),
        recipe=None if arguments.recipe == "none" else arguments.recipe,
        seed=seed,
        overwrite=True,
        time_limit=f"{round(arguments.minutes * 60)}s" if arguments.minutes else None,
        **overrides(arguments.set),
    )
    greedy, beam = (ostinato.load(run, beam=width).evaluate(tested) for width in (1, 5))
    curves = read_curves(run / "training" / "log.jsonl")
    report = model.report
    return {
        "pair": pair,
        "seed": seed,
        "greedy": greedy,
        "beam_5": beam,
        "epochs": last_epoch(curves),
        "seconds": report["seconds"],
        "tokens_per_second": report["tokens_per_second"],
        "parameters": report["parameters"],
        "weights": report["weights"],
        "options": report["options"],
        "training": report["training"],
    }


def overrides(given: list[str]) -> dict[str, Any]:
    """overrides(["dropout=0.4", "cell=gru"]) -> {"dropout": 0.4, "cell": "gru"}"""
    values = {}
    for each in given:
        name, _, value = each.partition("=")
        try:
            values[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[name] = value
    return values


def last_epoch(curves: Any) -> float:
    return max((each["epoch"] for each in curves), default=0.0)


def cells(row: dict[str, Any]) -> list[Any]:
    beam, greedy = row["beam_5"], row["greedy"]
    return [
        row["pair"],
        row["seed"],
        beam["metrics"]["bleu"],
        between(beam),
        greedy["metrics"]["bleu"],
        between(greedy),
        beam["baseline"]["metrics"]["bleu"],
        beam["metrics"]["chrf"],
        beam["metrics"]["perplexity"],
        row["epochs"],
        row["seconds"] / 60,
        row["tokens_per_second"],
        row["parameters"],
        row["weights"],
    ]


def between(result: dict[str, Any]) -> str:
    low, high = result["intervals"]["bleu"]
    return f"{number(low)} .. {number(high)}"


if __name__ == "__main__":
    main()
