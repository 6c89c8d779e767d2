"""Speed of training and predicting a tagger, and the memory of tagging a long file.

    python benchmarks/tagging_speed.py --data FOLDER  # about 5 minutes on two cores
    # with Flair, about 8 minutes
    python benchmarks/tagging_speed.py --data FOLDER --flair-python VENV/bin/python

FOLDER has en_ewt-ud-train.conllu, perhaps gzipped: English UD EWT. Contenders: Ostinato's
tagger with the settings that `ostinato train tagging` takes; one without affixes and with plain
dropout alone, which is the very function of the plain loop; and that loop,
benchmarks/plain_tagger.py: torch.nn's packed BiLSTM with a CRF as in pytorch-crf. All train on
the same batches with the same fused Adam and gradient clipping; the loss of one batch with the
same weights is printed to show that the plain loop computes the same. Their segments are
interleaved, and the table has medians. Predicting begins with words and ends with the best tags
of each, without probabilities; Ostinato sorts the sentences by length as its commands do, the
plain loop takes them as they come, and once sorted, too. Flair's SequenceTagger
(flair_contender.py, in a process and an environment of its own that has flair) trains on the
same batches.

Then `ostinato predict` tags --tokens words from one file in a process of its own, and a tenth
of them: what it needs at most must not grow with the file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

import ostinato
from memory import cost_of
from ostinato.commands.tables import table
from ostinato.data.batching.batch import by_length, collate
from ostinato.data.batching.buckets import BucketedBatches
from ostinato.data.text.sentence import Sentence
from ostinato.tasks.tagging import TASK
from ostinato.tasks.task import Task
from ostinato.training.loop import train
from ostinato.training.optimise import Options, build_optimizer
from plain_tagger import PlainTagger, Row, batch
from setting import find, setting, write

TRAINING = Options(**TASK.training)
CONTENDERS = ("ostinato", "ostinato, same network", "plain loop")
PREDICTING = (*CONTENDERS, "plain loop, sorted")


class Ours:
    """Ostinato's tagger, trained as its commands train it."""

    def __init__(self, records: Sequence[Sentence], **settings: Any):
        self.task = TASK.create(settings).fit(records)
        self.network = self.task.build_network()
        self.task.initialise(self.network)
        self.optimizer = build_optimizer(self.network, TRAINING)
        self.examples = [self.task.preprocessing.encode(record) for record in records]

    def train(self, rows: list[list[int]]) -> None:
        batches = [collate([self.examples[row] for row in each]) for each in rows]
        for _ in train(self.network.train(), batches, self.optimizer, clip_norm=TRAINING.clip_norm):
            pass

    def loss(self, rows: list[int]) -> float:
        total = self.network.eval().loss(collate([self.examples[row] for row in rows])).total
        return float(total.detach())

    def tag(self, records: Sequence[Sentence]) -> list[list[int]]:
        self.network.eval()
        return [
            paths[0].labels
            for paths in self.task.predictor.search(self.network, records, probabilities=False)
        ]


class Plain:
    """The plain loop on the same numbers."""

    def __init__(self, ours: Ours):
        self.task = ours.task
        options, fitted = self.task.options, self.task.preprocessing
        self.network = PlainTagger(
            len(fitted.words),
            len(fitted.letters),
            len(fitted.tags),
            embedding_size=options.embedding_size,
            character_size=options.character_size,
            hidden_size=options.hidden_size,
            dropout=options.dropout,
        )
        self.network.load_ostinato(ours.network.state_dict())
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=TRAINING.initial_rate, fused=True
        )
        self.rows: list[Row] = [
            row_of(example.inputs, example.spellings, example.targets) for example in ours.examples
        ]

    def train(self, rows: list[list[int]]) -> None:
        self.network.train()
        for each in rows:
            words, characters, lengths, tags = batch([self.rows[row] for row in each])
            self.optimizer.zero_grad()
            (self.network.loss(words, characters, lengths, tags) / int(lengths.sum())).backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), TRAINING.clip_norm)
            self.optimizer.step()

    @torch.no_grad()
    def loss(self, rows: list[int]) -> float:
        return float(self.network.eval().loss(*batch([self.rows[row] for row in rows])))

    def tag(self, records: Sequence[Sentence], *, sorts: bool = False) -> list[list[int]]:
        self.network.eval()
        examples = [self.task.preprocessing.encode_inputs(record) for record in records]
        rows = [row_of(example.inputs, example.spellings) for example in examples]
        groups = (
            by_length(examples)
            if sorts
            else (range(first, min(first + 32, len(rows))) for first in range(0, len(rows), 32))
        )
        found: list[list[int]] = [[] for _ in rows]
        for group in groups:
            words, characters, lengths, _ = batch([rows[place] for place in group])
            for place, tags in zip(
                group, self.network.decode(words, characters, lengths), strict=True
            ):
                found[place] = tags
        return found


