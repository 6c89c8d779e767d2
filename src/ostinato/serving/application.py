"""The server as an ASGI application: the routes of all models, the page, health and counters."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ostinato.serving.counters import Counters
from ostinato.serving.endpoints import Endpoints
from ostinato.serving.gateway import Gateway, refuse
from ostinato.serving.model_worker import FAILED, ModelThread
from ostinato.serving.openapi import describe_openapi
from ostinato.serving.refusal import Refusal
from ostinato.serving.settings import Settings
from ostinato.serving.speech_socket import SpeechSocket
from ostinato.serving.stream_socket import TRY_AGAIN, StreamSocket

LOGGER = logging.getLogger("ostinato.serving")
PAGE = Path(__file__).parent / "page"
KINDS = {".js": "text/javascript", ".css": "text/css"}
ROUTES = ("predict", "generate", "sessions", "stream", "model", "inspect")
HOUSEKEEPING = 5.0  # seconds between two looks for idle sessions


class Application:
    """All models of a server; `asgi` answers requests.

    Args:
        models: Each model's endpoints by its name; the first answers without a name, too.
        thread: Where the models work.
        settings: The limits.
        counters: What is counted.
        snapshots: Where the sessions of a model are kept while no server runs.
        write: (path, content) writes a file whole or not at all.
        page: The folder of the page's files: index.html, page.js, page.css.
        more_page: Further files of the page, by name.
        version: Of the package.
    """

    def __init__(
        self,
        models: dict[str, Endpoints],
        thread: ModelThread,
        settings: Settings,
        counters: Counters,
        *,
        snapshots: dict[str, Path] | None = None,
        write: Callable[[Path, bytes], None] = lambda path, content: None,
        page: Path = PAGE,
        more_page: Mapping[str, Path] | None = None,
        version: str = "",
    ):
        self.models, self.thread, self.settings, self.counters = models, thread, settings, counters
        self.snapshots, self.write, self.page = snapshots or {}, write, page
        self.page_files = {
            **{name: page / name for name in ("page.js", "page.css")},
            **(more_page or {}),
        }
        self.version, self.ready, self.sockets = version, False, 0
        first = next(iter(models.values()))
        routes = [
            # routes are tried in order: those that are called most come first
            *self.model_routes("", lambda request: first),
            Route("/", self.index),
            Route("/page/{file}", self.page_file),
            Route("/health", self.health),
            Route("/ready", self.is_ready),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
            Route("/models", self.list_models),
            *self.model_routes("/models/{name}", self.named),
        ]
        handlers: dict[Any, Any] = {
            Refusal: lambda request, error: refuse(error),
            HTTPException: self.http_error,
            # never a 500: the gateway logs what is raised again after this answer
            Exception: lambda request, error: refuse(Refusal(503, FAILED)),
        }
        starlette = Starlette(routes=routes, exception_handlers=handlers, lifespan=self.lifespan)
        starlette.router.redirect_slashes = False
        self.asgi = Gateway(starlette, settings, counters, route_name)

    def model_routes(self, prefix: str, find: Callable[[Any], Endpoints]) -> list[Any]:
        """The routes of a model."""

        def handler(name: str) -> Callable:
            async def handle(request: Request) -> Response:
                return await getattr(find(request), name)(request)

            return handle

        async def stream(socket: WebSocket) -> None:
            await self.stream(find(socket), socket)

        table: Sequence[tuple[str, dict[str, str]]] = [
            ("/sessions/{id}", {"POST": "feed_session", "DELETE": "delete_session"}),
            ("/predict", {"POST": "predict"}),
            ("/sessions", {"POST": "create_session"}),
            ("/model", {"GET": "describe"}),
            ("/generate", {"POST": "generate"}),
            ("/inspect/{view}", {"POST": "inspect"}),
            ("/sessions/{id}/state", {"GET": "read_state", "PUT": "write_state"}),
        ]
        routes: list[Any] = [
            Route(
                prefix + path,
                method_switch({m: handler(name) for m, name in methods.items()}),
                methods=list(methods),
            )
            for path, methods in table
        ]
        if prefix:
            routes.append(Route(prefix, handler("describe")))
        return [*routes, WebSocketRoute(prefix + "/stream", stream)]

    def named(self, request: Any) -> Endpoints:
        """The model that the path names. Raises a Refusal (404) for an unknown one."""
        found = self.models.get(request.path_params["name"])
        if found is None:
            raise Refusal(404, f"no such model; there are: {', '.join(self.models)}")
        return found

    # what is not about one model

    async def index(self, request: Request) -> Response:
        return FileResponse(self.page / "index.html", media_type="text/html")

    async def page_file(self, request: Request) -> Response:
        path = self.page_files.get(request.path_params["file"])
        if path is None or not path.is_file():
            raise Refusal(404, "no such file")
        return FileResponse(path, media_type=KINDS[path.suffix])

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def is_ready(self, request: Request) -> Response:
        if not self.ready:
            raise Refusal(503, "the models are not ready yet", {"Retry-After": "1"})
        return JSONResponse({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        sessions = sum(len(each.sessions) for each in self.models.values())
        kind = "text/plain; version=0.0.4"
        return PlainTextResponse(self.counters.text(sessions), media_type=kind)

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(describe_openapi(list(self.models), self.settings, self.version))

    async def list_models(self, request: Request) -> Response:
        return JSONResponse({"models": list(self.models)})

    async def http_error(self, request: Request, error: Exception) -> Response:
        """Starlette's own errors: no such path, no such method."""
        assert isinstance(error, HTTPException)
        messages = {404: "no such path; GET /openapi.json lists them", 405: "no such method here"}
        message = messages.get(error.status_code, "the request cannot be answered")
        return refuse(Refusal(error.status_code, message, dict(error.headers or {})))

    async def stream(self, endpoints: Endpoints, socket: WebSocket) -> None:
        if self.sockets >= self.settings.sessions:
            await socket.close(TRY_AGAIN)
            return
        self.sockets += 1
        try:
            kind = SpeechSocket if endpoints.served.streamer.listens else StreamSocket
            await kind(endpoints, socket).converse()
        finally:
            self.sockets -= 1

    # from start to end

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        self.restore_sessions()
        keeper = asyncio.create_task(self.keep_house())
        self.ready = True
        yield
        self.ready = False
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        self.thread.close()
        self.save_sessions()

    async def keep_house(self) -> None:
        """Removes idle sessions now and then."""
        while True:
            await asyncio.sleep(HOUSEKEEPING)
            for endpoints in self.models.values():
                endpoints.sessions.expire()

    def restore_sessions(self) -> None:
        for name, path in self.snapshots.items():
            if path.is_file():
                endpoints = self.models[name]
                number = endpoints.sessions.load(path, endpoints.state_from_bytes)
                LOGGER.info("%s: %d sessions restored", name, number)

    def save_sessions(self) -> None:
        for name, path in self.snapshots.items():
            endpoints = self.models[name]
            if not len(endpoints.sessions):
                continue
            try:
                endpoints.sessions.save(path, endpoints.state_to_bytes, self.write)
            except (OSError, ValueError) as error:
                LOGGER.warning("%s: its sessions are lost: %s", name, error)


def method_switch(handlers: dict[str, Callable]) -> Callable:
    """One handler for the methods of a path, so that others get 405 with all that are allowed."""

    async def handle(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return handle


def route_name(path: str) -> str:
    """The route of a path for counting: route_name("/models/x/sessions/abc") -> "sessions"."""
    if path.startswith("/models/"):
        path = re.sub(r"^/models/[^/]*", "", path)
    parts = path.strip("/").split("/")
    known = (*ROUTES, "health", "ready", "metrics", "openapi.json", "page", "")
    return parts[0] if parts[0] in known else "other"
