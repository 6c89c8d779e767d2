"""Recurrent weights between libraries, both ways: `from_onnx(...)`, `to_torch(...)` and so on.

    stack = from_torch(torch.nn.GRU(8, 16, num_layers=2))
    arrays = to_keras(stack[0])
    recurrent = to_recurrent(stack)
    faster = to_nn([from_keras_layer(keras_layer)])

`Weights` are one layer in one direction, a *layer* is a tuple of one or two of them (forward,
backward), a *stack* is a list of layers. Each `from_X` reads what `to_X` returns. Where no weights
make two functions equal, an InputError says why."""

from ostinato.layers.conversion.gpu_libraries import (
    from_cudnn,
    from_flashrnn,
    from_haste,
    to_cudnn,
    to_flashrnn,
    to_haste,
)
from ostinato.layers.conversion.keras import from_keras, from_keras_layer, to_keras
from ostinato.layers.conversion.layouts import CONVENTIONS, Convention, table
from ostinato.layers.conversion.onnx import from_onnx, to_onnx
from ostinato.layers.conversion.recurrent_layers import (
    from_cell,
    from_recurrent,
    to_cell,
    to_recurrent,
)
from ostinato.layers.conversion.textbook import from_textbook, to_textbook
from ostinato.layers.conversion.torch_layers import from_torch, to_nn, to_torch
from ostinato.layers.conversion.weights import GATES, Layer, Stack, Weights

__all__ = [
    "CONVENTIONS",
    "GATES",
    "Convention",
    "Layer",
    "Stack",
    "Weights",
    "from_cell",
    "from_cudnn",
    "from_flashrnn",
    "from_haste",
    "from_keras",
    "from_keras_layer",
    "from_onnx",
    "from_recurrent",
    "from_textbook",
    "from_torch",
    "table",
    "to_cell",
    "to_cudnn",
    "to_flashrnn",
    "to_haste",
    "to_keras",
    "to_nn",
    "to_onnx",
    "to_recurrent",
    "to_textbook",
    "to_torch",
]
