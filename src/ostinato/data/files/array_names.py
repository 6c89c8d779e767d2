"""The names that people give arrays: X or x, y or labels, X_train, test_y, data.

match_names(["X_train", "y_train", "X_test"], ("X", "y"), training=True)
-> {"X": "X_train", "y": "y_train"}"""

from __future__ import annotations

import re
from collections.abc import Sequence

BASES = {
    "X": ("x", "data", "inputs", "input", "series", "features", "signals", "sequences", "samples"),
    "y": ("y", "label", "target", "targets", "classes"),
    "lengths": ("lengths", "length", "lens", "seq_lens", "seq_lengths"),
}
PARTS = {
    "train": ("train", "training", "tr"),
    "test": ("test", "testing", "te"),
    "dev": ("dev", "val", "valid", "validation", "eval"),
}
PART_OF = {word: part for part, words in PARTS.items() for word in words}
_WORDS = "|".join(sorted(PART_OF, key=len, reverse=True))
NAME = re.compile(rf"(?:({_WORDS})_?)?(.+?)(?:_({_WORDS}))?", re.IGNORECASE)
JOINED = re.compile(rf"([xy])({_WORDS})", re.IGNORECASE)  # Xtrain
UNNAMED = ("arr_0", "arr_1")  # what numpy.savez(file, X, y) calls them
ORDER = {True: ("train", "", "dev", "test"), False: ("test", "dev", "", "train")}


def match_names(names: Sequence[str], wanted: Sequence[str], *, training: bool) -> dict[str, str]:
    """The arrays that are meant by the wanted names.

    Args:
        names: of the arrays that there are.
        wanted: such as X, y, lengths.
        training: whether those of the training part are wanted, where the names tell parts apart.

    Returns:
        wanted name -> name, for those that there are. Exact names come first; all others are of
        one part.
    """
    exact = {name: name for name in wanted if name in names}
    split = {name: split_name(name, wanted) for name in names if name not in exact.values()}
    if not any(base in ("X", "frames", "features", "images") for base in exact):
        for part in ORDER[training]:
            found = {base: name for name, (base, of) in split.items() if of == part and base}
            if any(base in found for base in ("X", "frames", "features", "images")):
                return {**found, **exact}
        return exact or match_unnamed(names, wanted)
    bare = {base: name for name, (base, of) in split.items() if not of and base}
    return {**bare, **exact}


def match_unnamed(names: Sequence[str], wanted: Sequence[str]) -> dict[str, str]:
    """The arrays of a file in which they have no names: the first is X, the second y."""
    if sorted(names) != list(UNNAMED[: len(names)]):
        return {}
    return {
        base: name for base, name in zip(("X", "y"), sorted(names), strict=False) if base in wanted
    }


def split_name(name: str, wanted: Sequence[str]) -> tuple[str | None, str]:
    """The kind and the part that an array's name tells; (None, "") for a name of no known use.

    split_name("X_train", ("X", "y")) -> ("X", "train")
    """
    joined = JOINED.fullmatch(name)
    match = NAME.fullmatch(f"{joined[1]}_{joined[2]}" if joined else name)
    if match is None:
        return None, ""
    before, base, after = match[1], match[2].lower(), match[3]
    if before and after:
        return None, ""
    part = PART_OF.get((before or after or "").lower(), "")
    for one in wanted:
        if base in BASES.get(one, (one.lower(),)) or (part and one == "y" and base == "labels"):
            return one, part
    return None, ""
