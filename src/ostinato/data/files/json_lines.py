"""JSON objects, one a line, by JSON's own rules: Python's reader also takes NaN, and of a key given twice the last."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from ostinato.data.files.lines import FilePath
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError


def json_rows(lines: Iterable[str], file: FilePath) -> Iterator[tuple[int, dict | None]]:
    """(line number, object), or None in place of the object for a blank line.

    InputError, with the line: not JSON, not an object, NaN or infinite, a key twice, too deep, half a character."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            yield number, None
            continue
        try:
            value = READER.decode(line)
            refuse_half_surrogates(line, value)
        except json.JSONDecodeError as error:
            raise InputError(
                f"{display_path(file)}:{number}:{error.colno}: not JSON: {error.msg}"
            ) from None
        except RecursionError:
            raise InputError(f"{display_path(file)}:{number}: nested too deep") from None
        except ValueError as error:
            raise InputError(f"{display_path(file)}:{number}: {error}") from None
        if not isinstance(value, dict):
            hint = "; write one object a line: jq -c '.[]'" if isinstance(value, list) else ""
            raise InputError(
                f"{display_path(file)}:{number}: {type(value).__name__} where an object {{...}} belongs{hint}"
            )
        yield number, value


def unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(items)
    if len(result) != len(items):
        keys = [key for key, _ in items]
        raise ValueError(
            f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice"
        )
    return result


def finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is not a finite number")
    return number


def integer(text: str) -> int:
    if len(text) > 400:  # Python refuses 4,300 digits with a message about its own settings
        raise ValueError(f"a whole number of {len(text):,} digits")
    return int(text)


def refuse_half_surrogates(line: str, value: Any) -> None:
    """A lone "\\ud800" is read without complaint, and fails later, wherever the text is first written."""
    if "\\ud" in line.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError(
                r"half of a surrogate pair (\ud800 to \udfff alone) is no character"
            ) from None


READER = json.JSONDecoder(
    object_pairs_hook=unique, parse_constant=finite, parse_float=finite, parse_int=integer
)
