"""What every test of a fault asks: exit status 2, one line that says what is wrong, nothing left behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def refused(tmp_path, monkeypatch, ostinato) -> Callable[..., None]:
    """refused(made, "train ... --out new", "bad.tsv:3: no label", make): in a folder that has all that the folder `made` has, and what
    make() adds, the command is refused with a line that has these words, or that this pattern matches."""

    def check(made: Path, command: str, message: str | re.Pattern, make: Callable[[], object] = lambda: None) -> None:
        monkeypatch.chdir(tmp_path)
        for path in made.iterdir():
            (tmp_path / path.name).symlink_to(path)
        make()
        outcome = ostinato(*command.split())
        assert outcome.status == 2 and outcome.out == "", outcome.err
        assert len(outcome.err.splitlines()) == 1 and "Traceback" not in outcome.err
        assert message in outcome.err if isinstance(message, str) else message.search(outcome.err), outcome.err
        assert not Path("new").exists()

    return check
