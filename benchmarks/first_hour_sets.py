"""The data sets of `first_hour.py`: what a new user would type for each, and what they would use
instead.

A set is a task, the folder of its data, and a function that writes the training and test files as a
user has them. Test sets are the publishers' where there are any, else a fifth, chosen by a hash of
the line, so that it is the same on every machine."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class DataSet:
    """A set of data and the command that a new user would give.

    Args:
        task: The task.
        folder: Of the data.
        files: (folder, folder to write to) -> {"train": [...], "test": [...]}
        flags: Further flags without which the data cannot be read, such as a column's name.
        rival: What a user would use instead: a name in `first_hour.RIVALS`; "": the baseline.
    """

    task: str
    folder: str
    files: Callable[[Path, Path], dict[str, list[Path]]]
    flags: dict[str, Any] = field(default_factory=dict)
    rival: str = ""


def read(path: Path) -> list[str]:
    """The lines of a text, gzipped or not; only line feeds end a line."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return content.decode("utf-8").removesuffix("\n").split("\n")


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def in_test(line: str, key: Callable[[str], str] = lambda line: line) -> bool:
    """Whether a line is in the fifth that is tested on."""
    return zlib.crc32(key(line).encode()) % 5 == 0


def split(lines: Iterable[str], out: Path, name: str, header: str = "") -> dict[str, list[Path]]:
    """A training and a test file of these lines, equal lines in one of them."""
    parts: dict[str, list[str]] = {"train": [], "test": []}
    for line in lines:
        parts["test" if in_test(line) else "train"].append(line)
    return {
        part: [write(out / f"{part}.{name}", [*([header] if header else []), *rows])]
        for part, rows in parts.items()
    }


def given(train: str, test: str) -> Callable[[Path, Path], dict[str, list[Path]]]:
    """The publisher's own files."""
    return lambda data, out: {"train": [data / train], "test": [data / test]}


def lines_of(file: str, name: str) -> Callable[[Path, Path], dict[str, list[Path]]]:
    """A file whose lines are examples, split."""
    return lambda data, out: split(
        [line.rstrip("\r") for line in read(data / file) if line.strip()], out, name
    )


def table_of(file: str) -> Callable[[Path, Path], dict[str, list[Path]]]:
    """A table with a header, split."""

    def files(data: Path, out: Path) -> dict[str, list[Path]]:
        header, *rows = read(data / file)
        return split(rows, out, "tsv", header)

    return files


def names(data: Path, out: Path) -> dict[str, list[Path]]:
    """Names with their nationality."""
    return split(
        [f"{name}\t{path.stem}" for path in sorted(data.glob("*.txt")) for name in read(path)],
        out,
        "tsv",
    )


def peaks(data: Path, out: Path) -> dict[str, list[Path]]:
    """Sequences bound by one of two proteins."""
    found = {}
    for part, end in (("train", ""), ("test", "_test")):
        rows = ["sequence\tlabel"]
        for label in ("oct4", "mafk"):
            text = "\n".join(read(data / f"{label}{end}.fa"))
            rows += [
                f"{''.join(entry.splitlines()[1:])}\t{label}" for entry in text.split(">") if entry
            ]
        found[part] = [write(out / f"{part}.tsv", rows)]
    return found


def text(
    file: str, test: str = "", encoding: str = "utf-8"
) -> Callable[[Path, Path], dict[str, list[Path]]]:
    """A running text; without a test file its last tenth is tested on."""

    def files(data: Path, out: Path) -> dict[str, list[Path]]:
        if test:
            return {"train": [data / file], "test": [data / test]}
        lines = read(data / file)
        cut = len(lines) * 9 // 10
        return {
            "train": [write(out / "train.txt", lines[:cut])],
            "test": [write(out / "test.txt", lines[cut:])],
        }

    return files


def chorales(data: Path, out: Path) -> dict[str, list[Path]]:
    """JSB chorales, a file a split."""
    content = json.loads((data / "jsb-chorales-quarter.json").read_text())
    return {
        part: [write(out / f"{part}.json", [json.dumps({part: content[part]})])]
        for part in ("train", "test")
    }


def tunes(data: Path, out: Path) -> dict[str, list[Path]]:
    """A folder of ABC tunes; some files are tested on."""
    files = sorted(data.glob("*.abc"))
    parts: dict[str, list[Path]] = {"train": [], "test": []}
    for path in files:
        parts["test" if in_test(path.name) else "train"].append(path)
    return parts


def pairs(data: Path, out: Path) -> dict[str, list[Path]]:
    """French and English sentences; equal English ones in one part."""
    parts: dict[str, list[str]] = {"train": ["source\ttarget"], "test": ["source\ttarget"]}
    for line in read(data / "fra.txt.gz"):
        english, french = line.split("\t")[:2]
        held = zlib.crc32(english.encode()) % 200 == 0
        parts["test" if held else "train"].append(f"{french}\t{english}")
    return {part: [write(out / f"{part}.tsv", rows)] for part, rows in parts.items()}


def multi30k(data: Path, out: Path) -> dict[str, list[Path]]:
    return {
        "train": [data / "train.de.gz", data / "train.en.gz"],
        "test": [data / "test_2016_flickr.de.gz", data / "test_2016_flickr.en.gz"],
    }


