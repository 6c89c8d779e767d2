"""One of the processes that `ostinato train --processes N` starts.

    python -m ostinato.commands.run.worker FOLDER

FOLDER contains `request.json`, the run to train; the outcome is written to `outcome-RANK.json`.
Standard input is a pipe from the launcher. When it closes, the launcher is dead, and the process
saves the run and ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

from ostinato.commands.run.config import RunRequest
from ostinato.commands.run.train_here import Manner, train_here
from ostinato.errors import InputError, Interrupted, name_options_as_flags
from ostinato.exit_status import ending_by_sigterm
from ostinato.training.distributed import ProcessLost


def watch_launcher() -> None:
    """Ends this process like SIGTERM when the launcher has died."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def work(folder: Path) -> int:
    """Trains; returns the exit status, as on the command line, but 1 if another process is lost:
    the launcher gives that one less time than it gives to process 0 for saving."""
    job = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    request, manner = RunRequest(**job["request"]), Manner(**job["manner"])
    outcome = folder / f"outcome-{os.environ['RANK']}.json"
    try:
        with name_options_as_flags() if job["flags"] else nullcontext(), ending_by_sigterm():
            train_here(Path(job["folder"]), request, manner)
        return 0
    except InputError as error:
        kind = "lost" if isinstance(error, ProcessLost) else "input"
        end = {"kind": kind, "status": 2, "message": str(error)}
    except Interrupted as error:
        end = {"kind": "interrupted", "status": error.status, "message": str(error)}
    except KeyboardInterrupt:
        end = {"kind": "interrupted", "status": 130, "message": "interrupted"}
    outcome.write_text(json.dumps(end), encoding="utf-8")
    return 1 if end["kind"] == "lost" else int(str(end["status"]))


if __name__ == "__main__":
    watch_launcher()
    status = work(Path(sys.argv[1]))
    # gloo's threads may still be sending to a process that has died
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
