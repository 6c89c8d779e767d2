"""Backpropagation through very long sequences: peak memory and time, everything kept or
computed again in blocks.

    # 1,000 to 100,000 steps, 8 rows, 128 units: about 2 minutes
    python benchmarks/long_sequences.py

`Recurrent(..., recompute=True)` keeps every sqrt(T)-th state and runs each block once more on
the way back; the gradients are the same. Each row of the table is a process of its own; its
memory is the largest it ever held, less what it held before the layer ran. The inputs, the
outputs and their gradients, which grow with T whatever the layer does, are given beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import torch

from memory import peak_mib
from ostinato.cells import CELLS
from ostinato.commands.tables import table
from ostinato.layers.recurrent import Recurrent
from setting import setting, write

ROWS, WIDTH, MIB = 8, 128, 2**20
COLUMNS = [
    "cell",
    "steps",
    "kept",
    "peak MiB",
    "of it inputs and outputs",
    "whole process MiB",
    "seconds",
    "gradient",
]


def main() -> None:
    arguments = read_arguments()
    one = vars(arguments).pop("one")
    if one:
        print(json.dumps(measure(*one)))
        return
    results = [
        run(cell, steps, kept)
        for cell in arguments.cells
        for steps in arguments.steps
        for kept in ("everything", "sqrt(T) states")
    ]
    print(*setting(arguments), sep="\n")
    print(
        *table(COLUMNS, [[each.get(name, "did not fit") for name in COLUMNS] for each in results]),
        sep="\n",
    )
    write(arguments.output, arguments, {"rows": results})


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", nargs="+", default=["lstm", "gru"], choices=CELLS)
    parser.add_argument("--steps", nargs="+", type=int, default=[1_000, 10_000, 100_000])
    parser.add_argument("--output", help="also write everything to this JSON file")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def run(cell: str, steps: int, kept: str) -> dict[str, Any]:
    """One row of the table, in a process of its own."""
    command = [sys.executable, __file__, "--one", cell, str(steps), kept]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout) if done.returncode == 0 else {}
    return {"cell": cell, "steps": steps, "kept": kept, **found}


def measure(cell: str, steps: str, kept: str) -> dict[str, Any]:
    torch.manual_seed(0)
    layer = Recurrent(CELLS[cell], WIDTH, WIDTH, recompute=kept != "everything")
    read = torch.nn.Linear(WIDTH, 1)
    before = peak_mib()
    began = time.perf_counter()
    outputs, _ = layer(torch.randn(ROWS, int(steps), WIDTH))
    read(outputs).square().mean().backward()
    seconds = time.perf_counter() - began
    norm = (
        sum(parameter.grad.double().square().sum() for parameter in layer.parameters())
        .sqrt()
        .item()
    )
    sequences = 3 * ROWS * int(steps) * WIDTH * 4 / MIB  # inputs, outputs, gradient of the outputs
    return {
        "peak MiB": peak_mib() - before,
        "of it inputs and outputs": sequences,
        "whole process MiB": peak_mib(),
        "seconds": seconds,
        "gradient": f"{norm:.6e}",
    }


if __name__ == "__main__":
    main()
