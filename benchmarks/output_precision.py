"""Whether rounding the output layer's products costs anything: the same training with and
without, side by side.

    python benchmarks/output_precision.py --data FOLDER      # 2 minutes on one core

FOLDER as in multi30k.py. The same batches, the same seed; printed is the loss a token on
batches held out, after every quarter.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from ostinato.commands.tables import table
from ostinato_contender import Ostinato
from setting import setting, write
from translation_speed import prepare

PRECISIONS = ("float32", "bfloat16")
HELD_BACK = 20  # batches


def main() -> None:
    arguments = read_arguments()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        work, sizes, _ = prepare(arguments, Path(scratch))
        batches = json.loads(work.read_text())["batches"]
    found = {precision: losses(arguments, precision, sizes, batches) for precision in PRECISIONS}
    print(*setting(arguments), sep="\n")
    steps = [part["steps"] for part in found["float32"]]
    rows = [
        [precision, *(f"{part['loss']:.4f}" for part in parts), parts[-1]["seconds"]]
        for precision, parts in found.items()
    ]
    print(
        *table(["output layer", *(f"after {each} steps" for each in steps), "seconds"], rows),
        sep="\n",
    )
    write(arguments.output, arguments, {"losses": found})


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="the folder of Multi30k")
    parser.add_argument("--pair", default="de-en", help="source-target")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--cell", default="lstm", choices=["gru", "lstm"])
    parser.add_argument("--vocabulary-size", type=int, default=4000)
    parser.add_argument("--embedding-size", type=int, default=256)
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", help="also write everything to this JSON file")
    arguments = parser.parse_args()
    arguments.batches, arguments.sentences = arguments.steps + HELD_BACK, 1
    return arguments


def losses(
    arguments: argparse.Namespace, precision: str, sizes: dict[str, int], batches: list
) -> list[dict[str, Any]]:
    """The loss a token on the batches held out, after each quarter of the steps, and the
    seconds of training until then.
    """
    torch.manual_seed(1)
    given = {name: getattr(arguments, name) for name in ("cell", "embedding_size", "hidden_size")}
    contender = Ostinato(
        {
            **given,
            **sizes,
            "input_feeding": False,
            "output_precision": precision,
            "dropout": 0.1,
            "label_smoothing": 0.1,
            "learning_rate": 0.002,
            "clip_norm": 1.0,
        }
    )
    found, spent = [], 0.0
    for quarter in range(4):
        first, last = (arguments.steps * (quarter + more) // 4 for more in (0, 1))
        began = time.perf_counter()
        contender.train(batches[first:last])
        spent += time.perf_counter() - began
        loss = mean(contender.loss(batch) for batch in batches[-HELD_BACK:])
        found.append({"steps": last, "loss": loss, "seconds": spent})
    return found


if __name__ == "__main__":
    main()
