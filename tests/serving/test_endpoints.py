"""The contract's endpoints, and what bad requests get."""

from __future__ import annotations

import json
import re

import pytest
import safetensors.torch
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import ostinato
from ostinato.commands.serve import build_application
from ostinato.serving.settings import Settings
from ostinato.serving.timed_protocol import TimedProtocol


@pytest.fixture(scope="module")
def client(models):
    application = build_application(models, Settings(), snapshot=False)
    with TestClient(application.asgi) as client:
        yield client


def started(models, **settings):
    """A client of a fresh server with these settings."""
    return TestClient(build_application(models, Settings(**settings), snapshot=False).asgi)


def test_health_and_description(client, models):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}
    assert client.get("/models").json() == {"models": ["language", "classification"]}
    about = client.get("/model").json()
    assert about["task"] == "language"
    assert about["carries_state"] is True
    assert about["generates"] is True
    assert about["metrics"] == models["language"].report["metrics"]
    about = client.get("/models/classification").json()
    assert about["labels"] == ["negative", "positive"]
    assert "both directions" in about["why_no_state"]
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert "/models/classification/sessions/{id}/state" in document["paths"]


def test_predictions_are_those_of_predict_json(client, models):
    texts = ["a great film", "", "dull and long , alas"]
    found = client.post("/models/classification/predict", json={"inputs": texts}).json()
    wanted = models["classification"].predictions(texts)
    for answer, each in zip(found["predictions"], wanted, strict=True):
        assert answer["prediction"] == each.text
        assert answer["probabilities"] == pytest.approx(each.probabilities, abs=1e-6)
        assert answer.keys() == {"prediction", *each.details}
    found = client.post("/predict", json={"inputs": ["ROMEO"]}).json()["predictions"]
    assert found[0]["prediction"] == models["language"].predict(["ROMEO"])[0]


def events_of(response):
    return [
        (name, json.loads(data))
        for name, data in re.findall(r"event: (\w+)\ndata: (.*)\n\n", response.text)
    ]


def test_generation_as_server_sent_events(client, models):
    fields = {"prompt": "the ", "length": 40, "samples": 2, "seed": 3, "temperature": 0.8}
    response = client.post("/generate", json=fields)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response)
    samples = ["", ""]
    for name, data in events[:-1]:
        assert name == "token"
        samples[data["sample"]] += data["text"]
    assert events[-1] == ("done", {"samples": samples})
    assert samples == models["language"].generate(**fields)


def test_a_prompt_never_names_a_file(client, models, tmp_path, monkeypatch):
    secret = tmp_path / "th"
    secret.write_text("\u1234")  # a character that the model refuses
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ostinato.InputError, match="never seen"):
        models["language"].generate(prompt="th", length=1)
    assert client.post("/generate", json={"prompt": "th", "length": 1}).status_code == 200


def create(client, prefix=""):
    return client.post(f"{prefix}/sessions").json()["session"]


def test_a_session_gives_what_a_stream_gives(client, models):
    stream = models["language"].stream()
    one, other = create(client), create(client)
    for text in ("R", "OME", "O:\nWhat"):
        wanted = stream.feed(text)
        [found] = client.post(f"/sessions/{one}", json={"inputs": [text]}).json()["outputs"]
        assert found == {"prediction": wanted.text, **wanted.details}
        client.post(f"/sessions/{other}", json={"inputs": ["x"]})  # interleaved
    content = client.get(f"/sessions/{one}/state").content
    assert content == stream.to_bytes()
    assert safetensors.torch.load(content)
    third = create(client)
    assert client.put(f"/sessions/{third}/state", content=content).status_code == 200
    follow = {"inputs": ["a", "b"]}
    assert (
        client.post(f"/sessions/{third}", json=follow).json()
        == client.post(f"/sessions/{one}", json=follow).json()
    )
    assert client.delete(f"/sessions/{one}").json() == {"deleted": True}
    assert client.post(f"/sessions/{one}", json=follow).status_code == 404


def test_a_session_of_a_model_without_state(client, models):
    id = create(client, "/models/classification")
    prefix = f"/models/classification/sessions/{id}"
    found = client.post(prefix, json={"inputs": ["a film", "a film"]}).json()["outputs"]
    assert found[0] == found[1]
    assert client.get(f"{prefix}/state").status_code == 422


