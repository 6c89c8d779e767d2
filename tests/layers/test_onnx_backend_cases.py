"""ONNX's own backend test cases of RNN, GRU and LSTM, as the `onnx` package carries them.

Each is read by `from_onnx` and gives the case's outputs, and ONNX Runtime's where it takes the
node; a node that is read from its end is refused, and right by what the refusal says to do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ostinato.errors import InputError
from ostinato.layers.conversion import conventions as c

onnx = pytest.importorskip("onnx")


def backend_cases():
    """Name -> the case; importing a module of cases registers them."""
    from onnx.backend.test.case import node
    from onnx.backend.test.case.node import gru, lstm, rnn  # noqa: F401

    operators = ("RNN", "GRU", "LSTM")
    return {
        case.name: case
        for case in node._NodeTestCases
        if case.model.graph.node[0].op_type in operators and len(case.model.graph.node) == 1
    }


CASES = backend_cases()


def attributes_of(node) -> dict:
    """As `onnx.helper` reads them: texts are bytes."""
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}


def arrays_of(names, arrays) -> dict:
    """Cases leave out the arrays of inputs and outputs without a name."""
    return dict(zip([name for name in names if name], arrays, strict=True))


def run_ours(node, arrays, attributes):
    """The outputs [B, T, directions * H] and the state of each direction."""
    layer = c.from_onnx(
        node.op_type, *(arrays.get(name) for name in ("W", "R", "B", "P")), **attributes
    )
    x = torch.from_numpy(arrays["X"])
    state = None
    if "initial_h" in arrays:
        names = [name for name in ("initial_h", "initial_c") if name in arrays]
        state = (tuple(torch.from_numpy(arrays[name])[0] for name in names),)
    lengths = arrays.get("sequence_lens")
    lengths = None if lengths is None else torch.from_numpy(lengths).long()
    recurrent = c.to_recurrent([layer])
    batch_first = x if attributes.get("layout") else x.transpose(0, 1)
    return recurrent(batch_first, lengths, state)


def check_outputs(node, expected, found, state, layout):
    """Compares what the case expects of Y, Y_h and Y_c."""
    directions = found.shape[-1] // state[0][0].shape[-1]
    y = found.detach().unflatten(-1, (directions, -1)).numpy()  # [B, T, directions, H]
    ours = {"Y": y if layout else y.transpose(1, 2, 0, 3)}
    for name, parts in zip(("Y_h", "Y_c"), zip(*state, strict=True), strict=False):
        ours[name] = torch.stack(parts, 1 if layout else 0).detach().numpy()
    for name, values in arrays_of(node.output, expected).items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-3, atol=1e-6, err_msg=name)


def test_there_are_cases_of_each_operator():
    kinds = [case.model.graph.node[0].op_type for case in CASES.values()]
    assert min(kinds.count(kind) for kind in ("RNN", "GRU", "LSTM")) >= 4


@pytest.mark.parametrize("name", CASES)
def test_backend_case(name):
    case = CASES[name]
    (node,) = case.model.graph.node
    attributes = attributes_of(node)
    for inputs, expected in case.data_sets:
        arrays = arrays_of(node.input, inputs)
        reverse = attributes.get("direction") == b"reverse"
        if reverse:
            with pytest.raises(InputError, match="reverse the layer's inputs and outputs in time"):
                run_ours(node, arrays, attributes)
            arrays = {**arrays, "X": arrays["X"][::-1].copy()}
        found, state = run_ours(
            node, arrays, {**attributes, "direction": b"forward"} if reverse else attributes
        )
        if reverse:
            found = found.flip(1)
        check_outputs(node, expected, found, state, attributes.get("layout", 0))


@pytest.mark.parametrize("name", [name for name in CASES if not name.endswith("batchwise")])
def test_onnx_runtime_agrees(name):
    """With weights of all values; the cases' own are constant. ORT knows no layout 1."""
    runtime = pytest.importorskip("onnxruntime")
    case = CASES[name]
    (node,) = case.model.graph.node
    random = np.random.default_rng(1)
    arrays = {
        name: values
        if values.dtype == np.int32
        else random.normal(size=values.shape).astype(np.float32)
        for name, values in arrays_of(node.input, case.data_sets[0][0]).items()
    }
    expected = runtime.InferenceSession(case.model.SerializeToString()).run(None, arrays)
    attributes = attributes_of(node)
    if reverse := attributes.get("direction") == b"reverse":
        arrays["X"] = arrays["X"][::-1].copy()
        attributes["direction"] = "forward"
    found, state = run_ours(node, arrays, attributes)
    check_outputs(node, expected, found.flip(1) if reverse else found, state, layout=0)


def test_attributes_as_onnx_gives_them():
    weights = np.ones((1, 4, 2), np.float32), np.ones((1, 4, 4), np.float32)
    layer = c.from_onnx("RNN", *weights, activations=[b"Relu"], activation_alpha=[0.1])
    assert layer[0].activation == "relu"
    with pytest.raises(InputError, match="activations must be the usual ones, .* got .'affine'"):
        c.from_onnx("RNN", *weights, activations=[b"Affine"], activation_alpha=[0.1])
    with pytest.raises(InputError, match="direction must be forward.*got 'sideways' and 1"):
        c.from_onnx("RNN", *weights, direction=b"sideways")
