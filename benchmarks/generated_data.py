"""Training and dev files of any size for `beyond_memory.py`, made by a few rules and a seed.

Each task has something to learn: the label of a text follows from its first word, that of a
sequence from a motif in it, a transcript from the loudness of its sound, a value from the season.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

WORDS, BLOCK = 50_000, 100_000
DEV = 1000  # texts, sequences
BASES = np.frombuffer(b"ACGT", np.uint8)
MOTIF = "TATAAT"
SEQUENCE = 2_000_000  # bases of a sequence with labels of its bases
RATE = 16_000  # samples a second
SERIES, SHARD = 1000, 2000  # steps of a series, and series of a file
LONG = 1_000_000  # steps of a series in which anomalies are looked for


def texts(examples: int, names: str) -> Iterator[list[str]]:
    """The generated texts, in blocks; `names` is what the words begin with."""
    generator = np.random.default_rng(1)
    words = np.array([f"{names}{number:x}" for number in range(WORDS)])
    shares = 1 / np.arange(10, WORDS + 10)
    bounds = np.cumsum(shares / shares.sum())
    for start in range(0, examples, BLOCK):
        lengths = generator.integers(2, 13, min(BLOCK, examples - start))
        ids = np.searchsorted(bounds, generator.random(lengths.sum()))
        chosen = words[np.minimum(ids, WORDS - 1)].tolist()
        ends = np.cumsum(lengths).tolist()
        yield [
            " ".join(chosen[end - length : end])
            for end, length in zip(ends, lengths.tolist(), strict=True)
        ]


def make_texts(folder: Path, examples: int) -> None:
    """Labelled texts, and two aligned files."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "labelled.tsv").open("w") as labelled,
        (folder / "pairs.src").open("w") as sources,
        (folder / "pairs.tgt").open("w") as targets,
    ):
        labelled.write("text\tlabel\n")
        for block, others in zip(texts(examples, "a"), texts(examples, "b"), strict=True):
            # the label follows from the words, so that there is something to learn
            labelled.writelines(
                f"{text}\t{'even' if len(text.split()[0]) % 2 else 'odd'}\n" for text in block
            )
            sources.writelines(f"{text}\n" for text in block)
            targets.writelines(f"{text}\n" for text in others)


def take_lines(folder: Path, names: list[str], header: int, examples: int) -> list[str]:
    """The first examples of files with one a line, as files of their own."""
    part = folder / str(examples)
    part.mkdir(exist_ok=True)
    for name in names:
        if not (part / name).exists():
            with (folder / name).open() as whole, (part / name).open("w") as file:
                file.writelines(islice(whole, examples + header))
    return [str(part / name) for name in names]


def draw_bases(generator: np.random.Generator, number: int) -> str:
    return BASES[generator.integers(0, 4, number)].tobytes().decode()


def make_sequences(folder: Path, examples: int) -> None:
    """A table of sequences of 30 to 60 bases, half of them with the motif."""
    generator = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "sequences.tsv").open("w") as file:
        file.write("sequence\tlabel\n")
        for _ in range(0, examples, BLOCK):
            lengths = generator.integers(30, 60, BLOCK).tolist()
            positive = generator.random(BLOCK) < 0.5
            places = generator.integers(0, 24, BLOCK).tolist()
            bases, end, lines = draw_bases(generator, 60 * BLOCK), 0, []
            for length, has, place in zip(lengths, positive.tolist(), places, strict=True):
                one = bases[end : end + length]
                end += length
                if has:
                    one = one[:place] + MOTIF + one[place + len(MOTIF) :]
                lines.append(f"{one}\t{'promoter' if has else 'other'}\n")
            file.writelines(lines)


