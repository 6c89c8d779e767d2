"""How fast transcription trains, decodes and streams, and what an hour of sound costs.

    python benchmarks/transcription_speed.py --parts plain --run RUN   # half a minute on one core
    python benchmarks/transcription_speed.py --parts streaming --run RUN   # half a minute
    python benchmarks/transcription_speed.py --parts hour --run RUN... --data FOLDER

plain      training and greedy decoding beside benchmarks/plain_transcriber.py: the same network
           in torch.nn with packed batches and nn.CTCLoss, on the packaged features (AN4)
streaming  the real-time factor of a run of one direction, and how long after a chunk of 40 ms
           its partial text is there
hour       `ostinato predict RUN hour.wav` in a process of its own, for each run and --formats: time
           and peak memory, beside those of a tenth of the hour, and of one recording; the hour is
           made of the sound files in FOLDER in random order, again and again (without --data of
           the recording that the package carries)

In `plain`, all contenders train on the same batches with the same fused AdamW and gradient
clipping. "ostinato" varies the features as its commands do by default; "same network" does not,
and is the very function of the plain loop: the loss of one batch with the same weights is printed,
and in how many recordings both decode the same text. Segments are interleaved; the table has
medians. Decoding begins with features and ends with texts; Ostinato also gives words with times,
confidences and the transcript's log-probability, and sorts recordings by length as its commands
do; the plain loop takes 16 at a time as they come, and once sorted, too. With --run, both decode
with the weights of that run, of default options but for its size: an untrained one writes nothing.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ostinato
from memory import cost_of
from ostinato.commands.tables import table
from ostinato.data.audio.audio_files import is_audio, read_audio
from ostinato.data.audio.recordings import Recording
from ostinato.data.batching.batch import by_length, collate
from ostinato.data.batching.buckets import BucketedBatches
from ostinato.data.files.samples import sample_files
from ostinato.tasks.transcription import RECORDING, TASK
from ostinato.training.loop import train
from ostinato.training.optimise import Options, build_optimizer
from plain_transcriber import PlainTranscriber, batch
from setting import setting, write

TRAINING = Options(**TASK.training)
PARTS = ("plain", "streaming", "hour")
FORMATS = ("text", "srt", "vtt", "tsv", "ctm", "json")
CHUNK = 0.04  # seconds of sound
HOUR, RATE = 3600, 16_000
AT_ONCE = 16  # recordings that the plain loop decodes


class Ours:
    """Ostinato's transcriber, trained as its commands train it."""

    def __init__(self, records: Sequence[Recording], *, varied: bool, **settings: Any):
        self.task = TASK.create(settings).fit(records)
        self.records, self.varied, self.draws = records, varied, 0
        self.network = self.task.build_network()
        self.task.initialise(self.network)
        self.optimizer = build_optimizer(self.network, TRAINING)
        self.examples = [self.task.preprocessing.encode(record) for record in records]

    def train(self, rows: list[list[int]]) -> None:
        batches = [collate([self.example(row) for row in each]) for each in rows]
        for _ in train(
            self.network.train(),
            batches,
            self.optimizer,
            clip_norm=TRAINING.clip_norm,
            normalise="sequences",
        ):
            pass

    def example(self, row: int) -> Any:
        if not self.varied:
            return self.examples[row]
        self.draws += 1
        return self.task.preprocessing.encode(self.records[row], draw=self.draws)

    def loss(self, rows: list[int]) -> float:
        given = collate([self.examples[row] for row in rows])
        return float(self.network.eval().loss(given).total.detach())

    def load(self, run: str) -> None:
        """Decodes with a trained run from now on."""
        model = ostinato.load(run)
        self.task, self.network = model.task, model.network
        self.examples = [self.task.preprocessing.encode(record) for record in self.records]

    def transcribe(self, records: Sequence[Recording]) -> list[str]:
        self.network.eval()
        found = self.task.predictor.stream(self.network, iter(records), ahead=len(records))
        return [each.text for each in found]


