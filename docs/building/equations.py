"""Equations as MathML, which browsers draw themselves: no script, no network, read aloud.

Python-Markdown's arithmatex leaves TeX in elements of class "arithmatex"; latex2mathml turns each
into MathML when the site is built. A font with the metrics of mathematics is copied beside it.
"""

from __future__ import annotations

import html
import re
from importlib.util import find_spec
from pathlib import Path

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
DISPLAY = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)
FONT = "math.woff"


class EquationError(Exception):
    """TeX that cannot be converted."""


def draw_equations(page: str) -> str:
    """The HTML of a page with its equations as MathML.

    Raises:
        EquationError: A command that latex2mathml does not know.
    """
    page = DISPLAY.sub(lambda found: f'<div class="equation">{draw(found[1], "block")}</div>', page)
    return INLINE.sub(lambda found: draw(found[1], "inline"), page)


def draw(tex: str, display: str) -> str:
    """One equation: draw("h_t", "inline") -> "<math ...>...</math>"."""
    tex = html.unescape(tex).strip()
    try:
        found = convert(tex, display=display)
    except Exception as error:
        raise EquationError(f"equation {tex!r}: {error!r}") from error
    left = re.search(r">[^<]*(\\[A-Za-z]+|&(?!#?\w+;))[^<]*<", found)
    if left:
        raise EquationError(f"equation {tex!r}: latex2mathml does not know {left[1]}")
    return found.replace(
        "<math ", f'<math alttext="{html.escape(" ".join(tex.split()), quote=True)}" ', 1
    )


def write_font(folder: Path) -> None:
    """Writes STIX Two Math (SIL Open Font License) for the web; the package ziamath carries it."""
    from fontTools.ttLib import TTFont

    (package,) = find_spec("ziamath").submodule_search_locations  # found, not imported
    font = TTFont(Path(package, "fonts", "STIXTwoMath-Regular.ttf"))
    font.flavor = "woff"
    font.save(folder / FONT)
