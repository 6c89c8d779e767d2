"""Spelling to sound: the phonemes of a word from its letters.

    python benchmarks/spelling_to_sound.py --data FOLDER --languages dut hin      # their dev sets
    python benchmarks/spelling_to_sound.py --data FOLDER --judged test --seeds 1 2 3
                       # all twelve, test sets, three seeds and their ensemble

FOLDER has LANGUAGE_train.tsv, _dev.tsv and _test.tsv of the SIGMORPHON 2020 shared task 1
(https://github.com/sigmorphon/2020, task1/data): word, tab, phonemes separated by spaces; 3600, 450
and 450 words a language. Korean syllables are read as their letters (Unicode's decomposition),
which the script says anyway.

--model transducer (default) is transcription with another kind of frames: letters, each a row of
zeros with a one, are what sound is there, and phonemes what words are. It reads letters and writes
phonemes in the same order, which is what spelling does. --model encoder-decoder is translation with
attention, letter tokens to phoneme tokens, which must learn that first.

WER is the share of words that are not exactly right, PER the edits of phonemes by the reference's,
both in per cent. "letter by letter" is what each letter most often stands for in the training set,
by an alignment along the diagonal: what one would get without context. The shared task's best
ensemble had WER 14.99 and PER 3.30, over 15 languages (arXiv 2006.13343); the data has twelve of
them. Settings were chosen on the dev sets of ady, dut, hin and kor; use --judged test once.
"""

from __future__ import annotations

import argparse
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import ostinato
from ostinato.commands.tables import number
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.metrics.interval import interval
from setting import find, flags, tell

LANGUAGES = ("ady", "arm", "bul", "dut", "fre", "geo", "gre", "hin", "ice", "kor", "lit", "vie")
COLUMNS = ["language", "seed", "wer", "95 % interval", "per", "letter by letter wer", "seconds"]
TRANSDUCER: dict[str, Any] = {
    "decoder": "transducer",
    "unit": "word",
    "subsampling": 1,
    "normalise_features": "training",
    "layers": 1,
    "hidden_size": 256,
    "dropout": 0.4,
    "speed": 0.0,
    "warp": 0.0,
    "time_masks": 0,
    "frequency_masks": 0,
    "optimizer": "adam",
    "weight_decay": 0.0,
    "normalise": "tokens",
    "batch_tokens": None,
    "least_batches": 1,
    "epochs": 20.0,
    "evaluate_every": 5.0,
}
ENCODER_DECODER: dict[str, Any] = {
    "unit": "word",
    "tokenized": True,
    "embedding_size": 96,
    "hidden_size": 256,
    "dropout": 0.4,
    "beam": 5,
    "epochs": 60.0,
}
SETTINGS = {"transducer": TRANSDUCER, "encoder-decoder": ENCODER_DECODER}
TRAINING: dict[str, Any] = {
    "batch_size": 32,
    "learning_rate": 0.002,
    "least_steps": 1,
    "tensorboard": False,
    "overwrite": True,
}
Pairs = list[tuple[list[str], str]]  # the letters of each word, and its phonemes


def main() -> None:
    arguments = read_arguments()
    rows = []
    for language in arguments.languages:
        pairs = {
            part: read_pairs(Path(find(arguments.data, f"{language}_{part}.tsv")))
            for part in ("train", "dev", arguments.judged)
        }
        judged = pairs[arguments.judged]
        files = write_files(arguments, language, pairs)
        runs = [(seed, *train(arguments, language, seed, files)) for seed in arguments.seeds]
        names = list_letters(pairs["train"])
        for seed, folder, seconds in runs:
            found = answer([folder], arguments.model, names, judged)
            rows.append(judge(language, seed, found, pairs["train"], judged, seconds))
        if len(runs) > 1:
            found = answer([each[1] for each in runs], arguments.model, names, judged)
            seconds = sum(each[2] for each in runs)
            rows.append(judge(language, "together", found, pairs["train"], judged, seconds))
    for seed in dict.fromkeys(row["seed"] for row in rows):
        own = [row for row in rows if row["seed"] == seed]
        columns = ("wer", "per", "letter by letter wer", "seconds")
        means = {name: sum(row[name] for row in own) / len(own) for name in columns}
        rows.append({"language": "mean", "seed": seed, "95 % interval": "", **means})
    tell(arguments, COLUMNS, [[row[name] for name in COLUMNS] for row in rows], {"rows": rows})


