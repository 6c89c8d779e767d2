"""The gateway of every request: token, host, security headers, errors as JSON, counters."""

from __future__ import annotations

import hmac
import logging
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostinato.serving.counters import Counters
from ostinato.serving.model_worker import FAILED
from ostinato.serving.refusal import Refusal
from ostinato.serving.settings import Settings

LOGGER = logging.getLogger("ostinato.serving")
OPEN = re.compile(r"/(models/[^/]*/)?(page/[^/]*|health|ready)?$")  # without the token
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
RAW_SECURITY = [(name.lower().encode(), value.encode()) for name, value in SECURITY.items()]


class Gateway:
    """ASGI middleware.

    Args:
        app: What answers.
        settings: Token and hosts.
        counters: Where requests are counted.
        route_of: The name under which a path is counted, without anything a client chose.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        counters: Counters,
        route_of: Callable[[str], str],
    ):
        self.app, self.settings, self.counters, self.route_of = app, settings, counters, route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self.http(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = add_security(message["headers"])
                self.counters.requests[self.route_of(scope["path"]), status] += 1
                self.counters.seconds.add(time.perf_counter() - began)
            await send(message)

        try:
            self.check(scope, Headers(scope=scope))
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            if not isinstance(error, Refusal):
                LOGGER.error("a request failed", exc_info=error)
                error = Refusal(503, FAILED)
            if not status:
                await refuse(error)(scope, receive, send_with_headers)

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self.check(scope, headers)
        except Refusal:
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)

    def check(self, scope: Scope, headers: Headers) -> None:
        """Raises a Refusal for a host that is not ours, for a request that the page of another
        server makes, and for a wrong or missing token."""
        hosts, host = self.settings.hosts, headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if hosts and name.lower() not in hosts:
            raise Refusal(400, "the Host header names another server")
        token = self.settings.token
        origin, reads = headers.get("origin"), scope.get("method") in ("GET", "HEAD")
        if token is None and origin and not reads and urlsplit(origin).netloc != host:
            raise Refusal(400, "pages of other servers may not use this one; --token allows it")
        if token is None or (OPEN.fullmatch(scope["path"]) and scope["type"] == "http"):
            return
        given = headers.get("authorization", "")
        kind, _, value = given.partition(" ")
        if kind.lower() != "bearer":
            value = ""
        if not value and scope["type"] == "websocket":
            # pages cannot set headers of a WebSocket: `Sec-WebSocket-Protocol: bearer, TOKEN`
            offered = headers.get("sec-websocket-protocol", "").split(",")
            value = offered[1].strip() if len(offered) == 2 else ""
        if not hmac.compare_digest(value.strip().encode(), token.encode()):
            wanted = {"WWW-Authenticate": "Bearer"}
            raise Refusal(401, "send the token: Authorization: Bearer TOKEN", wanted)


def add_security(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of a response, and those of SECURITY that it does not set itself."""
    present = {name for name, _ in headers}
    return [*headers, *(pair for pair in RAW_SECURITY if pair[0] not in present)]


def refuse(refusal: Refusal) -> JSONResponse:
    """A refusal as a response."""
    content: dict[str, Any] = {"error": refusal.message}
    return JSONResponse(content, refusal.status, headers=refusal.headers)
