"""Ostinato: learning from sequences with recurrent neural networks.

    model = ostinato.train("translation", train=["train.en", "train.fr"], out="runs/en-fr")
    model.predict(["A dog runs."])
    ostinato.load("runs/en-fr").evaluate(["test.en", "test.fr"])
    ostinato.accelerate(my_module)          # torch.nn.RNN, GRU and LSTM inside it, replaced by equal, faster ones

Names are imported when they are first used, so that `import ostinato` and `ostinato --help` are quick."""

import importlib

__version__ = "0.1.0"

_WHERE = {
    "train": "ostinato.model",
    "load": "ostinato.model",
    "Model": "ostinato.model",
    "accelerate": "ostinato.layers.drop_in.accelerate",
    "verify": "ostinato.commands.verify",
    "Recurrent": "ostinato.layers.recurrent",
    "StreamingStep": "ostinato.layers.streaming",
    "Cell": "ostinato.cells.cell",
    "CELLS": "ostinato.cells",
    "nn": None,
    "cells": None,
    "layers": None,
    "kernels": None,
    "models": None,
    "decoding": None,
    "inspection": None,
    "InputError": "ostinato.errors",
}
__all__ = [*_WHERE, "__version__"]


def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"module 'ostinato' has no attribute {name!r}")
    where = _WHERE[name]
    value = (
        importlib.import_module(f"ostinato.{name}")
        if where is None
        else getattr(importlib.import_module(where), name)
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
