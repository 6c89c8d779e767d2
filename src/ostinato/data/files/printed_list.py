"""Lists as Python prints them: pandas writes them so into a CSV.

parse_printed_list("['O', 'B-LOC']") -> ["O", "B-LOC"], as of NumPy's arrays: "['O' 'B-LOC']" """

from __future__ import annotations

import re

# of texts, or of whole numbers alone, and the items of either
TEXT, NUMBER = r"""(?:'[^']*'|"[^"]*")""", r"-?\d+"
PRINTED_LIST = re.compile(rf"\[\s*{TEXT}(?:[,\s]+{TEXT})*\s*\]")
PRINTED_NUMBERS = re.compile(rf"\[\s*{NUMBER}(?:[,\s]+{NUMBER})*\s*\]")
ITEM = re.compile(r"""'([^']*)'|"([^"]*)"|(-?\d+)""")


def parse_printed_list(text: str, *, numbers: bool = False) -> str | list[str]:
    """The items of a text that is a printed list of texts, or else the text.

    Args:
        text: of a field.
        numbers: whether a list of whole numbers is one, too.
    """
    if not text.startswith("["):
        return text
    if PRINTED_LIST.fullmatch(text) or (numbers and PRINTED_NUMBERS.fullmatch(text)):
        return [one or other or number for one, other, number in ITEM.findall(text[1:-1])]
    return text