def spellings(language: str) -> Callable[[Path, Path], dict[str, list[Path]]]:
    """Words and their phonemes, as sentences of a translation."""

    def files(data: Path, out: Path) -> dict[str, list[Path]]:
        found = {}
        for part in ("train", "test"):
            rows = [line.split("\t") for line in read(data / f"{language}_{part}.tsv") if line]
            lines = ["source\ttarget", *(f"{' '.join(word)}\t{sounds}" for word, sounds in rows)]
            found[part] = [write(out / f"{part}.tsv", lines)]
        return found

    return files


def turns(data: Path, out: Path) -> dict[str, list[Path]]:
    """The system's reply to each utterance of a user."""
    found = {}
    for part in ("train", "test"):
        rows = ["source\ttarget"]
        for dialogue in json.loads("\n".join(read(data / f"{part}.json.gz"))):
            for turn, after in zip(dialogue["turns"], dialogue["turns"][1:], strict=False):
                said = turn.get("user_utterance", {}).get("text", "")
                reply = after.get("system_utterance", {}).get("text", "")
                if said and reply:
                    rows.append(f"{said}\t{reply}")
        found[part] = [write(out / f"{part}.tsv", rows)]
    return found


def signs(data: Path, out: Path) -> dict[str, list[Path]]:
    """Clips of signs, every fifth of a sign tested on."""
    content = np.load(data / "keypoints.npz")
    clips, labels = content["X"], content["y"]
    held = np.arange(len(clips)) % 5 == 0
    found = {}
    for part, rows in (("train", ~held), ("test", held)):
        np.savez(out / f"{part}.npz", X=clips[rows], y=labels[rows])
        found[part] = [out / f"{part}.npz"]
    return found


def series(file: str) -> Callable[[Path, Path], dict[str, list[Path]]]:
    """One table of series; the last steps are forecast, from all that is before them."""

    def files(data: Path, out: Path) -> dict[str, list[Path]]:
        header, *rows = read(data / file)
        cut = len(rows) * 4 // 5
        return {
            "train": [write(out / "train.csv", [header, *rows[:cut]])],
            "test": [write(out / "test.csv", [header, *rows])],
        }

    return files


SETS = {
    "opinions-products": DataSet(
        "classification",
        "sentiment_uci_labelled",
        lines_of("amazon_cells_labelled.txt", "tsv"),
        rival="n-grams",
    ),
    "opinions-films": DataSet(
        "classification",
        "sentiment_uci_labelled",
        lines_of("imdb_labelled.txt", "tsv"),
        rival="n-grams",
    ),
    "sst2": DataSet(
        "classification", "sentiment_sst2", given("train.tsv", "test.tsv"), rival="n-grams"
    ),
    "reviews": DataSet(
        "classification",
        "sentiment_movie_reviews_long",
        table_of("reviews.tsv.gz"),
        rival="n-grams",
    ),
    "names": DataSet("classification", "names_nationality", names, rival="n-grams"),
    "motions": DataSet(
        "classification",
        "seqclass_BasicMotions",
        given("BasicMotions_TRAIN.ts", "BasicMotions_TEST.ts"),
        rival="dtw",
    ),
    "gunpoint": DataSet(
        "classification",
        "seqclass_GunPoint",
        given("GunPoint_TRAIN.ts", "GunPoint_TEST.ts"),
        rival="dtw",
    ),
    "vowels": DataSet(
        "classification",
        "seqclass_JapaneseVowels",
        given("JapaneseVowels_TRAIN.ts", "JapaneseVowels_TEST.ts"),
        rival="dtw",
    ),
    "signs": DataSet("video", "frames_signs_hello_thanks_iloveyou", signs),
    "splice": DataSet(
        "genome", "genomics_splice", table_of("splice.tsv"), {"label_column": "class"}
    ),
    "peaks": DataSet("genome", "genomics_janggu_fasta", peaks),
    "parts-of-speech": DataSet(
        "tagging",
        "pos_ud_english_ewt",
        given("en_ewt-ud-train.conllu.gz", "en_ewt-ud-test.conllu.gz"),
    ),
    "chunks": DataSet("tagging", "chunk_conll2000", given("train.txt.gz", "test.txt")),
    "entities": DataSet("tagging", "ner_conll2003", given("eng.train.gz", "eng.testb")),
    "entities-wiki": DataSet("tagging", "ner_wikiann_en", given("train.tsv.gz", "test.tsv.gz")),
    "shakespeare": DataSet("language", "lm_tinyshakespeare", text("input.txt.gz")),
    "newspaper": DataSet("language", "lm_ptb", text("ptb.train.txt.gz", "ptb.test.txt")),
    "chorales": DataSet("melody", "melody_jsb", chorales),
    "tunes": DataSet("melody", "melody_oneills1850_abc", tunes),
    "french-english": DataSet("translation", "translation_tatoeba_fra_eng", pairs),
    "german-english": DataSet("translation", "translation_multi30k", multi30k),
    "spelling-dutch": DataSet("translation", "g2p_sigmorphon2020", spellings("dut")),
    "tickets": DataSet("dialogue", "dialogue_simM", turns),
    "temperatures": DataSet("forecasting", "timeseries", series("daily-min-temperatures.csv")),
    "influenza": DataSet("forecasting", "forecast_ili", series("national_illness.csv")),
    "transformer": DataSet("forecasting", "timeseries", series("ETTh1.csv.gz")),
}
