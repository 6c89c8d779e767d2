"""Does a change of the code leave its behaviour as it was? Small runs of every task, compared.

    python benchmarks/same_behaviour.py record reference     # with the code of before
    python benchmarks/same_behaviour.py compare reference    # with the code of now

`compare` ends with exit status 1 on a difference. The code under test is whatever `import ostinato`
finds (PYTHONPATH=.../src), and only its command line is used. `record` also cuts small data sets
from the packaged samples and keeps them in the folder, so that both runs read the same files.

Compared are the tensors of a run folder to the byte; the leaves of its model.json, baseline.json
and report.json; what evaluate, predict, generate and score print; and the exit statuses. Left out
are times and speeds, and the folders of files. Notes, names of baselines and the like in reports
are prose; model.json has the number of its format, and since format 2 some values of its state are
options only; new versions have new options, and other confidence intervals: a difference of these
kinds is listed as ignored, and the run is equal.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES = Path(__file__).resolve().parents[1] / "src" / "ostinato" / "samples"

TIMES = re.compile(
    r"seconds|per_second|^speed|^time$|memory|^version$"
)  # keys that differ from run to run
PROSE = {
    "notes",
    "next",
    "verdict",
    "threads",
    "processes",
    "help",
    "name",
    "stopped",
    "title",
    "description",
    "warning",
    "warnings",
}
CALLS = re.compile(r"^(report|evaluate)\.json$")  # the JSON in which prose occurs

# What the child process does: it imports once, forks for each variant, and calls the command line
# for each of its steps.
CHILD = """
import json, os, sys, time, traceback
import torch
import ostinato
from ostinato.cli import main
torch.set_num_threads(1)
print(json.dumps({"code": ostinato.__file__}), flush=True)
for variant in json.load(sys.stdin):
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        os.makedirs(variant["folder"], exist_ok=True)
        failed = 0
        for name, arguments in variant["steps"]:
            sys.stdout.flush(), sys.stderr.flush()
            for stream, ending in ((1, ""), (2, ".stderr")):
                path = os.path.join(variant["folder"], name + ending)
                file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
                os.dup2(file, stream)
                os.close(file)
            try:
                status = main(arguments) or 0
            except SystemExit as error:
                status = error.code or 0
            except BaseException:
                traceback.print_exc()
                status = 1
            sys.stdout.flush(), sys.stderr.flush()
            with open(os.path.join(variant["folder"], "statuses"), "a") as file:
                file.write(f"{name} {status}\\n")
            failed = failed or status
        os._exit(1 if failed else 0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    seconds = time.monotonic() - begun
    print(json.dumps({"name": variant["name"], "status": status, "seconds": seconds}), flush=True)
"""


# ---- the data ----


def read_lines(task: str, file: str) -> list[str]:
    path = SAMPLES / task / file
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return text.decode().splitlines()


def cut_lines(
    folder: Path, task: str, ending: str, sizes: dict[str, int], *, header: bool = True
) -> None:
    """The first lines of the packaged sample's three parts."""
    for part, size in sizes.items():
        lines = read_lines(task, f"{part}.{ending}.gz")[: size + header]
        (folder / f"{part}.{ending}").write_text("\n".join(lines) + "\n")


def cut_blocks(folder: Path, task: str, file: str, ending: str, size: int) -> list[str]:
    """The first `size` blocks between empty lines; sentences of CoNLL-U or tunes of ABC."""
    blocks = [block for block in "\n".join(read_lines(task, file)).split("\n\n") if block.strip()][
        :size
    ]
    (folder / f"{file.split('.')[0]}.{ending}").write_text("\n\n".join(blocks) + "\n\n")
    return blocks


def read_table(file: Path) -> list[list[str]]:
    return [line.split("\t") for line in file.read_text().splitlines()]


def write_table(file: Path, rows: list[list[str]]) -> None:
    with file.open("w", newline="") as stream:
        csv.writer(
            stream, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None
        ).writerows(rows)


def make_translation(folder: Path) -> None:
    cut_lines(folder, "translation", "tsv", {"train": 400, "dev": 30, "test": 20})
    rows = read_table(folder / "test.tsv")[1:]
    (folder / "input.txt").write_text("".join(row[0] + "\n" for row in rows[:8]))


def make_dialogue(folder: Path) -> None:
    cut_lines(folder, "dialogue", "jsonl", {"train": 200, "dev": 20, "test": 20}, header=False)
    turns = [json.loads(line)["turns"] for line in (folder / "test.jsonl").read_text().splitlines()]
    (folder / "input.txt").write_text("".join(turn[0] + "\n" for turn in turns[:8]))


def make_language(folder: Path) -> None:
    for part, size in {"train": 30_000, "dev": 3_000, "test": 3_000}.items():
        (folder / f"{part}.txt").write_text(
            "\n".join(read_lines("language", f"{part}.txt.gz"))[:size] + "\n"
        )
    (folder / "input.txt").write_text("My lord, I\nWhat is the mat\n")


def make_classification(folder: Path) -> None:
    cut_lines(folder, "classification", "tsv", {"train": 200, "dev": 30, "test": 30})
    for part in ("train", "dev", "test"):
        rows = [[text[:200], label] for text, label in read_table(folder / f"{part}.tsv")]
        write_table(folder / f"{part}.tsv", rows)
        grades = [[text, str(1 + min(3, text.count(" the ")))] for text, _ in rows[1:]]
        write_table(folder / f"{part}-grades.tsv", [["text", "label"], *grades])
        several = [
            [text, ";".join(word for word in ("and", "film", "is") if f" {word} " in text)]
            for text, _ in rows[1:]
        ]
        write_table(folder / f"{part}-several.tsv", [["text", "label"], *several])
    (folder / "input.txt").write_text(
        "".join(row[0] + "\n" for row in read_table(folder / "test.tsv")[1:9])
    )
    generator = np.random.default_rng(1)
    for part, size in {"train": 60, "dev": 20, "test": 20}.items():
        y = generator.integers(0, 2, size)
        lengths = generator.integers(8, 21, size)
        steps = np.arange(20)[None, :, None] * np.where(y == 1, 0.2, -0.2)[:, None, None]
        x = (steps + generator.normal(size=(size, 20, 2))).astype(np.float32)
        np.savez(
            folder / f"{part}.npz",
            X=x,
            lengths=lengths,
            y=y,
            labels=np.array(["falling", "rising"]),
        )


def make_tagging(folder: Path) -> None:
    for part, size in {"train": 150, "dev": 30, "test": 30}.items():
        blocks = cut_blocks(folder, "tagging", f"{part}.conllu.gz", "conllu", size)
        sentences = [
            [
                row[1:4:2]
                for row in (line.split("\t") for line in block.splitlines())
                if row[0].isdigit()
            ]
            for block in blocks
        ]
        with (folder / f"{part}.conll").open("w") as file:
            for sentence in sentences:
                before = ""
                for word, tag in sentence:
                    kind = ("I-NAME" if before == "PROPN" else "B-NAME") if tag == "PROPN" else "O"
                    file.write(f"{word} {tag} {kind}\n")
                    before = tag
                file.write("\n")
    (folder / "input.txt").write_text(
        "".join(" ".join(word for word, _ in one) + "\n" for one in sentences[:8])
    )


def make_genome(folder: Path) -> None:
    cut_lines(folder, "genome", "tsv", {"train": 200, "dev": 40, "test": 40})
    (folder / "input.fa").write_text(
        "".join(f">s{n}\n{row[0]}\n" for n, row in enumerate(read_table(folder / "test.tsv")[1:9]))
    )
    draw = random.Random(1)
    for part, size in {"train": 12, "dev": 3, "test": 3}.items():
        fasta, bed = [], []
        for name in (f"{part}{n}" for n in range(size)):
            bases, inside = "", False
            while len(bases) < 300:
                length = draw.randint(20, 60)
                if inside:
                    bed.append(f"{name}\t{len(bases)}\t{len(bases) + length}\tisland\n")
                bases += "".join(
                    draw.choices("ACGT", (1, 4, 4, 1) if inside else (3, 2, 2, 3), k=length)
                )
                inside = not inside
            fasta.append(f">{name}\n{bases}\n")
        (folder / f"{part}-bases.fa").write_text("".join(fasta))
        (folder / f"{part}-bases.bed").write_text("".join(bed))


def make_captioning(folder: Path) -> None:
    cut_lines(folder, "captioning", "tsv", {"train": 100, "dev": 15, "test": 15})
    shutil.copy(SAMPLES / "captioning" / "emoji.png", folder)
    generator = np.random.default_rng(2)
    for part, size in {"train": 60, "dev": 15, "test": 15}.items():
        colours = generator.integers(0, 3, size)
        features = np.eye(3)[colours][:, None, :] + generator.normal(size=(size, 4, 3)) * 0.1
        captions = np.array([f"a {('red', 'green', 'blue')[colour]} thing" for colour in colours])
        np.savez(folder / f"{part}.npz", features=features.astype(np.float32), captions=captions)


def make_video(folder: Path) -> None:
    for part, size in {"train": 45, "dev": 15, "test": 15}.items():
        with np.load(SAMPLES / "video" / f"{part}.npz") as arrays:
            lengths = arrays["lengths"][:size]
            frames = arrays["X"][: int(lengths.astype(int).sum())]
            np.savez(
                folder / f"{part}.npz",
                X=frames,
                lengths=lengths,
                y=arrays["y"][:size],
                labels=arrays["labels"],
            )
    generator = np.random.default_rng(3)
    for part, size in {"train": 40, "dev": 10, "test": 10}.items():
        y = generator.integers(0, 2, (size, 12))
        x = (y[:, :, None] + generator.normal(size=(size, 12, 4))).astype(np.float32)
        names = np.array(["still", "moving"])
        lengths = generator.integers(5, 13, size)
        np.savez(folder / f"{part}-frames.npz", X=x, lengths=lengths, y=y, labels=names)
        np.savez(folder / f"{part}-features.npz", X=x, lengths=lengths, y=y[:, 0], labels=names)


def make_melody(folder: Path) -> None:
    for part, size in {"train": 24, "dev": 6, "test": 6}.items():
        cut_blocks(folder, "melody", f"{part}.abc", "abc", size)
    draw = random.Random(4)
    parts = {
        part: [
            [
                sorted({root, root + 4, root + 7} if draw.random() < 0.9 else {root})
                for root in draw.choices(range(55, 67), k=16)
            ]
            for _ in range(size)
        ]
        for part, size in {"train": 16, "valid": 4, "test": 4}.items()
    }
    (folder / "chords.json").write_text(json.dumps(parts))
    (folder / "input.abc").write_text(
        "X:1\nT:Begun\nR:jig\nM:6/8\nL:1/8\nK:G\nD|GAG GBd|dcB BAG|\n"
    )


MAKERS: dict[str, Callable[[Path], None]] = {
    "translation": make_translation,
    "dialogue": make_dialogue,
    "language": make_language,
    "classification": make_classification,
    "tagging": make_tagging,
    "genome": make_genome,
    "captioning": make_captioning,
    "video": make_video,
    "melody": make_melody,
}


# ---- the variants ----


@dataclass
class Variant:
    """A training run and the commands that then use it.

    RUN is the run folder, DATA the folder of the task's data."""

    name: str  # task/what
    options: str
    steps: dict[str, str] = field(default_factory=dict)  # file of the output -> command line
    ending: str = "tsv"  # of train, dev and test

    @property
    def task(self) -> str:
        return self.name.split("/")[0]

    def commands(self) -> list[tuple[str, list[str]]]:
        """The output file and the arguments of each call, relative to the folder of the whole."""
        run, data = f"runs/{self.name}", f"data/{self.task}"
        files = (
            ""
            if "--train" in self.options or not self.ending
            else " ".join(
                f"--{part} {data}/{part}{self.ending}" for part in ("train", "dev", "test")
            )
        )
        options = f"{files} {SMALL[self.task]} {self.options}"
        train = f"train {self.task} {options} --seed 1 --no-tensorboard --out {run}"
        steps = {"train.txt": train, "evaluate.json": "evaluate RUN --json", **self.steps}
        return [
            (name, [part.replace("RUN", run).replace("DATA", data) for part in line.split()])
            for name, line in steps.items()
        ]


SMALL = {
    "translation": "--epochs 0.5 --hidden-size 16 --embedding-size 12 --vocabulary-size 300 "
    "--beam 3 --maximum-length 15",
    "dialogue": "--epochs 0.5 --hidden-size 16 --embedding-size 12 --vocabulary-size 300 "
    "--beam 3 --maximum-length 15",
    "language": "--epochs 0.3 --baseline-order 3 --vocabulary-size 300",
    "classification": "--epochs 0.5 --vocabulary-size 500",
    "tagging": "--epochs 0.3",
    "genome": "--epochs 0.5",
    "captioning": "--epochs 0.5 --beam 3",
    "video": "--epochs 0.5",
    "melody": "--epochs 0.5",
}
TINY_TAGGER = "--hidden-size 16 --embedding-size 8 --character-size 8 --affix-size 8"
TINY_CLASSIFIER = TINY_TAGGER
TINY_MELODY = "--hidden-size 16 --embedding-size 8"
TINY_CAPTIONER = "--hidden-size 16 --embedding-size 8 --channels 16 --vocabulary-size 200"
TINY_GENERATOR = "--hidden-size 24 --embedding-size 8"
TINY_GENOME = "--hidden-size 16 --motifs 8"


def variants() -> Iterator[Variant]:
    yield from sequence_to_sequence()
    yield from language()
    yield from classification()
    yield from tagging()
    yield from genome()
    yield from captioning()
    yield from video()
    yield from melody()


def sequence_to_sequence() -> Iterator[Variant]:
    # without --subword-sampling: two runs of the same seed draw other pieces
    predict = {"predict.json": "predict RUN DATA/input.txt --json"}
    score = {"score.json": "score RUN DATA/test.tsv --json"}
    aligned = {
        "aligned.json": "predict RUN DATA/input.txt --json --align --n-best 2",
        "moses.txt": "predict RUN DATA/input.txt --n-best 3 --moses",
        "sampled.json": "predict RUN DATA/input.txt --json --sampling --temperature 0.8 "
        "--top-k 20 --seed 3",
        "text.txt": "predict RUN DATA/input.txt",
    }
    for name, options, steps in (
        ("subword", "", {**predict, **score, **aligned}),
        ("word", "--unit word --attention additive --input-feeding --copy-unknown", predict),
        (
            "character",
            "--unit character --attention dot --cell gru --layers 2 --teacher-forcing 0.7",
            {**predict, **score},
        ),
        (
            "none",
            "--unit word --attention none --reverse-source --context every --no-tied",
            {**predict, **score},
        ),
        (
            "joint",
            "--joint-vocabulary --no-bidirectional --word-dropout 0.1",
            predict,
        ),
        ("greedy", "--unit word --beam 1 --optimizer sgd --schedule halve", predict),
    ):
        yield Variant(f"translation/{name}", options, steps, ending=".tsv")
    yield Variant("translation/sample", "--epochs 0.01", ending="")
    score = {"score.json": "score RUN DATA/test.jsonl --json"}
    yield Variant("dialogue/subword", "", {**predict, **score}, ending=".jsonl")
    yield Variant(
        "dialogue/word",
        "--unit word --turns 2 --replies second --sampling",
        predict,
        ending=".jsonl",
    )
    yield Variant(
        "dialogue/conversation",
        "--unit word --attention none --conversation",
        predict,
        ending=".jsonl",
    )
    yield Variant("dialogue/sample", "--epochs 0.01", ending="")


def language() -> Iterator[Variant]:
    generate = {
        "generate.json": "generate RUN --length 60 --samples 2 --json",
        "prompt.txt": "generate RUN --prompt ROMEO: --length 60 --temperature 0.7 --top-k 10",
        "score.json": "score RUN DATA/test.txt --json",
    }
    more = {
        "beam.json": "generate RUN --prompt The --length 20 --beam 3 --json",
        "predict.json": "predict RUN DATA/input.txt --json --maximum-length 40",
        "suggest.json": "predict RUN DATA/input.txt --json --suggest 3",
    }
    for name, options, steps in (
        ("character", f"--unit character {TINY_GENERATOR}", {**generate, **more}),
        (
            "word",
            f"--unit word {TINY_GENERATOR} --layers 2 --tied --embedding-size 24 --dropout 0.2 "
            "--cell gru",
            {**generate, **more},
        ),
        (
            "subword",
            f"--unit subword {TINY_GENERATOR} --weight-drop 0.2 --locked --input-dropout 0.2",
            generate,
        ),
        (
            "cache",
            f"--unit word {TINY_GENERATOR} --cache 50 --residual --pre-norm --layers 2",
            generate,
        ),
        ("kneser-ney", "--model kneser-ney --unit word", {**generate, **more}),
        ("unigram", "--model unigram --unit word", generate),
        ("hmm", "--model hmm --unit word --states 4 --iterations 2", generate),
    ):
        yield Variant(f"language/{name}", options, steps, ending=".txt")
    yield Variant("language/sample", f"--epochs 0.01 {TINY_GENERATOR}", ending="")


def classification() -> Iterator[Variant]:
    predict = {"predict.json": "predict RUN DATA/input.txt --json"}
    score = {"score.json": "score RUN DATA/test.tsv --json"}
    for name, options, ending in (
        ("word", TINY_CLASSIFIER, ""),
        ("character", f"--unit character {TINY_CLASSIFIER} --pooling attention --cell gru", ""),
        (
            "subword",
            f"--unit subword {TINY_CLASSIFIER} --members 1 --pooling last --class-weights balanced",
            "",
        ),
        ("bag-of-words", "--model bag-of-words", ""),
        ("convolution", f"--model convolution --filters 8 {TINY_CLASSIFIER}", ""),
        ("feedforward", f"--model feedforward {TINY_CLASSIFIER}", ""),
        ("most-frequent", "--model most-frequent", ""),
        ("ordinal", f"--ordinal {TINY_CLASSIFIER} --members 1", "-grades"),
        (
            "several",
            f"--label-separator ; {TINY_CLASSIFIER} --members 1 --threshold 0.3",
            "-several",
        ),
    ):
        steps = {**predict, "score.json": f"score RUN DATA/test{ending}.tsv --json"}
        yield Variant(f"classification/{name}", options, steps, ending=f"{ending}.tsv")
    yield Variant(
        "classification/sample", f"--epochs 0.01 {TINY_CLASSIFIER} --members 1", ending=""
    )
    predict = {"predict.json": "predict RUN DATA/test.npz --json"}
    score = {"score.json": "score RUN DATA/test.npz --json"}
    for name, options in (
        ("series", "--hidden-size 16"),
        ("series-convolution", "--hidden-size 16 --model convolution --filters 8"),
        ("series-feedforward", "--hidden-size 16 --model feedforward"),
        ("series-attention", "--hidden-size 16 --pooling attention --members 1 --cell gru"),
    ):
        yield Variant(f"classification/{name}", options, {**predict, **score}, ending=".npz")


def tagging() -> Iterator[Variant]:
    predict = {"predict.json": "predict RUN DATA/input.txt --json"}
    best = {"k-best.json": "predict RUN DATA/input.txt --json --k-best 3"}
    for name, options, ending, steps in (
        ("crf", f"--crf {TINY_TAGGER}", ".conllu", best),
        ("softmax", f"--no-crf {TINY_TAGGER} --characters recurrent --cell gru", ".conllu", {}),
        ("hmm", "--model hmm", ".conllu", {}),
        ("most-frequent", "--model most-frequent", ".conllu", {}),
        ("spans", f"--crf {TINY_TAGGER} --scheme iobes", ".conll", best),
        (
            "features",
            f"--no-crf {TINY_TAGGER} --feature-columns 2 --scheme bio --characters none",
            ".conll",
            {},
        ),
    ):
        steps = dict(steps)
        if name != "most-frequent":  # it knows no probabilities
            steps["score.json"] = f"score RUN DATA/test{ending} --json"
        if name != "features":
            steps = {**predict, **steps}
        steps["columns.txt"] = f"predict RUN DATA/test{ending}"
        yield Variant(f"tagging/{name}", options, steps, ending=ending)
    yield Variant("tagging/sample", f"--epochs 0.01 {TINY_TAGGER}", ending="")


def genome() -> Iterator[Variant]:
    steps = {
        "predict.json": "predict RUN DATA/input.fa --json",
        "score.json": "score RUN DATA/test.tsv --json",
    }
    for name, options in (
        ("whole", TINY_GENOME),
        ("gru", f"{TINY_GENOME} --motifs 0 --pooling attention --model gru --reverse-complement"),
        ("convolution", "--model convolution --filters 8 --hidden-size 16"),
        ("feedforward", "--model feedforward --hidden-size 16"),
        ("k-mers", "--model k-mers --kmer 3"),
        ("weight-matrix", "--model weight-matrix"),
        ("most-frequent", "--model most-frequent"),
    ):
        yield Variant(f"genome/{name}", options, steps, ending=".tsv")
    files = " ".join(
        f"--{part} data/genome/{part}-bases.fa data/genome/{part}-bases.bed"
        for part in ("train", "dev", "test")
    )
    steps = {
        "predict.json": "predict RUN DATA/test-bases.fa --json",
        "bed.txt": "predict RUN DATA/test-bases.fa",
        "score.json": "score RUN DATA/test-bases.fa DATA/test-bases.bed --json",
    }
    for name, options in (
        ("bases", f"{TINY_GENOME} --window 100 --margin 20"),
        ("bases-hmm", "--model hmm --kmer 2"),
        ("bases-most-frequent", "--model most-frequent"),
    ):
        yield Variant(f"genome/{name}", f"{files} {options}", steps)
    yield Variant("genome/sample", f"--epochs 0.01 {TINY_GENOME}", ending="")


def captioning() -> Iterator[Variant]:
    steps = {
        "predict.json": "predict RUN DATA/test.tsv --json",
        "score.json": "score RUN DATA/test.tsv --json",
    }
    for name, options in (
        ("attention", f"{TINY_CAPTIONER} --members 1"),
        ("members", f"{TINY_CAPTIONER} --members 2 --unit word --thumbnail 0 --attention dot"),
        (
            "none",
            f"{TINY_CAPTIONER} --members 1 --unit character --attention none --context every "
            "--cell gru",
        ),
    ):
        aligned = {"aligned.json": "predict RUN DATA/test.tsv --json --align --n-best 2"}
        yield Variant(
            f"captioning/{name}",
            options,
            steps if name == "none" else {**steps, **aligned},
            ending=".tsv",
        )
    steps = {
        "predict.json": "predict RUN DATA/test.npz --json",
        "score.json": "score RUN DATA/test.npz --json",
    }
    yield Variant("captioning/features", f"{TINY_CAPTIONER} --unit word", steps, ending=".npz")
    yield Variant("captioning/sample", f"--epochs 0.01 {TINY_CAPTIONER} --members 1", ending="")


def video() -> Iterator[Variant]:
    small = "--hidden-size 16"
    pixels = f"{small} --channels 8 --embedding-size 8"
    for name, options, ending in (
        ("pixels", f"{pixels} --members 1", ".npz"),
        ("members", f"{pixels} --members 2 --cell gru --pooling attention --flip", ".npz"),
        ("features", small, "-features.npz"),
        ("feedforward", f"{small} --model feedforward", "-features.npz"),
        ("frames", small, "-frames.npz"),
        ("frames-most-frequent", "--model most-frequent", "-frames.npz"),
    ):
        steps = {
            "predict.json": f"predict RUN DATA/test{ending} --json",
            "score.json": f"score RUN DATA/test{ending} --json",
        }
        yield Variant(f"video/{name}", options, steps, ending=ending)
    yield Variant("video/sample", f"--epochs 0.01 {pixels} --members 1", ending="")


def melody() -> Iterator[Variant]:
    generate = {
        "generate.json": "generate RUN --length 40 --samples 2 --json",
        "predict.json": "predict RUN DATA/input.abc --json --bars 2",
        "score.json": "score RUN DATA/test.abc --json",
    }
    for name, options in (
        ("melody", TINY_MELODY),
        ("condition", f"{TINY_MELODY} --condition genre --cell gru --layers 2"),
        ("markov", "--model markov"),
        ("frequencies", "--model frequencies"),
    ):
        steps = dict(generate)
        if name == "condition":
            steps["kind.json"] = "generate RUN --condition jig --length 40 --json"
        yield Variant(f"melody/{name}", options, steps, ending=".abc")
    file = "data/melody/chords.json"
    for name, options in (
        ("voices", f"{TINY_MELODY} --head voices"),
        ("independent", f"{TINY_MELODY} --head independent"),
        ("chords-markov", "--model markov"),
    ):
        steps = {
            "evaluate.json": "evaluate RUN DATA/chords.json --json",
            "generate.json": "generate RUN --length 20 --samples 2 --json",
            "score.json": "score RUN DATA/chords.json --json",
        }
        yield Variant(
            f"melody/{name}",
            f"--train {file}:train --dev {file}:valid --test {file}:test {options}",
            steps,
        )
    yield Variant("melody/sample", f"--epochs 0.01 {TINY_MELODY}", ending="")


# ---- running ----


def run_all(folder: Path, wanted: list[Variant]) -> bool:
    """Every variant in a fresh process, in `folder`; whether all commands ended with status 0."""
    todo = [
        {"name": variant.name, "folder": f"outputs/{variant.name}", "steps": variant.commands()}
        for variant in wanted
    ]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "PYTHONHASHSEED": "0",
    }
    if path := environment.get("PYTHONPATH"):  # the command runs in another folder
        environment["PYTHONPATH"] = os.pathsep.join(
            str(Path(part).resolve()) for part in path.split(os.pathsep)
        )
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        cwd=folder,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(todo))
    process.stdin.close()
    good = True
    for line in process.stdout:
        told = json.loads(line)
        if "code" in told:
            print(f"code: {Path(told['code']).parent}", flush=True)
            continue
        print(
            f"  {told['name']:34} {told['seconds']:6.1f} s",
            "" if told["status"] == 0 else "  FAILED",
            flush=True,
        )
        if told["status"] != 0:
            good = False
            for step in (folder / "outputs" / told["name"] / "statuses").read_text().splitlines():
                name, status = step.split()
                if status != "0":
                    message = (
                        (folder / "outputs" / told["name"] / f"{name}.stderr").read_text().strip()
                    )
                    last = message.splitlines()[-1] if message else ""
                    print(f"      {name}: status {status}: {last}")
    return process.wait() == 0 and good


