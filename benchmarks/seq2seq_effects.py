"""The three effects of Sutskever, Vinyals and Le (2014), measured anew with a small model of
their kind: LSTMs without attention.

    python benchmarks/seq2seq_effects.py --tatoeba fra.txt.gz  # about 40 minutes on one core
    # Multi30k, of which such a model learns little in an hour
    python benchmarks/seq2seq_effects.py --data FOLDER --epochs 12

For each seed one model is trained on sources as they stand and one on reversed sources, with
all else equal, for as many epochs. Reported on the test set (test_2016_flickr of Multi30k; of
Tatoeba 2,000 sentences, see tatoeba.py), in BLEU:

    1. the source reversed against not (section 3.3 of the paper)
    2. beams of several widths; as in the paper, hypotheses are ranked by their log-probability,
       whatever their length (section 3.2)
    3. n-best lists of the seed's weaker model (by BLEU on val) rescored by the stronger one,
       alone and interpolated with the list's own score, the weight tuned on a list for val
       (section 3.7 rescores the 1000-best lists of another system)

A difference has a 95 % interval (paired bootstrap) and a p-value (approximate randomisation)
over the sentences of all seeds together; what each seed found stands in its own column.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import ostinato
from multi30k import TEST, overrides
from ostinato.commands.predict import predict
from ostinato.commands.rescore import rescore
from ostinato.commands.tables import number, table
from ostinato.data.text.nbest_format import read_nbest
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.metrics.significance import paired_bootstrap, paired_randomisation
from setting import parallel, setting, write
from tatoeba import split

BLEU = METRICS["bleu"]
KINDS = {"as it stands": False, "reversed": True}
Counts = list[tuple[int, ...]]  # what BLEU counts of each sentence


@dataclass
class Found:
    """BLEU's counts by what was done: one list of counts a seed."""

    counts: dict[str, list[Counts]] = field(default_factory=dict)
    weights: list[float] = field(
        default_factory=list
    )  # the stronger model's share, tuned, one a seed
    runs: list[dict[str, Any]] = field(default_factory=list)

    def add(self, what: str, texts: Sequence[str], references: Sequence[str]) -> float:
        counts = [
            BLEU.count(text, reference) for text, reference in zip(texts, references, strict=True)
        ]
        self.counts.setdefault(what, []).append(counts)
        return corpus_score(BLEU, counts)

    def scores(self, what: str) -> list[float]:
        return [corpus_score(BLEU, counts) for counts in self.counts[what]]


def main() -> None:
    arguments = read_arguments()
    if arguments.tatoeba:
        arguments.data, arguments.pair, arguments.test = (
            str(Path(arguments.runs) / "tatoeba"),
            "en-fr",
            "test",
        )
        split(arguments.tatoeba, arguments.data, longest=arguments.longest)
    found = Found()
    for seed in arguments.seeds:
        runs = {kind: train(arguments, kind, seed, found) for kind in KINDS}
        decode(arguments, runs, found)
        rescored(arguments, runs, found)
    print(*setting(arguments), sep="\n")
    print(*report(arguments, found), sep="\n")
    write(
        arguments.output,
        arguments,
        {
            "bleu": {what: found.scores(what) for what in found.counts},
            "weights": found.weights,
            "runs": found.runs,
            "differences": differences(arguments, found),
        },
    )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    corpus = parser.add_mutually_exclusive_group(required=True)
    corpus.add_argument("--data", help="the folder of Multi30k (see multi30k.py)")
    corpus.add_argument(
        "--tatoeba",
        metavar="FILE",
        help="the English-French pairs of manythings.org/anki: fra.txt or fra.txt.gz",
    )
    parser.add_argument(
        "--longest",
        type=int,
        default=8,
        help="words of the longest English sentence taken from Tatoeba",
    )
    parser.add_argument("--pair", default="en-fr", help="source-target")
    parser.add_argument("--test", default=TEST, help="the name of the test set in the folder")
    parser.add_argument(
        "--epochs", type=float, default=3.0, help="training of each of the two runs a seed"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--beams", nargs="+", type=int, default=[1, 2, 12])
    parser.add_argument(
        "--n-best",
        type=int,
        default=20,
        help="candidates a sentence of the lists that are rescored",
    )
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--embedding-size", type=int, default=256)
    parser.add_argument("--vocabulary-size", type=int, default=2000)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="OPTION=VALUE", help="further options of the runs"
    )
    parser.add_argument(
        "--runs",
        default="runs/seq2seq-effects",
        help="where models and lists go; replaces what is there",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="take the models that an interrupted benchmark has left, and train the rest",
    )
    parser.add_argument("--output", help="also write everything to this JSON file")
    return parser.parse_args()


def train(arguments: argparse.Namespace, kind: str, seed: int, found: Found) -> Path:
    """One run of the paper's model, small: the encoder's last state is all that the decoder
    gets.
    """
    run = Path(arguments.runs) / f"{kind.replace(' ', '-')}-{seed}"
    names = {"train": "train", "dev": "val", "test": arguments.test}
    files = {part: parallel(arguments.data, name, arguments.pair) for part, name in names.items()}
    options = {
        "cell": "lstm",
        "attention": "none",
        "bidirectional": False,
        "reverse_source": KINDS[kind],
        "layers": arguments.layers,
        "hidden_size": arguments.hidden_size,
        "embedding_size": arguments.embedding_size,
        "vocabulary_size": arguments.vocabulary_size,
        "dropout": arguments.dropout,
        "label_smoothing": 0.0,
        "length_penalty": 0.0,
        "epochs": arguments.epochs,
        "batch_tokens": 1000,
        "learning_rate": 0.002,
        "schedule": "cosine",
        "warmup": 100,
        **overrides(arguments.set),
    }
    if not (arguments.keep and (run / "report.json").is_file()):
        ostinato.train("translation", **files, out=str(run), seed=seed, overwrite=True, **options)
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    found.runs.append(
        {
            "kind": kind,
            "seed": seed,
            **{name: report[name] for name in ("seconds", "tokens_per_second", "parameters")},
        }
    )
    return run


