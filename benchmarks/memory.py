"""How much memory a process takes at most, its own and that of a command; needs nothing but
Python.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def peak_mib() -> float:
    """The most memory that this process has held. Not by getrusage where there is another way:
    in a process that was just started it counts the one that started it, too.
    """
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.is_file() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 1024
    )


def cost_of(command: Sequence[str]) -> tuple[float, float]:
    """(seconds, MiB at most) of `ostinato COMMAND` in a process of its own."""
    program = (
        f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import ostinato.cli, "
        "memory; status = ostinato.cli.main(sys.argv[1:]); print('peak_mib', memory.peak_mib(), "
        "file=sys.stderr); sys.exit(status)"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(
            f"ostinato {command[0]} ended with status {done.returncode}: {done.stderr.strip()}"
        )
    (peak,) = [line.split()[1] for line in done.stderr.splitlines() if line.startswith("peak_mib ")]
    return time.perf_counter() - began, float(peak)


def forget_peak() -> None:
    """Begins the peak of resident memory anew (Linux)."""
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")
