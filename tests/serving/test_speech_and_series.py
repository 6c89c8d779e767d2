"""Recordings and series over HTTP: files, sessions, and the messages of Vosk's clients."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

import ostinato
from ostinato.commands.serve import build_application
from ostinato.serving.settings import Settings

soundfile = pytest.importorskip("soundfile", reason="needs pip install 'ostinato[audio]'")
RATE = 8000


def speak(letters):
    """Tones whose pitches spell the letters a and b, as samples."""
    parts = []
    for letter in letters:
        pitch = 300 if letter == "a" else 1200
        parts.append(0.4 * np.sin(2 * np.pi * pitch * np.arange(RATE // 8) / RATE))
        parts.append(np.zeros(RATE // 16))
    return np.concatenate([*parts, np.zeros(RATE // 4)]).astype(np.float32)


def as_file(samples, kind, rate=RATE):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind)
    return file.getvalue()


def as_pcm(samples):
    return (samples * 32767).astype("<i2").tobytes()


@pytest.fixture(scope="module", params=["ctc", "transducer"])
def speech(request, tmp_path_factory):
    """A model of one direction that writes the letters of tones."""
    folder = tmp_path_factory.mktemp("speech")
    words = ["a", "b", "ab", "ba", "bb a", "a b"] * 4
    lines = ["audio\ttext"]
    for number, word in enumerate(words):
        noise = np.random.default_rng(number).normal(size=len(speak(word))) * 0.01
        soundfile.write(
            folder / f"{number}.wav", speak(word.replace(" ", "")) + 0 * noise[:1], RATE
        )
        lines.append(f"{number}.wav\t{word.replace(' ', '')}")
    (folder / "list.tsv").write_text("\n".join(lines) + "\n")
    train = [str(folder / "list.tsv")]
    settings = {"bidirectional": False, "front_end": "mfcc", "hidden_size": 16, "layers": 1}
    settings |= {"lookahead": 1, "epochs": 40.0, "learning_rate": 0.03, "batch_size": 8}
    settings |= {"least_steps": 1, "evaluate_every": 40.0, "tensorboard": False}
    settings["decoder"] = request.param
    if request.param == "transducer":
        settings |= {"epochs": 120.0, "evaluate_every": 120.0, "dropout": 0.1}
    return ostinato.train(
        "transcription", train=train, dev=train, test=train, out=folder / "run", **settings
    )


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A forecaster and a detector of anomalies, hardly trained."""
    folder = tmp_path_factory.mktemp("series")
    values = 10 + np.sin(np.arange(400) / 4)
    rows = "".join(f"{step},{value:.6f}\n" for step, value in enumerate(values))
    (folder / "wave.csv").write_text("ds,y\n" + rows)
    common = {"train": [str(folder / "wave.csv")], "hidden_size": 8, "tensorboard": False}
    return {
        "forecasting": ostinato.train(
            "forecasting", out=folder / "f", horizon=4, look_back=12, epochs=1, **common
        ),
        "anomaly": ostinato.train("anomaly", out=folder / "a", epochs=1, **common),
    }


@pytest.fixture(scope="module")
def client(speech, series):
    models = {"speech": speech, **series}
    with TestClient(build_application(models, Settings(), snapshot=False).asgi) as client:
        yield client


@pytest.mark.parametrize(("kind", "media"), [("WAV", "audio/wav"), ("FLAC", "audio/flac")])
def test_a_sound_file_as_the_body(client, speech, kind, media):
    samples = speak("ab")
    body = as_file(samples, kind)
    answer = client.post("/predict", content=body, headers={"Content-Type": media})
    [found] = answer.json()["predictions"]
    assert found["prediction"] == "ab"
    assert [word["word"] for word in found["words"]] == ["ab"]
    listed = client.post("/predict", json={"inputs": [samples.tolist()]}).json()["predictions"]
    assert listed[0]["prediction"] == "ab"


@pytest.mark.parametrize(
    "body", [b"", b"RIFF", b"not a sound", as_file(np.zeros(9), "WAV")[:30]], ids=len
)
def test_what_is_no_sound_file(client, body):
    answer = client.post("/predict", content=body, headers={"Content-Type": "audio/wav"})
    assert answer.status_code == 415
    assert "audio/wav" in answer.json()["error"]


