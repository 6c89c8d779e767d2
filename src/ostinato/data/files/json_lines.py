"""JSON Lines, an object on each line; a JSON array of objects; and JSON parsed strictly.

Python's reader also takes NaN, of a key given twice the last, and half of a surrogate pair."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path, quote
from ostinato.errors import InputError

MOST_DIGITS = 400  # of a whole number
SPACE = re.compile(r"[ \t\r\n]*")


def json_rows(lines: Iterable[str], file: FilePath) -> Iterator[tuple[int, dict | None]]:
    """(line number, object), or None in place of the object for a blank line.

    A file that begins with [ is one array of objects, over as many lines as it likes; the numbers
    are then those of the lines on which its objects begin.

    Raises:
        InputError: as of `parse_json`, or a value that is no object.
    """
    lines, found = iter(lines), False
    for number, line in enumerate(lines, start=1):
        where = f"{display_path(file)}:{number}"
        if not line.strip():
            yield number, None
            continue
        if not found and line.lstrip().startswith("["):
            yield from array_rows("\n".join(chain([line], lines)), number, file)
            return
        if line.strip() == "{":  # of an object that goes on over the next lines
            raise InputError(f"{where}: one object a line is expected; write it so: jq -c .")
        found = True
        yield number, require_object(parse_json(line, where), where)


def array_rows(text: str, first: int, file: FilePath) -> Iterator[tuple[int, dict]]:
    """(line number, object) of each object of a JSON array that begins on line `first`."""
    name, number = display_path(file), first
    place = skip_space(text, text.index("[") + 1)
    number += text.count("\n", 0, place)
    while not text.startswith("]", place):
        where = f"{name}:{number}"
        value, end = decode_value(text, place, name, number, first)
        yield number, require_object(value, where)
        after = skip_space(text, end)
        comma = text.startswith(",", after)
        if not comma and not text.startswith("]", after):
            number += text.count("\n", place, after)
            raise InputError(f"{name}:{number}: not JSON: expected , or ] after an object")
        following = skip_space(text, after + comma)
        number += text.count("\n", place, following)
        place = following
    if (rest := skip_space(text, place + 1)) < len(text):
        number += text.count("\n", place, rest)
        raise InputError(
            f"{name}:{number}: not JSON: more after the end of the array; one array, or one object "
            "a line"
        )


def skip_space(text: str, place: int) -> int:
    """The next place that is no white space."""
    match = SPACE.match(text, place)
    return place if match is None else match.end()


def require_object(value: Any, where: str) -> dict:
    """The object; InputError for another value."""
    if not isinstance(value, dict):
        raise InputError(f"{where}: {type(value).__name__} where an object {{...}} belongs")
    return value


def decode_value(text: str, place: int, name: str, number: int, first: int) -> tuple[Any, int]:
    """The value at a place of a text, and where it ends.

    Args:
        text: JSON and more.
        place: where the value begins.
        name: of the file.
        number: of the line on which it begins.
        first: of the text's first line.

    Raises:
        InputError: as of `parse_json`.
    """
    try:
        value, end = READER.raw_decode(text, place)
        refuse_half_surrogates(text[place:end], value)
    except json.JSONDecodeError as error:
        line = first + error.lineno - 1
        raise InputError(f"{name}:{line}:{error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{name}:{number}: nested too deep") from None
    except ValueError as error:
        raise InputError(f"{name}:{number}: {error}") from None
    return value, end


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