def make_bases(folder: Path, examples: int) -> None:
    """FASTA of `examples` bases in sequences of 2 million, and a BED file of segments of 300 after
    each of some motifs; the dev set is one sequence more."""
    generator = np.random.default_rng(1)
    for part, sequences in (("train", -(-examples // SEQUENCE)), ("dev", 1)):
        inside = folder / (str(examples) if part == "train" else "dev")
        inside.mkdir(parents=True, exist_ok=True)
        with (inside / "bases.fa").open("w") as fasta, (inside / "bases.bed").open("w") as bed:
            for number in range(sequences):
                size = SEQUENCE if part == "train" else SEQUENCE // 10
                bases = draw_bases(generator, size)
                fasta.write(f">{part}{number}\n")
                fasta.writelines(f"{bases[start : start + 80]}\n" for start in range(0, size, 80))
                place = -1
                while (place := bases.find(MOTIF, place + 1000)) >= 0:
                    if place + 306 <= size:
                        bed.write(f"{part}{number}\t{place + 6}\t{place + 306}\tgene\n")


def make_sounds(folder: Path, examples: int) -> None:
    """WAV files of 2 to 6 seconds, whose loudness changes with each of 4 to 12 letters."""
    import soundfile

    generator = np.random.default_rng(1)
    for part, number in (("dev", 50), (str(examples), examples)):
        inside = folder / part
        inside.mkdir(parents=True, exist_ok=True)
        with (inside / "sounds.tsv").open("w") as table:
            table.write("audio\ttext\n")
            for row in range(number):
                letters = generator.integers(0, 6, generator.integers(4, 13))
                each = int(generator.integers(2, 7)) * RATE // len(letters)
                loud = np.repeat(0.02 * 1.7**letters, each)
                soundfile.write(
                    inside / f"{row}.wav", loud * generator.uniform(-1, 1, len(loud)), RATE
                )
                table.write(f"{row}.wav\t{''.join('abcdef'[letter] for letter in letters)}\n")


def make_series(folder: Path, examples: int) -> None:
    """Long tables of `examples` daily values: series of 1000 with a weekly season."""
    generator = np.random.default_rng(1)
    days = (np.datetime64("2000-01-01") + np.arange(SERIES)).astype(str)
    for part, number in (("dev", 50), (str(examples), examples // SERIES)):
        inside = folder / part
        inside.mkdir(parents=True, exist_ok=True)
        for shard, first in enumerate(range(0, number, SHARD)):
            with (inside / f"series-{shard:03}.csv").open("w") as file:
                file.write("unique_id,ds,y\n")
                for row in range(first, min(number, first + SHARD)):
                    season = np.tile(generator.normal(0, 3, 7), SERIES // 7 + 1)[:SERIES]
                    values = 50 + season + generator.normal(0, 1, SERIES)
                    file.writelines(
                        f"{part[0]}{row},{day},{value:.2f}\n"
                        for day, value in zip(days, values.tolist(), strict=True)
                    )


def make_long_series(folder: Path, examples: int) -> None:
    """Files of a series of a million steps each, with a jump in every hundred thousand."""
    generator = np.random.default_rng(1)
    for part, number in (("dev", 1), (str(examples), examples // LONG)):
        inside = folder / part
        inside.mkdir(parents=True, exist_ok=True)
        steps = LONG if part != "dev" else LONG // 20
        for row in range(number):
            values = np.sin(np.arange(steps) / 20) + generator.normal(0, 0.2, steps)
            values[50_000::100_000] += 5
            with (inside / f"long-{part[0]}{row:03}.csv").open("w") as file:
                file.write("ds,y\n")
                file.writelines(f"{step},{value:.3f}\n" for step, value in enumerate(values))


MAKERS: dict[str, Callable[[Path, int], None]] = {
    "classification": make_texts,
    "translation": make_texts,
    "genome": make_sequences,
    "genome-bases": make_bases,
    "transcription": make_sounds,
    "forecasting": make_series,
    "anomaly": make_long_series,
}
LINES = {  # files with an example a line, and how many lines come before the first
    "classification": (["labelled.tsv"], 1),
    "translation": (["pairs.src", "pairs.tgt"], 0),
    "genome": (["sequences.tsv"], 1),
}
PATTERNS = {
    "genome-bases": "bases.*",
    "transcription": "*.tsv",
    "forecasting": "series-*.csv",
    "anomaly": "long-*.csv",
}


def take_files(task: str, folder: Path, examples: int) -> tuple[list[str], list[str]]:
    """The training and dev files of a task with this many examples."""
    if task in LINES:
        names, header = LINES[task]
        return (
            take_lines(folder, names, header, examples),
            take_lines(folder, names, header, DEV),
        )
    found = []
    for part in (str(examples), "dev"):
        files = sorted(map(str, (folder / part).glob(PATTERNS[task])))
        if not files:
            raise SystemExit(f"no data; first: --task {task} --make {examples}")
        found.append(files[::-1] if task == "genome-bases" else files)
    return found[0], found[1]