def test_a_sound_of_another_rate_and_two_channels(client):
    samples = np.repeat(speak("ba"), 2)  # 16,000 a second
    body = as_file(np.stack([samples, samples], 1), "WAV", 2 * RATE)
    answer = client.post("/predict", content=body, headers={"Content-Type": "audio/x-wav"})
    assert answer.json()["predictions"][0]["prediction"] == "ba"


def talk(client, path, config, samples, size):
    """What Vosk's test client does: its messages, and the answers to them."""
    with client.websocket_connect(path) as socket:
        socket.send_text(json.dumps({"config": config}))
        answers = []
        content = as_pcm(samples)
        for place in range(0, len(content), size):
            socket.send_bytes(content[place : place + size])
            answers.append(json.loads(socket.receive_text()))
        socket.send_text('{"eof" : 1}')
        answers.append(json.loads(socket.receive_text()))
        assert socket.receive()["type"] == "websocket.close"
    return answers


@pytest.mark.parametrize("size", [1601, 3200])
def test_vosk_clients_are_understood(client, speech, size):
    samples = speak("bba")
    answers = talk(client, "/stream", {"sample_rate": RATE}, samples, size)
    partial = [each["partial"] for each in answers[:-1]]
    assert partial == sorted(partial, key=len) and partial[-1] == "bba"
    final = answers[-1]
    [wanted] = speech.predictions([(samples * 32767).astype(np.int16)])
    assert final["text"] == wanted.text == "bba"
    [word] = final["result"]
    assert word.keys() == {"conf", "start", "end", "word"}
    assert word["word"] == "bba" and 0 <= word["start"] < word["end"] <= len(samples) / RATE
    assert 0 < word["conf"] <= 1


def test_vosk_settings(client):
    twice = np.repeat(speak("ab"), 2)
    answers = talk(client, "/stream", {"sample_rate": 2 * RATE, "words": 0}, twice, 6400)
    assert answers[-1] == {"text": "ab"}
    config = {"sample_rate": RATE, "max_alternatives": 2}
    answers = talk(client, "/models/speech/stream", config, speak("ab"), 3200)
    assert answers[-1]["alternatives"][0]["text"] == "ab"


def test_a_pause_ends_a_line(speech, tmp_path):
    brief = ostinato.load(speech.folder, pause_seconds=0.3)
    samples = np.concatenate([speak("a"), np.zeros(RATE), speak("b")]).astype(np.float32)
    with TestClient(build_application({"x": brief}, Settings(), snapshot=False).asgi) as client:
        answers = talk(client, "/stream", {"sample_rate": RATE}, samples, 1600)
    # a transducer writes b as soon as it is heard, so that its line may end before the samples do
    texts = [each["text"] for each in answers if each.get("text")]
    assert [text[0] for text in texts] == ["a", "b"]
    [first, last] = [each["result"][0]["start"] for each in answers if each.get("result")]
    assert first < 0.3 and 1.2 < last < 2


def test_nonsense_from_a_speaker(client):
    wrong = [
        "no JSON",
        "[]",
        "{}",
        '{"config": 3}',
        '{"config": {"sample_rate": 1}}',
        '{"config": {"sample_rate": "x"}}',
        '{"config": {"max_alternatives": -1}}',
        '{"config": {"phrase_list": ["a"]}}',
    ]
    with client.websocket_connect("/stream") as socket:
        for message in wrong:
            socket.send_text(message)
            assert set(socket.receive_json()) == {"error"}
        socket.send_bytes(b"\0")
        assert socket.receive_json() == {"partial": ""}
        socket.send_text('{"config": {"sample_rate": 8000}}')
        assert "before the first samples" in socket.receive_json()["error"]
        socket.send_text('{"reset": 1}')
        assert socket.receive_json() == {"text": ""}


