"""Classification quality: accuracy on test sets that the field knows, with the baselines'
beside it; three seeds each, and together (the mean of the three models' probabilities); DNA by
ten-fold cross-validation.

    # all seven sets: about an hour and three quarters
    python benchmarks/classification.py --data FOLDER
    python benchmarks/classification.py --data FOLDER --sets sst2 --seeds 1

FOLDER has one folder a set, as its publisher names the files inside:

    sentiment_sst2                train.tsv, dev.tsv, test.tsv: SST-2, whole sentences, binary
    sentiment_movie_reviews_long  reviews.tsv: id, label, text of Pang and Lee's polarity data
                                  2.0; folds cv8 and cv9 are dev and test
    names_nationality             one file of names a nationality; a tenth each is dev and test
                                  (seeded). `names` has each name of a nationality once, and
                                  equal names in one part; `names_as_listed` has every line by
                                  itself: one test name in six then stands in the training data,
                                  two thirds of these the few Arabic ones
    seqclass_JapaneseVowels       JapaneseVowels_TRAIN.ts, JapaneseVowels_TEST.ts, of the UEA
                                  archive
    seqclass_BasicMotions         BasicMotions_TRAIN.ts, BasicMotions_TEST.ts
    genomics_splice               splice.tsv with columns class and sequence: UCI's primate
                                  splice junctions, 60 bases each; ten folds, all that are the
                                  same sequence in one of them, the fold before each is its dev
                                  set

None of the models uses pretrained vectors. The clock counts everything from reading the files on;
`epochs` are those gone through before it ran out."""

from __future__ import annotations

import argparse
import sys
import tempfile
import zlib
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import ostinato
from ostinato.commands.tables import number
from ostinato.data.batching.held_out import hold_out
from ostinato.data.files.lines import read_lines
from ostinato.data.labelled import Labelled, read_labelled
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.metrics.interval import interval
from ostinato.training.curves import read_curves
from setting import add_sets, find, flags, kept, tell, together

COLUMNS = [
    "set",
    "seed",
    "accuracy",
    "95 % interval",
    "macro F1",
    "calibration error",
    "baseline",
    "accuracy",
    "convolution",
    "epochs",
    "minutes",
    "tokens/s",
    "parameters",
]
SPLICE = {
    "unit": "character",
    "lowercase": False,
    "pooling": "middle",
    "hidden_size": 128,
    "embedding_size": 16,
    "input_dropout": 0.1,
    "epochs": 12.0,
    "learning_rate": 0.003,
    "weight_decay": 0.3,
    "batch_size": 32,
    "dropout": 0.5,
}
NAMES = {"unit": "character", "lowercase": False, "pooling": "both-ends"}
LONG = {
    "maximum_tokens": 3000,
    "characters": "none",
    "embedding_size": 100,
    "hidden_size": 100,
    "pooling": "mean",
    "crop": 200.0,
    "members": 4,
    "batch_size": 16,
    "epochs": 16.0,
    "evaluate_every": 1.0,
}
FOLDS = 10
SETS: dict[str, dict[str, Any]] = {
    "sst2": {"minutes": 9.0},
    "movie_reviews_long": {"minutes": 9.0, "settings": LONG},
    "names": {"minutes": 4.0, "settings": NAMES},
    "names_as_listed": {"minutes": 4.0, "settings": NAMES},
    "japanese_vowels": {"minutes": 4.0},
    "basic_motions": {"minutes": 4.0},
    "splice": {"minutes": 4.0, "settings": SPLICE},
}


def main() -> None:
    arguments = read_arguments()
    rows = []
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as folder:
            files = FILES[name](arguments.data, Path(folder))
            for seed in arguments.seeds if name != "splice" else arguments.seeds[:1]:
                rows.append(
                    measure(arguments, name, files, seed)
                    if name != "splice"
                    else folded(arguments, files, seed)
                )
                print(
                    f"{name}, seed {seed}: accuracy {rows[-1]['metrics']['accuracy']:.4f}",
                    file=sys.stderr,
                    flush=True,
                )
            if (
                "dev" in files and len(arguments.seeds) > 1
            ):  # the same training data, so the same vocabulary, for all of them
                rows.append(
                    {
                        **together(
                            f"{arguments.runs}/{name}", rows[-len(arguments.seeds) :], files["test"]
                        ),
                        "convolution": None,
                    }
                )
    tell(arguments, COLUMNS, [cells(row) for row in rows], {"runs": rows})


