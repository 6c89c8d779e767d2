"""Output to the terminal, with control characters escaped: no label or file name commands it.

Escape sequences can move the cursor, set the window's title or rewrite what was printed; marks of
text direction can reverse it. Whatever is printed for people goes through this module."""

from __future__ import annotations

import os
import re
import sys

from ostinato.errors import InputError, shorten

# C0 without tab and line feed, DEL and C1; separators of lines and paragraphs, which end a line in
# some terminals and in Python's splitlines; embeddings, overrides and isolates of text direction;
# lone surrogates, which stand for bytes of a file name that are not UTF-8 and cannot be encoded
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]",
)


def escape_controls(text: str) -> str:
    r"""escape_controls("\x1b[31mred") -> "\\x1b[31mred"; tabs and line feeds stay."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def format_message(message: object) -> str:
    """A message as one line of bounded length, its middle left out where it is longer."""
    return shorten(escape_controls(" ".join(str(message).split("\n"))))


def print_message(message: object) -> None:
    """A message as a line on stderr; none where stderr is closed or its disk is full."""
    try:
        print(format_message(message), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        discard(2)


def print_text(text: str, *, flush: bool = True) -> None:
    """Prints to stdout.

    Raises:
        InputError: stdout cannot be written (disk full).
    """
    try:
        print(make_encodable(text, sys.stdout.encoding), end="", flush=flush)
    except BrokenPipeError:
        raise
    except OSError as error:
        discard(1)
        raise InputError(f"standard output: {error.strerror}; make room and run again") from None


def make_encodable(text: str, encoding: str | None = "utf-8") -> str:
    r"""The text, with what an encoding does not have escaped; in JSON this is JSON's own escape.

    make_encodable("bytes \udcff") -> "bytes \\udcff", as of a file name that is not UTF-8."""
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return text.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")
    return text


def flush_or_discard() -> None:
    """Writes what stdout still buffers; drops it where it cannot be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        discard(1)


def discard(descriptor: int) -> None:
    """Sends a file descriptor to the null device; Python would fail to write its buffer at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def open_missing_streams() -> None:
    """Opens the null device in place of stdin and stderr where the shell has closed them."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 (for the process)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
