"""uvicorn's HTTP protocol with the limits that it lacks: on slow and large headers, on slow bodies
that nobody reads, and on the number of connections."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ostinato.serving.settings import Settings

GRACE = 2.0  # seconds after which a body that was refused is no longer waited for


class TimedProtocol(HttpToolsProtocol):
    """Closes connections that are too slow; `with_limits` makes the class for given settings."""

    limits: ClassVar[Settings] = Settings()
    timer: asyncio.TimerHandle | None = None
    deadline: float | None = None  # of what is awaited now, in the event loop's time
    in_headers = True
    header_size = 0

    @classmethod
    def with_limits(cls, settings: Settings) -> type[TimedProtocol]:
        return type("LimitedProtocol", (cls,), {"limits": settings})

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.arm(self.limits.header_seconds)
        if len(self.connections) > self.limits.connections:
            self.close_with(503, "too many connections; try again", {"Retry-After": "1"})

    def connection_lost(self, exc: Exception | None) -> None:
        self.disarm()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.in_headers and not self.transport.is_closing():
            self.header_size += len(data)
            if self.header_size > self.limits.header_bytes:
                self.close_with(413, "the headers are too large")

    def on_message_begin(self) -> None:
        self.in_headers, self.header_size = True, 0
        self.arm(self.limits.header_seconds)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.in_headers, self.header_size = False, 0
        self.arm(self.limits.body_seconds + GRACE)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.disarm()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self.disarm()
        super().handle_websocket_upgrade()

    def arm(self, seconds: float) -> None:
        """Closes the connection after so many seconds, unless it gets on before.

        A timer that runs already is left to end, and then waits for what is left: a connection
        starts one timer, and not three for each of its requests."""
        self.deadline = self.loop.time() + seconds
        if self.timer is not None and self.timer.when() > self.deadline:
            self.timer.cancel()
            self.timer = None
        if self.timer is None:
            self.timer = self.loop.call_at(self.deadline, self.on_timer)

    def disarm(self) -> None:
        self.deadline = None

    def on_timer(self) -> None:
        self.timer = None
        if self.deadline is None or self.transport.is_closing():
            return
        if self.loop.time() < self.deadline:
            self.timer = self.loop.call_at(self.deadline, self.on_timer)
            return
        if self.in_headers:
            self.close_with(408, "the request did not arrive in time")
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self.close_with(400, "not a valid HTTP request")

    def close_with(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        """Writes an error and closes the connection."""
        self.disarm()
        body = json.dumps({"error": message}).encode()
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Connection: close"]
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()