def read_arguments() -> argparse.Namespace:
    parser = flags(__doc__, runs="runs/classification")
    add_sets(parser, SETS)
    parser.add_argument(
        "--minutes",
        type=float,
        help="training time of each run (default: 9 for texts, 4 for names and series)",
    )
    parser.add_argument(
        "--folds",
        nargs="+",
        type=int,
        choices=range(FOLDS),
        default=list(range(FOLDS)),
        help="of splice",
    )
    parser.add_argument(
        "--no-convolution",
        action="store_true",
        help="without Kim's convolution beside it, trained as long",
    )
    return parser.parse_args()


def measure(
    arguments: argparse.Namespace, name: str, files: dict[str, list[str]], seed: int
) -> dict[str, Any]:
    """One run trained and tested, by the same calls as a user's, and a convolution on the same
    data beside it.
    """
    minutes = arguments.minutes or SETS[name]["minutes"]
    settings = {
        **SETS[name].get("settings", {}),
        "time_limit": f"{round(minutes * 60)}s",
        "seed": seed,
        "overwrite": True,
    }
    report = ostinato.train(
        "classification", **files, out=f"{arguments.runs}/{name}-{seed}", **settings
    ).report
    beside = None
    if not arguments.no_convolution:
        out = f"{arguments.runs}/{name}-{seed}-convolution"
        beside = ostinato.train("classification", **files, out=out, model="convolution", **settings)
    return {
        "set": name,
        "seed": seed,
        **kept(report),
        "epochs": epochs_of(f"{arguments.runs}/{name}-{seed}"),
        "convolution": beside.report["metrics"]["accuracy"] if beside else None,
    }


def folded(arguments: argparse.Namespace, folds: dict[str, list[str]], seed: int) -> dict[str, Any]:
    """A run for each of --folds, tested on its own fold: their counts together as one."""
    kinds = ["network"] if arguments.no_convolution else ["network", "convolution"]
    runs = [
        {kind: one_fold(arguments, folds, fold, kind, seed) for kind in kinds}
        for fold in arguments.folds
    ]
    own = [run["network"].report for run in runs]
    metrics = list(own[0]["metrics"])
    counts = {
        metric: [each for run in runs for each in run["network"].counts[metric]]
        for metric in metrics
    }
    scores = {metric: corpus_score(METRICS[metric], each) for metric, each in counts.items()}
    intervals = {metric: list(interval(METRICS[metric], each)) for metric, each in counts.items()}
    beside = mean(
        [(report["data"]["test"], report["baseline"]["metrics"]["accuracy"]) for report in own]
    )
    others = [run["convolution"].report for run in runs if "convolution" in run]
    convolved = [(report["data"]["test"], report["metrics"]["accuracy"]) for report in others]
    sums = {name: sum(report[name] for report in own) for name in ("seconds", "parameters")}
    return {
        "set": "splice",
        "seed": f"{seed}, {len(runs)} of {FOLDS} folds",
        "metrics": scores,
        "intervals": intervals,
        **sums,
        "right": [[report["metrics"]["accuracy"], report["data"]["test"]] for report in own],
        "epochs": min(
            epochs_of(f"{arguments.runs}/splice-network-{fold}") for fold in arguments.folds
        ),
        "baseline": {"name": own[0]["baseline"]["name"], "metrics": {"accuracy": beside}},
        "training": own[0]["training"],
        "tokens_per_second": own[0]["tokens_per_second"],
        "convolution": mean(convolved) if convolved else None,
    }


def epochs_of(run: str) -> float:
    """How often it went through the training data, by its log."""
    return max(
        (
            record["epoch"]
            for record in read_curves(Path(run, "training", "log.jsonl"))
            if "epoch" in record
        ),
        default=0.0,
    )


def one_fold(
    arguments: argparse.Namespace, folds: dict[str, list[str]], fold: int, kind: str, seed: int
) -> Any:
    """A model tested on one fold, its weights chosen by the next one, trained on the other
    eight.
    """
    out = Path(arguments.runs, f"splice-{kind}-{fold}")
    files = {
        "train": [
            folds[str(each)][0] for each in range(FOLDS) if each not in (fold, (fold + 1) % FOLDS)
        ],
        "dev": folds[str((fold + 1) % FOLDS)],
        "test": folds[str(fold)],
    }
    minutes = arguments.minutes or SETS["splice"]["minutes"]
    settings = {
        **SPLICE,
        "time_limit": f"{round(minutes * 60)}s",
        "seed": seed,
        "overwrite": True,
        "tensorboard": False,
        "text_column": "sequence",
        "label_column": "class",
    }
    return ostinato.train(
        "classification",
        **files,
        out=str(out),
        **settings,
        **({} if kind == "network" else {"model": kind}),
    )


