"""Language models: how well and how fast.

    # characters; below 1.88 nats is the aim
    python benchmarks/language.py shakespeare --data input.txt --minutes 3
    # the same, given an hour
    python benchmarks/language.py shakespeare --data input.txt --minutes 60
    python benchmarks/language.py ptb --data FOLDER  # recipe zaremba2014-small, beside Kneser-Ney
    python benchmarks/language.py training  # tokens a second beside a plain loop; needs no data
    python benchmarks/language.py generation  # likewise, tokens made a second

shakespeare  tiny Shakespeare (https://github.com/karpathy/char-rnn,
             data/tinyshakespeare/input.txt): the first 90 % of its characters to learn from, of
             which the last 5 % of lines choose the weights; the last 10 % are scored whole, in
             nats a character
ptb          ptb.train.txt, ptb.valid.txt and ptb.test.txt as Mikolov prepared them, 10,000
             words; perplexity of the test text

             Of both: the network alone; with a cache of what it has just read (--cache, Grave
             et al. 2017); a Kneser-Ney n-gram counted on the same text; the n-gram together
             with the network, which has no cache then

training     2 x 200 and 2 x 650 LSTM units, 10,000 words, batches of 20 x 35, SGD: beside the
             loop of pytorch's examples/word_language_model, written out in
             plain_language_model.py, on the same made-up numbers in turns
generation   characters (1 x 512 units) and words (2 x 200 units, 10,000 words), 1 and 64
             samples, weights in each format: the whole way to the text, beside a loop over
             torch.nn.LSTMCell that makes numbers
"""

from __future__ import annotations

import argparse
import gzip
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

import ostinato
from ostinato import CELLS
from ostinato.commands.tables import table
from ostinato.data.batching.batch import Batch
from ostinato.data.text.tokenizers import CharacterTokenizer, WordTokenizer
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.layers.embedding import Embedding
from ostinato.layers.streaming import FORMATS
from ostinato.models.language_model import LanguageModel
from ostinato.tasks.language.options import LanguageOptions
from ostinato.tasks.language.prediction import LanguagePredictor
from ostinato.tasks.language.preprocessing import LanguagePreprocessing
from ostinato.tasks.request import Request
from ostinato.training.loop import train
from plain_language_model import PlainLanguageModel, generate_plainly, train_plainly
from setting import find, setting, write

# cell, epochs, ...: the best found for so many minutes on two cores
SHORT = {"cell": "gru", "hidden_size": 512, "dropout": 0.1, "epochs": 9.0}
LONG = {
    "cell": "gru",
    "layers": 2,
    "hidden_size": 512,
    "input_dropout": 0.1,
    "layer_dropout": 0.4,
    "output_dropout": 0.5,
    "chunk": 100,
    "learning_rate": 0.002,
    "epochs": 40.0,
}
CACHES = {"shakespeare": 2000, "ptb": 500}  # tokens
PUBLISHED = {
    "zaremba2014-small": 114.5,
    "zaremba2014-medium": 82.7,
    "zaremba2014-large": 78.4,
    "awd-lstm": 57.3,
}
WORDS, ROWS, STEPS = 10_000, 20, 35


def main() -> None:
    arguments = read_arguments()
    columns, rows = {
        "shakespeare": shakespeare,
        "ptb": ptb,
        "training": training,
        "generation": generation,
    }[arguments.what](arguments)
    print(*setting(arguments), sep="\n")
    print(*table(columns, [[row[column] for column in columns] for row in rows]), sep="\n")
    write(arguments.output, arguments, {arguments.what: rows})


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["shakespeare", "ptb", "training", "generation"])
    parser.add_argument("--data", help="the text, or the folder of the texts")
    parser.add_argument(
        "--minutes",
        type=float,
        help="of training (default: shakespeare 3; ptb as long as its recipe takes)",
    )
    parser.add_argument("--recipe", default="zaremba2014-small", help="ptb: a packaged recipe")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="training, generation: of measuring, each size"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--runs",
        default="runs/benchmark-language",
        help="where the trained models go; replaces what is there",
    )
    parser.add_argument("--output", help="also write everything to this JSON file")
    arguments = parser.parse_args()
    if arguments.what in ("shakespeare", "ptb") and not arguments.data:
        parser.error(f"{arguments.what} needs --data")
    return arguments


