"""Weights between libraries: against others' own answers and formulas, and there and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_cases import CASES, REFERENCE, build
from torch import nn

from ostinato import cells
from ostinato.errors import InputError
from ostinato.layers.conversion import conventions as c
from ostinato.layers.recurrent import Recurrent

ONNX = Path(__file__).parent / "onnx_reference"
KINDS = list(c.GATES)


def random_weights(
    kind: str, *, inputs=3, hidden=4, biases=2, peepholes=False, projection=0, seed=0
) -> c.Weights:
    """Weights of a kind, all different, in float64."""
    random = torch.Generator().manual_seed(seed)

    def block(*shape):
        return torch.rand(*shape, generator=random, dtype=torch.float64) * 2 - 1

    def each(*shape):
        return {gate: block(*shape) for gate in c.GATES[kind]}

    return c.Weights(
        kind,
        each(hidden, inputs),
        each(hidden, projection or hidden),
        each(hidden) if biases else None,
        each(hidden) if biases == 2 else None,
        {gate: block(hidden) for gate in ("input", "forget", "output")} if peepholes else None,
        block(projection, hidden) if projection else None,
    )


def outputs(layer: c.Layer, x: torch.Tensor) -> torch.Tensor:
    return c.to_recurrent([layer])(x)[0]


def same_function(a: c.Weights, b: c.Weights) -> None:
    x = torch.randn(
        2, 5, a.input_size, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    torch.testing.assert_close(outputs((a,), x), outputs((b,), x), rtol=1e-12, atol=1e-12)


# Answers of others


def onnx_cases():
    return json.loads((ONNX / "cases.json").read_text())


@pytest.mark.parametrize("name", onnx_cases())
def test_onnx_reference(name):
    case = onnx_cases()[name]
    arrays = np.load(ONNX / "arrays.npz")
    given_ = {key: arrays[f"{name}/input/{key}"] for key in case["node_inputs"] if key}
    attributes = case["attributes"]
    layer = c.from_onnx(
        case["op"],
        given_["W"],
        given_["R"],
        given_.get("B"),
        given_.get("P"),
        linear_before_reset=attributes.get("linear_before_reset", 0),
    )
    x = torch.from_numpy(given_["X"])
    x = x if attributes.get("layout") else x.transpose(0, 1)
    lengths = (
        torch.from_numpy(given_["sequence_lens"]).long() if "sequence_lens" in given_ else None
    )
    state = None
    if "initial_h" in given_:
        state = (tuple(torch.from_numpy(given_[key])[0] for key in ("initial_h", "initial_c")),)
    found, last = c.to_recurrent([layer])(x, lengths, state)
    assert layer[0].hidden_size == attributes["hidden_size"]
    expected = torch.from_numpy(arrays[f"{name}/output/Y_h"])
    expected = expected[:, 0] if attributes.get("layout") else expected[0]
    torch.testing.assert_close(last[0][0], expected, rtol=0, atol=1e-6)
    if "Y" in case["graph_outputs"]:
        expected = torch.from_numpy(arrays[f"{name}/output/Y"])[:, :, 0]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("directions", [1, 2])
def test_onnx_live(kind, directions):
    """What `to_onnx` gives, computed by ONNX Runtime, with peepholes and lengths."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    layer = tuple(
        random_weights(kind, peepholes=kind == "lstm", seed=seed) for seed in range(directions)
    )
    inputs, attributes = c.to_onnx(layer)
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    fed = {"X": x.transpose(0, 1).numpy().astype(np.float32), "L": np.array([5, 3], np.int32)}
    names = ["X", "W", "R", "B", "L", "", "", "P"][: 8 if "P" in inputs else 5]
    node = onnx.helper.make_node(
        kind.removesuffix("-reset-before").upper(), names, ["Y"], **attributes
    )
    numbers_ = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [
            onnx.helper.make_tensor_value_info("X", numbers_, [5, 2, 3]),
            onnx.helper.make_tensor_value_info("L", onnx.TensorProto.INT32, [2]),
        ],
        [onnx.helper.make_tensor_value_info("Y", numbers_, [5, directions, 2, 4])],
        [
            onnx.numpy_helper.from_array(array.astype(np.float32), name)
            for name, array in inputs.items()
        ],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8
    )
    (y,) = runtime.InferenceSession(model.SerializeToString()).run(None, fed)
    found = c.to_recurrent([layer])(x, torch.tensor([5, 3]))[0].detach().numpy()
    np.testing.assert_allclose(y.transpose(2, 0, 1, 3).reshape(2, 5, -1), found, rtol=0, atol=1e-6)


