"""`--format html`: a single file with the model in it and a runner in JavaScript."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.exporting.folder_format import check_units
from ostinato.exporting.program import Program, quantise

PAGE = Path(__file__).with_name("page")


def build_html_page(program: Program) -> bytes:
    """The page, with int8 weights.

    Args:
        program: What the page runs.

    Returns:
        The file's content.
    """
    check_units(program, "html")
    small, scales = quantise(program.weights)
    entries: list[dict[str, Any]] = []
    parts: list[bytes] = []
    offset = 0

    def store(array: np.ndarray) -> int:
        """Appends an array, aligned to four bytes; where it begins."""
        nonlocal offset
        begin, data = offset, array.tobytes()
        data += b"\0" * (-len(data) % 4)
        parts.append(data)
        offset += len(data)
        return begin

    for name, value in small.items():
        begin = store(value)
        scale = store(scales[name].ravel()) if name in scales else None
        entries.append({"name": name, "shape": list(value.shape), "offset": begin, "scales": scale})
    content = json.dumps({"program": program.to_dict(), "weights": entries}, ensure_ascii=False)
    # no "</script>" of a vocabulary may end the element
    content = content.replace("<", "\\u003c")
    scripts = ["runner.js"]
    if program.about.get("task") == "forecasting":
        scripts.insert(0, "forecast.js")
    pieces = {
        "@PROGRAM@": content,
        "@WEIGHTS@": base64.b64encode(b"".join(parts)).decode(),
        "@RUNNER@": "\n".join((PAGE / name).read_text(encoding="utf-8") for name in scripts),
        "@INTERFACE@": (PAGE / "interface.js").read_text(encoding="utf-8"),
    }
    return fill(PAGE.joinpath("exported.html").read_text(encoding="utf-8"), pieces).encode()


def fill(template: str, pieces: dict[str, str]) -> str:
    """The template with each mark replaced once; what is put in is not looked at again."""
    for number, mark in enumerate(pieces):
        before, _, after = template.partition(mark)
        template = f"{before}\0{number}\0{after}"
    for number, piece in enumerate(pieces.values()):
        before, _, after = template.partition(f"\0{number}\0")
        template = before + piece + after
    return template
