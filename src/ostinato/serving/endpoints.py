"""The endpoints of one model: predict, generate, inspect, sessions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ostinato.errors import InputError
from ostinato.serving.counters import Counters
from ostinato.serving.generate_fields import read_generate_fields
from ostinato.serving.inspect_fields import read_inspect_fields, read_inspect_query
from ostinato.serving.json_body import check_fields, read_body, read_json
from ostinato.serving.model_worker import MicroBatches, ModelThread, as_refusal
from ostinato.serving.refusal import Refusal
from ostinato.serving.served_model import ServedModel, log_unexpected, to_finite
from ostinato.serving.sessions import Session, Sessions

CHUNK = 32  # items of a session that are fed before others have their turn
END = object()


class Endpoints:
    """The handlers of a model's routes.

    Args:
        served: The model.
        thread: Where the models work.
        counters: Where batches and items are counted.
        state_to_bytes: A state -> a safetensors file.
        state_from_bytes: The inverse; InputError for what is not a state of the model.
    """

    def __init__(
        self,
        served: ServedModel,
        thread: ModelThread,
        counters: Counters,
        *,
        state_to_bytes: Callable[[Any], bytes],
        state_from_bytes: Callable[[bytes], Any],
    ):
        self.served, self.thread, self.counters = served, thread, counters
        self.settings = served.settings
        self.state_to_bytes, self.state_from_bytes = state_to_bytes, state_from_bytes
        self.listening = 0  # messages of speakers that wait for the model
        self.sessions = Sessions(lambda: served.initial, self.settings)
        most_waiting, observe = self.settings.waiting, counters.together.add
        self.predictions = MicroBatches(
            thread, served.predict_all, most_waiting=most_waiting, observe=observe
        )
        self.steps = MicroBatches(
            thread, served.feed_all, most_waiting=most_waiting, observe=observe
        )

    async def describe(self, request: Request) -> Response:
        return JSONResponse(to_finite(self.served.describe()))

    async def predict(self, request: Request) -> Response:
        records = await self.read_file(request)
        if records is None:
            body = await read_json(request, self.settings)
            check_fields(body, ["inputs"])
            inputs = self.read_inputs(body)
            records = [
                self.served.record(value, number) for number, value in enumerate(inputs, start=1)
            ]
        return JSONResponse({"predictions": await self.predictions.submit(records)})

    async def read_file(self, request: Request) -> list[Any] | None:
        """The records of a body that is a file: a sound, an image, a table; None for JSON."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not (kind.startswith(("image/", "audio/")) or kind in self.served.task.reader.decodes):
            return None
        content = await read_body(request, self.settings.file, self.settings)
        return await self.thread.run(self.served.file_records, content, kind)

    def read_inputs(self, body: dict[str, Any]) -> list[Any]:
        """The inputs of a request's body."""
        inputs = body.get("inputs")
        if not isinstance(inputs, list):
            raise Refusal(422, 'expected {"inputs": [...]}, a list')
        if not inputs:
            raise Refusal(422, '"inputs" is empty; give one input or more')
        if len(inputs) > self.settings.inputs:
            most = self.settings.inputs
            raise Refusal(413, f"too many inputs; at most {most:,} in a request")
        return inputs

    async def generate(self, request: Request) -> Response:
        """Samples as server-sent events: `token` for each new part, `done` with the whole."""
        fields = read_generate_fields(await read_json(request, self.settings), self.settings)
        if not self.served.generates:
            raise Refusal(422, "this model does not generate; use /predict")
        pieces = self.served.generate(fields)
        try:  # the first piece comes before the status: what cannot be generated gets its own
            first = await self.thread.run(next, pieces, END)
        except InputError:
            raise Refusal(
                422, "the model cannot generate from this prompt or with these settings"
            ) from None
        events = self.events(first, pieces)
        return StreamingResponse(events, media_type="text/event-stream")

    async def events(self, piece: Any, pieces: Any) -> AsyncIterator[str]:
        texts: dict[int, str] = {}
        try:
            while piece is not END:
                texts[piece.sample] = texts.get(piece.sample, "") + piece.text
                if piece.text:
                    yield event("token", {"sample": piece.sample, "text": piece.text})
                piece = await self.thread.run(next, pieces, END)
            yield event("done", {"samples": [texts[sample] for sample in sorted(texts)]})
        except InputError:
            yield event("error", {"error": "the model cannot go on"})
        except Exception as error:
            yield event("error", {"error": as_refusal(error).message})
        finally:
            await self.thread.run(pieces.close)

    async def inspect(self, request: Request) -> Response:
        """A view of what the network does with an input."""
        view = self.served.views.get(request.path_params["view"])
        if view is None:
            known = ", ".join(sorted(self.served.views)) or "none"
            raise Refusal(404, f"no such view; this model's views: {known}")
        records = await self.read_file(request)
        if records is None:
            body = await read_json(request, self.settings)
            if "input" not in body:
                raise Refusal(422, 'expected {"input": ...}')
            fields = read_inspect_fields(body, self.settings)
            self.served.record(body["input"], 1)  # no text of a task that reads files names one
            look = partial(view, body["input"], **fields)
        else:
            fields = read_inspect_query(request.query_params, self.settings)
            look = partial(view, None, record=records[0], **fields)
        try:
            found = await self.thread.run(look)
        except Refusal:
            raise
        except Exception as error:
            log_unexpected(error)
            raise Refusal(422, "the view cannot be drawn of this input") from None
        return JSONResponse(to_finite(found))

    # sessions

    async def create_session(self, request: Request) -> Response:
        body = await read_json(request, self.settings)
        check_fields(body, ["rate"])
        rate = body.get("rate", 0)
        if not isinstance(rate, int) or isinstance(rate, bool):
            raise Refusal(422, '"rate" must be whole samples a second')
        state = None
        if rate:
            try:
                state = await self.thread.run(self.served.streamer.listen, rate)
            except InputError as error:
                raise Refusal(422, str(error)) from None
        session = self.sessions.create(state)
        carries = self.served.streamer.carries_state
        return JSONResponse({"session": session.id, "carries_state": carries})

    async def feed_session(self, request: Request) -> Response:
        session = self.sessions.find(request.path_params["id"])
        body = await read_json(request, self.settings)
        check_fields(body, ["inputs", "end"])
        ends = body.get("end", False)
        if not isinstance(ends, bool):
            raise Refusal(422, '"end" must be true or false')
        inputs = [] if ends and body.get("inputs") in (None, []) else self.read_inputs(body)
        items = [self.served.item(value, number) for number, value in enumerate(inputs, start=1)]
        async with session.lock:
            outputs, state = await self.feed(items, session.state)
            if ends:
                last, state = await self.finish(state)
                outputs.append(last)
            session.state = state
            session.items += len(items)
            session.used = self.sessions.clock()
        return JSONResponse({"outputs": outputs})

    async def feed(self, items: list[Any], state: Any) -> tuple[list[Any], Any]:
        """The outputs and the state after them, in turn with other sessions."""
        outputs: list[Any] = []
        for start in range(0, len(items), CHUNK):
            more, state = await self.steps.submit((items[start : start + CHUNK], state))
            outputs += more
        self.counters.items += len(items)
        return outputs, state

    async def finish(self, state: Any) -> tuple[dict[str, Any], Any]:
        """The answer at the end of a sequence, and the state before the next one."""
        try:
            answer, state = await self.thread.run(self.served.streamer.finish, state)
        except InputError:
            raise Refusal(422, "the end of a sequence changes nothing for this model") from None
        except Exception as error:
            raise as_refusal(error) from None
        return self.served.to_json(answer), state

    def as_refusal(self, error: Exception) -> Refusal:
        """An error of the model as the client sees it."""
        if isinstance(error, InputError):
            return Refusal(422, "the model cannot answer this input")
        return as_refusal(error)

    async def read_state(self, request: Request) -> Response:
        session = self.find_stateful(request)
        async with session.lock:
            content = self.state_to_bytes(session.state)
        return Response(content, media_type="application/octet-stream")

    async def write_state(self, request: Request) -> Response:
        session = self.find_stateful(request)
        content = await read_body(request, self.settings.file, self.settings)
        try:
            state = await self.thread.run(self.state_from_bytes, content)
        except InputError:
            raise Refusal(
                422, "not a state of this model; GET /sessions/ID/state gives one"
            ) from None
        async with session.lock:
            session.state = state
        return JSONResponse({"session": session.id})

    def find_stateful(self, request: Request) -> Session:
        session = self.sessions.find(request.path_params["id"])
        if not self.served.streamer.carries_state:
            raise Refusal(422, "this model carries no state: each input is answered on its own")
        return session

    async def delete_session(self, request: Request) -> Response:
        self.sessions.delete(request.path_params["id"])
        return JSONResponse({"deleted": True})


def event(name: str, content: dict[str, Any]) -> str:
    """A server-sent event."""
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"
