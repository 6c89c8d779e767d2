"""The processes of a study: each runs trials, and they share results through the SQLite file.

python -m ostinato.commands.study.worker FOLDER TRIALS [DEADLINE]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from ostinato.commands.study.study_plan import StudyLimits, read_plan, resume_command
from ostinato.commands.study.trials import run_trials
from ostinato.errors import InputError, Interrupted
from ostinato.exit_status import exit_status_of
from ostinato.kernels.cores import count_cores


def run_workers(folder: Path, limits: StudyLimits, processes: int) -> None:
    """Runs the trials in several processes, which divide the processor's cores.

    Raises:
        InputError: A process failed; it has reported why.
        Interrupted: A signal was received; the trials are saved.
    """
    threads = max(1, int(count_cores() / processes))
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    deadline = [] if limits.deadline is None else [str(limits.deadline)]
    command = [sys.executable, "-m", __name__, str(folder), str(limits.trials), *deadline]
    workers = [subprocess.Popen(command, env=environment) for _ in range(processes)]
    try:
        statuses = [worker.wait() for worker in workers]
    except (KeyboardInterrupt, Interrupted) as stop:
        status = stop.status if isinstance(stop, Interrupted) else 130
        for worker in workers:
            if status != 130:  # Ctrl-C goes to the whole process group already
                worker.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.wait()
        message = (
            f"the trials are saved; continue with: {resume_command(folder, read_plan(folder))}"
        )
        raise Interrupted(message, status) from None
    if any(status not in (0, 2) for status in statuses):
        raise InputError(
            f"{statuses.count(0)} of {processes} processes ended well, others with exit status "
            f"{[status for status in statuses if status]}; "
            f"continue with: {resume_command(folder, read_plan(folder))}"
        )
    if not statuses.count(0):
        raise InputError(f"{folder}: no trial could be trained; see above")


def main(arguments: list[str]) -> int:
    """Runs one process of a study; returns its exit status."""
    folder, trials, *deadline = arguments
    limits = StudyLimits(int(trials), float(deadline[0]) if deadline else None)
    return exit_status_of(lambda: run_trials(Path(folder), read_plan(Path(folder)), limits))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
