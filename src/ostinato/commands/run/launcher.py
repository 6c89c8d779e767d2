"""Starts and monitors several processes that train one model on this machine.

Each is a `commands.run.worker`. If one of them dies, the others are terminated, and new processes
resume from the last checkpoint, at most --restarts times.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import ostinato
from ostinato.commands.run.config import RunRequest, make_config
from ostinato.commands.run.processes import Processes, check_several
from ostinato.commands.run.progress import say
from ostinato.commands.run.run_files import PLAN, TRAINING
from ostinato.commands.run.threads import read_threads
from ostinato.commands.run.train_here import Manner, train_here
from ostinato.errors import InputError, Interrupted, RunFailed, option_name
from ostinato.tasks import run_folder
from ostinato.tasks.run_folder import Trained
from ostinato.terminal import escape_controls
from ostinato.training.group import STORE
from ostinato.training.interrupt import SIGNALS

POLL = 0.05  # seconds between checks of the processes
GRACE = 10.0  # seconds for the others to end by themselves when one has died
SAVING = 600.0  # seconds for process 0 to save after the others have ended normally


@dataclass(frozen=True)
class Launch:
    """A run in several processes.

    Attributes:
        folder: the run folder
        request: task, data and settings of the training run
        manner: how it is run: resumed or not, number of threads
        processes: the number of processes
        restarts: how often a new group may resume after a process has died
    """

    folder: Path
    request: RunRequest
    manner: Manner
    processes: int
    restarts: int = 0


def start_training(
    folder: Path, request: RunRequest, manner: Manner, several: Processes, restarts: int
) -> Trained:
    """Trains in this process, or starts the requested number of processes and waits for them."""
    request = replace(request, processes=several.number)
    if several.launched:
        return train_here(folder, request, manner)
    return launch(Launch(folder, request, manner, several.number, restarts))


def launch(wanted: Launch) -> Trained:
    """Trains in several processes, and returns the trained run.

    Raises:
        InputError, Interrupted: as training in this process would.
        RunFailed: a process died, and no restart was left.
    """
    read_threads(wanted.manner.threads)
    if not wanted.manner.resume:
        check_several(make_config(wanted.request), wanted.processes)
    attempt = 1
    while True:
        with tempfile.TemporaryDirectory(prefix="ostinato-") as job:
            failed = run_group(wanted, Path(job))
        if failed is None:
            return run_folder.load(wanted.folder)
        if attempt > wanted.restarts:
            raise RunFailed(f"{failed}; {suggest(wanted)}")
        attempt += 1
        has_begun = (wanted.folder / TRAINING / PLAN).is_file()
        say(
            f"warning: {failed}; attempt {attempt} of {wanted.restarts + 1} "
            + ("goes on from the last checkpoint" if has_begun else "starts anew")
        )
        if has_begun:
            wanted = replace(
                wanted,
                # no new time limit: that of the run, which is saved in its folder, still counts
                request=replace(wanted.request, time_limit=None),
                manner=replace(wanted.manner, resume=True, overwrite=False),
            )


def suggest(wanted: Launch) -> str:
    """The command to continue with after a failure."""
    if not (wanted.folder / TRAINING / PLAN).is_file():
        return "nothing was saved yet; start again"
    return (
        f"continue with: ostinato train {wanted.request.task} --out {wanted.folder} --resume "
        f"({option_name('restarts')} does so automatically)"
    )


def run_group(wanted: Launch, job: Path) -> str | None:
    """Starts the processes and waits for their end.

    Returns:
        None if the run is complete, otherwise which process failed and how.

    Raises:
        InputError, Interrupted: as raised in a process.
    """
    content = {
        "request": asdict(wanted.request),
        "manner": asdict(wanted.manner),
        "folder": str(wanted.folder),
        "flags": option_name("out").startswith("--"),
    }
    try:
        text = json.dumps(content)
    except TypeError as error:
        raise InputError(f"{option_name('processes')} needs plain settings: {error}") from None
    (job / "request.json").write_text(text, encoding="utf-8")
    workers = [start(job, rank, wanted.processes) for rank in range(wanted.processes)]
    try:
        with forwarding_signals(workers):
            killed = wait(workers)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
            if worker.stdin is not None:
                worker.stdin.close()
    statuses = [worker.returncode for worker in workers]
    return judge(job, statuses, killed)


def start(job: Path, rank: int, size: int) -> subprocess.Popen:
    """Starts process `rank`, with the environment variables of torchrun.

    It has its own session, so that Ctrl-C goes to the launcher, which forwards it once."""
    source = str(Path(ostinato.__file__).parents[1])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")])),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        STORE: str(job / "store"),
    }
    if "lo" in (name for _, name in socket.if_nameindex()):
        environment.setdefault(
            "GLOO_SOCKET_IFNAME", "lo"
        )  # not this machine's name, which may not resolve
    with (job / f"stderr-{rank}.txt").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "ostinato.commands.run.worker", str(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None if rank == 0 else errors,
            env=environment,
            start_new_session=True,
        )


@contextmanager
def forwarding_signals(workers: list[subprocess.Popen]) -> Iterator[None]:
    """Forwards signals to all workers, which save a checkpoint and end."""
    before: dict[int, Any] = {}

    def forward(number: int, frame: object) -> None:
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(number)

    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, forward)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait(workers: list[subprocess.Popen]) -> set[int]:
    """Waits until all have ended; kills those still running some time after one has failed.

    Returns:
        The ranks of the killed processes.
    """
    ended_at: dict[int, float] = {}
    killed: set[int] = set()
    while any(worker.poll() is None for worker in workers):
        time.sleep(POLL)
        now = time.monotonic()
        for rank, worker in enumerate(workers):
            if worker.poll() is not None:
                ended_at.setdefault(rank, now)
        failed = [
            ended_at[rank] + (SAVING if worker.returncode > 1 else GRACE)
            for rank, worker in enumerate(workers)
            if rank in ended_at and worker.returncode
        ]
        if failed and now > min(failed):
            for rank, worker in enumerate(workers):
                if worker.poll() is None:
                    worker.kill()
                    killed.add(rank)
    return killed


def judge(job: Path, statuses: list[int], killed: set[int]) -> str | None:
    """Combines the exit statuses and outcomes of all processes; returns as `run_group`."""
    if not any(statuses):
        return None
    ends: dict[int, dict[str, Any]] = {}
    for rank in range(len(statuses)):
        path = job / f"outcome-{rank}.json"
        if path.is_file():
            ends[rank] = json.loads(path.read_text(encoding="utf-8"))
    for rank, end in ends.items():
        if end["kind"] == "interrupted":
            raise Interrupted(end["message"], end["status"])
        if end["kind"] == "input":
            raise InputError(end["message"] if rank == 0 else f"process {rank}: {end['message']}")
    several = f" of {len(statuses)}" * (len(statuses) > 1)
    for rank, status in enumerate(statuses):
        if status and rank not in ends and rank not in killed:
            if status > 0:
                show_trace(job, rank)
                return f"process {rank}{several} failed"
            name = signal.Signals(-status).name
            return f"process {rank}{several} was ended by {name}"
    return next(end["message"] for end in ends.values())


def show_trace(job: Path, rank: int) -> None:
    """Prints the traceback of a process other than process 0, whose own is on stderr already."""
    path = job / f"stderr-{rank}.txt"
    if rank and path.is_file():
        trace = path.read_text(encoding="utf-8", errors="replace")[-5000:]
        sys.stderr.write(escape_controls(trace))
