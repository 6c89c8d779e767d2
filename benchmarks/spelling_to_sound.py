"""Spelling to sound: the phonemes of a word from its letters, by the translation task.

    python benchmarks/spelling_to_sound.py --data FOLDER --languages dut hin      # their dev sets
    python benchmarks/spelling_to_sound.py --data FOLDER --judged test --seeds 1 2 3
                       # all twelve, test sets, three seeds and their ensemble: hours

FOLDER has LANGUAGE_train.tsv, _dev.tsv and _test.tsv of the SIGMORPHON 2020 shared task 1
(https://github.com/sigmorphon/2020, task1/data): word, tab, phonemes separated by spaces; 3600, 450
and 450 words a language. Letters and phonemes are the tokens of an encoder-decoder with attention;
Korean syllables are read as their letters (Unicode's decomposition), which the script says anyway.

WER is the share of words that are not exactly right, PER the edits of phonemes by the reference's,
both in per cent. "letter by letter" is what each letter most often stands for in the training set,
by an alignment along the diagonal: what one would get without context. The shared task's best
ensemble had WER 14.99 and PER 3.30, over 15 languages (arXiv 2006.13343); the data has twelve of
them. The settings are a first guess: choose on the dev sets, and use --judged test once.
"""

from __future__ import annotations

import argparse
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ostinato
from ostinato.commands.tables import number
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.metrics.interval import interval
from setting import find, flags, tell

LANGUAGES = ("ady", "arm", "bul", "dut", "fre", "geo", "gre", "hin", "ice", "kor", "lit", "vie")
COLUMNS = ["language", "seed", "wer", "95 % interval", "per", "letter by letter wer", "seconds"]
SETTINGS: dict[str, Any] = {
    "unit": "word",
    "tokenized": True,
    "embedding_size": 96,
    "hidden_size": 256,
    "dropout": 0.4,
    "batch_size": 32,
    "learning_rate": 0.002,
    "beam": 5,
    "tensorboard": False,
}


def main() -> None:
    arguments = read_arguments()
    rows = []
    for language in arguments.languages:
        files, pairs = prepare(arguments, language)
        runs = [train(arguments, language, seed, files) for seed in arguments.seeds]
        rows += [judge(language, seed, [run], pairs) for seed, run in runs]
        if len(runs) > 1:
            rows.append(judge(language, "together", [run for _, run in runs], pairs))
    for seed in dict.fromkeys(row["seed"] for row in rows):
        own = [row for row in rows if row["seed"] == seed]
        names = ("wer", "per", "letter by letter wer", "seconds")
        means = {name: sum(row[name] for row in own) / len(own) for name in names}
        rows.append({"language": "mean", "seed": seed, "95 % interval": "", **means})
    tell(arguments, COLUMNS, [[row[name] for name in COLUMNS] for row in rows], {"rows": rows})


def read_arguments() -> argparse.Namespace:
    parser = flags(__doc__, runs="runs/spelling", data="the folder of the shared task")
    parser.add_argument("--languages", nargs="+", choices=LANGUAGES, default=list(LANGUAGES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--judged", choices=("dev", "test"), default="dev")
    parser.add_argument("--epochs", type=float, default=60.0)
    parser.add_argument("--time-limit", default="5m", help="of each training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--hidden-size", type=int, default=SETTINGS["hidden_size"])
    parser.add_argument("--dropout", type=float, default=SETTINGS["dropout"])
    return parser.parse_args()


def prepare(
    arguments: argparse.Namespace, language: str
) -> tuple[dict[str, list[str]], dict[str, list[tuple[str, str]]]]:
    """The files of a language as pairs of spaced letters and phonemes, below --runs, and what they
    hold."""
    folder = Path(arguments.runs) / "files"
    folder.mkdir(parents=True, exist_ok=True)
    files, pairs = {}, {}
    for part in ("train", "dev", arguments.judged):
        source = Path(find(arguments.data, f"{language}_{part}.tsv"))
        rows = [line.split("\t") for line in source.read_text(encoding="utf-8").split("\n") if line]
        pairs[part] = [(split_letters(word), sounds.strip()) for word, sounds in rows]
        path = folder / f"{language}.{part}.tsv"
        lines = ["source\ttarget", *("\t".join(pair) for pair in pairs[part])]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        files[part] = [str(path)]
    pairs["judged"] = pairs[arguments.judged]
    return files, pairs


def split_letters(word: str) -> str:
    """split_letters("huis") -> "h u i s"; of a Korean syllable its letters."""
    hangul = any("HANGUL" in unicodedata.name(letter, "") for letter in word)
    return " ".join(unicodedata.normalize("NFD" if hangul else "NFC", word).replace(" ", "_"))


def train(
    arguments: argparse.Namespace, language: str, seed: int, files: dict[str, list[str]]
) -> tuple[int, Any]:
    sizes = {"hidden_size": arguments.hidden_size, "dropout": arguments.dropout}
    return seed, ostinato.train(
        "translation",
        train=files["train"],
        dev=files["dev"],
        out=f"{arguments.runs}/{language}-{seed}",
        overwrite=True,
        seed=seed,
        threads=str(arguments.threads),
        epochs=arguments.epochs,
        time_limit=arguments.time_limit,
        **{**SETTINGS, **sizes},
    )


def judge(
    language: str, seed: int | str, models: Sequence[Any], pairs: dict[str, list[tuple[str, str]]]
) -> dict[str, Any]:
    """The scores of a model, or of several together, on the words that are judged."""
    words, sounds = zip(*pairs["judged"], strict=True)
    model = ostinato.load(",".join(str(each.folder) for each in models))
    found = [" ".join(each.split()) for each in model.predict(list(words))]
    simple = guess_letter_by_letter(pairs["train"], words)
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
        "seconds": sum(each.report["seconds"] for each in models),
    }


def guess_letter_by_letter(pairs: Sequence[tuple[str, str]], words: Sequence[str]) -> list[str]:
    """For every letter the phonemes that it stands for most often, none among them."""
    seen: dict[str, Counter] = defaultdict(Counter)
    for word, sounds in pairs:
        letters, phonemes = word.split(), sounds.split()
        for place, letter in enumerate(letters):
            first = round(place * len(phonemes) / len(letters))
            last = round((place + 1) * len(phonemes) / len(letters))
            seen[letter][" ".join(phonemes[first:last])] += 1
    usual = {letter: found.most_common(1)[0][0] for letter, found in seen.items()}
    return [
        " ".join(filter(None, (usual.get(letter, "") for letter in word.split()))) for word in words
    ]


if __name__ == "__main__":
    main()
