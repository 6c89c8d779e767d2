"""Networks that read features give their own numbers in ONNX Runtime: of speech, of anomalies, of
forecasts."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Batch
from ostinato.errors import InputError
from ostinato.exporting.feature_program import anomaly_program, transcription_program
from ostinato.exporting.folder_format import check_units
from ostinato.exporting.forecast_graph import write_forecaster
from ostinato.exporting.onnx_graph import write_program
from ostinato.models.direct_forecaster import DirectForecaster
from ostinato.models.forecaster import LEVELS
from ostinato.models.forecaster_ensemble import ForecasterEnsemble
from ostinato.models.linear_forecaster import LinearForecaster
from ostinato.models.point_forecaster import PointForecaster
from ostinato.models.segment_forecaster import SegmentForecaster
from ostinato.models.speech_encoder import SpeechEncoder
from ostinato.models.transcriber import Transcriber
from ostinato.models.window_features import WindowFeatures

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
SETTINGS = {
    "season": 7,
    "scaling": "mean",
    "scale_over": "window",
    "anchor": True,
    "reference": "none",
    "memory": 100,
    "smooth": 5,
    "hold_off": 9,
}


def model_of(task, network, **fitted):
    """What an export reads of a model."""
    preprocessing = SimpleNamespace(to_dict=dict, **fitted)
    task = SimpleNamespace(
        name=task, preprocessing=preprocessing, options=SimpleNamespace(**SETTINGS)
    )
    return SimpleNamespace(network=network.eval(), networks=[network], task=task)


def run(content, feeds):
    """The outputs by name, and the metadata."""
    runtime = pytest.importorskip("onnxruntime", reason="needs pip install 'ostinato[onnx]'")
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["ostinato"])
    return dict(zip(names, session.run(None, feeds), strict=True)), metadata


def transcriber(cell="lstm", **settings):
    torch.manual_seed(0)
    settings = {"stacking": (4, 1), **settings}
    return Transcriber(SpeechEncoder(CELLS[cell], 5, 8, **settings), 6)


def speech(network):
    labels = SimpleNamespace(tokens=["<blank>", *"abcde"])
    program = transcription_program(model_of("transcription", network, size=5, labels=labels))
    program.about["task"] = "transcription"
    return program


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("stacking", [(4, 1), (1, 2, 2), (1,)])
@pytest.mark.parametrize("both", [False, True])
def test_speech(cell, stacking, both):
    """Rows of several lengths, none a multiple of the frames that are joined."""
    network = transcriber(cell, stacking=stacking, bidirectional=both).eval()
    lengths = torch.tensor([13, 1, 6])
    x = torch.randn(3, 13, 5)
    program = speech(network)
    zeros = {name: np.zeros((3, size), np.float32) for name, size in program.states.items()}
    assert len(zeros) == (0 if both else len(stacking) * (2 if cell == "lstm" else 1))
    feeds = {"frames": x.numpy(), "lengths": lengths.numpy(), **zeros}
    found, metadata = run(write_program(program), feeds)
    clean = torch.where(torch.arange(13)[None, :, None] < lengths[:, None, None], x, 0)
    with torch.inference_mode():
        wanted, ends = network.log_probabilities_by_frame(Batch(clean, lengths))
    if network.encoder.factor > 1:
        assert found["output_lengths"].tolist() == ends.tolist()
    for row, end in enumerate(ends.tolist()):
        np.testing.assert_allclose(found["output"][row, :end], wanted[row, :end], **TOLERANCE)
    assert metadata["about"]["labels"] == ["<blank>", *"abcde"]


def test_speech_in_chunks():
    """The states of a first part, handed in again with the second."""
    network = transcriber(bidirectional=False).eval()
    program, x = speech(network), torch.randn(1, 16, 5).numpy()
    content = write_program(program)
    state = {name: np.zeros((1, size), np.float32) for name, size in program.states.items()}
    whole, _ = run(content, {"frames": x, "lengths": np.array([16]), **state})
    parts = []
    for chunk in (x[:, :8], x[:, 8:]):
        found, _ = run(content, {"frames": chunk, "lengths": np.array([8]), **state})
        state = {name: found[f"{name}_out"] for name in state}
        parts.append(found["output"])
    np.testing.assert_allclose(np.concatenate(parts, 1), whole["output"], **TOLERANCE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"convolution": 2, "stacking": (1,)}, "--subsampling-by convolution is not exported"),
        ({"lookahead": 2, "bidirectional": False}, "--lookahead is not exported"),
        ({"merge": "sum"}, "--merge sum is not exported"),
    ],
)
def test_speech_that_is_not_exported(settings, message):
    with pytest.raises(InputError, match=message):
        speech(transcriber(**settings))


def test_another_decoder_of_speech():
    with pytest.raises(InputError, match="exported with --decoder ctc"):
        speech(torch.nn.Linear(1, 1))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru-reset-before"])
def test_what_a_series_should_be_next(cell):
    torch.manual_seed(0)
    network = PointForecaster(CELLS[cell], 8, 6, layers=2).eval()
    program = anomaly_program(model_of("anomaly", network))
    program.about["task"] = "anomaly"
    x = torch.randn(2, 9, 8)
    zeros = {name: np.zeros((2, size), np.float32) for name, size in program.states.items()}
    feeds = {"features": x.numpy(), "lengths": np.array([9, 9]), **zeros}
    found, metadata = run(write_program(program), feeds)
    with torch.inference_mode():
        location, scale, _ = network.distributions(x)
    np.testing.assert_allclose(found["output"], torch.stack([location, scale], -1), **TOLERANCE)
    assert metadata["about"]["degrees_of_freedom"] == pytest.approx(5)
    with pytest.raises(InputError, match="reads features of each step's past, .* use --format"):
        check_units(program, "html")


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(
    "features",
    [WindowFeatures(), WindowFeatures(1, 2, 3, 4, True, True), WindowFeatures(0, 2, 0, 3, False)],
)
@pytest.mark.parametrize("kind", [SegmentForecaster, DirectForecaster])
def test_forecasts(cell, features, kind):
    torch.manual_seed(0)
    more = {"segment": 4} if kind is SegmentForecaster else {}
    network = kind(CELLS[cell], 12, 7, features, hidden_size=10, layers=2, skip=True, **more)
    torch.nn.init.normal_(network.skip.weight)
    if network.share is not None:
        network.share.fill_(0.3)
    content = write_forecaster(model_of("forecasting", network))
    for rows in (1, 5):
        x = torch.randn(rows, 19, features.size)
        x[..., -1] = torch.randint(0, features.series + 1, (rows, 1)).float()
        found, metadata = run(content, {"windows": x.numpy()})
        with torch.inference_mode():
            wanted = network.quantiles(Batch(x, torch.full((rows,), 19)))
        np.testing.assert_allclose(found["output"], wanted, **TOLERANCE)
    assert metadata["levels"] == list(LEVELS)


def test_forecasters_that_are_not_exported():
    single = LinearForecaster(3, 2)
    with pytest.raises(InputError, match="only recurrent networks .* LinearForecaster"):
        write_forecaster(model_of("forecasting", single))
    with pytest.raises(InputError, match="--members above 1 is not exported"):
        write_forecaster(model_of("forecasting", ForecasterEnsemble([single, single])))
    network = LinearForecaster(3, 2)
    network.recurrent = torch.nn.Identity()
    with pytest.raises(InputError, match="--decoder autoregressive draws sample paths"):
        write_forecaster(model_of("forecasting", network))
