"""Trains in this process, from files to report; it may be one of several processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ostinato.commands.run.config import RunRequest
from ostinato.commands.run.prepare import open_run
from ostinato.commands.run.progress import quiet
from ostinato.commands.run.report import finish
from ostinato.commands.run.run_files import TRAINING
from ostinato.commands.run.threads import choose_threads, use_threads
from ostinato.tasks import run_folder
from ostinato.tasks.run_folder import Trained
from ostinato.training import checkpoint
from ostinato.training.group import read_launched


@dataclass(frozen=True)
class Manner:
    """How a run is carried out; this has no influence on its result.

    Attributes:
        resume: continue the run in the folder
        overwrite: replace the run in the folder
        threads: a number, or auto
        timeout: seconds after which an unresponsive process is given up
    """

    resume: bool = False
    overwrite: bool = False
    threads: str = "auto"
    timeout: float = 600.0


def train_here(folder: Path, request: RunRequest, manner: Manner) -> Trained:
    """Trains and reports. Of several processes only process 0 reports; the others wait for it."""
    launched = read_launched()
    before = checkpoint.read_counters(folder / TRAINING).get("threads") if manner.resume else None
    threads = choose_threads(manner.threads, launched.local_size, before)
    with (
        quiet(launched.rank > 0),
        use_threads(threads),
        open_run(
            folder,
            request,
            resume=manner.resume,
            overwrite=manner.overwrite,
            timeout=timedelta(seconds=manner.timeout),
        ) as run,
    ):
        run.train()
        message = f"trained, but not reported on; for that: {run.resume_command}"
        run.interrupt.exit_at_once(message)
        if not run.group.is_main:
            run.group.wait()
            return run_folder.load(folder)
        trained = finish(run)
        run.group.wait()
        return trained