def test_a_failed_request_leaves_the_state_as_it_was(client):
    id = create(client)
    before = client.get(f"/sessions/{id}/state").content
    assert client.post(f"/sessions/{id}", json={"inputs": ["a", 3]}).status_code == 422
    assert client.get(f"/sessions/{id}/state").content == before


def test_too_many_sessions_and_idle_ones(models):
    with started(models, sessions=2, idle_seconds=0.4) as client:
        first = create(client)
        create(client)
        refused = client.post("/sessions")
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        import time

        time.sleep(0.5)
        assert client.get(f"/sessions/{first}/state").status_code == 410
        assert client.post("/sessions").status_code == 200


def test_sessions_survive_a_restart(models):
    def start():
        return TestClient(build_application(models, Settings()).asgi)

    snapshot = models["language"].folder / "sessions.json"
    with start() as client:
        id = create(client)
        client.post(f"/sessions/{id}", json={"inputs": ["ROMEO"]})
        content = client.get(f"/sessions/{id}/state").content
    assert snapshot.stat().st_mode & 0o777 == 0o600
    with start() as client:
        assert not snapshot.exists()
        assert client.get(f"/sessions/{id}/state").content == content
        client.delete(f"/sessions/{id}")
    assert not snapshot.exists()
    snapshot.write_text("nonsense")
    with start() as client:
        assert client.get("/ready").status_code == 200


def test_the_stream_socket(client, models):
    stream = models["language"].stream()
    with client.websocket_connect("/stream") as socket:
        for text in ("R", "OM"):
            socket.send_text(json.dumps({"input": text}))
            assert socket.receive_json()["output"]["prediction"] == stream(text)
        for nonsense in ("", "[", "[1]", "{}", '{"input": 3}', '{"inputs": []}'):
            socket.send_text(nonsense)
            assert socket.receive_json().keys() == {"error"}
        socket.send_bytes(b"\x00\xff")
        assert "not bytes" in socket.receive_json()["error"]
        socket.send_text('{"inputs": ["E", "O"]}')
        wanted = [stream(text) for text in "EO"]
        assert [each["prediction"] for each in socket.receive_json()["outputs"]] == wanted
        socket.send_text('{"reset": true}')
        assert socket.receive_json() == {"reset": True}
        socket.send_text('{"eof": 1}')
        assert socket.receive_json() == {"eof": True}
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/stream", headers={"Origin": "http://evil.example"}),
    ):
        pass


