"""Several processes of one run: what is refused, and what is left when one of them dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ostinato.commands.run import threads
from ostinato.commands.run.processes import count_processes
from ostinato.commands.run.threads import choose_threads, count_free_threads, share_cores
from ostinato.errors import InputError
from ostinato.kernels.cores import count_cores, measure_free_cores, read_core_times, read_quotas
from ostinato.training.group import Launched, read_launched
from toy_language import TINY, same_weights, write_toy

SETTINGS = [*TINY[:-3], "--no-tensorboard", "--batch-size", "4", "--dropout", "0.3"]
SETTINGS += ["--evaluate-every", "4", "--schedule", "constant"]
TRAIN = ["train", "translation", "--train", "train.src", "train.tgt", *SETTINGS]
END = ["--epochs", "8"]
QUICK = ["--checkpoint-every", "0.2"]


def start(*arguments: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "ostinato", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment, text=True)


def wait_for_steps(process: subprocess.Popen, folder: Path, steps: int) -> None:
    log, limit = folder / "training/log.jsonl", time.monotonic() + 200
    while not (log.is_file() and log.read_bytes().count(b"\n") >= steps):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)


def find_workers(process: subprocess.Popen) -> list[int]:
    """The processes that a launcher has started, in the order of their ranks."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ranks = {}
    for pid in found:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        rank = [each for each in variables if each.startswith(b"RANK=")]
        if rank:
            ranks[int(rank[0][5:])] = int(pid)
    return [ranks[rank] for rank in sorted(ranks)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    """The run of two processes that nobody stopped."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    files = write_toy(folder)
    out = str(folder / "new")
    process = start(*TRAIN[:3], *files, *SETTINGS, "--out", out, *END, "--processes", "2")
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert "2 processes with 1 thread each; a step reads 2 times --batch-size" in err
    return folder / "new"


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_killed_process_is_restarted_to_the_same_bits(rank, place, uninterrupted):
    process = start(*TRAIN, *QUICK, *END, "--out", "new", "--processes", "2", "--restarts", "2")
    wait_for_steps(process, place / "new", 8)
    os.kill(find_workers(process)[rank], signal.SIGKILL)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert re.search(
        rf"warning: process {rank} of 2 was ended by SIGKILL; attempt 2 of 3 "
        r"(goes on from the last checkpoint|starts anew)",
        err,
    )
    assert same_weights(place / "new/model.safetensors", uninterrupted / "model.safetensors")


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_twenty_kills_of_twenty_end_in_the_same_bits(place, uninterrupted):
    """After different steps, of either process; how many of the runs were equal is the message."""
    equal = []
    for attempt in range(20):
        out = f"new-{attempt}"
        process = start(*TRAIN, *QUICK, *END, "--out", out, "--processes", "2", "--restarts", "2")
        wait_for_steps(process, place / out, 1 + (5 * attempt) % 13)
        os.kill(find_workers(process)[attempt % 2], signal.SIGKILL)
        _, err = process.communicate(timeout=600)
        assert "was ended by SIGKILL; attempt 2 of 3" in err
        weights = place / out / "model.safetensors"
        equal.append(
            process.returncode == 0 and same_weights(weights, uninterrupted / weights.name)
        )
    assert sum(equal) == 20, f"{sum(equal)} of 20 to the same bits: {equal}"


@pytest.mark.slow
def test_without_restarts_the_others_stop_and_resume_goes_on(place, uninterrupted):
    process = start(*TRAIN, *END, *QUICK, "--out", "new", "--processes", "2")
    wait_for_steps(process, place / "new", 8)
    workers = find_workers(process)
    os.kill(workers[1], signal.SIGKILL)
    began = time.monotonic()
    _, err = process.communicate(timeout=100)
    assert time.monotonic() - began < 60
    assert process.returncode == 1
    assert "process 1 of 2 was ended by SIGKILL; continue with: ostinato train translation" in err
    assert "Traceback" not in err
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    process = start("train", "translation", "--out", "new", "--resume")  # again two, as saved
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert same_weights(place / "new/model.safetensors", uninterrupted / "model.safetensors")


@pytest.mark.slow
def test_a_signal_saves_once_and_resume_goes_on_to_the_same_bits(place, uninterrupted):
    process = start(*TRAIN, "--epochs", "4000", "--out", "new", "--processes", "2")
    wait_for_steps(process, place / "new", 12)
    workers = find_workers(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert re.search(r"saved at step \d+; continue with: .* --out new --resume$", err.strip())
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    process = start("train", "translation", "--out", "new", "--resume", *END)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert same_weights(place / "new/model.safetensors", uninterrupted / "model.safetensors")


@pytest.mark.slow
def test_a_process_that_hangs_is_given_up(place):
    flags = ["--epochs", "4000", "--out", "new", "--processes", "2", "--process-timeout", "3s"]
    process = start(*TRAIN, *flags)
    wait_for_steps(process, place / "new", 5)
    os.kill(find_workers(process)[1], signal.SIGSTOP)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 1, err
    assert "another process of the run died or hangs" in err and "Traceback" not in err


@pytest.mark.slow
def test_other_data_on_another_process(place):
    (place / "other.src").write_text((place / "train.src").read_text().replace("e", "o", 1))
    variables = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29617"}
    ends = []
    for rank, source in enumerate(("train.src", "other.src")):
        given = [*TRAIN[:3], source, "train.tgt", *SETTINGS, *END, "--out", "new"]
        ends.append(start(*given, **variables, RANK=str(rank)))
    for end in ends:
        _, err = end.communicate(timeout=250)
        assert end.returncode == 2, err
        assert "process 1 has other training data than process 0; give all processes" in err
    assert not (place / "new/training").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--processes", "0"], "--processes must be from 1 to 1,024; got 0"),
        (["--restarts", "-1"], "--restarts must be from 0 to 1,000; got -1"),
        (["--threads", "many"], "--threads: expected a number from 1 to 4096 or auto; got 'many'"),
        (["--process-timeout", "soon"], "--process-timeout: expected a time such as 90s"),
        (["--processes", "2", "--train", "-"], "several processes cannot all read standard input"),
    ],
)
def test_what_is_refused(flags, message, place, ostinato):
    outcome = ostinato("train", "translation", "--train", "train.src", "train.tgt", *flags)
    assert outcome.status == 2
    assert message in outcome.err and "Traceback" not in outcome.err


def test_a_model_fitted_in_closed_form(place, ostinato):
    flags = ["--model", "bag-of-words", "--processes", "2", "--out", "new"]
    outcome = ostinato("train", "classification", *flags)
    assert outcome.status == 2
    assert "fitted without gradient steps trains in one process; leave out --process" in outcome.err


def test_what_torchrun_says(monkeypatch, tmp_path):
    given = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    there = {**given, "MASTER_ADDR": "host"}
    assert read_launched(there) == Launched(3, 4, 1, 2)
    assert read_launched(given) == Launched()  # nobody to meet: not torchrun's
    with pytest.raises(InputError, match="do not fit together"):
        read_launched({**there, "RANK": "4"})
    with pytest.raises(InputError, match="must be whole numbers"):
        read_launched({**there, "RANK": "x"})
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    assert count_processes(tmp_path, "language", None, 0, resume=False) == (4, True)
    with pytest.raises(InputError, match="processes 2, but 4 processes were started by torchrun"):
        count_processes(tmp_path, "language", 2, 0, resume=False)


def test_threads_follow_the_quota(tmp_path):
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert read_quotas(tmp_path)[0] == 1.5
    assert count_cores(tmp_path) <= 1.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert read_quotas(tmp_path) == []
    old = tmp_path / "old"
    (old / "cpu").mkdir(parents=True)
    (old / "cpu/cpu.cfs_quota_us").write_text("50000\n")
    (old / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert read_quotas(old) == [0.5]
    assert choose_threads("3") == 3
    assert choose_threads("auto", processes=1000) == 1
    shares = [share_cores(cores, 1) for cores in (0.4, 1.0, 1.4, 1.5, 2.0, 2.6)]
    assert shares == [1, 1, 1, 2, 2, 3]
    assert [share_cores(cores, 3) for cores in (2.0, 8.0)] == [1, 2]


def test_threads_follow_the_load(monkeypatch, caplog):
    """A thread that shares its core with another program makes all others wait."""
    monkeypatch.setattr(threads, "count_cores", lambda: 4.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    for free, wanted in {4.0: 4, 3.8: 4, 3.1: 3, 1.0: 1, 0.2: 1, None: 4}.items():
        monkeypatch.setattr(threads, "measure_free_cores", lambda free=free: free)
        assert choose_threads("auto") == wanted
    assert count_free_threads(3.7, share=2) == 2
    assert "1 of 4 threads: other programs are busy; --threads 4 takes all" in caplog.text
    monkeypatch.setattr(threads, "measure_free_cores", lambda: 1.0)
    assert choose_threads("auto", before=3) == 3  # resumed: as before, whatever runs beside it
    assert choose_threads("auto", before=8) == 4
    assert choose_threads("auto", processes=2) == 2


def test_free_cores_are_read_from_the_kernel(tmp_path, monkeypatch):
    """Low priority gives way: its time is free to a program of ordinary priority."""
    statistics = tmp_path / "stat"
    core = min(os.sched_getaffinity(0))
    statistics.write_text(f"cpu  1 2 3 4\ncpu{core} 1000 300 50 2000 100 0 0 0 0 0\nintr 7\n")
    monkeypatch.setattr(os, "getpriority", lambda *_: 0)
    found = read_core_times(statistics)
    assert (found.everything, found.free) == (34.5, 24.0)
    monkeypatch.setattr(os, "getpriority", lambda *_: 19)
    assert read_core_times(statistics).free == 21.0
    assert measure_free_cores(0.0, statistics) is None  # no time has passed
    assert read_core_times(tmp_path / "none") is None
    free = measure_free_cores(0.02)
    assert free is None or 0 <= free <= len(os.sched_getaffinity(0))