def shakespeare(arguments: argparse.Namespace) -> tuple[list[str], list[dict[str, Any]]]:
    """Trained within the minutes; the last tenth of the text scored whole."""
    minutes = arguments.minutes or 3.0
    with (gzip.open if arguments.data.endswith(".gz") else open)(
        arguments.data, "rt", encoding="utf-8", newline=""
    ) as file:
        text = file.read()
    cut = int(0.9 * len(text))
    with tempfile.TemporaryDirectory() as folder:
        files = {part: str(Path(folder) / f"{part}.txt") for part in ("train", "test")}
        Path(files["train"]).write_text(text[:cut], encoding="utf-8")
        Path(files["test"]).write_text(text[cut:], encoding="utf-8")
        chosen = SHORT if minutes < 15 else LONG
        settings = {
            **files,
            "overwrite": True,
            "seed": arguments.seed,
            "time_limit": f"{round(60 * minutes)}s",
            **chosen,
        }
        report = ostinato.train(
            "language", out=f"{arguments.runs}/shakespeare-{minutes:g}", **settings
        ).report
        cached = ostinato.load(report["run"], cache=CACHES["shakespeare"]).evaluate([files["test"]])
        mixed = with_kneser_ney(report["run"], settings)
    row = {
        "minutes": report["seconds"] / 60,
        "nats": math.log(report["metrics"]["perplexity"]),
        "95 % interval": " .. ".join(
            f"{math.log(end):.3f}" for end in report["intervals"]["perplexity"]
        ),
        "with a cache": math.log(cached["metrics"]["perplexity"]),
        "its interval": " .. ".join(
            f"{math.log(end):.3f}" for end in cached["intervals"]["perplexity"]
        ),
        "Kneser-Ney 8-gram": math.log(report["baseline"]["metrics"]["perplexity"]),
        "both together": math.log(mixed),
        "tokens/s": report["tokens_per_second"],
        "parameters": report["parameters"],
        "settings": ", ".join(f"{name} {value}" for name, value in chosen.items()),
    }
    return list(row), [row]


def ptb(arguments: argparse.Namespace) -> tuple[list[str], list[dict[str, Any]]]:
    """A recipe on the Penn Treebank, Kneser-Ney beside it."""
    files = {
        part: find(arguments.data, f"ptb.{name}.txt")
        for part, name in (("train", "train"), ("dev", "valid"), ("test", "test"))
    }
    limit = {} if arguments.minutes is None else {"time_limit": f"{round(60 * arguments.minutes)}s"}
    settings = {
        **files,
        **limit,
        "recipe": arguments.recipe,
        "overwrite": True,
        "seed": arguments.seed,
    }
    report = ostinato.train(
        "language", out=f"{arguments.runs}/{arguments.recipe}", **settings
    ).report
    cached = ostinato.load(report["run"], cache=CACHES["ptb"]).evaluate([files["test"]])
    row = {
        "recipe": arguments.recipe,
        "test perplexity": report["metrics"]["perplexity"],
        "95 % interval": " .. ".join(f"{end:.1f}" for end in report["intervals"]["perplexity"]),
        "with a cache": cached["metrics"]["perplexity"],
        "its interval": " .. ".join(f"{end:.1f}" for end in cached["intervals"]["perplexity"]),
        "published": PUBLISHED.get(arguments.recipe, ""),
        "Kneser-Ney 5-gram": report["baseline"]["metrics"]["perplexity"],
        "both together": with_kneser_ney(report["run"], settings),
        "minutes": report["seconds"] / 60,
        "tokens/s": report["tokens_per_second"],
        "parameters": report["parameters"],
    }
    return list(row), [row]


def with_kneser_ney(run: str, settings: dict[str, Any]) -> float:
    """Perplexity of the mean of a network's probabilities and those of the n-gram counted on
    the same text (Mikolov et al. 2010).
    """
    ostinato.train("language", out=f"{run}-kneser-ney", **settings, model="kneser-ney")
    return ostinato.load(f"{run},{run}-kneser-ney").evaluate([settings["test"]])["metrics"][
        "perplexity"
    ]


