"""ostinato serve"""

from __future__ import annotations

import gc
import json as json_module
import os
import signal
import socket
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from ostinato.commands.run.device import choose_device
from ostinato.data.files.atomic import write_atomically
from ostinato.errors import ChoiceError, InputError, option_name
from ostinato.notices import silence_notices
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.request import Request
from ostinato.tasks.run_folder import Trained
from ostinato.tasks.shared.inference import independent_rows
from ostinato.terminal import print_message

EXAMPLES = (
    "ostinato serve runs/language",
    "ostinato serve runs/de-en runs/sentiment --port 9000      # /models/de-en/predict, ...",
    "OSTINATO_TOKEN=... ostinato serve runs/language --host 0.0.0.0",
    "curl -d '{\"inputs\": [\"a text\"]}' -H 'Content-Type: application/json' "
    "localhost:8000/predict",
)
MISSING = "ostinato serve needs starlette and uvicorn; pip install 'ostinato[serve]'"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PANELS = 600_000  # maximum bytes of the heat maps of a view on the page
UNSERVED = ("states", "forcing")  # views that are not served
SNAPSHOT = "sessions.json"  # saved sessions, in the run's folder while no server runs


def serve(
    run: str,
    more: list[str] = [],  # noqa: B006
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    max_sessions: int = 1000,
    idle_seconds: float = 600.0,
    snapshot: bool = True,
    device: str = "cpu",
    **changes,
) -> None:
    """Serves trained models over HTTP: predictions, generated text, sessions with state.

    Args:
        run: the folder that `ostinato train` made; several, separated by commas, decode together
        more: further runs; each is at /models/NAME, the first at / too
        host: the address to listen on; only this machine can reach 127.0.0.1
        port: the port to listen on; 0 takes a free one
        token: the token that clients must send (Authorization: Bearer TOKEN); default:
            OSTINATO_TOKEN
        max_sessions: maximum number of sessions of a model
        idle_seconds: sessions without requests for this long are removed
        snapshot: keep the sessions in the run's folder while no server runs
        device: cpu, cuda, or auto
    """
    check_options(port, max_sessions, idle_seconds)
    if token == "":  # such as "$TOKEN" of a variable that is not set
        raise InputError(f"{option_name('token')} is empty; leave it out to serve without one")
    try:
        import uvicorn

        from ostinato.serving.settings import Settings
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "ostinato":
            raise
        raise InputError(MISSING) from None
    token = token or os.environ.get("OSTINATO_TOKEN") or None
    hosts = ("127.0.0.1", "localhost", "[::1]") if host in LOOPBACK and token is None else ()
    settings = Settings(token=token, hosts=hosts, sessions=max_sessions, idle_seconds=idle_seconds)
    listener = bind(host, port)
    try:
        models = load_models([run, *more], changes, choose_device(device))
        with (
            silence_notices()
        ):  # so that the address is printed first; `announce` repeats what matters
            application = build_application(models, settings, snapshot=snapshot)
    except BaseException:
        listener.close()
        raise
    announce(models, listener, is_open=host not in LOOPBACK and token is None)
    # uvicorn raises a signal again after its shutdown, which is not a failure
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    config = configure_uvicorn(application.asgi, settings)
    gc.freeze()  # a garbage collection over all imported objects would stop the server for 80 ms
    uvicorn.Server(config).run(sockets=[listener])


