"""A load generator that costs little: prepared requests over connections that are kept open."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence

import numpy as np


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


async def repeat_at_rate(
    work: Callable[[], Awaitable[object]], seconds: float, rate: float, first: float
) -> list[float]:
    """The seconds of each call, of `rate` calls a second that are due at fixed times.

    A call's time counts from when it was due, so that what waits behind a slow answer is counted,
    too (Gil Tene's "coordinated omission").

    Args:
        rate: Calls a second.
        first: When the first call is due, in seconds after the start.
    """
    began = time.perf_counter()
    taken = []
    for number in range(int((seconds - first) * rate)):
        due = began + first + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
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