BAD = [  # method, path, body, status
    ("POST", "/predict", b"{", 400),
    ("POST", "/predict", b"\xff\xfe", 400),
    ("POST", "/predict", b'{"inputs": [NaN]}', 400),
    ("POST", "/predict", b'{"inputs": [1' + b"0" * 5000 + b"]}", 400),
    ("POST", "/predict", b"[" * 100_000, 400),
    ("POST", "/predict", b'{"inputs": [1e999]}', 422),
    ("POST", "/predict", b'{"inputs": [' + b"[" * 30 + b"]" * 30 + b"]}", 422),
    ("POST", "/predict", b'{"inputs": ["\\ud800"]}', 422),
    ("POST", "/predict", b"[]", 422),
    ("POST", "/predict", b'{"inputs": ["a"], "SENTINEL": 3}', 422),
    ("POST", "/sessions", b'{"SENTINEL": 3}', 422),
    ("POST", "/predict", b"{}", 422),
    ("POST", "/predict", b'{"inputs": "SENTINEL"}', 422),
    ("POST", "/predict", b'{"inputs": []}', 422),
    ("POST", "/predict", b'{"inputs": [{"SENTINEL": 1}]}', 422),
    ("POST", "/predict", b'{"inputs": [null]}', 422),
    ("POST", "/predict", b'{"inputs": [true]}', 422),
    ("POST", "/predict", b'{"inputs": [12345678]}', 422),
    ("POST", "/predict", json.dumps({"inputs": ["x"] * 257}).encode(), 413),
    ("POST", "/predict", json.dumps({"inputs": ["x" * 60_000]}).encode(), 413),
    ("POST", "/predict", b'{"inputs": ["' + b"x" * 10_000_000 + b'"]}', 413),
    ("POST", "/models/SENTINEL/predict", b"{}", 404),
    ("GET", "/SENTINEL", None, 404),
    ("GET", "/page/../secrets", None, 404),
    ("GET", "/page/index.html", None, 404),
    ("GET", "/predict", None, 405),
    ("PUT", "/sessions/SENTINEL", b"{}", 405),
    ("POST", "/sessions/SENTINEL", b'{"inputs": ["a"]}', 404),
    ("GET", "/sessions/SENTINEL/state", None, 404),
    ("DELETE", "/sessions/SENTINEL", None, 404),
    ("POST", "/sessions", b"[", 400),
    ("POST", "/inspect/SENTINEL", b'{"input": "a"}', 404),
    ("POST", "/generate", b'{"prompt": 3}', 422),
    ("POST", "/generate", b'{"prompt": "SENTINEL\\u1234"}', 422),
    ("POST", "/generate", b'{"SENTINEL": 3}', 422),
    ("POST", "/generate", b'{"length": -1}', 422),
    ("POST", "/generate", b'{"length": 1.5}', 422),
    ("POST", "/generate", b'{"length": true}', 422),
    ("POST", "/generate", b'{"samples": 100000}', 422),
    ("POST", "/generate", b'{"temperature": "hot"}', 422),
    ("POST", "/generate", b'{"top_p": 2}', 422),
    ("POST", "/generate", b'{"beam": 2, "samples": 3}', 422),
    ("POST", "/generate", b'{"beam": 2, "temperature": 0.5}', 422),
    ("POST", "/generate", b'{"stop": ""}', 422),
    ("POST", "/generate", b'{"condition": "SENTINEL"}', 422),
    ("POST", "/models/classification/generate", b"{}", 422),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"), BAD, ids=lambda value: str(value)[:40]
)
def test_bad_requests(client, method, path, body, status):
    headers = {} if body is None else {"Content-Type": "application/json"}
    response = client.request(method, path, content=body, headers=headers)
    assert response.status_code == status
    assert response.json().keys() == {"error"}
    assert "\n" not in response.json()["error"]
    for sent in ("SENTINEL", "12345678", "xxxx", "ሴ"):
        assert sent not in response.text


def test_other_content_types(client):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        headers = {"Content-Type": kind} if kind else {}
        response = client.post("/predict", content=b'{"inputs": ["a"]}', headers=headers)
        assert response.status_code == 415
    response = client.post("/predict", content=b"GIF89a", headers={"Content-Type": "image/gif"})
    assert response.status_code == 415


def test_states_that_are_none(client, models):
    id = create(client)
    other = ostinato.load(models["language"].folder).stream()
    foreign = safetensors.torch.save({"0.0.0": other.state[1]}, metadata={"model": "x"})
    for content in (b"", b"nonsense", b"\xff" * 100, foreign):
        assert client.put(f"/sessions/{id}/state", content=content).status_code == 422
    large = client.put(f"/sessions/{id}/state", content=b"x" * 17_000_000)
    assert large.status_code == 413


def test_the_token(models):
    with started(models, token="hush") as client:
        for path in ("/", "/health", "/ready", "/page/page.js"):
            assert client.get(path).status_code == 200
        for path in ("/model", "/metrics", "/openapi.json", "/models"):
            refused = client.get(path)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            for wrong in ("hush", "Bearer no", "Basic hush", "Bearer hush no", "Bearer é"):
                headers = {"Authorization": wrong.encode()}
                assert client.get(path, headers=headers).status_code == 401
            headers = {"Authorization": "Bearer hush"}
            assert client.get(path, headers=headers).status_code == 200
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/stream"):
            pass
        with client.websocket_connect("/stream", subprotocols=["bearer", "hush"]) as socket:
            socket.send_text('{"input": "a"}')
            assert "output" in socket.receive_json()


def test_other_hosts_are_refused(models):
    with started(models, hosts=("127.0.0.1", "localhost", "[::1]")) as client:
        for host in ("localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"):
            assert client.get("/health", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "localhost.evil.example:8000"):
            assert client.get("/health", headers={"Host": host}).status_code == 400