def test_a_speech_session_gives_what_a_stream_gives(client, speech):
    samples, stream = speak("ab"), speech.stream()
    id = client.post("/sessions").json()["session"]
    for place in range(0, len(samples), 1500):
        chunk = samples[place : place + 1500].tolist()
        [found] = client.post(f"/sessions/{id}", json={"inputs": [chunk]}).json()["outputs"]
        assert found["prediction"] == stream(chunk)
    kept = client.get(f"/sessions/{id}/state").content
    assert kept == stream.to_bytes()
    [found] = client.post(f"/sessions/{id}", json={"end": True}).json()["outputs"]
    assert found["prediction"] == stream.finish().text == "ab"
    assert client.put(f"/sessions/{id}/state", content=kept).status_code == 200
    answer = client.post(f"/sessions/{id}", json={"inputs": [], "end": True}).json()["outputs"][0]
    assert answer == found
    for wrong in ([1, "x"], [[1.0], [1.0, 2.0]], [[0.0] * 7], "text", {"a": 1}):
        assert client.post(f"/sessions/{id}", json={"inputs": [wrong]}).status_code == 422
    assert client.post(f"/sessions/{id}", json={"end": 1}).status_code == 422


def test_a_session_of_another_rate(client, speech):
    samples, stream = np.repeat(speak("ab"), 2), speech.stream(rate=2 * RATE)
    first, second = (client.post("/sessions", json={"rate": 2 * RATE}).json() for _ in range(2))
    for place in range(0, len(samples), 3000):
        chunk = samples[place : place + 3000].tolist()
        path = f"/sessions/{first['session']}"
        [found] = client.post(path, json={"inputs": [chunk]}).json()["outputs"]
        assert found["prediction"] == stream(chunk)
        kept = client.get(f"{path}/state").content
        assert kept == stream.to_bytes()
        path = f"/sessions/{second['session']}"  # goes on where the other one is
        assert client.put(f"{path}/state", content=kept).status_code == 200
        first, second = second, first
    answer = client.post(f"/sessions/{first['session']}", json={"end": True}).json()
    assert answer["outputs"][0]["prediction"] == stream.finish().text == "ab"
    for wrong in (7, "fast", 1.5, True, [1]):
        assert client.post("/sessions", json={"rate": wrong}).status_code == 422
    answer = client.post("/models/forecasting/sessions", json={"rate": 8000})
    assert answer.status_code == 422
    assert "a rate is for chunks of sound" in answer.json()["error"]


def test_states_that_do_not_fit_are_refused(speech):
    import safetensors.torch

    stream = speech.stream()
    stream(speak("a"))
    content = stream.to_bytes()
    tensors, metadata = safetensors.torch.load(content), {"model": speech.fingerprint}
    name = next(name for name in tensors if name.startswith("@"))
    other = speech.stream(rate=2 * RATE)
    other(speak("a"))
    wrong = json.loads(bytes(other.streamer.to_tensors(other.state)["layout"][0].tolist()))
    wrong["resampler"]["rate"] = 96000
    layout = torch.tensor(list(json.dumps(wrong).encode()), dtype=torch.uint8)[None]
    spoiled = [
        {**other.streamer.to_tensors(other.state), "layout": layout},
        {**tensors, "layout": tensors["layout"][:, :-3]},
        {**tensors, name: tensors[name] * float("nan")},
        {key: each for key, each in tensors.items() if key != name},
    ]
    for each in spoiled:
        with pytest.raises(ostinato.InputError, match="not of this model"):
            stream.from_bytes(safetensors.torch.save(each, metadata=metadata))


def test_a_model_of_both_directions_says_why_it_does_not_listen(speech, tmp_path):
    settings = {"front_end": "mfcc", "hidden_size": 8, "layers": 1, "epochs": 0.1}
    train = [str(speech.folder.parent / "list.tsv")]
    both = ostinato.train(
        "transcription",
        train=train,
        dev=train,
        out=tmp_path / "both",
        tensorboard=False,
        **settings,
    )
    assert "both directions" in both.stream().why_not
    with pytest.raises(ostinato.InputError, match="the end of a sequence changes nothing"):
        both.stream().finish()
    with TestClient(build_application({"x": both}, Settings(), snapshot=False).asgi) as client:
        with client.websocket_connect("/stream") as socket:
            socket.send_bytes(bytes(100))
            assert "both directions" in socket.receive_json()["error"]
        id = client.post("/sessions").json()["session"]
        assert client.post(f"/sessions/{id}", json={"end": True}).status_code == 422


