"""How long the views of `ostinato inspect` take, and how large their pages are.

    python benchmarks/inspect_views.py [--output FILE.json]

Random weights and inputs; about a minute on one core. What is to be reached on two cores: gates
of 1,000 steps x 2 layers x 512 units in 2 s, gradients of 200 steps x 256 units in 10 s, a
search of a million states in 1 s.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch import nn

import ostinato
from ostinato.inspection.views.states import search

CASES = {
    "gates, 1,000 steps x 2 x 512": ("gates", (64, 512, 2), 1000),
    "gradients, 200 steps x 256": ("gradients", (64, 256, 1), 200),
    "lags, 200 steps x 256": ("lags", (64, 256, 1), 200),
    "unrolled, 200 steps x 256": ("unrolled", (64, 256, 1), 200),
    "neurons, 1,000 steps x 512": ("neurons", (64, 512, 1), 1000),
}
STATES, WIDTH = 1_000_000, 256


def measure() -> list[dict[str, object]]:
    """A row for each case."""
    torch.manual_seed(0)
    rows: list[dict[str, object]] = []
    for name, (view, sizes, steps) in CASES.items():
        layer, x = nn.LSTM(*sizes), torch.randn(steps, 1, sizes[0])
        started, busy = time.perf_counter(), time.process_time()
        found = ostinato.inspect(layer, x, view)
        seconds, processor = time.perf_counter() - started, time.process_time() - busy
        page = len(found.page().encode())
        rows.append({"case": name, "seconds": seconds, "processor": processor, "page": page})
    states = torch.randn(STATES, WIDTH)
    search(states, states[0], 10)
    started, busy = time.perf_counter(), time.process_time()
    search(states, states[7], 10)
    seconds, processor = time.perf_counter() - started, time.process_time() - busy
    name = f"states, {STATES:,} x {WIDTH}"
    rows.append({"case": name, "seconds": seconds, "processor": processor, "page": 0})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rows = measure()
    for row in rows:
        print(
            f"{row['case']:32} {row['seconds']:6.2f} s, processor {row['processor']:6.2f} s, "
            f"page {row['page']:,}"
        )
    if arguments.output:
        arguments.output.write_text(json.dumps({"torch": torch.__version__, "rows": rows}))


if __name__ == "__main__":
    main()
