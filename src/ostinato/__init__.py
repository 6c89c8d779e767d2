"""Ostinato: learning from sequences with recurrent neural networks.

    model = ostinato.train("translation", train=["train.en", "train.fr"], out="runs/en-fr")
    model.predict(["A dog runs."])
    ostinato.load("runs/en-fr").evaluate(["test.en", "test.fr"])
    ostinato.inspect(my_module, x, "gates").draw("gates.html")      # see what happens inside
    # torch.nn.RNN, GRU and LSTM inside it, replaced by equal, faster ones
    ostinato.accelerate(my_module)

Names are imported when they are first used, so that `import ostinato` and `ostinato --help` are
quick.
"""

import importlib
from typing import Any

from ostinato.submodules import import_submodule

__version__ = "0.1.0"

_WHERE = {
    "train": "ostinato.model",
    "load": "ostinato.model",
    "Model": "ostinato.model",
    "inspect": "ostinato.model",
    "accelerate": "ostinato.layers.drop_in.accelerate",
    "compare": "ostinato.commands.compare",
    "search": "ostinato.commands.search",
    "verify": "ostinato.commands.verify",
    "Recurrent": "ostinato.layers.recurrent",
    "StreamingStep": "ostinato.layers.streaming",
    "Cell": "ostinato.cells.cell",
    "CELLS": "ostinato.cells",
    "InputError": "ostinato.errors",
}
_PACKAGES = ("nn", "cells", "layers", "kernels", "models", "decoding", "inspection", "training")
__all__ = [*_WHERE, *_PACKAGES, "__version__"]


def __getattr__(name: str) -> Any:
    """Public names and submodules, imported when they are first used."""
    if name not in _WHERE:
        return import_submodule(__name__, name)
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
