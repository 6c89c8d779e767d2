"""Commands in processes of their own that cost no start: forked from one that has imported all.

Standard streams can be closed, full or absent for them, as for a process that a shell starts."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from toy_language import Outcome

TIMED_OUT = -1000


@dataclass(frozen=True)
class Surroundings:
    """What a command finds when it starts.

    Args:
        stdin, stdout, stderr: a file's path, or None for a stream that the shell has closed; ""
            for an stdout or stderr that is kept, to be looked at.
        environment: variables to be set.
        seconds: after them the command is ended.
        memory: bytes that the process may have mapped beyond what it has at its start.
    """

    stdin: str | None = os.devnull
    stdout: str | None = ""
    stderr: str | None = ""
    environment: dict[str, str] = field(default_factory=dict)
    seconds: float = 60
    memory: int = 3 << 30


USUAL = Surroundings()


class CommandServer:
    """A process that has imported everything, and forks one that runs a command."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        )

    def run(
        self, arguments: list[str], folder: Path, surroundings: Surroundings = USUAL
    ) -> Outcome:
        """Runs a command in a folder.

        Its status is below zero where a signal has ended it, and TIMED_OUT where it did not end."""
        kept = [str(folder.parent / f"{folder.name}.{name}") for name in ("out", "err")]
        for path in kept:
            Path(path).write_bytes(b"")
        request = [arguments, str(folder), asdict(surroundings), kept]
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        status = int(self.process.stdout.readline())
        texts = [Path(path).read_bytes().decode(errors="surrogateescape") for path in kept]
        return Outcome(status, *texts)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def serve() -> None:
    """Reads requests, a JSON line each, forks a process for each and prints its status."""
    preload()
    replies = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        arguments, folder, surroundings, kept = json.loads(line)
        child = os.fork()
        if not child:
            replies.close()
            run_here(arguments, folder, Surroundings(**surroundings), kept)
        print(wait_for(child, surroundings["seconds"]), file=replies, flush=True)


def preload() -> None:
    """Imports what commands import when they run, so that no child has to."""
    import matplotlib.figure  # noqa: F401
    import torch

    import ostinato.commands
    import ostinato.tasks

    torch.set_num_threads(1)
    for package in (ostinato.commands, ostinato.tasks):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)


def wait_for(child: int, seconds: float) -> int:
    """The status of a child, which is killed after so many seconds.

    Time for which this process was stopped does not count: the child was stopped, too."""
    waited, now = 0.0, time.monotonic()
    while waited < seconds:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
        before, now = now, time.monotonic()
        waited += min(now - before, 0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TIMED_OUT


def run_here(
    arguments: list[str], folder: str, surroundings: Surroundings, kept: list[str]
) -> None:
    """Runs a command in this process and ends it with the exit status."""
    os.chdir(folder)
    os.environ.update(surroundings.environment)
    limit_memory(surroundings.memory)
    open_streams(surroundings, kept)
    from ostinato.cli import main

    try:
        status = main(arguments)
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    os._exit(flush_streams(status))


def limit_memory(memory: int) -> None:
    if not Path("/proc/self/statm").exists():
        return
    import resource

    now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))


def open_streams(surroundings: Surroundings, kept: list[str]) -> None:
    """Puts the three standard streams in place, as they would be after a shell's redirections."""
    names = [surroundings.stdin, surroundings.stdout, surroundings.stderr]
    for number, name in enumerate(names):
        os.close(number)
        if name is not None:  # the lowest free descriptor is this one, or a closed one below it
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT
            opened = os.open(kept[number - 1] if name == "" else name, flags, 0o644)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        None if name is None else os.fdopen(number, mode, encoding="utf-8", errors=errors)
        for number, (name, mode, errors) in enumerate(
            zip(names, "rww", ("strict", "strict", "backslashreplace"), strict=True)
        )
    )


def flush_streams(status: int) -> int:
    """Writes what is buffered, as Python does at its end: 120 where that fails."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            return 120
    return status


if __name__ == "__main__":
    serve()
