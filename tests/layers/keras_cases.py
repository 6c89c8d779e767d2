"""Keras layers whose weights and answers are kept in keras_reference.npz.

`python tests/layers/keras_cases.py` makes that file anew; it needs Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).parent / "keras_reference.npz"
CASES = {
    "simple": ("SimpleRNN", {}),
    "simple-relu": ("SimpleRNN", {"activation": "relu"}),
    "simple-without-bias": ("SimpleRNN", {"use_bias": False}),
    "lstm": ("LSTM", {}),
    "lstm-without-bias": ("LSTM", {"use_bias": False}),
    "gru-after": ("GRU", {"reset_after": True}),
    "gru-before": ("GRU", {"reset_after": False}),
    "gru-after-without-bias": ("GRU", {"reset_after": True, "use_bias": False}),
    "gru-before-without-bias": ("GRU", {"reset_after": False, "use_bias": False}),
}
CASES |= {f"both-{name}": case for name, case in CASES.items() if not name.endswith("relu")}


def build(name: str, seed: int = 0):
    """The Keras layer of a case with random weights, its biases too; inputs; its outputs."""
    import keras

    kind, options = CASES[name]
    layer = getattr(keras.layers, kind)(4, return_sequences=True, **options)
    if name.startswith("both-"):
        layer = keras.layers.Bidirectional(layer)
    random = np.random.default_rng(seed)
    x = random.standard_normal((2, 5, 3)).astype(np.float32)
    layer.build(x.shape)
    layer.set_weights(
        [random.uniform(-1, 1, array.shape).astype(np.float32) for array in layer.get_weights()]
    )
    return layer, x, np.array(keras.ops.convert_to_numpy(layer(x)))


if __name__ == "__main__":
    arrays = {}
    for name in CASES:
        layer, x, y = build(name)
        arrays |= {f"{name}/x": x, f"{name}/y": y}
        arrays |= {f"{name}/{number}": array for number, array in enumerate(layer.get_weights())}
    np.savez_compressed(REFERENCE, **arrays)
