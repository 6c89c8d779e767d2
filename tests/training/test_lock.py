from __future__ import annotations

import os
import shutil
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
            f"{tmp_path / 'run'}: in use by process {process.pid}; wait for it, stop it, or "
            "choose another out"
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


def test_a_folder_that_is_removed_or_replaced_is_no_longer_held(tmp_path):
    folder = tmp_path / "run"
    with locked(folder) as lock:
        assert lock.is_held()
        (folder / "lock").unlink()
        assert lock.is_held()
        (folder / "lock").write_text("123")
        assert not lock.is_held()
    with locked(folder) as lock:
        shutil.rmtree(folder)
        assert not lock.is_held()
        folder.mkdir()
        assert not lock.is_held()


def test_somebodys_file_of_that_name_is_not_written_to(tmp_path):
    (tmp_path / "lock").write_text("a poem")
    with pytest.raises(InputError, match="lock: not written by ostinato"), locked(tmp_path):
        pass
    assert (tmp_path / "lock").read_text() == "a poem"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(
            InputError, match=r"run: cannot be written: Not a directory; choose another out"
        ),
        locked(tmp_path / "file" / "run"),
    ):
        pass
