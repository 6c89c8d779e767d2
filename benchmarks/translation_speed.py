"""Speed and memory of training and decoding a translator: Ostinato beside a plain torch.nn loop
of the usual kind, and JoeyNMT.

    python benchmarks/translation_speed.py --data FOLDER  # about 40 minutes on two cores
    # with JoeyNMT, about 55 minutes
    python benchmarks/translation_speed.py --data FOLDER --joeynmt-python VENV/bin/python
    # where Ostinato's time goes: 2 minutes
    python benchmarks/translation_speed.py --data FOLDER --profile

FOLDER has Multi30k's train and test_2016_flickr (see multi30k.py). All contenders have the same
sizes, vocabularies, batches, dropout, label smoothing, gradient clipping and (fused) Adam, and
each runs in a process of its own, so that its peak memory is its own. Their segments are
interleaved; the table has medians over the repeats. For decoding all of them get the same
weights, trained by Ostinato for a few minutes, so that they compute the same function (the loss
of one batch is printed to show it) and stop where a translator stops. The plain loop is
benchmarks/plain_seq2seq.py; it is shown as tutorials have it, with input feeding, without, and
without it on the whole target at once. Tokens are target tokens, <eos> counted when
training.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ostinato.commands.tables import number, table
from setting import parallel, setting, write


@dataclass
class Contender:
    """`program` is one of translation_worker.py's.

    `segments` collects what each repeat took, in seconds.
    """

    name: str
    program: str
    input_feeding: bool
    whole_target: bool = False
    output_precision: str = "float32"
    parameters: int = 0
    loss: float = float("nan")
    failed: str = ""
    segments: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    found: dict[str, list[list[int]]] = field(default_factory=dict)

    @property
    def decodes(self) -> bool:
        """Whether it decodes otherwise than another one of the same program."""
        return not self.whole_target and self.output_precision == "float32"

    def median(self, what: str) -> float:
        return statistics.median(self.segments[what]) if self.segments.get(what) else float("nan")


BASE = "plain loop, input feeding"
NARROW = ", --output-precision bfloat16"
SEARCHES = {"greedy": 1, "beam 5": 5}


def contenders() -> list[Contender]:
    return [
        Contender("Ostinato", "ostinato", False),
        Contender("Ostinato, input feeding", "ostinato", True),
        Contender(f"Ostinato{NARROW}", "ostinato", False, output_precision="bfloat16"),
        Contender(
            f"Ostinato, input feeding{NARROW}", "ostinato", True, output_precision="bfloat16"
        ),
        Contender(BASE, "plain", True),
        Contender("plain loop", "plain", False),
        Contender("plain, whole target", "plain", False, whole_target=True),
        Contender("JoeyNMT, input feeding", "joeynmt", True),
    ]


class Worker:
    """A contender's process: `ask` sends it something to do and waits for the answer."""

    def __init__(
        self,
        contender: Contender,
        arguments: argparse.Namespace,
        cell: str,
        work: Path,
        sizes: dict[str, int],
    ):
        self.contender, self.errors = contender, tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by close)
        python = arguments.joeynmt_python if contender.program == "joeynmt" else sys.executable
        if python is None:
            raise Failed("no --joeynmt-python given")
        if contender.program == "joeynmt" and arguments.embedding_size != arguments.hidden_size:
            raise Failed("ties its output layer only to embeddings as wide as the hidden layer")
        spec = {
            "cell": cell,
            "input_feeding": contender.input_feeding,
            "whole_target": contender.whole_target,
            "output_precision": contender.output_precision,
            **sizes,
            **{
                name: getattr(arguments, name)
                for name in (
                    "embedding_size",
                    "hidden_size",
                    "dropout",
                    "label_smoothing",
                    "learning_rate",
                    "clip_norm",
                )
            },
        }
        program = Path(__file__).with_name("translation_worker.py")
        self.process = subprocess.Popen(
            [python, str(program), contender.program, str(work), json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def ask(self, do: str, **wanted: Any) -> dict[str, Any]:
        with contextlib.suppress(BrokenPipeError):  # it ended; why, its last words say
            print(json.dumps({"do": do, **wanted}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            said = [each for each in self.errors.read().splitlines() if each.strip()]
            raise Failed(said[-1] if said else f"ended with status {self.process.returncode}")
        return json.loads(line)

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it ended before it was asked
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Failed(Exception):
    """A contender that cannot run; the text says why and goes into the table."""


def main() -> None:
    arguments = read_arguments()
    if arguments.profile:
        from translation_profile import print_profile

        print_profile(arguments)
        return
    with tempfile.TemporaryDirectory() as scratch:
        work, sizes, references = prepare(arguments, Path(scratch))
        results = {cell: run(arguments, cell, work, sizes) for cell in arguments.cells}
    print(*setting(arguments), sep="\n")
    for cell, measured in results.items():
        print(*training_table(cell, measured, references), sep="\n")
        print(*decoding_table(cell, measured), sep="\n")
    write(
        arguments.output,
        arguments,
        {
            "sizes": sizes,
            "results": {
                cell: {each.name: as_json(each, references) for each in measured}
                for cell, measured in results.items()
            },
        },
    )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="the folder of Multi30k")
    parser.add_argument("--pair", default="de-en", help="source-target")
    parser.add_argument("--cells", nargs="+", default=["gru", "lstm"], choices=["gru", "lstm"])
    parser.add_argument(
        "--vocabulary-size", type=int, default=8000, help="subwords of each language"
    )
    parser.add_argument(
        "--embedding-size",
        type=int,
        default=512,
        help="of both; JoeyNMT needs that of the hidden layer to tie the output",
    )
    parser.add_argument(
        "--hidden-size",
        type=int,
        default=512,
        help="of the decoder; the encoder has half of it in each direction",
    )
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--label-smoothing", type=float, default=0.1)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--clip-norm", type=float, default=1.0)
    parser.add_argument(
        "--batch-size", type=int, default=64, help="sentences a batch, of similar length"
    )
    parser.add_argument(
        "--batches", type=int, default=10, help="batches of a timed training segment"
    )
    parser.add_argument(
        "--sentences", type=int, default=200, help="sentences of a timed decoding segment"
    )
    parser.add_argument("--repeats", type=int, default=5, help="timed segments of each kind")
    parser.add_argument(
        "--minutes",
        type=float,
        default=3.0,
        help="training of the weights that all decode with, for each kind of network",
    )
    parser.add_argument(
        "--threads", type=int, default=None, help="of each contender (default: what torch takes)"
    )
    parser.add_argument(
        "--joeynmt-python", help="the Python of an environment that has joeynmt and safetensors"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="print where Ostinato's training time goes, and nothing else",
    )
    parser.add_argument("--output", help="also write everything to this JSON file")
    arguments = parser.parse_args()
    if arguments.threads is None:
        import torch

        arguments.threads = torch.get_num_threads()
    return arguments


def prepare(arguments: argparse.Namespace, scratch: Path) -> tuple[Path, dict[str, int], list[int]]:
    """(a file of numbers for the workers, the vocabularies' sizes, target tokens of each batch)."""
    from ostinato.data.batching.buckets import BucketedBatches
    from ostinato.tasks import TASKS

    task = TASKS["translation"].create({"vocabulary_size": arguments.vocabulary_size})
    records = task.reader.read(parallel(arguments.data, "train", arguments.pair), training=True)
    task = task.fit(records)
    examples = [task.preprocessing.encode(record) for record in records]
    batches = BucketedBatches(examples, batch_size=arguments.batch_size, seed=1)
    lists = [
        [(examples[row].inputs.tolist(), examples[row].targets.tolist()) for row in rows]
        for rows in batches.plan(0)
    ]
    lists = [list(map(list, zip(*rows, strict=True))) for rows in lists]
    test = task.reader.read(parallel(arguments.data, "test_2016_flickr", arguments.pair))
    test = test[:: max(1, len(test) // arguments.sentences)][: arguments.sentences]
    sources = sorted(
        (task.preprocessing.encode(record).inputs.tolist() for record in test), key=len
    )
    path = scratch / "work.json"
    path.write_text(
        json.dumps(
            {
                "threads": arguments.threads,
                "batches": lists[: arguments.batches],
                "lessons": lists[arguments.batches :],
                "sources": sources,
            }
        )
    )
    tokens = [sum(map(len, targets)) for _, targets in lists[: arguments.batches]]
    return path, {"source_size": len(task.source), "target_size": len(task.target)}, tokens


def run(
    arguments: argparse.Namespace, cell: str, work: Path, sizes: dict[str, int]
) -> list[Contender]:
    """All contenders with one kind of cell, measured in turns."""
    measured, workers = contenders(), []
    try:
        for contender in measured:
            try:
                worker = Worker(contender, arguments, cell, work, sizes)
                contender.parameters = worker.ask("describe")["parameters"]
                workers.append(worker)
            except Failed as failure:
                contender.failed = str(failure)
        for segment in range(arguments.repeats + 1):
            say(f"{cell}: training segment {segment} of {arguments.repeats}")
            for worker in running(workers):
                train_segment(worker, arguments, timed=segment > 0)
        give_weights(arguments, cell, work, workers)
        for segment in range(arguments.repeats + 1):
            say(f"{cell}: decoding segment {segment} of {arguments.repeats}")
            for worker in running(workers):
                if worker.contender.decodes:
                    decode_segment(worker, arguments, timed=segment > 0)
    finally:
        for worker in workers:
            worker.close()
    return measured


def running(workers: Sequence[Worker]) -> Iterator[Worker]:
    """Those that have not failed; one that does in its turn is noted, and left out from then on."""
    for worker in workers:
        if not worker.contender.failed:
            yield worker


def train_segment(worker: Worker, arguments: argparse.Namespace, *, timed: bool) -> None:
    stop = arguments.batches if timed else max(1, arguments.batches // 4)
    note(worker, "training", {"do": "train", "start": 0, "stop": stop}, timed=timed)


def decode_segment(worker: Worker, arguments: argparse.Namespace, *, timed: bool) -> None:
    for name, width in SEARCHES.items():
        sentences = arguments.sentences if timed else max(1, arguments.sentences // 10)
        note(worker, name, {"do": "decode", "sentences": sentences, "width": width}, timed=timed)


def note(worker: Worker, what: str, wanted: dict[str, Any], *, timed: bool) -> None:
    """Asks, and keeps what a timed segment took."""
    contender = worker.contender
    try:
        answer = worker.ask(**wanted)
    except Failed as failure:
        contender.failed = str(failure)
        return
    if timed:
        contender.segments.setdefault(what, []).append(answer["seconds"])
        contender.peaks[what] = max(contender.peaks.get(what, 0.0), answer["peak_mib"])
        contender.found[what] = answer.get("tokens", [])


def give_weights(
    arguments: argparse.Namespace, cell: str, work: Path, workers: Sequence[Worker]
) -> None:
    """The same trained weights to all contenders of a kind (with and without input feeding)."""
    for feeding in (False, True):
        say(
            f"{cell}: training the weights to decode with, input feeding {feeding}, "
            f"{arguments.minutes:g} minutes"
        )
        path = str(work.with_name(f"{cell}-{feeding}.safetensors"))
        alike = [worker for worker in running(workers) if worker.contender.input_feeding is feeding]
        teacher = next(worker for worker in alike if worker.contender.program == "ostinato")
        teacher.ask("teach", minutes=arguments.minutes, weights=path)
        for worker in alike:
            try:
                worker.contender.loss = worker.ask("load", weights=path)["loss"]
            except Failed as failure:
                worker.contender.failed = str(failure)


def training_table(
    cell: str, measured: Sequence[Contender], references: Sequence[int]
) -> Iterator[str]:
    tokens, base = sum(references), by_name(measured, BASE).median("training")
    rows = []
    for each in measured:
        if each.failed:
            rows.append([each.name, "did not run", "", "", "", "", ""])
            continue
        seconds = each.median("training")
        rows.append(
            [
                each.name,
                number(each.parameters),
                number(tokens / seconds),
                number(base / seconds),
                number(same_network(measured, each, "training") / seconds),
                number(each.peaks["training"]),
                f"{each.loss:.4f}",
            ]
        )
    columns = [
        "training",
        "parameters",
        "tokens/s",
        "times the plain loop",
        "times the same network",
        "peak MiB",
        "same batch's loss",
    ]
    yield from table(columns, rows, f"{cell}: training")
    yield from (f"{each.name} did not run: {each.failed}" for each in measured if each.failed)


def decoding_table(cell: str, measured: Sequence[Contender]) -> Iterator[str]:
    rows = []
    for what in SEARCHES:
        base = by_name(measured, BASE)
        for each in measured:
            if not each.segments.get(what) or each.failed:
                continue
            seconds, sentences, tokens = (
                each.median(what),
                len(each.found[what]),
                sum(map(len, each.found[what])),
            )
            twin = plain_twin(measured, each)
            alike = sum(
                ours == theirs
                for ours, theirs in zip(each.found[what], twin.found.get(what, []), strict=False)
            )
            rows.append(
                [
                    f"{what}: {each.name}",
                    sentences / seconds,
                    tokens / seconds,
                    base.median(what) / seconds,
                    twin.median(what) / seconds,
                    each.peaks[what],
                    tokens / sentences,
                    f"{alike} of {sentences}",
                ]
            )
    columns = [
        "decoding",
        "sentences/s",
        "tokens/s",
        "times the plain loop",
        "times the same network",
        "peak MiB",
        "tokens a sentence",
        "same as plain",
    ]
    yield from table(columns, rows, f"{cell}: decoding")


def by_name(measured: Sequence[Contender], name: str) -> Contender:
    return next(each for each in measured if each.name == name)


def plain_twin(measured: Sequence[Contender], contender: Contender) -> Contender:
    """The plain loop of the same network: with input feeding, or without."""
    return next(
        each
        for each in measured
        if each.program == "plain" and each.input_feeding is contender.input_feeding
    )


def same_network(measured: Sequence[Contender], contender: Contender, what: str) -> float:
    return plain_twin(measured, contender).median(what)


def as_json(contender: Contender, references: Sequence[int]) -> dict[str, Any]:
    decoded = {
        what: {"sentences": len(found), "tokens": sum(map(len, found))}
        for what, found in contender.found.items()
        if found
    }
    return {
        "parameters": contender.parameters,
        "failed": contender.failed,
        "loss": contender.loss,
        "seconds": contender.segments,
        "training_tokens": sum(references),
        "decoded": decoded,
        "peak_mib": contender.peaks,
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
