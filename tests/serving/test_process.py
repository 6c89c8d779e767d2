"""The server as a process: hostile clients, signals, many at a time."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import ostinato
from ostinato.cli import main


class Server:
    """A server process and a client of it."""

    def __init__(self, runs, *flags, **environment):
        command = [sys.executable, "-m", "ostinato", "serve", *runs, "--port", "0", *flags]
        self.process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
        line = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, line + self.process.stderr.read()
        self.line, self.port = line, int(found[1])
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        for _ in range(200):
            try:
                if self.client.get("/ready").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("never ready")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.client.close()
        self.process.stderr.close()
        return status


@pytest.fixture(scope="module")
def runs(models):
    return [str(model.folder) for model in models.values()]


@pytest.fixture(scope="module")
def server(runs):
    server = Server(runs, "--no-snapshot")
    yield server
    assert server.stop() == 0


def test_many_clients_at_a_time_get_what_each_gets_alone(server):
    path = "/models/classification/predict"
    bodies = [{"inputs": [f"a film number {n} " + "good " * (n % 9)]} for n in range(48)]
    alone = [server.client.post(path, json=body).json() for body in bodies]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda body: server.client.post(path, json=body).json(), bodies))
    assert together == alone


def test_sessions_of_many_clients_do_not_mix(server, models):
    def run(number):
        text = f"ROMEO {number}"
        text = "".join(c for c in text if c.isalpha() or c == " ") + "x" * (number % 5)
        id = server.client.post("/sessions").json()["session"]
        answers = [
            server.client.post(f"/sessions/{id}", json={"inputs": [c]}).json()["outputs"][0]
            for c in text
        ]
        server.client.delete(f"/sessions/{id}")
        return text, answers

    with ThreadPoolExecutor(8) as pool:
        for text, answers in pool.map(run, range(16)):
            stream = models["language"].stream()
            wanted = [stream.feed(c) for c in text]
            assert answers == [{"prediction": each.text, **each.details} for each in wanted]


def test_slow_and_idle_clients_do_not_delay_others(server):
    hostile = [server.connect() for _ in range(300)]
    for number, each in enumerate(hostile):
        if number % 3 == 1:
            each.sendall(b"GET /health HT")
        elif number % 3 == 2:
            each.sendall(
                b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
    slowest = 0.0
    for _ in range(20):
        began = time.perf_counter()
        assert server.client.get("/health").status_code == 200
        slowest = max(slowest, time.perf_counter() - began)
    for each in hostile:
        each.close()
    assert slowest < 0.5  # 0.1 on an idle machine


def test_pipelined_and_broken_requests(server):
    with server.connect() as connection:
        request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(
            request * 2 + b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        received = read_all(connection)
        assert received.count(b"HTTP/1.1 200") == 3
    for sent in (b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n"):
        with server.connect() as connection:
            connection.sendall(sent)
            received = read_all(connection)
            assert received.startswith(b"HTTP/1.1 400")
            assert b'{"error": ' in received
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 60_000)
        assert b" 413 " in read_all(connection)


def read_all(connection) -> bytes:
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


SLOW = """
import sys
from ostinato.serving import settings
settings.Settings.__init__.__defaults__ = tuple(
    0.4 if value == 10.0 else value for value in settings.Settings.__init__.__defaults__
)
from ostinato.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_slow_headers_and_bodies_get_408(runs):
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "serve", runs[1], "--port", "0", "--no-snapshot"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        port = int(re.search(r":(\d+)$", process.stderr.readline().strip())[1])
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        for sent in (b"GET /hea", head + b"Content-Length: 50\r\n\r\n{"):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall(sent)
                received = read_all(connection)
                assert received.startswith(b"HTTP/1.1 408"), received
                assert b'"error"' in received
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stderr.close()


def test_what_is_in_flight_is_finished_and_sessions_survive(runs, models):
    server = Server(runs[:1])
    id = server.client.post("/sessions").json()["session"]
    server.client.post(f"/sessions/{id}", json={"inputs": ["ROM"]})
    fields = {"prompt": "the ", "length": 10_000, "seed": 1}
    with server.client.stream("POST", "/generate", json=fields) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: token"
        server.process.send_signal(signal.SIGTERM)
        rest = list(lines)
    assert "event: done" in rest
    assert server.process.wait(30) == 0
    server.process.stderr.close()
    server = Server(runs[:1], OSTINATO_TOKEN="hush")
    assert server.client.get("/model").status_code == 401
    server.client.headers["Authorization"] = "Bearer hush"
    [output] = server.client.post(f"/sessions/{id}", json={"inputs": ["E"]}).json()["outputs"]
    stream = models["language"].stream()
    stream("ROM")
    assert output["prediction"] == stream("E")
    server.client.delete(f"/sessions/{id}")
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "--port must be between 0 and 65535; got 70000"),
        (["--max-sessions", "0"], "--max-sessions must be 1 or more; got 0"),
        (["--idle-seconds", "-1"], "--idle-seconds must be above 0; got -1.0"),
        (["--host", "nowhere.invalid"], "--host nowhere.invalid: "),
        (["--suggest", "-1"], "--suggest: it must be at least 0"),
    ],
)
def test_wrong_options(runs, arguments, message, capsys):
    assert main(["serve", runs[0], *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_port_in_use_and_a_name_twice(runs, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["serve", runs[0], "--port", port]) == 2
    assert re.search(r"port \d+: Address already in use; give another", capsys.readouterr().err)
    assert main(["serve", runs[0], runs[0], "--port", "0"]) == 2
    assert "another run is named language, too" in capsys.readouterr().err


def test_no_run_and_no_extra(tmp_path, runs, capsys, monkeypatch):
    assert main(["serve", str(tmp_path / "none"), "--port", "0"]) == 2
    assert "no such run folder" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", runs[0]]) == 2
    assert "pip install 'ostinato[serve]'" in capsys.readouterr().err


def test_the_page_in_a_browser(server, browser):
    errors = []
    page = browser.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(message.text) if message.type == "error" else None,
    )
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.wait_for_selector("#generate:visible")
    assert "language" in page.inner_text("#about")
    page.fill("#input", "the ")
    page.wait_for_selector("#next button")
    assert page.locator("#next button").count() == 5
    page.click("#generate")
    for _ in range(200):  # the page's policy forbids to evaluate a condition in it
        if len(page.inner_text("#answer")) > 100:
            break
        page.wait_for_timeout(50)
    assert len(page.inner_text("#answer")) > 100
    page.fill("#input", "<img src=x onerror=alert(1)>\u1234")
    page.click("#predict")
    page.wait_for_timeout(500)
    assert page.locator("img").count() == 0
    page.close()
    assert [error for error in errors if "422" not in error] == []


def test_the_version_is_that_of_the_package(server):
    assert server.client.get("/openapi.json").json()["info"]["version"] == ostinato.__version__
    assert json.loads(server.client.get("/health").text) == {"status": "ok"}
