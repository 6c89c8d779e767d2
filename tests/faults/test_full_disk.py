"""A full disk with what is on by default: one line, status 2, and nothing of before is lost."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ostinato.commands.run.replaced_run import set_aside, settle
from ostinato.commands.run.run_files import list_own_files, refuse_used
from ostinato.data.files.atomic import remove_leftovers, write_all_atomically, write_atomically
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.training.event_log import EventLog
from ostinato.training.lock import locked

SMALL = ["--hidden-size", "16", "--embedding-size", "8", "--epochs", "2"]


def run_limited(limit: int, *arguments: str) -> subprocess.CompletedProcess:
    """The command, unable to write files of more than `limit` bytes: as on a full disk."""
    return subprocess.run(
        [sys.executable, "-m", "ostinato", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )


@pytest.mark.parametrize(("verb", "limit"), [("train", 10), ("train", 12_000), ("compare", 12_000)])
def test_training_with_defaults(verb, limit, place):
    models = ["--models", "rnn"] if verb == "compare" else []
    files = ["--train", "train.src", "train.tgt", "--out", "new"]
    outcome = run_limited(limit, verb, "translation", *files, *SMALL, *models)
    assert outcome.returncode == 2, outcome.stderr
    assert "Traceback" not in outcome.stderr
    last = outcome.stderr.splitlines()[-1]
    assert "no space left" in last or "cannot be written" in last, outcome.stderr


def test_a_picture_that_cannot_be_saved_costs_no_report(place):
    arguments = ["--train", "train.src", "train.tgt", "--out", "new", *SMALL]
    outcome = run_limited(32_000, "train", "translation", *arguments)
    assert outcome.returncode == 2 and "translation" in outcome.stdout
    assert outcome.stderr.splitlines()[-1].startswith("new/curves.png: no space left")
    assert Path("new/report.json").exists() and not Path("new/curves.png").exists()


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_events_of_tensorboard_end_and_the_training_goes_on(tmp_path, monkeypatch):
    log = EventLog(tmp_path / "events")
    log.record(1, {"loss": 2.0})
    monkeypatch.setattr(log.writer, "write_event", full)
    with collect_notices() as notices:
        log.record(2, {"loss": 1.0})
        log.record(3, {"loss": 1.0})
        log.close()
    assert notices == [
        f"{tmp_path / 'events'}: no more TensorBoard events: No space left on device"
    ]


def test_the_lock_holds_though_it_cannot_name_its_process(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "pwrite", full)
    with locked(tmp_path) as lock:
        assert lock.is_held() and (tmp_path / "lock").read_text() == ""
        with pytest.raises(InputError, match="in use by process unknown"), locked(tmp_path):
            pass


def test_files_that_belong_together_are_written_together(tmp_path, monkeypatch):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("old")
    with pytest.raises(InputError, match="other: no space left"):
        write_all_atomically({one: b"new", other: full})
    assert one.read_text() == "old" and sorted(tmp_path.iterdir()) == [one]
    write_all_atomically({one: b"new", other: b"new"})
    assert one.read_text() == other.read_text() == "new"


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    stale, in_use, other, own = (
        tmp_path / f".{name}.0123456789ab.tmp" for name in ("ans", "ans", "curves.png", "ans")
    )
    in_use = tmp_path / ".ans.ba9876543210.tmp"
    own = tmp_path / ".ans.notes.tmp"
    for path in (stale, in_use, other, own):
        path.write_text("half")
        os.utime(path, (time.time() - 60,) * 2)
    with in_use.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_atomically(tmp_path / "ans", b"whole")
        remaining = sorted(path.name for path in tmp_path.iterdir())
        assert remaining == sorted([in_use.name, other.name, own.name, "ans"])
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [own.name, "ans"]


def test_export_and_inspect_keep_what_was_there(place, ostinato, monkeypatch):
    Path("m.html").write_text("old")
    monkeypatch.setattr("os.fsync", full)
    outcome = ostinato("inspect", "parameters", "run", "--output", "m.html")
    assert outcome.status == 2 and "no space left" in outcome.err
    assert Path("m.html").read_text() == "old" and not list(Path().glob(".*.tmp"))


def test_an_error_of_the_disk_that_names_no_file_is_one_line(ostinato, monkeypatch):
    monkeypatch.setattr("ostinato.cli.start", full)
    outcome = ostinato("tasks")
    assert outcome.status == 2
    assert outcome.err == "the disk: No space left on device; make room and run again\n"


def test_sessions_that_cannot_be_saved_are_told_in_one_line(tmp_path, caplog):
    from types import SimpleNamespace

    from ostinato.serving.application import Application
    from ostinato.serving.sessions import Sessions
    from ostinato.serving.settings import Settings

    sessions = Sessions(lambda: (), Settings())
    sessions.create()
    server = SimpleNamespace(
        snapshots={"m": tmp_path / "s.json"},
        models={"m": SimpleNamespace(sessions=sessions, state_to_bytes=lambda state: b"")},
        write=full,
    )
    Application.save_sessions(server)
    assert "m: its sessions are lost" in caplog.text and not caplog.records[0].exc_info


@pytest.mark.parametrize("limit", [10, 3_000, 12_000])
def test_overwriting_on_a_full_disk_keeps_the_run_before(limit, place):
    files = ["--train", "train.src", "train.tgt", "--out", "run", "--overwrite", *SMALL]
    before = contents(Path("run"))
    outcome = run_limited(limit, "train", "translation", *files)
    assert outcome.returncode == 2 and "Traceback" not in outcome.stderr, outcome.stderr
    said = "run: the new run was not saved; the previous one is restored"
    assert said in outcome.stderr, outcome.stderr
    assert contents(Path("run")) == before


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run but for the lock."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_a_replaced_run_after_a_kill(place, capsys):
    """At each step of setting aside and of moving back, what was there is put in place again."""
    folder = Path("run")
    before = contents(folder)
    files = list_own_files(folder)
    for number in range(len(files) + 1):
        for path in files[:number]:  # killed while setting aside
            moved = folder / "replacing" / path.relative_to(folder)
            moved.parent.mkdir(parents=True, exist_ok=True)
            path.rename(moved)
        settle(folder)
        assert contents(folder) == before and not (folder / "replacing").exists()
    set_aside(folder)
    (folder / "training").mkdir(exist_ok=True)
    (folder / "training/plan.json").write_text("{}")  # the new one, without a checkpoint
    with pytest.raises(InputError, match="run: holds a run already"):
        refuse_used(folder, overwrite=False)
    settle(folder)
    assert contents(folder) == before
    assert "run: the new run was not saved" in capsys.readouterr().err
    set_aside(folder)
    (folder / "model.safetensors").write_bytes(b"new")
    settle(folder)
    assert contents(folder) == {"model.safetensors": b"new"}
    assert not (folder / "replaced").exists()


def test_a_folder_in_the_way_of_the_run_that_is_replaced(place):
    Path("run/replaced").mkdir()
    before = contents(Path("run"))
    with pytest.raises(InputError, match="run/replaced: in the way of the run that is replaced"):
        set_aside(Path("run"))
    assert contents(Path("run")) == before