def test_forecasts_over_http(client, series):
    model, path = series["forecasting"], "/models/forecasting/predict"
    values = np.sin(np.arange(40) / 4).tolist()
    [wanted] = model.predictions([values])
    [found] = client.post(path, json={"inputs": [values]}).json()["predictions"]
    assert found == {"prediction": wanted.text, **wanted.details}
    assert len(found["forecast"]) == 4 and found["lo-80"][0] <= found["hi-80"][0]
    body = {"unique_id": "a", "ds": list(range(40)), "y": values}
    [named] = client.post(path, json={"inputs": [body]}).json()["predictions"]
    assert named["unique_id"] == "a" and named["forecast"] == found["forecast"]
    assert [int(each) for each in named["ds"]] == [40, 41, 42, 43]
    rows = [f"{name},{step},{values[step]}" for name in ("a", "b") for step in range(40)]
    table = "\n".join(["unique_id,ds,y", *rows])
    answer = client.post(path, content=table, headers={"Content-Type": "text/csv"}).json()
    assert [each["unique_id"] for each in answer["predictions"]] == ["a", "b"]
    assert answer["predictions"][1]["forecast"] == found["forecast"]


@pytest.mark.parametrize(
    "wrong",
    [
        "text",
        {"y": "x"},
        {"y": [1, 2], "ds": [1]},
        {"a": 1},
        {"y": [[1], 2]},
        [[1, 2]],
        {},
        [1, "x"],
    ],
    ids=repr,
)
def test_series_that_are_none(client, wrong):
    for name in ("forecasting", "anomaly"):
        answer = client.post(f"/models/{name}/predict", json={"inputs": [wrong]})
        assert answer.status_code == 422, (name, answer.text)
    for content in (b"", b"\xff\xfe", b"a,b\n1,2\n", b"ds,y\n1,x\n"):
        headers = {"Content-Type": "text/csv"}
        answer = client.post("/models/anomaly/predict", content=content, headers=headers)
        assert answer.status_code == 415
    answer = client.post(
        "/models/speech/predict", content="a", headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 415


def test_a_series_that_grows_is_forecast_as_the_whole(client, series):
    model = series["forecasting"]
    stream, values = model.stream(), (5 + np.cos(np.arange(30))).tolist()
    id = client.post("/models/forecasting/sessions").json()["session"]
    path = f"/models/forecasting/sessions/{id}"
    for step, value in enumerate(values, start=1):
        answer = stream.feed(value)
        [wanted] = model.predictions([values[:step]])
        assert np.array_equal(answer.quantiles, wanted.quantiles)
        [found] = client.post(path, json={"inputs": [value]}).json()["outputs"]
        assert found["forecast"] == wanted.details["forecast"]
    assert stream.feed([1.0, None, 2.0]).stamps[0] == "34"
    other = model.stream()
    other.from_bytes(stream.to_bytes())
    assert np.array_equal(other.feed(3.0).quantiles, stream.feed(3.0).quantiles)
    for wrong in ("x", True, [[1.0]], float("inf")):
        with pytest.raises(ostinato.InputError):
            stream(wrong)


def test_alarms_while_a_series_grows_are_those_of_the_whole(client, series):
    model = series["anomaly"]
    values = 10 + np.sin(np.arange(300) / 4)
    values[250:255] += 8
    model = ostinato.load(model.folder, threshold=0.9, hold_off=10)
    [whole] = model.predictions([values])
    assert whole.alarms.any()
    stream = model.stream()
    parts = [stream.feed(values[:100].tolist()), *map(stream.feed, values[100:].tolist())]
    scores = np.concatenate([part.scores for part in parts])
    assert np.abs(scores - whole.scores).max() < 1e-4
    assert np.array_equal(np.concatenate([part.alarms for part in parts]), whole.alarms)
    assert [part.stamps[-1] for part in parts][-1] == whole.stamps[-1]
    other = model.stream()
    other.from_bytes(stream.to_bytes())
    assert other(12.0) == stream(12.0)
    id = client.post("/models/anomaly/sessions").json()["session"]
    answer = client.post(f"/models/anomaly/sessions/{id}", json={"inputs": [1.5, None, [2, 3]]})
    assert [len(each["scores"]) for each in answer.json()["outputs"]] == [1, 1, 2]


def test_a_long_series_keeps_a_bounded_state(series):
    model = ostinato.load(series["anomaly"].folder)
    stream = model.stream()
    values = np.random.default_rng(0).normal(size=9000)
    for start in range(0, 9000, 1500):
        stream.feed(values[start : start + 1500].tolist())
    assert len(stream.to_bytes()) < 100_000
    assert np.isfinite(stream.feed(0.5).scores).all()
