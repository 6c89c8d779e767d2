"""What many tests share: a toy language, options of a tiny model, and what a command gives."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

WORDS = ["one", "two", "three", "four", "five", "six"]
TINY = [
    "--hidden-size",
    "8",
    "--embedding-size",
    "6",
    "--unit",
    "word",
    "--epochs",
    "1",
    "--no-tensorboard",
]


class Outcome(NamedTuple):
    """What a command gave: its exit status, stdout and stderr."""

    status: int
    out: str
    err: str


def write_toy(
    folder: Path, count: int = 20, *, seed: int = 0, stem: str = "train", longest: int = 5
) -> list[str]:
    """Writes folder/train.src and train.tgt, "two five" and "FIVE TWO"; gives their names."""
    chance = random.Random(seed)
    sources = [chance.choices(WORDS, k=chance.randint(1, longest)) for _ in range(count)]
    files = [folder / f"{stem}.src", folder / f"{stem}.tgt"]
    files[0].write_text("".join(" ".join(words) + "\n" for words in sources))
    files[1].write_text(
        "".join(" ".join(word.upper() for word in reversed(words)) + "\n" for words in sources)
    )
    return [str(file) for file in files]


def same_weights(one: Path, other: Path) -> bool:
    """Whether two safetensors files hold the same tensors, bit for bit."""
    from ostinato.data.files.weights_file import load_weights

    ours, theirs = load_weights(one), load_weights(other)
    return ours.keys() == theirs.keys() and all((ours[name] == theirs[name]).all() for name in ours)
