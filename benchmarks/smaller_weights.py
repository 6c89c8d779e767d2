"""What smaller weights cost: the same trained model with its recurrent weights in float32,
bfloat16 and int8.

    python benchmarks/smaller_weights.py  # tagging, classification and language
    python benchmarks/smaller_weights.py --tasks language --cells gru --time-limit 60s

Trains a model on the package's own sample and scores the sample's test set in all three
formats, by `kernels.weights_as`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from importlib import resources
from pathlib import Path

FORMATS = ("float32", "bfloat16", "int8")


def test_set(task: str) -> str:
    folder = Path(str(resources.files("ostinato"))) / "samples" / task
    return str(next(folder.glob("test.*")))


def measure(task: str, cell: str, time_limit: str) -> dict[str, dict[str, float]]:
    """The metrics by format."""
    import ostinato
    from ostinato import kernels

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        model = ostinato.train(
            task, out=str(Path(folder) / "run"), cell=cell, seed=1, time_limit=time_limit
        )
        for weights in FORMATS:
            with kernels.weights_as(weights):
                scores = model.evaluate([test_set(task)])["metrics"]
            found[weights] = {name: round(value, 5) for name, value in scores.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", default="tagging,classification,language")
    parser.add_argument("--cells", default="lstm,gru")
    parser.add_argument("--time-limit", default="60s")
    options = parser.parse_args()
    for task in options.tasks.split(","):
        for cell in options.cells.split(","):
            print(
                json.dumps({"task": task, "cell": cell} | measure(task, cell, options.time_limit)),
                flush=True,
            )


if __name__ == "__main__":
    main()