def configure_uvicorn(application: Any, settings: Any) -> Any:
    """uvicorn's own settings, with the limits of `ostinato.serving.settings.Settings`."""
    import uvicorn

    from ostinato.serving.timed_protocol import TimedProtocol

    return uvicorn.Config(
        application,
        http=TimedProtocol.with_limits(settings),
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the client's address is not used
        ws_max_size=settings.body,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


def announce(models: dict[str, Any], listener: socket.socket, *, is_open: bool) -> None:
    """Prints which models are served at which address and, with `is_open`, that anybody may use
    them.
    """
    address, number = listener.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    names = ", ".join(f"{name} ({model.task.name})" for name, model in models.items())
    print_message(f"serving {names} at http://{shown}:{number}")
    joint = [name for name, model in models.items() if model.joint is not None]
    if joint:
        print_message(
            f"note: sessions, streams and views of {', '.join(joint)} use the network alone, "
            "without the share of its baseline"
        )
    if is_open:
        print_message(
            "anybody who reaches this address may use the models; --token asks for a password"
        )


def lines(result: None, *, json: bool = False) -> Iterable[str]:
    """Nothing: the server has ended."""
    return ()


def check_options(port: int, max_sessions: int, idle_seconds: float) -> None:
    """Raises InputError for numbers out of range."""
    if not 0 <= port <= 65535:
        raise InputError(f"--port must be between 0 and 65535; got {port}")
    if max_sessions < 1:
        raise InputError(f"--max-sessions must be 1 or more; got {max_sessions}")
    if not 0 < idle_seconds < float("inf"):
        raise InputError(f"--idle-seconds must be above 0; got {idle_seconds}")


def bind(host: str, port: int) -> socket.socket:
    """Opens a socket that listens at the address; InputError if that is impossible."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InputError(f"--host {host}: {error.strerror or error}") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot listen at {host}, port {port}: {error.strerror}; give another --port or --host"
        ) from None
    listener.set_inheritable(True)
    return listener


def load_models(runs: list[str], changes: dict[str, Any], device: str) -> dict[str, Any]:
    """Loads the models of the runs, by the names of their folders."""
    from ostinato.model import load

    models: dict[str, Any] = {}
    for run in runs:
        name = "+".join(Path(part).resolve().name for part in run.split(","))
        if name in models:
            raise InputError(f"{run}: another run is named {name}, too; rename one of the folders")
        models[name] = load(run, device=device, **changes)
    return models


def find_views(model: Trained) -> dict[str, Callable[..., Any]]:
    """The views of `ostinato inspect` on an input of the model, by name.

    Without `states`, which searches the files of the run's test set, and `forcing`, which needs
    examples with targets."""
    from ostinato.inspection.views import VIEWS

    return {name: partial(view_input, model, name) for name in VIEWS if name not in UNSERVED}


def find_suited(model: Trained) -> list[str]:
    """The names of the views that suit a model."""
    from ostinato.commands.run.subject import build_subject
    from ostinato.inspection.views import list_views

    names = list_views(build_subject(model, [], steps=1))
    return [name for name in names if name not in UNSERVED]


def view_input(
    model: Trained,
    view: str,
    value: Any,
    panels: bool = False,
    *,
    record: Any = None,
    **choices: Any,
) -> Any:
    """A view of one input as JSON values, or in the form that the page draws.

    Args:
        model: What is looked at.
        view: Its name.
        value: The input, as JSON has it.
        panels: Whether it is for the page.
        record: The input as the reader made it of a file, in place of a value.
        choices: What is shown more closely, such as layer=0.

    Raises:
        Refusal: A view that the model has not, or a choice that there is not or that the view
            does not read.
    """
    from ostinato.commands.run.inspected_input import inspect_input, inspect_record
    from ostinato.inspection.page import describe_views
    from ostinato.serving.refusal import Refusal

    try:
        if record is None:
            found = inspect_input(model, [value], view, **choices)
        else:
            found = inspect_record(model, record, view, **choices)
    except ChoiceError as error:
        raise Refusal(422, error.public) from None
    return describe_views([found], PANELS)[0] if panels else json_module.loads(found.json())


def build_application(
    models: dict[str, Any],
    settings: Any,
    *,
    snapshot: bool = True,
    views: Callable[[Trained], dict[str, Callable[..., Any]]] | None = None,
    page: Path | None = None,
) -> Any:
    """The models as an ASGI application: `build_application({"x": model}, Settings()).asgi`.

    Args:
        models: The models by name; the first is also served without a name.
        settings: The limits (`ostinato.serving.settings.Settings`).
        snapshot: Whether sessions are kept in the runs' folders while no server runs.
        views: A model -> its views by name, for POST /inspect/VIEW, each called as `view_input`
            is after its name; those of `ostinato inspect` where None.
        page: A folder with index.html, page.js and page.css in place of the plain page.
    """
    from ostinato import __version__
    from ostinato.serving.application import PAGE, Application
    from ostinato.serving.counters import Counters
    from ostinato.serving.model_worker import ModelThread

    drawing = Path(__file__).parents[1] / "inspection" / "page"
    thread, counters = ModelThread(), Counters()
    endpoints = {
        name: build_endpoints(
            name,
            model,
            settings,
            thread,
            counters,
            views=(views or find_views)(model),
            suited=None if views else find_suited(model),
        )
        for name, model in models.items()
    }
    paths = {
        name: Path(model.folder) / SNAPSHOT
        for name, model in models.items()
        if snapshot and model.folder is not None and endpoints[name].served.streamer.carries_state
    }
    return Application(
        endpoints,
        thread,
        settings,
        counters,
        snapshots=paths,
        write=write_atomically,
        page=page or PAGE,
        more_page={f"panels.{kind}": drawing / f"page.{kind}" for kind in ("js", "css")},
        version=__version__,
    )


def build_endpoints(
    name: str,
    model: Any,
    settings: Any,
    thread: Any,
    counters: Any,
    *,
    views: dict[str, Callable[[Any, bool], Any]],
    suited: list[str] | None,
) -> Any:
    """The endpoints of one model, whose sessions are read and written as bytes."""
    from ostinato.serving.endpoints import Endpoints
    from ostinato.serving.served_model import ServedModel
    from ostinato.stream import state_from_bytes, state_to_bytes

    served = ServedModel(
        model,
        name,
        settings,
        request=partial(Request, reads_files=False),
        generates=type(model.task.predictor).generate is not Predictor.generate,
        together=independent_rows,
        views=views,
        suited=suited,
    )
    return Endpoints(
        served,
        thread,
        counters,
        state_to_bytes=partial(state_to_bytes, served.streamer, fingerprint=model.fingerprint),
        state_from_bytes=partial(state_from_bytes, served.streamer, fingerprint=model.fingerprint),
    )
