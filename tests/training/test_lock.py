from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from ostinato.errors import InputError
from ostinato.training.lock import locked

HOLDER = """
import sys, time
from pathlib import Path
from ostinato.training.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_dies(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "run"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InputError) as refused, locked(tmp_path / "run"):
            pass
        assert str(refused.value) == (
            f"{tmp_path / 'run'}: in use by process {process.pid}; wait for it, stop it, or choose another --out"
        )
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with locked(tmp_path / "run"):
        assert (tmp_path / "run" / "lock").read_text() == f"{os.getpid()}\n"


def test_it_is_given_back_after_an_error(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with (
        locked(tmp_path),
        pytest.raises(InputError, match=f"in use by process {os.getpid()};"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        pass
    assert (tmp_path / "lock").read_text() == ""


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(
            InputError, match=r"run: cannot be written: Not a directory; choose another --out"
        ),
        locked(tmp_path / "file" / "run"),
    ):
        pass