def check_keras(name: str, arrays: list, x, y) -> None:
    kind = {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"}[CASES[name][0]]
    options = {
        key: CASES[name][1][key] for key in ("activation", "reset_after") if key in CASES[name][1]
    }
    layer = c.from_keras(arrays, kind=kind, **options)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    torch.testing.assert_close(outputs(layer, x), y, rtol=0, atol=1e-6)
    if layer[0].kind != "gru-reset-before":
        torch.testing.assert_close(c.to_nn([layer])(x)[0], y, rtol=0, atol=1e-6)
    for ours, theirs in zip(c.to_keras(layer), arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", CASES)
def test_keras_reference(name):
    kept = np.load(REFERENCE)
    arrays = [kept[f"{name}/{number}"] for number in range(6) if f"{name}/{number}" in kept]
    check_keras(name, arrays, kept[f"{name}/x"], kept[f"{name}/y"])


@pytest.mark.parametrize("name", CASES)
def test_keras_live(name):
    pytest.importorskip("keras")
    layer, x, y = build(name, seed=7)
    check_keras(name, layer.get_weights(), x, y)
    torch.testing.assert_close(
        outputs(c.from_keras_layer(layer), torch.from_numpy(x)), torch.from_numpy(y)
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def haste_step(kind, w, x, h, state):
    """One step as the kernels of haste compute it."""
    if kind == "lstm":
        i, g, f, o = np.split(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4, axis=-1)
        state = sigmoid(f) * state + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(state), state
    zx, rx, gx = np.split(x @ w["kernel"] + w["bias"], 3, axis=-1)
    zh, rh, gh = np.split(h @ w["recurrent_kernel"] + w["recurrent_bias"], 3, axis=-1)
    z = sigmoid(zx + zh)
    return z * h + (1 - z) * np.tanh(gx + sigmoid(rx + rh) * gh), state


def flashrnn_step(kind, w, x, h, state):
    """One step as FlashRNN's pointwise functions compute it, one head."""
    matrix, recurrent, bias = w
    wx = np.split(x @ matrix.T, len(recurrent), axis=-1)
    ry = [h @ gate[0].T for gate in recurrent]
    b = bias[:, 0]
    if kind == "rnn":
        return np.tanh(wx[0] + ry[0] + b[0]), state
    if kind == "lstm":
        i, f, z, o = (a + r + c for a, r, c in zip(wx, ry, b, strict=True))
        state = sigmoid(f) * state + sigmoid(i) * np.tanh(z)
        return sigmoid(o) * np.tanh(state), state
    g, r, z, n = ry[0] + b[0], wx[0] + ry[1] + b[1], wx[1] + ry[2] + b[2], wx[2] + b[3]
    return sigmoid(z) * h + (1 - sigmoid(z)) * np.tanh(n + sigmoid(r) * g), state


def cudnn_step(kind, w, x, h, state):
    """One step of cuDNN's formulas: linLayerID 0.. for the input, then the recurrent side."""
    matrices, biases = w
    half = len(matrices) // 2
    wx = [x @ m.T + b for m, b in zip(matrices[:half], biases[:half], strict=True)]
    rh = [h @ m.T + b for m, b in zip(matrices[half:], biases[half:], strict=True)]
    if kind == "rnn":
        return np.tanh(wx[0] + rh[0]), state
    if kind == "lstm":
        i, f, new, o = (a + b for a, b in zip(wx, rh, strict=True))
        state = sigmoid(f) * state + sigmoid(i) * np.tanh(new)
        return sigmoid(o) * np.tanh(state), state
    r, i = sigmoid(wx[0] + rh[0]), sigmoid(wx[1] + rh[1])
    return (1 - i) * np.tanh(wx[2] + r * rh[2]) + i * h, state


def numbers(value):
    if isinstance(value, torch.Tensor):
        return value.numpy()
    if isinstance(value, dict):
        return {key: numbers(part) for key, part in value.items()}
    return [numbers(part) for part in value]


@pytest.mark.parametrize(
    ("write", "step", "kinds"),
    [
        (c.to_haste, haste_step, ["lstm", "gru"]),
        (c.to_flashrnn, flashrnn_step, ["rnn", "lstm", "gru"]),
        (c.to_cudnn, cudnn_step, ["rnn", "lstm", "gru"]),
    ],
)
def test_gpu_libraries_compute_the_same(write, step, kinds):
    for kind in kinds:
        weights = random_weights(kind)
        x = torch.randn(2, 5, 3, dtype=torch.float64)
        h = state = np.zeros((2, 4))
        found = []
        for t in range(5):
            h, state = step(kind, numbers(write(weights)), x[:, t].numpy(), h, state)
            found.append(h)
        np.testing.assert_allclose(
            np.stack(found, 1), outputs((weights,), x).detach().numpy(), atol=1e-12
        )


def test_cudnn_order_is_that_of_torchs_flat_weights():
    gru = nn.GRU(3, 4)
    matrices, biases = c.to_cudnn(c.from_torch(gru)[0][0])
    assert torch.equal(torch.cat(matrices[:3]), gru.weight_ih_l0)
    assert torch.equal(torch.cat(biases[3:]), gru.bias_hh_l0)


# Textbooks


def textbook_run(kind, matrices, biases, x, *, order, update):
    """The formulas as printed, on concatenated vectors."""

    def gate(name, h, x):
        return (
            np.concatenate([h, x] if order == "hx" else [x, h], -1) @ matrices[name].T
            + biases[name]
        )

    h = state = np.zeros((len(x), 4))
    found = []
    for x_t in x.transpose(1, 0, 2):
        if kind == "rnn":
            h = np.tanh(gate("hidden", h, x_t))
        elif kind == "lstm":
            f, i, o = (sigmoid(gate(name, h, x_t)) for name in ("forget", "input", "output"))
            state = f * state + i * np.tanh(gate("candidate", h, x_t))
            h = o * np.tanh(state)
        else:
            r, u = sigmoid(gate("reset", h, x_t)), sigmoid(gate("update", h, x_t))
            n = np.tanh(gate("candidate", r * h, x_t))
            h = u * h + (1 - u) * n if update == "old" else (1 - u) * h + u * n
        found.append(h)
    return np.stack(found, 1)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru-reset-before"])
@pytest.mark.parametrize("order", ["hx", "xh"])
@pytest.mark.parametrize("update", ["old", "new"])
@pytest.mark.parametrize("transposed", [False, True])
def test_textbook(kind, order, update, transposed):
    weights = random_weights(kind)
    matrices, biases = c.to_textbook(weights, order=order, update=update, transposed=transposed)
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    plain = {
        gate: (matrix.T if transposed else matrix).numpy() for gate, matrix in matrices.items()
    }
    found = textbook_run(kind, plain, numbers(biases), x.numpy(), order=order, update=update)
    np.testing.assert_allclose(found, outputs((weights,), x).detach().numpy(), atol=1e-12)
    same_function(
        weights,
        c.from_textbook(kind, matrices, biases, order=order, update=update, transposed=transposed),
    )


# There and back


def there_and_back(name: str, w: c.Weights) -> c.Weights:
    if name == "torch":
        return c.from_torch(c.to_nn([(w,)]))[0][0]
    if name == "ostinato":
        return c.from_cell(c.to_cell(w))
    if name == "keras":
        after = w.kind == "gru" if w.kind.startswith("gru") else None
        return c.from_keras(
            c.to_keras((w,)), kind=w.kind.removesuffix("-reset-before"), reset_after=after
        )[0]
    if name == "onnx":
        inputs, attributes = c.to_onnx((w,))
        kind = w.kind.removesuffix("-reset-before")
        return c.from_onnx(kind, *(inputs.get(key) for key in "WRBP"), **attributes)[0]
    if name == "cudnn":
        return c.from_cudnn(w.kind, *c.to_cudnn(w))
    if name == "haste":
        return c.from_haste(w.kind, **c.to_haste(w))
    return c.from_flashrnn(w.kind, *c.to_flashrnn(w))


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    name=st.sampled_from(list(c.CONVENTIONS)),
    inputs=st.integers(1, 4),
    hidden=st.integers(1, 4),
    biases=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_there_and_back(kind, name, inputs, hidden, biases, seed):
    weights = random_weights(kind, inputs=inputs, hidden=hidden, biases=biases, seed=seed)
    if kind not in c.CONVENTIONS[name].kinds:
        with pytest.raises(ValueError, match="has no|cannot be written"):
            there_and_back(name, weights)
        return
    same_function(weights, there_and_back(name, weights))


@pytest.mark.parametrize("kind", KINDS)
def test_both_directions_there_and_back(kind):
    layer = tuple(random_weights(kind, seed=seed) for seed in range(2))
    inputs, attributes = c.to_onnx(layer)
    by_onnx = c.from_onnx(
        kind.removesuffix("-reset-before"), *(inputs.get(key) for key in "WRB"), **attributes
    )
    reset_after = {"gru": True, "gru-reset-before": False}.get(kind)
    by_keras = c.from_keras(
        c.to_keras(layer), kind=kind.removesuffix("-reset-before"), reset_after=reset_after
    )
    for row in range(2):
        same_function(by_onnx[row], layer[row])
        same_function(by_keras[row], layer[row])


@pytest.mark.parametrize("name", ["ostinato", "onnx"])
def test_peepholes_there_and_back(name):
    weights = random_weights("lstm", peepholes=True)
    same_function(weights, there_and_back(name, weights))


@pytest.mark.parametrize("name", ["torch", "ostinato", "cudnn"])
def test_projection_there_and_back(name):
    weights = random_weights("lstm", projection=2)
    same_function(weights, there_and_back(name, weights))


def test_flashrnn_heads_are_a_block_diagonal():
    w, r, b = torch.randn(4, 3), torch.randn(1, 2, 2, 2), torch.randn(1, 2, 2)
    weights = c.from_flashrnn("rnn", w, r, b)
    expected = torch.block_diag(r[0, 0], r[0, 1])
    assert torch.equal(weights.hidden["hidden"], expected)
    assert torch.equal(weights.input_bias["hidden"], b.flatten())


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_torch_stacks_and_both_directions(kind):
    theirs = getattr(nn, kind)(3, 4, 2, bidirectional=True, batch_first=True)
    x = torch.randn(2, 5, 3)
    stack = c.from_torch(theirs)
    torch.testing.assert_close(c.to_recurrent(stack)(x)[0], theirs(x)[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(
        c.to_nn(c.from_recurrent(c.to_recurrent(stack)))(x)[0], theirs(x)[0], rtol=0, atol=1e-6
    )
    theirs.load_state_dict(c.to_torch(stack))
    inputs, attributes = c.to_onnx(stack[0])
    assert attributes["direction"] == "bidirectional"
    assert inputs["W"].shape[0] == 2


def test_torch_cells():
    x = torch.randn(2, 3)
    relu = nn.RNNCell(3, 4, nonlinearity="relu")
    ours = c.to_cell(c.from_torch(relu)[0][0])
    torch.testing.assert_close(ours.run(x[:, None], (torch.zeros(2, 4),))[0][:, 0], relu(x))
    gru = nn.GRUCell(3, 4, bias=False)
    torch.testing.assert_close(c.to_nn(c.from_torch(gru))(x[:, None])[0][:, 0], gru(x))


# Activations, mixed directions and merges


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("name", [*c.CONVENTIONS, "textbook"])
def test_activations_there_and_back_or_refused(name, activation):
    weights = replace(random_weights("rnn"), activation=activation)
    if name == "haste" or (
        name in c.CONVENTIONS and activation not in c.CONVENTIONS[name].activations
    ):
        with pytest.raises(InputError, match="has no"):
            there_and_back(name, weights)
        return
    if name == "textbook":
        back = c.from_textbook("rnn", *c.to_textbook(weights), activation=activation)
    elif name == "keras":
        (back,) = c.from_keras(c.to_keras((weights,)), kind="rnn", activation=activation)
    elif name == "cudnn":
        back = c.from_cudnn("rnn", *c.to_cudnn(weights), activation=activation)
    else:
        back = there_and_back(name, weights)
    assert back.activation == activation
    same_function(weights, back)


def test_onnx_directions_may_have_different_activations_biases_and_peepholes():
    rnns = (random_weights("rnn"), replace(random_weights("rnn", biases=0), activation="relu"))
    lstms = random_weights("lstm", peepholes=True), random_weights("lstm", biases=1)
    for kind, layer in (("rnn", rnns), ("lstm", lstms)):
        inputs, attributes = c.to_onnx(layer)
        back = c.from_onnx(kind, *(inputs.get(key) for key in "WRBP"), **attributes)
        for one, other in zip(layer, back, strict=True):
            same_function(one, other)


def test_a_missing_bias_of_one_direction_or_layer_becomes_zeros():
    layer = random_weights("lstm"), random_weights("lstm", biases=0)
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    expected = outputs(layer, x)
    torch.testing.assert_close(outputs(c.from_keras(c.to_keras(layer), kind="lstm"), x), expected)
    torch.testing.assert_close(c.to_nn([layer])(x)[0], expected)
    stack = [(random_weights("gru", biases=0),), (random_weights("gru", inputs=4),)]
    torch.testing.assert_close(c.to_nn(stack)(x)[0], c.to_recurrent(stack)(x)[0])


@pytest.mark.parametrize("merge", ["sum", "mean", "product"])
def test_merges_are_read_by_those_who_name_them(merge):
    layer = Recurrent(cells.GRU, 3, 4, layers=2, bidirectional=True, merge=merge)
    x = torch.randn(2, 5, 3)
    back = c.to_recurrent(c.from_recurrent(layer, merge=merge), merge=merge)
    assert torch.equal(back(x)[0], layer(x)[0])


class FakeBidirectional:
    """What a Keras Bidirectional of an LSTM looks like from outside."""

    def __init__(self, mode, *, backward=None):
        arrays = c.to_keras((random_weights("lstm"), random_weights("lstm", seed=1)))
        self.mode = mode
        self.forward_layer = named_lstm(weights=arrays[:3])
        self.backward_layer = backward or named_lstm(weights=arrays[3:], go_backwards=True)

    def get_config(self):
        return {"merge_mode": self.mode, "layer": {"config": self.forward_layer.get_config()}}


Bidirectional = type("Bidirectional", (FakeBidirectional,), {})


@pytest.mark.parametrize(
    ("mode", "merge"), [("concat", "concat"), ("sum", "sum"), ("ave", "mean"), ("mul", "product")]
)
def test_keras_merge_modes(mode, merge):
    layer = c.from_keras_layer(Bidirectional(mode), merge=merge)
    same_function(layer[0], random_weights("lstm"))
    same_function(layer[1], random_weights("lstm", seed=1))
    assert c.to_recurrent([layer], merge=merge).merge == merge
    if merge != "concat":
        with pytest.raises(InputError, match=f"merge_mode is '{mode}'.*merge='{merge}'"):
            c.from_keras_layer(Bidirectional(mode))


@pytest.mark.parametrize("mode", ["concat", "sum", "ave", "mul"])
def test_keras_merge_modes_live(mode):
    keras = pytest.importorskip("keras")
    layer = keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True), merge_mode=mode)
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    y = torch.from_numpy(np.array(keras.ops.convert_to_numpy(layer(x))))
    merge = {"ave": "mean", "mul": "product"}.get(mode, mode)
    ours = c.to_recurrent([c.from_keras_layer(layer, merge=merge)], merge=merge)
    torch.testing.assert_close(ours(torch.from_numpy(x))[0], y)


# Refusals


class Fake:
    """What a Keras layer looks like from outside."""

    def __init__(self, weights=(), **config):
        self.weights, self.config = weights, {"activation": "tanh", **config}

    def get_weights(self):
        return self.weights

    def get_config(self):
        return self.config


LSTM, GRU, BEFORE = (random_weights(kind) for kind in ("lstm", "gru", "gru-reset-before"))
PEEPHOLES, PROJECTED = random_weights("lstm", peepholes=True), random_weights("lstm", projection=2)
RNN = random_weights("rnn")
RELU = replace(RNN, activation="relu")


def by_onnx(**changes):
    """An LSTM written for ONNX and read again with some attributes changed."""
    inputs, attributes = c.to_onnx((LSTM,))
    return c.from_onnx("lstm", inputs["W"], inputs["R"], inputs["B"], **attributes | changes)


named_lstm = type("LSTM", (Fake,), {})
REFUSALS = [
    (
        lambda: c.to_torch([(BEFORE,)]),
        "reset gate acts before the product .* no weights make these",
    ),
    (lambda: c.to_haste(BEFORE), "the reset gate acts before"),
    (lambda: c.to_haste(random_weights("rnn")), "haste has no rnn; it has lstm, gru"),
    (
        lambda: c.to_textbook(GRU),
        "has one bias, and this GRU a second one that the reset gate multiplies",
    ),
    (
        lambda: c.to_torch([(PEEPHOLES,)]),
        "no peepholes, and without them this LSTM is another function",
    ),
    (lambda: c.to_keras((PROJECTED,)), "Keras has no projected LSTM"),
    (lambda: c.to_textbook(PROJECTED), "neither peepholes nor a projection"),
    (
        lambda: c.from_onnx("lstm", *[np.ones((1, 4, 1))] * 2, input_forget=1),
        "input_forget changes the formula",
    ),
    (lambda: c.from_onnx("gru", *[np.ones((1, 3, 1))] * 2, clip=1.0), "clip changes the formula"),
    (
        lambda: c.from_onnx("conv", *[np.ones((1, 3, 1))] * 2),
        "operator, rnn, lstm or gru; got 'conv'",
    ),
    (
        lambda: c.from_onnx("rnn", *[np.ones((1, 3, 3))] * 2, activations=["Affine"]),
        "activations must be the usual",
    ),
    (
        lambda: c.from_keras([1], kind="lstm"),
        "kernel, recurrent kernel and perhaps bias, once or twice; got 1",
    ),
    (lambda: c.from_keras([np.ones((2, 3))] * 2, kind="gru"), "reset_after must be said"),
    (
        lambda: c.from_keras([*[np.ones((1, 3))] * 2, np.ones(3)], kind="gru", reset_after=True),
        "not go with a bias",
    ),
    (
        lambda: c.from_keras([np.ones((2, 3))] * 2, kind="lsmt"),
        "has no 'lsmt'; did you mean 'lstm'",
    ),
    (
        lambda: c.from_keras_layer(Fake()),
        "must be a Keras SimpleRNN, LSTM, GRU or a Bidirectional of one; got Fake",
    ),
    (lambda: c.from_keras_layer(named_lstm(activation="relu")), "LSTM's activations must be tanh"),
    (lambda: c.from_keras_layer(named_lstm(go_backwards=True)), "goes backwards"),
    (
        lambda: c.from_keras_layer(Bidirectional(None)),
        "merge_mode is None; only concat, sum, ave, mul",
    ),
    (
        lambda: c.from_keras_layer(Bidirectional("concat", backward=named_lstm(weights=()))),
        "goes forwards as the second direction",
    ),
    (
        lambda: c.from_keras_layer(Bidirectional("concat", backward=named_lstm(activation="elu"))),
        "LSTM's activations must be tanh",
    ),
    (
        lambda: c.from_keras([np.ones((1, 4))] * 2, kind="lstm", activation="relu"),
        "must be tanh; got 'relu'",
    ),
    (
        lambda: c.to_keras((LSTM, GRU)),
        "Keras has one kind for all directions and layers; got lstm, gru",
    ),
    (
        lambda: c.to_keras((RNN, RELU)),
        "one activation for all directions and layers; got tanh, relu",
    ),
    (
        lambda: c.to_nn([(RNN,), (replace(random_weights("rnn", inputs=4), activation="relu"),)]),
        "torch.nn has one act",
    ),
    (
        lambda: c.to_nn([(LSTM,), (random_weights("lstm", inputs=4, hidden=5),)]),
        "one hidden_size .* got 4, 5",
    ),
    (
        lambda: c.to_torch([(LSTM,), (LSTM,)]),
        "layer 1 must read 4 values a step, as layer 0 gives; it reads 3",
    ),
    (lambda: c.to_torch([]), "a stack must be layers of one direction or layers of two"),
    (lambda: c.to_recurrent([(LSTM,), (LSTM, LSTM)]), r"layers of two; got \[1, 2\]"),
    (lambda: c.from_torch(c.to_torch([(LSTM,)])), "or a cell of these; got dict"),
    (lambda: c.to_onnx((GRU, BEFORE)), "ONNX has one kind"),
    (lambda: by_onnx(direction="reverse"), "direction 'reverse' reads a sequence from its end"),
    (
        lambda: by_onnx(direction="bidirectional"),
        "or bidirectional, with two; got 'bidirectional' and 1",
    ),
    (lambda: by_onnx(direction="back"), "got 'back' and 1"),
    (lambda: by_onnx(hidden_size=5), "hidden_size must be 4, as R has it; got 5"),
    (lambda: by_onnx(activations=["Sigmoid", "Tanh", "Tanh"] * 2), "3 for each of 1 directions"),
    (
        lambda: c.from_recurrent(Recurrent(cells.RNN, 2, 3, zoneout=0.1)),
        "learned_initial_state and zoneout exist nowhere else",
    ),
    (
        lambda: c.from_recurrent(Recurrent(cells.RNN, 2, 3, learned_initial_state=True)),
        "learned_initial_state and zoneout exist nowhere else",
    ),
    (lambda: replace(LSTM, activation="relu"), "activation of a lstm must be tanh; got 'relu'"),
    (
        lambda: c.from_cudnn("gru", [torch.ones(1, 1)] * 8),
        "a gru of cuDNN has 6 matrices .* got 8 and 0",
    ),
    (
        lambda: c.from_torch(nn.Linear(1, 1)),
        "a torch.nn RNN, GRU, LSTM or a cell of these; got Linear",
    ),
    (lambda: c.from_cell(cells.Jordan(2, 3)), "Jordan is a formula that no other convention has"),
    (
        lambda: c.from_cell(cells.RNN(2, 3, activation=torch.sin)),
        "activation must be one of tanh, relu, sigmoid",
    ),
    (
        lambda: c.from_recurrent(Recurrent(cells.RNN, 2, 3, bidirectional=True, merge="sum")),
        "only merge='concat'",
    ),
    (
        lambda: c.from_recurrent(Recurrent(cells.RNN, 2, 3, layers=2, residual=True)),
        "this one has residual or pre_norm",
    ),
    (lambda: c.from_textbook("rnn", {"hidden": np.ones((3, 2))}), "is it transposed"),
    (lambda: c.from_textbook("rnn", {}, order="ab"), "order must be 'hx' or 'xh'; got 'ab'"),
    (lambda: c.to_textbook(LSTM, update="both"), "update must be 'old' or 'new'; got 'both'"),
    (lambda: c.Weights("lsmt", {}, {}), "kind 'lsmt' is unknown; did you mean 'lstm'"),
    (
        lambda: replace(LSTM, hidden=GRU.hidden),
        "must have the gates input, forget, candidate, output; got r",
    ),
    (
        lambda: replace(LSTM, input_bias=dict.fromkeys(LSTM.input, torch.ones(3))),
        r"\['input'\] must be \[4\]",
    ),
    (
        lambda: replace(LSTM, projection=torch.ones(2, 3)),
        r"must be \[4, 2\]|projection must be \[2, 4\]; got \[2, 3\]",
    ),
    (
        lambda: c.from_haste("lstm", torch.ones(3, 7), torch.ones(2, 7), torch.ones(7)),
        "must have 4 blocks of rows",
    ),
    (
        lambda: c.from_haste("gru", torch.ones(3), torch.ones(2, 6), torch.ones(6)),
        "weights must be matrices",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_one_bias_of_a_gru_is_exact_when_the_inner_one_is_zero():
    inner = {**GRU.hidden_bias, "candidate": torch.zeros(4, dtype=torch.float64)}
    weights = replace(GRU, hidden_bias=inner)
    same_function(weights, c.from_textbook("gru", *c.to_textbook(weights)))


# The page


def test_the_table_in_the_docs_is_the_tables_own():
    page = Path(__file__).parents[2] / "docs" / "conventions.md"
    assert c.table() in page.read_text(), (
        "run `python -m ostinato.layers.conversion.layouts` and paste its table"
    )
