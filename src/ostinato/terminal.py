"""Lines for people: no text from a file, a label or a recipe may command the terminal.

Escape sequences can move the cursor, set the window's title or rewrite what was printed; marks of
text direction can reverse it. Whatever is printed for people goes through this module."""

from __future__ import annotations

import re

from ostinato.errors import LONGEST_MESSAGE

# C0 without tab and line feed, DEL and C1; embeddings, overrides and isolates of text direction;
# lone surrogates, which stand for bytes of a file name that are not UTF-8 and cannot be encoded
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]",
)


def escape_controls(text: str) -> str:
    r"""escape_controls("\x1b[31mred") -> "\\x1b[31mred"; tabs and line feeds stay."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def format_message(message: object) -> str:
    """A message as one line of bounded length, its middle left out where it is longer."""
    line = escape_controls(" ".join(str(message).split("\n")))
    if len(line) <= LONGEST_MESSAGE:
        return line
    end = LONGEST_MESSAGE // 4  # what to do comes last
    return f"{line[: LONGEST_MESSAGE - end]} … {line[-end:]}"
