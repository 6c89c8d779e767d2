"""A file bears the name of what it defines: the share of files of which this is so.

The rule: the words of the file's name occur in the name of a class or function, or of a constant
in capitals, that the file defines publicly. Singular and plural, and the forms of a verb, count as
the same word. The files that every task folder and every metric has are left out, as their names
are conventions.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "ostinato"
CONVENTIONAL = {
    "__init__",
    "__main__",
    "options",
    "reader",
    "preprocessing",
    "network",
    "prediction",
    "baseline",
    "report",
}
SHARE = 0.72  # reached so far; a new file must not lower it


def split_words(name: str) -> list[str]:
    """split_words("beam_search") -> ["beam", "search"]; split_words("LSTMCell") likewise."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return [part for part in re.split(r"[_\W]+", parts) if part]


def same_word(one: str, other: str) -> bool:
    """Whether two words differ by their endings only: "align" and "alignment", "bus", "buses"."""
    short, long = sorted((one, other), key=len)
    common = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), None)
    length = len(short) if common is None else common
    return length >= len(short) - 2 and length >= min(len(short), 3) and len(long) - length <= 5


def defined_names(path: Path) -> list[str]:
    """The public classes, functions and constants at the top of a file."""
    found = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.append(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        found += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in found if not name.startswith("_")]


def is_named_by_content(stem: str, names: list[str]) -> bool:
    """Whether every word of the stem occurs in one of the names, in whichever form."""
    together = [name.lower().replace("_", "") for name in names]
    return any(
        stem.replace("_", "") in whole
        or all(
            any(same_word(word, each) for each in split_words(name)) for word in split_words(stem)
        )
        for name, whole in zip(names, together, strict=True)
    )


def counted_files() -> list[Path]:
    return [
        path
        for path in sorted(ROOT.rglob("*.py"))
        if path.stem not in CONVENTIONAL
        and not (path.parent.name == "metrics" and "score" in defined_names(path))
    ]


@pytest.mark.parametrize(
    ("stem", "names", "expected"),
    [
        ("beam", ["beam_search"], True),
        ("alignment", ["align"], True),
        ("buckets", ["Bucket"], True),
        ("layer_norm", ["LayerNormLSTM"], True),
        ("iob", ["IOB"], True),
        ("utils", ["read_pairs"], False),
        ("beam_state", ["Beam", "State"], False),
        ("greedy", [], False),
    ],
)
def test_the_rule(stem, names, expected):
    assert is_named_by_content(stem, names) is expected


def test_files_are_named_by_what_they_define():
    files = counted_files()
    other = [path for path in files if not is_named_by_content(path.stem, defined_names(path))]
    share = 1 - len(other) / len(files)
    listed = ", ".join(str(path.relative_to(ROOT)) for path in other)
    assert share > SHARE, f"{share:.1%} of {len(files)} files; not so: {listed}"
