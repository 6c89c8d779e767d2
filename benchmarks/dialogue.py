"""Dialogue: how much the turns before the utterance help. Perplexity and BLEU of the system's
replies on simulated dialogues.

    # 1, 3 and 7 turns read, three seeds each: about 30 minutes on one core
    python benchmarks/dialogue.py --data FOLDER

FOLDER has train, dev and test of the film tickets in
<https://github.com/google-research-datasets/simulated-dialogue> (sim-M): train.json, dev.json,
test.json, gzipped or not. Users book film tickets; every reply of the system is to be given.
The reply of the most similar training utterance stands beside the network, and for the
perplexity the tokens' frequencies.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import ostinato
from ostinato.commands.tables import table
from setting import find, setting, write

COLUMNS = [
    "turns",
    "perplexity",
    "seeds",
    "BLEU",
    "seeds",
    "nearest: perplexity",
    "BLEU",
    "minutes a run",
]


def main() -> None:
    arguments = read_arguments()
    runs = Path(arguments.runs)
    runs.mkdir(parents=True, exist_ok=True)
    files = {
        part: convert(find(arguments.data, f"{part}.json"), runs / f"{part}.jsonl")
        for part in ("train", "dev", "test")
    }
    results = []
    for turns in arguments.turns:
        for seed in arguments.seeds:
            results.append({"turns": turns, "seed": seed, **measure(files, turns, seed, arguments)})
            print(
                f"{turns} turns, seed {seed}: {results[-1]['metrics']}", file=sys.stderr, flush=True
            )
    print(*setting(arguments), sep="\n")
    print(
        *table(
            COLUMNS,
            [
                row(turns, [each for each in results if each["turns"] == turns])
                for turns in arguments.turns
            ],
        ),
        sep="\n",
    )
    write(arguments.output, arguments, {"runs": results})


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="the folder of sim-M")
    parser.add_argument(
        "--turns",
        nargs="+",
        type=int,
        default=[1, 3, 7],
        help="how many turns are read for each reply",
    )
    parser.add_argument("--epochs", type=float, default=20.0)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument(
        "--runs",
        default="runs/dialogue-turns",
        help="where the trained models go; replaces what is there",
    )
    parser.add_argument("--output", help="also write everything to this JSON file")
    return parser.parse_args()


def convert(path: str, target: Path) -> str:
    """The dialogues as lists of turns, one a line: user, system, user, ..."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
        dialogues = json.load(file)
    lines = []
    for dialogue in dialogues:
        turns = []
        for turn in dialogue["turns"]:
            if turns:
                turns.append(turn["system_utterance"]["text"])
            turns.append(turn.get("user_utterance", {}).get("text", ""))
        lines.append(json.dumps({"turns": turns}) + "\n")
    target.write_text("".join(lines), encoding="utf-8")
    return str(target)


def measure(
    files: dict[str, str], turns: int, seed: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    model = ostinato.train(
        "dialogue",
        train=[files["train"]],
        dev=[files["dev"]],
        test=[files["test"]],
        turns=turns,
        replies="second",
        out=f"{arguments.runs}/{turns}-{seed}",
        seed=seed,
        overwrite=True,
        unit="word",
        tokenized=True,
        minimum_count=2,
        hidden_size=256,
        embedding_size=128,
        epochs=arguments.epochs,
        tensorboard=False,
    )
    return {
        name: model.report[name]
        for name in ("metrics", "intervals", "baseline", "seconds", "parameters")
    }


def row(turns: int, runs: list[dict[str, Any]]) -> list[Any]:
    """The means over the seeds, and from where to where they went."""
    cells: list[Any] = [turns]
    for metric in ("perplexity", "bleu"):
        values = [each["metrics"][metric] for each in runs]
        cells += [statistics.mean(values), f"{min(values):.2f} .. {max(values):.2f}"]
    beside = runs[0]["baseline"]["metrics"]
    return [
        *cells,
        beside["perplexity"],
        beside["bleu"],
        statistics.mean(each["seconds"] for each in runs) / 60,
    ]


if __name__ == "__main__":
    main()
