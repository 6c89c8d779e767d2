"""docs/recurrence.md cannot go stale: quoted code is the code, and everything else on the page
runs.
"""

import importlib
import inspect
import re
import runpy
import textwrap
from pathlib import Path

import pytest

from ostinato.cells import CELLS, LinearCell
from ostinato.layers.conversion.conventions import table

PAGE = (Path(__file__).parents[2] / "docs" / "recurrence.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
QUOTED = dict(
    block.removeprefix("# ").split("\n", 1) for block in BLOCKS if block.startswith("# ostinato.")
)


@pytest.mark.parametrize("path", QUOTED)
def test_quoted_code_is_the_code(path):
    module, name, method = path.rsplit(".", 2)
    code = getattr(getattr(importlib.import_module(module), name), method)
    assert QUOTED[path] == textwrap.dedent(inspect.getsource(code)), (
        f"docs/recurrence.md: {path} has changed"
    )


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_every_cell_has_its_formula_on_the_page(cell):
    formula = "coefficients" if issubclass(cell, LinearCell) else "step"
    assert f"{cell.__module__}.{cell.__name__}.{formula}" in QUOTED
    assert f"`{cell.__name__}`" in PAGE


def test_the_rest_of_the_page_runs(tmp_path):
    script = tmp_path / "page.py"
    script.write_text("\n".join(block for block in BLOCKS if not block.startswith("# ostinato.")))
    runpy.run_path(str(script))


def test_the_conventions_are_the_ones_that_convert_weights():
    assert table().strip() in PAGE