def mean(scores: list[tuple[int, float]]) -> float:
    """Of scores, each of so many examples."""
    return sum(number * score for number, score in scores) / sum(number for number, _ in scores)


def sst2(data: str, folder: Path) -> dict[str, list[str]]:
    return {
        part: [find(f"{data}/sentiment_sst2", f"{part}.tsv")] for part in ("train", "dev", "test")
    }


def movie_reviews_long(data: str, folder: Path) -> dict[str, list[str]]:
    """Folds 0 to 7 to learn from, 8 to choose by, 9 to test on: the review cv9xx is in fold 9."""
    header, *rows = read_lines(find(f"{data}/sentiment_movie_reviews_long", "reviews.tsv"))
    fold = {"8": "dev", "9": "test"}
    parts: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for row in rows:
        parts[fold.get(row[2], "train")].append(row)
    return {
        part: [written(folder / f"{part}.tsv", [header, *each])] for part, each in parts.items()
    }


def names(data: str, folder: Path) -> dict[str, list[str]]:
    records = read_labelled([f"{data}/names_nationality"])
    distinct = list({(record.inputs, record.label): record for record in records}.values())
    return split_names(distinct, folder, lambda record: record.inputs)


def names_as_listed(data: str, folder: Path) -> dict[str, list[str]]:
    return split_names(read_labelled([f"{data}/names_nationality"]), folder, id)


def split_names(
    records: list[Labelled], folder: Path, key: Callable[[Labelled], Hashable]
) -> dict[str, list[str]]:
    rest, test = hold_out(records, fraction=0.1, seed=1, key=key)
    train, dev = hold_out(rest, fraction=0.11, seed=2, key=key)
    parts = {"train": train, "dev": dev, "test": test}
    return {
        part: [
            written(
                folder / f"{part}.tsv",
                ["text\tlabel", *(f"{each.inputs}\t{each.label}" for each in records)],
            )
        ]
        for part, records in parts.items()
    }


def splice(data: str, folder: Path) -> dict[str, list[str]]:
    """The fold of a sequence follows from its letters, so that repeats stay together."""
    header, *rows = read_lines(find(f"{data}/genomics_splice", "splice.tsv"))
    place = header.split("\t").index("sequence")
    folds: dict[str, list[str]] = {str(fold): [] for fold in range(FOLDS)}
    for row in rows:
        folds[str(zlib.crc32(row.split("\t")[place].encode()) % FOLDS)].append(row)
    return {
        fold: [written(folder / f"{fold}.tsv", [header, *each])] for fold, each in folds.items()
    }


def archive(name: str) -> Any:
    def files(data: str, folder: Path) -> dict[str, list[str]]:
        train, test = (
            find(f"{data}/seqclass_{name}", f"{name}_{part}.ts") for part in ("TRAIN", "TEST")
        )
        return {"train": [train], "test": [test]}

    return files


FILES = {
    "sst2": sst2,
    "movie_reviews_long": movie_reviews_long,
    "names": names,
    "names_as_listed": names_as_listed,
    "japanese_vowels": archive("JapaneseVowels"),
    "basic_motions": archive("BasicMotions"),
    "splice": splice,
}


def written(path: Path, lines: list[str]) -> str:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return str(path)


def cells(row: dict[str, Any]) -> list[Any]:
    metrics, (low, high) = row["metrics"], row["intervals"]["accuracy"]
    return [
        row["set"],
        row["seed"],
        metrics["accuracy"],
        f"{number(low)} .. {number(high)}",
        metrics["f1"],
        metrics["calibration_error"],
        row["baseline"]["name"],
        row["baseline"]["metrics"]["accuracy"],
        "" if row["convolution"] is None else row["convolution"],
        row["epochs"],
        row["seconds"] / 60,
        row["tokens_per_second"],
        row["parameters"],
    ]


if __name__ == "__main__":
    main()
