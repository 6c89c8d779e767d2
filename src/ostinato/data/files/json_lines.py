"""JSON Lines, an object on each line, and JSON parsed strictly.

Python's reader also takes NaN, of a key given twice the last, and half of a surrogate pair."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path, quote
from ostinato.errors import InputError

MOST_DIGITS = 400  # of a whole number
WHOLE = {"[": "write it so: jq -c '.[]'", "{": "write it so: jq -c ."}  # JSON over several lines


def json_rows(lines: Iterable[str], file: FilePath) -> Iterator[tuple[int, dict | None]]:
    """(line number, object), or None in place of the object for a blank line.

    Raises:
        InputError: as of `parse_json`, or a value that is no object.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            yield number, None
            continue
        where = f"{display_path(file)}:{number}"
        if line.strip() in WHOLE:  # of a value that goes on over the next lines
            raise InputError(f"{where}: one object a line is expected; {WHOLE[line.strip()]}")
        value = parse_json(line, where)
        if not isinstance(value, dict):
            kind = type(value).__name__
            hint = "; write one object a line: jq -c '.[]'" if isinstance(value, list) else ""
            raise InputError(f"{where}: {kind} where an object {{...}} belongs{hint}")
        yield number, value


def parse_json(text: str, where: str) -> Any:
    """The value of a JSON text.

    Raises:
        InputError: not JSON, NaN or infinite, a key twice, nested too deep, half a surrogate pair.
    """
    try:
        value = READER.decode(text)
        refuse_half_surrogates(text, value)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}:{error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{where}: nested too deep") from None
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    return value


def refuse_duplicates(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these items; ValueError for a key given twice."""
    result = dict(items)
    if len(result) != len(items):
        keys = [key for key, _ in items]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {quote(twice)} appears twice")
    return result


def parse_finite(text: str) -> float:
    """The number; ValueError for NaN and for numbers that float64 cannot hold."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is not a finite number")
    return number


def parse_integer(text: str) -> int:
    """The number; Python refuses 4,300 digits with a message about its own settings."""
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a whole number of {len(text):,} digits")
    return int(text)


def refuse_half_surrogates(text: str, value: Any) -> None:
    """A lone "\\ud800" is read without complaint, and fails wherever the text is first written."""
    if "\\ud" in text.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError(
                r"half of a surrogate pair (\ud800 to \udfff alone) is no character"
            ) from None


READER = json.JSONDecoder(
    object_pairs_hook=refuse_duplicates,
    parse_constant=parse_finite,
    parse_float=parse_finite,
    parse_int=parse_integer,
)