class Plain:
    """The plain loop on the same features and labels."""

    def __init__(self, ours: Ours):
        self.preprocessing, options = ours.task.preprocessing, ours.task.options
        self.network = PlainTranscriber(
            self.preprocessing.size,
            len(self.preprocessing.labels),
            hidden_size=options.hidden_size,
            layers=options.layers,
            dropout=options.dropout,
            stacked=options.subsampling,
        )
        self.network.load_ostinato(ours.network.state_dict())
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=TRAINING.initial_rate,
            weight_decay=TRAINING.weight_decay,
            fused=True,
        )
        self.rows = [(example.inputs, example.targets) for example in ours.examples]

    def train(self, rows: list[list[int]]) -> None:
        self.network.train()
        for each in rows:
            self.optimizer.zero_grad()
            given = batch([self.rows[row] for row in each])
            (self.network.loss(*given) / len(each)).backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), TRAINING.clip_norm)
            self.optimizer.step()

    @torch.no_grad()
    def loss(self, rows: list[int]) -> float:
        return float(self.network.eval().loss(*batch([self.rows[row] for row in rows])))

    def transcribe(self, records: Sequence[Recording], *, sorts: bool = False) -> list[str]:
        self.network.eval()
        examples = [self.preprocessing.encode(record) for record in records]
        groups = (
            by_length(examples, tokens=16_384)
            if sorts
            else [
                range(first, min(first + AT_ONCE, len(examples)))
                for first in range(0, len(examples), AT_ONCE)
            ]
        )
        texts = [""] * len(examples)
        for group in groups:
            frames, lengths, _, _ = batch(
                [(examples[row].inputs, examples[row].targets) for row in group]
            )
            for row, labels in zip(group, self.network.decode(frames, lengths), strict=True):
                texts[row] = self.preprocessing.join(labels)
        return texts


def main() -> None:
    arguments = read_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    results: dict[str, Any] = {}
    for part in arguments.parts:
        results[part] = {"plain": plain, "streaming": stream, "hour": hour}[part](arguments)
    print(*setting(arguments), sep="\n")
    for part in arguments.parts:
        {"plain": tell_plain, "streaming": tell_stream, "hour": tell_hour}[part](results[part])
    write(arguments.output, arguments, results)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["plain"])
    parser.add_argument(
        "--run", nargs="+", default=[], help="trained runs; plain and streaming: the first"
    )
    parser.add_argument("--data", help="hour: a folder of sound files")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=["srt"])
    parser.add_argument("--hidden-size", type=int, default=320)
    parser.add_argument("--batches", type=int, default=12, help="plain: of a training segment")
    parser.add_argument("--repeats", type=int, default=5, help="plain: segments of each kind")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", help="also write everything to this JSON file")
    arguments = parser.parse_args()
    if set(arguments.parts) & {"streaming", "hour"} and not arguments.run:
        parser.error("--parts streaming and hour need --run")
    return arguments


def plain(arguments: argparse.Namespace) -> dict[str, Any]:
    """Recordings a second of training and decoding, and whether both are the same function."""
    torch.manual_seed(1)
    files = {part: str(path) for part, path in sample_files("transcription").items()}
    reader = TASK.create({}).reader
    records = reader.read([files["train"]], training=True)
    judged = reader.read([files["test"]])
    size = {"hidden_size": arguments.hidden_size}
    same = Ours(records, varied=False, **size)
    contenders: dict[str, Any] = {
        "ostinato": Ours(records, varied=True, **size),
        "ostinato, same network": same,
        "plain loop": Plain(same),
    }
    batches = BucketedBatches(same.examples, tokens=TRAINING.batch_tokens, seed=1)
    plan = [list(map(int, rows)) for epoch in range(3) for rows in batches.plan(epoch)]
    losses = [same.loss(plan[0]), contenders["plain loop"].loss(plan[0])]
    training: dict[str, list[float]] = {}
    for repeat in range(arguments.repeats + 1):
        rows = plan[repeat * arguments.batches : (repeat + 1) * arguments.batches]
        sound = sum(len(same.examples[row].inputs) for each in rows for row in each) / 100
        for name, each in contenders.items():
            spent = seconds(each.train, rows)
            training.setdefault(name, []).append(sound / spent)
    if arguments.run:
        same.load(arguments.run[0])
    found = decode(same, Plain(same), judged, arguments.repeats)
    return {"losses": losses, "training": medians(training), **found}


