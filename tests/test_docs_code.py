"""The Python of documentation pages runs as it is printed there."""

import re
from pathlib import Path

import pytest

PAGES = [Path(__file__).parents[1] / "docs" / name for name in ("decoding.md",)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks), str(page), "exec"), {})  # our own page, nobody's input
    assert capsys.readouterr().out
