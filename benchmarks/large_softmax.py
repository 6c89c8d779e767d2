"""The large softmax: time and memory of `kernels.linear_cross_entropy` beside nn.Linear +
F.cross_entropy, with all gradients.

    python benchmarks/large_softmax.py --threads 1 --markdown

Each runs in a process of its own; the two take turns. Memory is the most that a run needs
beyond what stood there before it (hidden, weight, bias) and beyond the gradients, which both
must give. The losses and gradients are compared in the same run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
from pathlib import Path

from kernels import CLOCKS, machine

SIZES = [
    (700, 200, 10_000),
    (2_000, 200, 10_000),
    (700, 512, 80_000),
    (2_000, 512, 80_000),
]  # rows, H, words


def resident(name: str) -> int:
    """Bytes: VmRSS now, VmHWM at most since `forget_peak`."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)
    )
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def worker(pipe, ours: bool, size: tuple[int, int, int], threads: int, clock: str) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import torch

    from ostinato.kernels import linear_cross_entropy

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    rows, width, words = size
    hidden = torch.randn(rows, width, requires_grad=True)
    linear, targets = torch.nn.Linear(width, words), torch.randint(words, (rows,))
    leaves = [hidden, *linear.parameters()]

    def run():
        if ours:
            loss = linear_cross_entropy(hidden, linear.weight, linear.bias, targets)
        else:
            loss = torch.nn.functional.cross_entropy(linear(hidden), targets, reduction="sum")
        return loss.detach(), torch.autograd.grad(loss, leaves)

    small = torch.randn(
        8, 8, requires_grad=True
    )  # what the first product of a process loads is nobody's memory
    linear_cross_entropy(small, small, None, torch.zeros(8, dtype=torch.int64)).backward()
    forget_peak()
    before = resident("VmRSS")
    loss, gradients = run()
    memory = resident("VmHWM") - before - sum(gradient.nbytes for gradient in gradients)
    pipe.send((memory, float(loss), [float(gradient.norm()) for gradient in gradients]))
    del gradients
    while pipe.recv():
        start = CLOCKS[clock]()
        run()
        pipe.send(CLOCKS[clock]() - start)


def measure(size: tuple[int, int, int], threads: int, runs: int, clock: str) -> dict:
    context = multiprocessing.get_context("spawn")
    pipes, found = [], []
    for ours in (True, False):
        here, there = context.Pipe()
        context.Process(
            target=worker, args=(there, ours, size, threads, clock), daemon=True
        ).start()
        pipes.append(here)
        found.append(here.recv())
    flat = [[loss, *norms] for _, loss, norms in found]
    if any(abs(a - b) > 1e-4 * abs(b) for a, b in zip(*flat, strict=True)):
        raise SystemExit(f"the two differ: {flat}")
    times = [[], []]
    for _ in range(runs):
        for pipe, taken in zip(pipes, times, strict=True):
            pipe.send(True)
            taken.append(pipe.recv())
    for pipe in pipes:
        pipe.send(False)
    seconds = [statistics.median(taken) for taken in times]
    memory = [memory / 2**20 for memory, *_ in found]
    products = 3 * 2 * size[0] * size[1] * size[2]
    return {
        "rows, H, words": str(size),
        "threads": threads,
        "ms": round(seconds[0] * 1e3, 1),
        "torch ms": round(seconds[1] * 1e3, 1),
        "times": round(seconds[1] / seconds[0], 2),
        "GFLOP/s": round(products / seconds[0] / 1e9),
        "MiB": round(memory[0]),
        "torch MiB": round(memory[1]),
        "share": round(memory[0] / memory[1], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="as in kernels.py")
    parser.add_argument(
        "--sizes", type=int, default=len(SIZES), help="so many of the sizes, the smallest first"
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    print(machine())
    for threads in map(int, options.threads.split(",")):
        for size in SIZES[: options.sizes]:
            row = measure(size, threads, options.runs, options.clock)
            print(
                " | ".join(map(str, row.values() if options.markdown else [json.dumps(row)])),
                flush=True,
            )


if __name__ == "__main__":
    main()
