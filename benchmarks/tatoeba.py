"""Tatoeba's English-French pairs from manythings.org/anki, cut into train, val and test: short
sentences, quickly learned.

    # writes work/train.en, train.fr, val.en, val.fr, test.en, test.fr
    split("fra.txt.gz", "work", longest=8)

An English sentence and all its translations stand in one part only, decided by a checksum of
the English; val and test keep one translation of each. `longest` is the most words an English
sentence may have. CC BY 2.0; the sentences are those of <https://tatoeba.org>.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

SIZES = {"val": 1000, "test": 2000}  # sentences


def split(path: str, folder: str | Path, *, longest: int) -> None:
    parts: dict[str, list[tuple[str, str]]] = {"train": [], **{part: [] for part in SIZES}}
    texts = {
        english: french
        for english, french in english_to_french(path).items()
        if len(english.split()) <= longest
    }
    held_back = parts_of_test(texts)
    for english, french in texts.items():
        part = held_back.get(english, "train")
        parts[part] += [(english, each) for each in (french if part == "train" else french[:1])]
    Path(folder).mkdir(parents=True, exist_ok=True)
    for part, pairs in parts.items():
        for side, language in enumerate(("en", "fr")):
            lines = "".join(f"{pair[side]}\n" for pair in pairs)
            (Path(folder) / f"{part}.{language}").write_text(lines, encoding="utf-8")


def english_to_french(path: str) -> dict[str, list[str]]:
    """{"Go.": ["Va !"], "Hi.": ["Salut !", "Salut."], ...}"""
    found: dict[str, list[str]] = {}
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            english, french = line.rstrip("\n").split("\t")[:2]
            found.setdefault(english.strip(), []).append(french.strip())
    return found


def parts_of_test(texts: dict[str, list[str]]) -> dict[str, str]:
    """The sentences with the smallest checksums are held out: the same ones whatever else the
    file holds.
    """
    ordered = iter(sorted(texts, key=lambda english: (zlib.crc32(english.encode()), english)))
    return {next(ordered): part for part, size in SIZES.items() for _ in range(size)}