def decode(ours: Ours, loop: Plain, records: Sequence[Recording], repeats: int) -> dict[str, Any]:
    """Seconds of sound decoded a second by both, and in how many recordings to the same text."""
    contenders: dict[str, Callable[[Sequence[Recording]], list[str]]] = {
        "ostinato": ours.transcribe,
        "plain loop": loop.transcribe,
        "plain loop, sorted": lambda given: loop.transcribe(given, sorts=True),
    }
    decoding: dict[str, list[float]] = {}
    sound = sum(len(record.audio) for record in records) / 100
    for _ in range(repeats + 1):
        for name, act in contenders.items():
            decoding.setdefault(name, []).append(sound / seconds(act, records))
    one, other = ours.transcribe(records), loop.transcribe(records)
    return {
        "same": sum(a == b for a, b in zip(one, other, strict=True)) / len(records),
        "letters": sum(map(len, one)),
        "decoding": medians(decoding),
    }


def tell_plain(found: dict[str, Any]) -> None:
    for part in ("training", "decoding"):
        base = found[part]["plain loop"]
        rows = [[name, value, value / base] for name, value in found[part].items()]
        print(*table([part, "seconds of sound a second", "times the plain loop"], rows), sep="\n")
    print(
        f"-log p of one batch, the same weights: {found['losses'][0]:.4f}, plain loop "
        f"{found['losses'][1]:.4f}; the same text: {found['same']:.2%} of recordings, "
        f"{found['letters']:,} characters"
    )


def medians(segments: dict[str, list[float]]) -> dict[str, float]:
    """Without the first segment, which warms up."""
    return {name: statistics.median(values[1:]) for name, values in segments.items()}


def seconds(act: Callable[[Any], Any], argument: Any) -> float:
    began = time.perf_counter()
    act(argument)
    return time.perf_counter() - began


def stream(arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds of work for a second of sound, and from a chunk of 40 ms to its partial text."""
    model = ostinato.load(arguments.run[0])
    front_end = model.task.preprocessing.front_end
    samples = np.tile(read_audio(RECORDING, front_end.rate), 20)
    size = round(CHUNK * front_end.rate)
    live = model.stream()
    live(samples[: 10 * size])  # warm
    delays = []
    for place in range(10 * size, len(samples), size):
        began = time.perf_counter()
        live(samples[place : place + size])
        delays.append(time.perf_counter() - began)
    sound = (len(samples) - 10 * size) / front_end.rate
    return {
        "seconds of sound": sound,
        "real-time factor": sum(delays) / sound,
        "median milliseconds a chunk": 1000 * statistics.median(delays),
        "99th percentile, milliseconds": 1000 * float(np.quantile(delays, 0.99)),
        "longest, milliseconds": 1000 * max(delays),
    }


def tell_stream(found: dict[str, float]) -> None:
    print(*(f"{key}: {value:.4f}" for key, value in found.items()), sep="\n")


def hour(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Time and peak memory of predicting an hour, a tenth of it, and one recording."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        lengths = {"one recording": 0, "six minutes": HOUR // 10, "an hour": HOUR}
        files = {
            name: write_sound(arguments.data, Path(folder) / f"{length}.wav", length)
            for name, length in lengths.items()
        }
        for run in arguments.run:
            for kind in arguments.formats:
                for name, file in files.items():
                    flags = ["--json"] if kind == "json" else ["--format", kind]
                    output = Path(folder) / "out"
                    command = ["predict", run, str(file), *flags, "--output", str(output)]
                    spent, peak = cost_of(command)
                    rows.append(
                        {
                            "run": Path(run).name,
                            "format": kind,
                            "sound": name,
                            "seconds": spent,
                            "peak MiB": peak,
                            "lines": output.read_text(encoding="utf-8").count("\n"),
                        }
                    )
    return rows


def tell_hour(rows: list[dict[str, Any]]) -> None:
    print(*table(list(rows[0]), [list(row.values()) for row in rows]), sep="\n")


def write_sound(data: str | None, path: Path, length: int) -> Path:
    """A WAV of `length` seconds of recordings in random order; of one for 0."""
    import soundfile

    names = sorted(each for each in Path(data).rglob("*") if is_audio(each)) if data else []
    recordings = [read_audio(name, RATE) for name in names or [RECORDING]]
    draw = np.random.default_rng(1)
    missing = max(1, length * RATE)
    with soundfile.SoundFile(str(path), "w", RATE, 1, "PCM_16") as opened:
        while missing > 0:
            for row in draw.permutation(len(recordings)):
                piece = recordings[row][:missing] if length else recordings[row]
                opened.write(piece)
                missing -= len(piece)
                if missing <= 0:
                    break
    return path


if __name__ == "__main__":
    main()
