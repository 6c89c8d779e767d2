"""ostinato benchmark"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator

from ostinato.commands.tables import as_json
from ostinato.errors import InputError

EXAMPLES = (
    "ostinato benchmark",
    "ostinato benchmark --steps 100 --batch 32 --hidden-size 512 --threads 2",
)


def benchmark(
    *,
    steps: int = 35,
    batch: int = 20,
    hidden_size: int = 200,
    seconds: float = 1.0,
    threads: int = 0,
) -> dict:
    """The speed of the kernels against torch.nn on this machine, and which kernels are active.

    Args:
        steps: time steps of each sequence
        batch: sequences in a batch
        hidden_size: units of the layer, and of its input
        seconds: duration of each measurement
        threads: number of threads; 0: as PyTorch's setting
    """
    import torch

    from ostinato import kernels

    for flag, value in [("--steps", steps), ("--batch", batch), ("--hidden-size", hidden_size)]:
        if value < 1:
            raise InputError(f"{flag} must be at least 1; got {value}")
    for flag, number in [("--seconds", seconds), ("--threads", threads)]:
        if not 0 <= number < math.inf:
            raise InputError(f"{flag} must be at least 0; got {number}")
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        rows = []
        for name in ("rnn", "gru", "lstm"):
            rows += time_cell(name, steps, batch, hidden_size, seconds)
        return {"kernels": kernels.status(), "shape": [steps, batch, hidden_size], "times": rows}
    finally:
        torch.set_num_threads(before)


def time_cell(name: str, steps: int, batch: int, size: int, seconds: float) -> list[dict]:
    """Milliseconds per call of our layer and of torch.nn's, for inference and training."""
    import torch

    from ostinato.cells import CELLS

    cell = CELLS[name](size, size)
    layer = getattr(torch.nn, name.upper())(size, size, batch_first=True)
    x = torch.randn(batch, steps, size)
    state = cell.initial_state(batch, x)
    runs = [by_mode(lambda x: cell.run(x, state)[0], x), by_mode(lambda x: layer(x)[0], x)]
    rows = []
    for mode in ("inference", "training"):
        ours, theirs = time_medians([run[mode] for run in runs], seconds)
        rows.append({"cell": name, "mode": mode, "milliseconds": ours * 1e3, "torch": theirs * 1e3})
    return rows


def by_mode(run: Callable, x) -> dict[str, Callable[[], object]]:
    """The same call for inference (no gradients) and for training (with backward)."""
    import torch

    def infer():
        with torch.no_grad():
            return run(x)

    return {"inference": infer, "training": lambda: run(x).sum().backward()}


def time_medians(functions: list[Callable[[], object]], seconds: float) -> list[float]:
    """The median seconds per call of each function; they take turns, so that other load is
    shared.
    """
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    until = time.perf_counter() + seconds
    while len(times[0]) < 3 or time.perf_counter() < until:
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def lines(result: dict, *, json: bool = False) -> Iterator[str]:
    """The active kernels, and a table of times per call."""
    if json:
        yield as_json(result)
        return
    status = result["kernels"]
    if status["active"]:
        formulas = ", ".join(status["formulas"])
        where = f"{status['instruction_set']}, {status['threads']} thread(s)"
        yield f"kernels: active, {where}: {formulas}"
    else:
        yield f"kernels: not active: {status['reason']}"
    yield "steps {}, batch {}, hidden size {}".format(*result["shape"])
    yield f"{'cell':6}{'mode':11}{'ms':>9}{'torch.nn':>10}{'times':>8}"
    for row in result["times"]:
        ratio = row["torch"] / row["milliseconds"]
        times = f"{row['milliseconds']:9.2f}{row['torch']:10.2f}{ratio:8.2f}"
        yield f"{row['cell']:6}{row['mode']:11}{times}"
