"""A file bears the name of what it defines: the share of files of which this is so.

A file is named by what it defines if

1. every word of its name occurs in the name of one class, function or constant that it defines (or
   lists in `__all__`) publicly: `beam_search.py` defines `beam_search` or `BeamSearch`; or
2. one word of its name does, and the first line of its docstring says every word (or the name of
   its folder does): `json_lines.py` defines `json_rows` and begins "JSON ... objects one a line".

A file of which neither is so (`loop.py`, which defines `train`) counts as named otherwise, however
good its name. Singular and plural, and the forms of a verb, count as the same word. Left out are
the files whose names are conventions: those of every task folder, every metric, and the entry
points.
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
    "picture",
    "report",
    "cli",
}
SHARE = 0.93  # reached so far; a new file must not lower it


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
        if isinstance(node, ast.Assign) and "__all__" in found:
            found += ast.literal_eval(node.value)
            found.remove("__all__")
    return [name for name in found if not name.startswith("_")]


def occurs(word: str, name: str) -> bool:
    """Whether a word occurs in a name or a sentence, in whichever form; "openapi" in "OpenAPI"."""
    return any(same_word(word, each) for each in [*split_words(name), *name.lower().split()])


def is_named_by_content(stem: str, names: list[str], said: str = "") -> bool:
    """The rule; `said`: the first line of the docstring and the name of the folder."""
    words = split_words(stem)
    if any(
        stem.replace("_", "") in name.lower().replace("_", "")
        or all(occurs(word, name) for word in words)
        for name in names
    ):
        return True
    defined = any(occurs(word, name) for word in words for name in names)
    return defined and all(occurs(word, said) for word in words)


def first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


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


@pytest.mark.parametrize(
    ("stem", "names", "said", "expected"),
    [
        ("json_lines", ["json_rows"], "JSON objects, one a line", True),
        ("abc_performance", ["perform"], "The performance of an ABC voice", True),
        ("loop", ["train"], "The training loop", False),
        ("json_lines", ["json_rows"], "Objects of any kind", False),
    ],
)
def test_the_rule_of_the_first_line(stem, names, said, expected):
    assert is_named_by_content(stem, names, said) is expected


def test_files_are_named_by_what_they_define():
    files = counted_files()
    other = [
        path
        for path in files
        if not is_named_by_content(
            path.stem, defined_names(path), f"{first_line(path)} {path.parent.name}"
        )
    ]
    share = 1 - len(other) / len(files)
    listed = ", ".join(str(path.relative_to(ROOT)) for path in other)
    assert share > SHARE, f"{share:.1%} of {len(files)} files; not so: {listed}"