class Flair:
    """Flair's tagger in its own process, which does the timing."""

    def __init__(self, python: str, records: Sequence[Sentence], task: Task):
        program = str(Path(__file__).with_name("flair_contender.py"))
        self.process = subprocess.Popen(
            [python, "-I", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        sentences = [[list(record.words), list(record.tags)] for record in records]
        options = task.options
        said = self.ask(
            sentences=sentences,
            threads=torch.get_num_threads(),
            learning_rate=TRAINING.initial_rate,
            clip_norm=TRAINING.clip_norm,
            embedding_size=options.embedding_size,
            character_size=options.character_size,
            hidden_size=options.hidden_size,
            dropout=options.dropout,
        )
        self.name = f"Flair {said['version']}"

    def ask(self, **wanted: Any) -> dict[str, Any]:
        print(json.dumps(wanted), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(
                f"{self.process.args[0]} flair_contender.py ended with status {self.process.wait()}"
            )
        return json.loads(line)

    def train(self, rows: list[list[int]]) -> float:
        return self.ask(do="train", rows=rows)["seconds"]

    def tag(self, records: Sequence[Sentence]) -> float:
        return self.ask(do="tag", words=[list(record.words) for record in records])["seconds"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def row_of(
    words: torch.Tensor, spellings: Sequence[Sequence[int]], tags: torch.Tensor | None = None
) -> Row:
    return words.tolist(), [list(word) for word in spellings], [] if tags is None else tags.tolist()


def main() -> None:
    arguments = read_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    file = find(arguments.data, "en_ewt-ud-train.conllu")
    results = {**speed(arguments, file), "file": streamed(arguments, file)}
    print(*setting(arguments), sep="\n")
    plain = results["training"]["plain loop"]
    print(
        *table(
            ["training", "tokens/s", "times the plain loop"],
            [[name, value, value / plain] for name, value in results["training"].items()],
        ),
        sep="\n",
    )
    plain = results["predicting"]["plain loop"]
    print(
        *table(
            ["predicting", "tokens/s", "times the plain loop"],
            [[name, value, value / plain] for name, value in results["predicting"].items()],
        ),
        sep="\n",
    )
    print(
        f"-log p of one batch, the same weights: {results['losses'][0]:.4f}, plain loop "
        f"{results['losses'][1]:.4f}; the same tags: {results['same']:.2%} of sentences"
    )
    print(
        *table(
            ["file of", "tokens/s", "peak MiB"],
            [
                [f"{each['tokens']:,} tokens", each["speed"], each["peak_mib"]]
                for each in results["file"]
            ],
        ),
        sep="\n",
    )
    write(arguments.output, arguments, results)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="the folder of EWT")
    parser.add_argument(
        "--batches", type=int, default=15, help="batches of a timed training segment"
    )
    parser.add_argument(
        "--sentences", type=int, default=600, help="sentences of a timed predicting segment"
    )
    parser.add_argument("--repeats", type=int, default=5, help="timed segments of each kind")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="length of the file to tag")
    parser.add_argument("--threads", type=int, default=None, help="default: what torch takes")
    parser.add_argument("--flair-python", help="the Python of an environment that has flair")
    parser.add_argument("--output", help="also write everything to this JSON file")
    return parser.parse_args()


def speed(arguments: argparse.Namespace, file: str) -> dict[str, Any]:
    """Tokens a second of each contender, and whether the two that should be are the same
    function.
    """
    records = TASK.create({}).reader.read([file], training=True)
    same = Ours(
        records,
        affix_size=0,
        locked_dropout=False,
        word_dropout=0.0,
        character_dropout=0.0,
        unknown=0.0,
    )
    taggers = dict(zip(CONTENDERS, (Ours(records), same, Plain(same)), strict=True))
    judged = records[:: max(1, len(records) // arguments.sentences)]
    plan = [
        list(map(int, rows))
        for rows in BucketedBatches(same.examples, batch_size=TRAINING.batch_size, seed=1).plan(0)
    ]
    losses = [same.loss(plan[0]), taggers["plain loop"].loss(plan[0])]
    agree = sum(
        one == other
        for one, other in zip(same.tag(judged), taggers["plain loop"].tag(judged), strict=True)
    ) / len(judged)
    tokens = sum(len(record.words) for record in judged)
    tag = {name: taggers[name].tag for name in CONTENDERS}
    tag["plain loop, sorted"] = lambda records: taggers["plain loop"].tag(records, sorts=True)
    training: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    predicting: dict[str, list[float]] = {name: [] for name in PREDICTING}
    flair = Flair(arguments.flair_python, records, same.task) if arguments.flair_python else None
    for repeat in range(arguments.repeats + 1):  # the first one warms up
        rows = plan[repeat * arguments.batches : (repeat + 1) * arguments.batches]
        learned = sum(len(records[row].words) for each in rows for row in each)
        for name in CONTENDERS:
            training[name].append(learned / seconds(taggers[name].train, rows))
        for name in PREDICTING:
            for each in taggers.values():
                each.task.preprocessing.word_cache.clear()
            predicting[name].append(tokens / seconds(tag[name], judged))
        if flair:
            training.setdefault(flair.name, []).append(learned / flair.train(rows))
            predicting.setdefault(flair.name, []).append(tokens / flair.tag(judged))
    if flair:
        flair.close()
    return {
        "losses": losses,
        "same": agree,
        "training": medians(training),
        "predicting": medians(predicting),
    }


def medians(segments: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values[1:]) for name, values in segments.items()}


def seconds(act: Callable[[Any], Any], argument: Any) -> float:
    began = time.perf_counter()
    act(argument)
    return time.perf_counter() - began


def streamed(arguments: argparse.Namespace, file: str) -> list[dict[str, float]]:
    """A file of so many tokens, and one of a tenth, each tagged by `ostinato predict` in a
    process of its own.
    """
    with tempfile.TemporaryDirectory() as folder:
        ostinato.train(
            "tagging", train=[file], out=f"{folder}/run", time_limit="20s", tensorboard=False
        )
        return [
            tagged(Path(folder), file, tokens)
            for tokens in (arguments.tokens // 10, arguments.tokens)
        ]


def tagged(folder: Path, file: str, tokens: int) -> dict[str, float]:
    """Tags a file made of EWT's sentences, again and again, of so many tokens."""
    sentences = [
        " ".join(word.replace(" ", "_") for word in record.words)
        for record in TASK.create({}).reader.read([file])
    ]
    count = written = 0
    with (folder / "long.txt").open("w", encoding="utf-8") as stream:
        while count < tokens:
            stream.write(sentences[written % len(sentences)] + "\n")
            count += sentences[written % len(sentences)].count(" ") + 1
            written += 1
    spent, peak = cost_of(
        [
            "predict",
            str(folder / "run"),
            str(folder / "long.txt"),
            "--output",
            str(folder / "out.conll"),
        ]
    )
    return {"tokens": count, "seconds": spent, "speed": count / spent, "peak_mib": peak}


if __name__ == "__main__":
    main()
