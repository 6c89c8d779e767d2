"""Tagging quality: parts of speech, entities and chunks on the sets that the field knows, with
the counted baselines' scores beside them; three seeds each, and together (the mean of the three
networks' scores).

    python benchmarks/tagging.py --data FOLDER  # all three sets: about an hour
    python benchmarks/tagging.py --data FOLDER --sets ewt --seeds 1

FOLDER has one folder a set, as its publisher names the files inside (each may be gzipped):

    pos_ud_english_ewt  en_ewt-ud-train.conllu, en_ewt-ud-dev.conllu, en_ewt-ud-test.conllu:
                        universal parts of speech
    ner_conll2003       eng.train, eng.testa, eng.testb: entities
    chunk_conll2000     train.txt, test.txt: chunks; each tenth sentence of train.txt chooses
                        the weights

Spans are scored as conlleval scores them. None of the models uses pretrained vectors. For
chunks the network also reads the parts of speech that the files carry beside the word (a
tagger's, not people's), as the shared task meant it; --words-alone leaves them out. EWT takes
the settings of `ostinato train tagging`; those of the CoNLL sets stand in SETS below. The clock
counts everything from reading the files on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import ostinato
from ostinato.commands.tables import number
from ostinato.data.files.lines import read_lines
from setting import add_sets, find, flags, kept, tell, together

COLUMNS = [
    "set",
    "seed",
    "metric",
    "score",
    "95 % interval",
    "accuracy",
    "most frequent tag",
    "hidden Markov model",
    "epochs",
    "minutes",
    "tokens/s",
    "parameters",
]
SETS: dict[str, dict[str, Any]] = {
    "ewt": {},
    "conll2003": {"word_dropout": 0.0, "batch_size": 16, "hidden_size": 400, "dropout": 0.6},
    "conll2000": {"word_dropout": 0.1, "batch_size": 16, "epochs": 10.0, "feature_columns": "2"},
}


def main() -> None:
    arguments = read_arguments()
    rows = []
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as folder:
            files = FILES[name](arguments.data, Path(folder))
            counted = {
                kind: baseline(arguments, name, files, kind) for kind in ("most-frequent", "hmm")
            }
            for seed in arguments.seeds:
                rows.append({**measure(arguments, name, files, seed), "counted": counted})
                print(
                    f"{name}, seed {seed}: {rows[-1]['metric']} {rows[-1]['score']:.4f}",
                    file=sys.stderr,
                    flush=True,
                )
            if len(arguments.seeds) > 1:
                joined = together(
                    f"{arguments.runs}/{name}", rows[-len(arguments.seeds) :], files["test"]
                )
                rows.append({**joined, "score": joined["metrics"][joined["metric"]]})
    tell(arguments, COLUMNS, [cells(row) for row in rows], {"runs": rows})


def read_arguments() -> argparse.Namespace:
    parser = flags(__doc__, runs="runs/tagging")
    add_sets(parser, SETS)
    parser.add_argument(
        "--minutes", type=float, default=15.0, help="most training time of each run"
    )
    parser.add_argument(
        "--words-alone", action="store_true", help="without the further columns of CoNLL-2000"
    )
    return parser.parse_args()


def measure(
    arguments: argparse.Namespace, name: str, files: dict[str, list[str]], seed: int
) -> dict[str, Any]:
    """One run trained and tested, by the same call as a user's."""
    settings = {
        option: value
        for option, value in SETS[name].items()
        if not (arguments.words_alone and option == "feature_columns")
    }
    report = ostinato.train(
        "tagging",
        **files,
        out=f"{arguments.runs}/{name}-{seed}",
        seed=seed,
        overwrite=True,
        tensorboard=False,
        time_limit=f"{round(arguments.minutes * 60)}s",
        **settings,
    ).report
    metric = report["table"][0]["metric"]
    return {
        "set": name,
        "seed": seed,
        "metric": metric,
        "score": report["metrics"][metric],
        **kept(report),
    }


def baseline(
    arguments: argparse.Namespace, name: str, files: dict[str, list[str]], kind: str
) -> float:
    report = ostinato.train(
        "tagging", **files, out=f"{arguments.runs}/{name}-{kind}", model=kind, overwrite=True
    ).report
    return report["table"][0]["score"]


def ewt(data: str, folder: Path) -> dict[str, list[str]]:
    return {
        part: [find(f"{data}/pos_ud_english_ewt", f"en_ewt-ud-{part}.conllu")]
        for part in ("train", "dev", "test")
    }


def conll2003(data: str, folder: Path) -> dict[str, list[str]]:
    parts = {"train": "eng.train", "dev": "eng.testa", "test": "eng.testb"}
    return {part: [find(f"{data}/ner_conll2003", file)] for part, file in parts.items()}


def conll2000(data: str, folder: Path) -> dict[str, list[str]]:
    """Of the training sentences each tenth becomes dev."""
    sentences = (
        "\n".join(read_lines(find(f"{data}/chunk_conll2000", "train.txt")))
        .strip("\n")
        .split("\n\n")
    )
    parts = {
        "train": [each for place, each in enumerate(sentences) if (place + 1) % 10],
        "dev": sentences[9::10],
    }
    for part, each in parts.items():
        (folder / f"{part}.txt").write_text("\n\n".join(each) + "\n", encoding="utf-8")
    return {
        **{part: [str(folder / f"{part}.txt")] for part in parts},
        "test": [find(f"{data}/chunk_conll2000", "test.txt")],
    }


FILES = {"ewt": ewt, "conll2003": conll2003, "conll2000": conll2000}


def cells(row: dict[str, Any]) -> list[Any]:
    low, high = row["intervals"][row["metric"]]
    return [
        row["set"],
        row["seed"],
        row["metric"],
        row["score"],
        f"{number(low)} .. {number(high)}",
        row["metrics"]["accuracy"],
        row["counted"]["most-frequent"],
        row["counted"]["hmm"],
        row["training"]["epochs"],
        row["seconds"] / 60,
        row["tokens_per_second"],
        row["parameters"],
    ]


if __name__ == "__main__":
    main()