def in_turns(contenders: dict[str, Callable[[], int]], seconds: float) -> dict[str, float]:
    """Tokens a second of each contender, the median of its turns; a call does some work and
    says how many tokens that was.
    """
    speeds: dict[str, list[float]] = {name: [] for name in contenders}
    for work in contenders.values():
        work()  # warm
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or min(map(len, speeds.values())) < 3:
        for name, work in contenders.items():
            began = time.perf_counter()
            speeds[name].append(work() / (time.perf_counter() - began))
    return {name: statistics.median(each) for name, each in speeds.items()}


def compared(name: str, speeds: dict[str, float]) -> list[dict[str, Any]]:
    """A row for each of ours: tokens a second, and how many times that is of the plain loop's."""
    plain = speeds.pop("torch.nn")
    return [
        {
            "what": name,
            "with": setting_,
            "ostinato, tokens/s": speed,
            "torch.nn, tokens/s": plain,
            "times": speed / plain,
        }
        for setting_, speed in speeds.items()
    ]


def training(arguments: argparse.Namespace) -> tuple[list[str], list[dict[str, Any]]]:
    """The same batches through each, each with its own weights of the same sizes."""
    rows = []
    for size in (200, 650):
        torch.manual_seed(arguments.seed)
        numbers = torch.randint(0, WORDS, (ROWS, 10 * STEPS + 1))
        contenders = {
            "torch.nn": partial(
                train_plainly, PlainLanguageModel(WORDS, size, layers=2), numbers, STEPS
            )
        }
        for name, precision in [
            ("float32", "float32"),
            ("--output-precision bfloat16", "bfloat16"),
        ]:
            model = LanguageModel(
                Embedding(WORDS, size), CELLS["lstm"], size, layers=2, output_precision=precision
            )
            contenders[name] = partial(train_ours, model, numbers)
        rows += compared(f"2 x {size}", in_turns(contenders, arguments.seconds))
    return list(rows[0]), rows


def train_ours(model: LanguageModel, numbers: torch.Tensor) -> int:
    """Ten chunks by the loop that `ostinato train` runs."""
    full = torch.full((ROWS,), STEPS)
    batches = [
        Batch(
            numbers[:, start : start + STEPS],
            full,
            numbers[:, start + 1 : start + STEPS + 1],
            full,
            continues=start > 0,
        )
        for start in range(0, numbers.shape[1] - 1, STEPS)
    ]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return sum(progress.tokens for progress in train(model, batches, optimizer, clip_norm=0.25))


def generation(arguments: argparse.Namespace) -> tuple[list[str], list[dict[str, Any]]]:
    """Sampling at temperature 1 from untrained weights, which takes as long as from trained
    ones: ours as `ostinato generate` does, to the text; the plain loop makes numbers.
    """
    rows = []
    letters, words = (
        Vocabulary([chr(48 + place) for place in range(61)]),
        Vocabulary([f"word{number}" for number in range(WORDS - 4)]),
    )
    for name, units, embedding, size, layers in [
        ("characters, 1 x 512", CharacterTokenizer(letters), 64, 512, 1),
        ("words, 2 x 200", WordTokenizer(words, tokenized=True), 200, 200, 2),
    ]:
        model = LanguageModel(
            Embedding(len(units), embedding), CELLS["lstm"], size, layers=layers
        ).eval()
        for samples in (1, 64):
            contenders = {
                "torch.nn": partial(generate_plainly, len(units), embedding, size, layers, samples)
            }
            for weights in FORMATS:
                options = LanguageOptions(unit=units.name, weights=weights)
                predictor = LanguagePredictor(options, LanguagePreprocessing(options, units))
                contenders[weights if weights == "float32" else f"--weights {weights}"] = partial(
                    generate_ours, predictor, model, samples
                )
            rows += compared(
                f"{name}, {samples} at a time", in_turns(contenders, arguments.seconds)
            )
    return list(rows[0]), rows


def generate_ours(
    predictor: LanguagePredictor, model: LanguageModel, samples: int, steps: int = 200
) -> int:
    for _ in predictor.generate(model, Request(length=steps, samples=samples)):
        pass
    return samples * steps


if __name__ == "__main__":
    main()