def test_pages_of_other_servers_are_refused(client, models):
    foreign = {"Origin": "http://evil.example"}
    assert client.post("/sessions", headers=foreign).status_code == 400
    assert client.get("/health", headers=foreign).status_code == 200
    own = {"Origin": "http://testserver"}
    assert client.post("/sessions", headers=own).status_code == 200
    with started(models, token="hush") as guarded:
        headers = {**foreign, "Authorization": "Bearer hush"}
        assert guarded.post("/sessions", headers=headers).status_code == 200


def test_security_headers_and_page(client):
    response = client.get("/")
    assert "<script src=" in response.text
    assert "<script>" not in response.text
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path in ("/", "/predict", "/health", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    script = client.get("/page/page.js").text
    for unsafe in ("innerHTML", "eval(", "document.write", "insertAdjacentHTML"):
        assert unsafe not in script


def test_counters(client):
    client.get("/SENTINEL")
    text = client.get("/metrics").text
    assert 'ostinato_requests_total{route="other",status="404"}' in text
    assert "SENTINEL" not in text
    assert re.search(r"^ostinato_sessions \d+$", text, re.MULTILINE)
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z_]+(\{[^{}]*\})? [0-9.e+]+", line), line


def test_limits_make_another_class():
    made = TimedProtocol.with_limits(Settings(header_seconds=1))
    assert made.limits.header_seconds == 1
    assert TimedProtocol.limits.header_seconds == 10


def test_the_views_of_inspect(models):
    """POST /inspect/VIEW gives the numbers of `ostinato inspect`."""
    from ostinato.commands.serve import view_input

    name, model = next(
        (name, each) for name, each in models.items() if each.task.name == "language"
    )
    with TestClient(build_application({name: model}, Settings(), snapshot=False).asgi) as client:
        known = client.get("/model").json()["views"]
        assert {"gates", "gradients", "parameters"} <= set(known) and "states" not in known
        answer = client.post("/inspect/gates", json={"input": "to be"})
        assert answer.status_code == 200
        assert answer.json() == view_input(model, "gates", "to be")
        one = client.post("/inspect/gates", json={"input": "to be", "layer": 0, "unit": 1})
        assert one.json() == view_input(model, "gates", "to be", layer=0, unit=1) != answer.json()
        for view, fields, message in (
            ("attention", {}, "this model has no view 'attention': it has unrolled, encoding"),
            ("gates", {"layr": 0}, "a field is unknown; known: input, panels, part"),
            ("gates", {"layer": "0"}, '"layer" must be a whole number'),
            ("gates", {"layer": -1}, '"layer" must be between 0 and'),
            ("gates", {"layer": 77}, "layer must be from 0 to 1"),
            ("gates", {"part": "SENTINEL"}, "no such part; known: "),
            ("gates", {"part": 1}, '"part" must be a text'),
            ("gates", {"panels": 1}, '"panels" must be true or false'),
            ("gradients", {"unit": 1}, "unit: the view gradients does not read it; it reads part"),
        ):
            answer = client.post(f"/inspect/{view}", json={"input": "to be", **fields})
            assert answer.status_code == 422
            assert answer.json()["error"].startswith(message)
            assert "SENTINEL" not in answer.text and "77" not in answer.text
        assert client.post("/inspect/nothing", json={"input": "to be"}).status_code == 404


def test_the_network_is_called_in_one_thread_alone(models, monkeypatch):
    """Two threads in a network at a time would write to the same buffers."""
    import threading

    streamer = type(models["language"].streamer())
    threads, step = set(), streamer.step

    def watched(self, *arguments):
        threads.add(threading.current_thread().name)
        return step(self, *arguments)

    application = build_application(models, Settings(), snapshot=False)
    monkeypatch.setattr(streamer, "step", watched)
    with TestClient(application.asgi) as client:
        id = create(client)
        client.post(f"/sessions/{id}", json={"inputs": ["a"]})
        content = client.get(f"/sessions/{id}/state").content
        assert client.put(f"/sessions/{id}/state", content=content).status_code == 200
        with client.websocket_connect("/stream") as socket:
            socket.send_json({"input": "a"})
            assert "output" in socket.receive_json()
            socket.send_json({"reset": True})
            assert socket.receive_json() == {"reset": True}
    assert threads and all(name.startswith("model") for name in threads)
