"""What the states of our own language models bring a tagger: parts of speech with and without
`--embeddings RUN,RUN`, the same minutes for both.

    python benchmarks/contextual_embeddings.py --data FOLDER --language-minutes 10 --minutes 5
    python benchmarks/contextual_embeddings.py --data FOLDER --only language    # in two steps
    python benchmarks/contextual_embeddings.py --data FOLDER --only tagging

FOLDER has lm_ptb (ptb.train.txt, ptb.valid.txt, ptb.test.txt: lower-cased news, on which two
models of characters are trained, forward and backward) and pos_ud_english_ewt (en_ewt-ud-train,
-dev and -test.conllu, the tagger's). The language models read lower case. Language models that
--runs holds already are not trained again. The clock of a tagger counts everything from reading
the files on, also the states of the language models; their own training is not counted.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import ostinato
from ostinato.commands.tables import number
from setting import find, flags, kept, tell

COLUMNS = ["vectors", "seed", "accuracy", "95 % interval", "epochs", "minutes", "tokens/s"]


def main() -> None:
    arguments = read_arguments()
    models = {
        direction: train_language(arguments, direction) for direction in ("forward", "backward")
    }
    rows = []
    for seed in arguments.seeds if arguments.only != "language" else ():
        for name, runs in {
            "words, characters": (),
            "and forward states": (models["forward"],),
            "and both": (models["forward"], models["backward"]),
        }.items():
            if name in arguments.vectors:
                rows.append({"vectors": name, "seed": seed, **train_tagger(arguments, runs, seed)})
    perplexities = {
        direction: ostinato.load(run).report["metrics"] for direction, run in models.items()
    }
    tell(arguments, COLUMNS, [cells(row) for row in rows], {"runs": rows, "language": perplexities})


def read_arguments() -> argparse.Namespace:
    parser = flags(__doc__, runs="runs/contextual")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--language-minutes", type=float, default=10.0)
    parser.add_argument("--minutes", type=float, default=5.0, help="of each tagger")
    parser.add_argument("--hidden-size", type=int, default=512, help="of the language models")
    parser.add_argument("--only", choices=["language", "tagging"])
    parser.add_argument(
        "--vectors",
        nargs="+",
        default=["words, characters", "and forward states", "and both"],
        help="rows of the table",
    )
    return parser.parse_args()


def train_language(arguments: argparse.Namespace, direction: str) -> str:
    """The run of a character model, trained unless it is there."""
    run = f"{arguments.runs}/{direction}"
    if not (Path(run) / "report.json").is_file():
        names = {"train": "train", "dev": "valid", "test": "test"}
        data = f"{arguments.data}/lm_ptb"
        ostinato.train(
            "language",
            **{part: [find(data, f"ptb.{name}.txt")] for part, name in names.items()},
            out=run,
            overwrite=True,
            unit="character",
            lowercase=True,
            direction=direction,
            hidden_size=arguments.hidden_size,
            time_limit=f"{round(arguments.language_minutes * 60)}s",
            tensorboard=False,
        )
    return run


def train_tagger(arguments: argparse.Namespace, runs: tuple[str, ...], seed: int) -> dict[str, Any]:
    """A tagger of the default sizes, with the states of these language models."""
    data = f"{arguments.data}/pos_ud_english_ewt"
    report = ostinato.train(
        "tagging",
        **{part: [find(data, f"en_ewt-ud-{part}.conllu")] for part in ("train", "dev", "test")},
        out=f"{arguments.runs}/tagger-{len(runs)}-{seed}",
        overwrite=True,
        seed=seed,
        tensorboard=False,
        time_limit=f"{round(arguments.minutes * 60)}s",
        **({"embeddings": ",".join(runs)} if runs else {}),
    ).report
    return {**kept(report), "epochs": report["epochs"]["seen"]}


def cells(row: dict[str, Any]) -> list[str]:
    low, high = row["intervals"]["accuracy"]
    return [
        row["vectors"],
        str(row["seed"]),
        number(row["metrics"]["accuracy"]),
        f"{low:.4f} .. {high:.4f}",
        f"{row['epochs']:.1f}",
        f"{row['seconds'] / 60:.1f}",
        f"{row['tokens_per_second']:,.0f}",
    ]


if __name__ == "__main__":
    main()