def read_arguments() -> argparse.Namespace:
    parser = flags(__doc__, runs="runs/spelling", data="the folder of the shared task")
    parser.add_argument("--languages", nargs="+", choices=LANGUAGES, default=list(LANGUAGES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--judged", choices=("dev", "test"), default="dev")
    parser.add_argument("--model", choices=list(SETTINGS), default="transducer")
    parser.add_argument("--epochs", type=float, help="default: 20, or 60 for encoder-decoder")
    parser.add_argument("--time-limit", help="of each training; default: none")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--hidden-size", type=int)
    parser.add_argument("--dropout", type=float)
    return parser.parse_args()


def read_pairs(path: Path) -> Pairs:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if line]
    return [(split_letters(word), sounds.strip()) for word, sounds in rows]


def split_letters(word: str) -> list[str]:
    """split_letters("huis") -> ["h", "u", "i", "s"]; of a Korean syllable its letters."""
    hangul = any("HANGUL" in unicodedata.name(letter, "") for letter in word)
    return list(unicodedata.normalize("NFD" if hangul else "NFC", word).replace(" ", "_"))


def list_letters(pairs: Pairs) -> list[str]:
    return sorted({letter for letters, _ in pairs for letter in letters})


def encode_letters(letters: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Frames [T, D]: a one in the column of each letter, in the last one for an unknown letter."""
    columns = [names.index(each) if each in names else len(names) for each in letters]
    return np.eye(len(names) + 1, dtype=np.float32)[columns]


def write_files(
    arguments: argparse.Namespace, language: str, pairs: dict[str, Pairs]
) -> dict[str, list[str]]:
    """The training and dev files of a language below --runs, as the model's task reads them."""
    folder = Path(arguments.runs) / "files"
    folder.mkdir(parents=True, exist_ok=True)
    names, files = list_letters(pairs["train"]), {}
    for part in ("train", "dev"):
        path = folder / f"{language}.{part}.tsv"
        if arguments.model == "transducer":
            path = path.with_suffix(".npz")
            frames = [encode_letters(letters, names) for letters, _ in pairs[part]]
            np.savez(
                path,
                X=np.concatenate(frames),
                lengths=[len(each) for each in frames],
                text=[sounds for _, sounds in pairs[part]],
            )
        else:
            lines = [f"{' '.join(letters)}\t{sounds}" for letters, sounds in pairs[part]]
            path.write_text("\n".join(["source\ttarget", *lines]) + "\n", encoding="utf-8")
        files[part] = [str(path)]
    return files


def train(
    arguments: argparse.Namespace, language: str, seed: int, files: dict[str, list[str]]
) -> tuple[str, float]:
    """The folder of a trained run, and the seconds that its training took."""
    asked = {
        name: value
        for name in ("epochs", "hidden_size", "dropout", "time_limit")
        if (value := getattr(arguments, name)) is not None
    }
    folder, began = f"{arguments.runs}/{arguments.model}-{language}-{seed}", time.perf_counter()
    ostinato.train(
        "transcription" if arguments.model == "transducer" else "translation",
        train=files["train"],
        dev=files["dev"],
        out=folder,
        seed=seed,
        threads=str(arguments.threads),
        **{**TRAINING, **SETTINGS[arguments.model], **asked},
    )
    return folder, time.perf_counter() - began


def answer(folders: Sequence[str], kind: str, names: Sequence[str], pairs: Pairs) -> list[str]:
    """The phonemes of each word, by a run or by several together."""
    model = ostinato.load(",".join(folders))
    if kind == "transducer":
        found = model.predict([encode_letters(letters, names) for letters, _ in pairs])
    else:
        found = model.predict([" ".join(letters) for letters, _ in pairs])
    return [" ".join(each.split()) for each in found]


def judge(
    language: str,
    seed: int | str,
    found: Sequence[str],
    known: Pairs,
    pairs: Pairs,
    seconds: float,
) -> dict[str, Any]:
    """The scores of answers on the words that are judged."""
    sounds = [each for _, each in pairs]
    simple = guess_letter_by_letter(known, [letters for letters, _ in pairs])
    whole, single = METRICS["accuracy"], METRICS["wer"]
    right = [whole.count(one == other, True) for one, other in zip(found, sounds, strict=True)]
    low, high = interval(whole, right)
    edits = [single.count(one, other) for one, other in zip(found, sounds, strict=True)]
    same = sum(one == other for one, other in zip(simple, sounds, strict=True))
    return {
        "language": language,
        "seed": seed,
        "wer": 100 - 100 * corpus_score(whole, right),
        "95 % interval": f"{number(100 - 100 * high)} .. {number(100 - 100 * low)}",
        "per": corpus_score(single, edits),
        "letter by letter wer": 100 - 100 * same / len(sounds),
        "seconds": seconds,
    }


def guess_letter_by_letter(pairs: Pairs, words: Sequence[Sequence[str]]) -> list[str]:
    """For every letter the phonemes that it stands for most often, none among them."""
    seen: dict[str, Counter] = defaultdict(Counter)
    for letters, sounds in pairs:
        phonemes = sounds.split()
        for place, letter in enumerate(letters):
            first = round(place * len(phonemes) / len(letters))
            last = round((place + 1) * len(phonemes) / len(letters))
            seen[letter][" ".join(phonemes[first:last])] += 1
    usual = {letter: found.most_common(1)[0][0] for letter, found in seen.items()}
    return [" ".join(filter(None, (usual.get(letter, "") for letter in word))) for word in words]


if __name__ == "__main__":
    main()
