"""Translations as Hugging Face has them: {"translation": {"de": "Ein Hund.", "en": "A dog."}}"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

KEY = "translation"


def spread_translations(
    rows: Iterator[tuple[int, dict | None]],
    named: Mapping[str, str],
    say: Callable[[str], None],
    file: str,
) -> Iterator[tuple[int, dict | None]]:
    """The rows with the languages of an inner object as their columns.

    {"id": 1, "translation": {"de": "Ja.", "en": "Yes."}}
    -> {"id": 1, "source": "Ja.", "target": "Yes."}

    The first language is the source and the second the target, unless the options name them. Other
    rows stay as they are.

    Args:
        rows: (line number, object), None for a blank line.
        named: the languages that are named for source and target.
        say: is told which language is which.
        file: for what is said.
    """
    columns: dict[str, str] | None = None
    for line, values in rows:
        inner = None if values is None else values.get(KEY)
        if values is None or not isinstance(inner, dict):
            yield line, values
            continue
        if columns is None:
            columns = choose_languages(inner, named)
            if columns and not named:
                source, target = columns
                say(f"{file}: from {source} to {target}, in the order of its first translation")
        found = {columns.get(name, name): value for name, value in inner.items()}
        yield line, {name: value for name, value in values.items() if name != KEY} | found


def choose_languages(inner: Mapping[str, Any], named: Mapping[str, str]) -> dict[str, str]:
    """The column of each of two languages: {"de": "source", "en": "target"}

    {} where the object has fewer than two, or has not the named ones."""
    languages = list(inner)
    source, target = named.get("source"), named.get("target")
    if len(languages) < 2 or any(name and name not in inner for name in (source, target)):
        return {}
    source = source or next(name for name in languages if name != target)
    target = target or next(name for name in languages if name != source)
    # a named one keeps its name, by which it is looked for
    return {
        source: source if named.get("source") else "source",
        target: target if named.get("target") else "target",
    }
