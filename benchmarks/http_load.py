"""A load generator that costs little: prepared requests over connections that are kept open."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np

# wrk sends the prepared requests in turn, each connection the next one that it gets
LUA = """
requests = {}
for line in io.lines("%s") do
  local path, body = line:match("([^ ]*) (.*)")
  requests[#requests + 1] = wrk.format("POST", path, {["Content-Type"] = "application/json"}, body)
end
place = 0
request = function()
  place = place %% #requests + 1
  return requests[place]
end
done = function(summary, latency)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read
  io.write(string.format("RESULT %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), failed + summary.errors.timeout))
end
"""


class Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self.received = b""
        self.answer: asyncio.Future[bytes] | None = None

    @classmethod
    async def open(cls, port: int) -> Connection:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(cls, "127.0.0.1", port))[1]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer and not self.answer.done():
            self.answer.set_exception(error or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self.received += data
        head = self.received.find(b"\r\n\r\n")
        if head < 0:
            return
        headers = self.received[:head].lower()
        place = headers.find(b"content-length:") + len(b"content-length:")
        size = int(headers[place:].split(b"\r\n", 1)[0])
        if len(self.received) < head + 4 + size:
            return
        body, ok = self.received[head + 4 : head + 4 + size], headers[9:12] == b"200"
        self.received = b""
        if not ok:
            self.answer.set_exception(RuntimeError(f"{headers[:40]!r} {body[:200]!r}"))
        elif not self.answer.done():
            self.answer.set_result(body)

    async def send(self, request: bytes) -> bytes:
        """The body of the answer to a rendered request."""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer

    async def call(self, method: str, path: str, body: object = None) -> dict:
        return json.loads(await self.send(render(method, path, body)))


def render(method: str, path: str, body: object = None) -> bytes:
    """A request as bytes."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
    if content:
        head += "Content-Type: application/json\r\n"
    return head.encode() + b"\r\n" + content


async def repeat(work: Callable[[], Awaitable[object]], seconds: float) -> list[float]:
    """The seconds of each call, one after the other, as many as fit."""
    taken, end = [], time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        await work()
        taken.append(time.perf_counter() - began)
    return taken


async def repeat_at(
    work: Callable[[], Awaitable[object]], per_second: float, seconds: float
) -> list[float]:
    """The seconds of calls at a fixed rate, counted from when each should have begun, so that one
    that waits for the one before it is not flattered."""
    taken, start = [], time.perf_counter() + random.random() / per_second
    for number in range(round(per_second * seconds)):
        due = start + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await work()
        taken.append(time.perf_counter() - due)
    return taken


def summarise(taken: Sequence[float], seconds: float) -> dict[str, float]:
    return {
        "p50_ms": 1000 * float(np.median(taken)),
        "p99_ms": 1000 * float(np.quantile(taken, 0.99)),
        "per_second": len(taken) / seconds,
    }


async def load_clients(
    port: int, requests: Sequence[Sequence[bytes]], seconds: float
) -> dict[str, float]:
    """A client for each list of rendered requests, which it sends in turn, without a pause."""

    async def client(mine: Sequence[bytes]) -> list[float]:
        connection, count = await Connection.open(port), 0

        async def one() -> None:
            nonlocal count
            count += 1
            await connection.send(mine[count % len(mine)])

        return await repeat(one, seconds)

    found = await asyncio.gather(*map(client, requests))
    return summarise([each for mine in found for each in mine], seconds)


def load_with_wrk(
    port: int, posts: Sequence[tuple[str, object]], clients: int, seconds: float
) -> dict[str, float]:
    """The same by `wrk`, a program in C that costs a tenth; without wrk, nothing.

    Args:
        port: The server's.
        posts: Paths and JSON bodies, sent in turn.
        clients: Connections.
        seconds: How long.
    """
    program = shutil.which("wrk")
    if program is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        lines, script = Path(folder) / "posts.txt", Path(folder) / "posts.lua"
        lines.write_text("".join(f"{path} {json.dumps(body)}\n" for path, body in posts))
        script.write_text(LUA % lines)
        command = [program, "-t1", f"-c{clients}", f"-d{round(seconds)}s", "-s", str(script)]
        output = subprocess.run(
            [*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True
        ).stdout
    (line,) = [each for each in output.splitlines() if each.startswith("RESULT")]
    number, microseconds, p50, p99, failed = map(int, line.split()[1:])
    return {
        "p50_ms": p50 / 1000,
        "p99_ms": p99 / 1000,
        "per_second": number / microseconds * 1e6,
        "failed": failed,
    }