def decode(arguments: argparse.Namespace, runs: dict[str, Path], found: Found) -> None:
    """Every model with every width of beam, on the test set."""
    sources, references = test(arguments)
    for kind, run in runs.items():
        for width in arguments.beams:
            began = time.monotonic()
            texts = ostinato.load(run, beam=width).predict(sources)
            score = found.add(beam_name(kind, width), texts, references)
            say(f"{run.name}, beam {width}: BLEU {score:.2f} in {time.monotonic() - began:.1f} s")


def beam_name(kind: str, width: int) -> str:
    return f"source {kind}, beam {width}"


def rescored(arguments: argparse.Namespace, runs: dict[str, Path], found: Found) -> None:
    """The weaker model's lists, and what the stronger one makes of them."""
    weaker, stronger = sorted(runs.values(), key=dev_bleu)
    (val, wanted), (source, _) = (
        parallel(arguments.data, part, arguments.pair) for part in ("val", arguments.test)
    )
    sources, references = test(arguments)
    lists = {file: write_list(weaker, file, arguments.n_best) for file in (val, source)}
    found.add("the weaker model's own best", firsts(read_nbest(lists[source])), references)
    found.add(
        "the stronger model's own best",
        ostinato.load(stronger, beam=arguments.n_best).predict(sources),
        references,
    )
    alone = rescore(str(stronger), lists[source], source=source)
    mixed = rescore(str(stronger), lists[source], source=source, tune=[lists[val], val, wanted])
    found.add("rescored by the stronger alone", firsts(alone.candidates), references)
    score = found.add("rescored, interpolated", firsts(mixed.candidates), references)
    found.weights.append(mixed.weight)
    say(
        f"{weaker.name} rescored by {stronger.name} with weight {mixed.weight:.2f}: BLEU "
        f"{score:.2f}"
    )


def dev_bleu(run: Path) -> float:
    """The best of the run's dev scores while training."""
    from ostinato.training.curves import read_curves

    return max(
        each["dev"]["bleu"] for each in read_curves(run / "training" / "log.jsonl") if "dev" in each
    )


def write_list(run: Path, source: str, n_best: int) -> str:
    path = run / f"{Path(source).name.removesuffix('.gz')}.{n_best}-best"
    lines = (
        each.text for each in predict(str(run), [source], moses=True, n_best=n_best, beam=n_best)
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def firsts(candidates: Sequence[Any]) -> list[str]:
    """The text of each sentence's first candidate, by the sentences' numbers."""
    first: dict[int, str] = {}
    for candidate in candidates:
        first.setdefault(candidate.number, candidate.text)
    return [first[number] for number in sorted(first)]


def test(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    from ostinato.data.files.lines import read_lines

    source, target = parallel(arguments.data, arguments.test, arguments.pair)
    return read_lines(source), read_lines(target)


def compared(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """(what, against what)"""
    narrow, wide = min(arguments.beams), max(arguments.beams)
    pairs = [
        (beam_name("reversed", width), beam_name("as it stands", width))
        for width in arguments.beams
    ]
    pairs += [
        (beam_name(kind, width), beam_name(kind, narrow))
        for kind in KINDS
        for width in arguments.beams
        if width != narrow
    ]
    if wide not in (narrow, 2) and 2 in arguments.beams:
        pairs += [(beam_name(kind, wide), beam_name(kind, 2)) for kind in KINDS]
    pairs += [
        (f"rescored{how}", "the weaker model's own best")
        for how in (" by the stronger alone", ", interpolated")
    ]
    return [*pairs, ("rescored, interpolated", "the stronger model's own best")]


def differences(arguments: argparse.Namespace, found: Found) -> list[dict[str, Any]]:
    """Each comparison over the sentences of all seeds."""
    answers = []
    for one, other in compared(arguments):
        both = [[counts for seed in found.counts[what] for counts in seed] for what in (one, other)]
        pooled, interval = paired_bootstrap(BLEU, *both)
        each = [a - b for a, b in zip(found.scores(one), found.scores(other), strict=True)]
        answers.append(
            {
                "what": one,
                "against": other,
                "difference": pooled.difference,
                "interval": interval,
                "seeds": each,
                "p": paired_randomisation(BLEU, *both, trials=2000).p,
            }
        )
    return answers


def report(arguments: argparse.Namespace, found: Found) -> Iterator[str]:
    seeds = [f"seed {seed}" for seed in arguments.seeds]
    yield from table(
        ["BLEU", "mean", *seeds],
        [[what, mean(found.scores(what)), *found.scores(what)] for what in found.counts],
    )
    rows = [
        [
            each["what"],
            each["against"],
            signed(each["difference"]),
            f"{signed(each['interval'][0])} .. {signed(each['interval'][1])}",
            each["p"],
            *map(signed, each["seeds"]),
        ]
        for each in differences(arguments, found)
    ]
    yield from table(["what", "against", "difference", "95 % interval", "p", *seeds], rows)
    yield (
        "the stronger model's share when interpolated, tuned on val: "
        f"{' '.join(map(number, found.weights))}"
    )
    speeds = [run["tokens_per_second"] for run in found.runs]
    yield (
        f"{found.runs[0]['parameters']:,} parameters; {min(speeds):,.0f} to {max(speeds):,.0f} "
        "tokens/s while training"
    )


def signed(value: float) -> str:
    return f"{value:+.2f}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