# ---- comparing ----


def read_tensors(file: Path) -> dict[str, Any]:
    """Name -> (dtype, shape, bytes) of a safetensors file."""
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    body = content[8 + length :]
    return {
        name: (each["dtype"], each["shape"], body[slice(*each["data_offsets"])])
        for name, each in header.items()
    }


def split_json(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its place, but times: {"a": [1, 2]} -> ("a.0", 1), ("a.1", 2)"""
    if isinstance(value, dict):
        for key, each in value.items():
            if not TIMES.search(key):
                yield from split_json(each, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from split_json(each, f"{place}.{number}")
    else:
        yield place, value


def is_prose(place: str) -> bool:
    return any(part in PROSE for part in place.split("."))


def read_leaves(file: Path) -> dict[str, Any]:
    """The leaves of a JSON file, or of one with an object a line.

    Paths begin at data/ or samples/."""
    text = file.read_text()
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = [json.loads(line) for line in text.splitlines() if line.strip()]
    paths = re.compile(r"\S*/(?=(data|samples)/)")
    return {
        place: paths.sub("", leaf) if isinstance(leaf, str) else leaf
        for place, leaf in split_json(value)
    }


MISSING = "(missing)"


def compare_values(before: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    places = [*before, *(place for place in now if place not in before)]
    pairs = ((place, before.get(place, MISSING), now.get(place, MISSING)) for place in places)
    return [(place, one, other) for place, one, other in pairs if repr(one) != repr(other)]


def is_moved(place: str, before: Any, now: Any, leaves: dict[str, Any]) -> bool:
    """Whether a value of the state is now among the options alone, as in runs of format 2."""
    option = re.sub(r"^state\.", "options.", place)
    return place != option and now == MISSING and repr(leaves.get(option, MISSING)) == repr(before)


# leaves of JSON that hold options, ends of confidence intervals, or commands to try next
OPTIONS = re.compile(r"(.*\.)?(options|training)\.\w+")
OTHERWISE = re.compile(r"(.*\.)?(intervals\..*|table\.\d+\.(low|high)|next\..*|details\..*)")


def is_new(place: str, before: Any) -> bool:
    """Whether a leaf is an option that the version of before did not have, or had not decided."""
    new_option = OPTIONS.fullmatch(place) is not None and before in (MISSING, None)
    return new_option or OTHERWISE.fullmatch(place) is not None


def compare_files(before: Path, now: Path) -> tuple[list[str], list[str]]:
    """Differences between two files that count, and those of prose."""
    if not before.exists() and not now.exists():
        return [], []
    if not before.exists() or not now.exists():
        return [f"{now.name}: only {'now' if now.exists() else 'before'}"], []
    if before.suffix == ".safetensors":
        differences = compare_values(read_tensors(before), read_tensors(now))
        names = [
            name if MISSING not in (one, other) else f"{name} {MISSING}"
            for name, one, other in differences
        ]
        return ([f"{now.name}: {len(names)} tensors: {', '.join(names[:4])}"] if names else []), []
    if before.read_bytes() == now.read_bytes():
        return [], []
    if before.suffix != ".json":
        return [f"{now.name}: another text"], []
    found: tuple[list[str], list[str]] = ([], [])
    leaves = read_leaves(now)
    for place, one, other in compare_values(read_leaves(before), leaves):
        prose = CALLS.match(now.name) is not None and is_prose(place)
        if now.name in ("model.json", "baseline.json"):
            prose = place == "format" or is_moved(place, one, other, leaves)
        prose = prose or is_new(place, one)
        found[prose].append(f"{now.name}: {place}: {str(one)[:60]!r} -> {str(other)[:60]!r}")
    return found


def compare_variant(before: Path, now: Path, variant: Variant) -> tuple[list[str], list[str]]:
    run, outputs = f"runs/{variant.name}", f"outputs/{variant.name}"
    files = (
        "model.safetensors",
        "baseline.safetensors",
        "model.json",
        "baseline.json",
        "report.json",
    )
    names = [f"{outputs}/statuses", *(f"{run}/{name}" for name in files)]
    names += [f"{outputs}/{name}" for name, _ in variant.commands() if name != "train.txt"]
    different: list[str] = []
    ignored: list[str] = []
    for name in names:
        counted, prose = compare_files(before / name, now / name)
        different += counted
        ignored += prose
    return different, ignored


def compare_all(before: Path, now: Path, wanted: list[Variant]) -> bool:
    """Prints a table; whether all are equal."""
    print(f"\n{'run':36}{'result':12}where")
    skipped: Counter[str] = Counter()
    equal = 0
    for variant in wanted:
        different, ignored = compare_variant(before, now, variant)
        skipped.update(ignored)
        print(
            f"{variant.name:36}{'DIFFERENT' if different else 'equal':12}",
            f"{len(ignored)} ignored" if ignored else "",
        )
        for line in different[:8]:
            print(f"    {line}")
        if len(different) > 8:
            print(f"    and {len(different) - 8} more")
        equal += not different
    if skipped:
        print("\nignored (prose):")
        for line, times in skipped.most_common(40):
            print(f"    {times} x {line}")
    print(f"\n{equal} of {len(wanted)} equal")
    return equal == len(wanted)


# ---- the commands ----


def choose(only: list[str]) -> list[Variant]:
    return [
        variant
        for variant in variants()
        if not only or any(variant.name.startswith(name) for name in only)
    ]


def record(folder: Path, only: list[str]) -> bool:
    for task, make in MAKERS.items():
        (folder / "data" / task).mkdir(parents=True, exist_ok=True)
        make(folder / "data" / task)
    wanted = choose(only)
    for variant in wanted:
        for kind in ("runs", "outputs"):
            shutil.rmtree(folder / kind / variant.name, ignore_errors=True)
    good = run_all(folder, wanted)
    for training in folder.glob("runs/*/*/training"):
        shutil.rmtree(training)
    return good


def compare(folder: Path, only: list[str], keep: Path | None) -> bool:
    wanted = [variant for variant in choose(only) if (folder / "outputs" / variant.name).is_dir()]
    with tempfile.TemporaryDirectory() as temporary:
        now = keep or Path(temporary)
        now.mkdir(parents=True, exist_ok=True)
        for kind in ("runs", "outputs", "data"):
            shutil.rmtree(now / kind, ignore_errors=True)
        shutil.copytree(folder / "data", now / "data")
        run_all(now, wanted)
        return bool(wanted) & compare_all(folder, now, wanted)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["record", "compare"])
    parser.add_argument(
        "folder", type=Path, help="the reference: written by record, read by compare"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="NAME",
        help="tasks or variants: tagging video/frames",
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="compare: keep what was written now in this folder"
    )
    options = parser.parse_args()
    begun = time.monotonic()
    folder = options.folder.resolve()
    if options.command == "record":
        good = record(folder, options.only)
    else:
        good = compare(folder, options.only, options.keep and options.keep.resolve())
    print(f"{time.monotonic() - begun:.0f} seconds")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
