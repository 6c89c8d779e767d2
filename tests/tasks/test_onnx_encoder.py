"""A convolutional network of the user's own, as an ONNX file."""

import json

import numpy as np
import pytest
from PIL import Image

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import ostinato as package  # noqa: E402
from ostinato.data.images.onnx_encoder import OnnxEncoder  # noqa: E402
from ostinato.errors import InputError  # noqa: E402


def network(path, *, shape=("N", 3, 8, 8), kind="map", opset=13, inputs=1, dtype=TensorProto.FLOAT):
    """One convolution that takes the mean of each quarter of each colour: a map [1, 3, 2, 2],
    or a vector [1, 12].
    """
    weights = np.zeros((3, 3, 4, 4), np.float32)
    for colour in range(3):
        weights[colour, colour] = 1 / 16
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["map"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["map"], ["vector"]),
    ]
    given = [helper.make_tensor_value_info(name, dtype, shape) for name in ("x", "y")[:inputs]]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in ((kind, "vector") if kind == "map" else (kind,))
    ]
    if inputs > 1 or shape[1] != 3 or shape[2:] == (8, 12):
        nodes = [
            helper.make_node("Identity", ["x"], ["map"]),
            helper.make_node("Identity", ["x"], ["vector"]),
        ]
    graph = helper.make_graph(nodes, "g", given, outputs, [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    path.write_bytes(model.SerializeToString())
    return str(path)


PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)


def test_features_of_regions(tmp_path):
    encoder = OnnxEncoder(network(tmp_path / "a.onnx"), normalise="bytes")
    quarters = PIXELS.reshape(3, 2, 4, 2, 4).mean((2, 4)).reshape(3, 4).T
    np.testing.assert_allclose(encoder(PIXELS), quarters, rtol=1e-5)
    assert encoder.size == 8
    vector = OnnxEncoder(network(tmp_path / "b.onnx", kind="vector"), normalise="unit")(PIXELS)
    np.testing.assert_allclose(vector, quarters.T.reshape(1, 12) / 255, rtol=1e-4)
    assert OnnxEncoder(str(tmp_path / "a.onnx"), output="vector")(PIXELS).shape == (1, 12)


def test_kept_in_a_folder(tmp_path, monkeypatch):
    path = network(tmp_path / "a.onnx")
    first = OnnxEncoder(path, cache=str(tmp_path / "cache"))(PIXELS)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    monkeypatch.setattr(OnnxEncoder, "run", lambda *_: pytest.fail("computed again"))
    assert (OnnxEncoder(path, cache=str(tmp_path / "cache"))(PIXELS) == first).all()
    monkeypatch.undo()
    next((tmp_path / "cache").iterdir()).write_bytes(b"cut")
    assert (OnnxEncoder(path, cache=str(tmp_path / "cache"))(PIXELS) == first).all()


def as_format_1(run):
    """Rewrites model.json as version 1 wrote it: options that the data decides are in the state."""
    description = json.loads((run / "model.json").read_text())
    description["state"]["dev_metric"] = description["options"]["dev_metric"]
    description["options"]["dev_metric"] = None
    (run / "model.json").write_text(json.dumps({**description, "format": 1}))


def test_captions_by_it(tmp_path):
    path = network(tmp_path / "a.onnx")
    for number in range(12):
        Image.new("RGB", (10, 10), [(230, 0, 0), (0, 0, 230)][number % 2]).save(
            tmp_path / f"{number}.png"
        )
    rows = "".join(f"{number}.png\t{['red', 'blue'][number % 2]}\n" for number in range(12))
    (tmp_path / "t.tsv").write_text("image\tcaption\n" + rows)
    model = package.train(
        "captioning",
        train=[str(tmp_path / "t.tsv")],
        dev=[str(tmp_path / "t.tsv")],
        out=str(tmp_path / "run"),
        encoder=path,
        hidden_size=16,
        embedding_size=8,
        epochs=20.0,
        batch_size=2,
        learning_rate=0.02,
        dropout=0.0,
        tensorboard=False,
        warmup=0,
    )
    assert model.report["metrics"]["exact_match"] == 1.0 and model.task.preprocessing.kind == (
        "regions",
        3,
    )
    files = [str(tmp_path / "0.png"), str(tmp_path / "1.png")]
    assert package.load(tmp_path / "run").predict(files) == ["red", "blue"]
    as_format_1(tmp_path / "run")
    assert package.load(tmp_path / "run").predict(files) == ["red", "blue"]
    other = network(tmp_path / "b.onnx", kind="vector")
    with pytest.raises(
        InputError,
        match="b.onnx: not the network that the model was trained with; name that one with encoder",
    ):
        package.load(tmp_path / "run", encoder=other).predict(files)


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"shape": ("N", 10)},
            r"a.onnx: its input is not a picture: expected one tensor \[N, 3, H, W\] or \[N, "
            r"H, W, 3\]; got x tensor",
        ),
        ({"shape": ("N", 5, 8, 8)}, "its input is not a picture"),
        ({"inputs": 2}, "its input is not a picture"),
        ({"shape": ("N", 3, 8, 12)}, "reads pictures of 12 x 8; only square ones"),
    ],
)
def test_a_network_whose_input_is_no_picture(tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        OnnxEncoder(network(tmp_path / "a.onnx", **settings))


def test_no_network(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"hello")
    with pytest.raises(InputError, match="a.onnx: not an ONNX model that onnxruntime can run"):
        OnnxEncoder(str(tmp_path / "a.onnx"))
    with pytest.raises(InputError, match="b.onnx: no such file; did you mean"):
        OnnxEncoder(str(tmp_path / "b.onnx"))
    path = network(tmp_path / "c.onnx", shape=("N", 3, "H", "W"))
    with pytest.raises(InputError, match="c.onnx: no output 'x' among map, vector"):
        OnnxEncoder(path, output="x")
    with pytest.raises(InputError, match="c.onnx: cannot be run on a picture of 2 x 2"):
        OnnxEncoder(path)(np.zeros((3, 2, 2), np.uint8))
