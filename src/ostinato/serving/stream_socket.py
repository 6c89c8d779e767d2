"""The WebSocket `/stream`: JSON messages in and out, the state kept while the socket is open.

    -> {"input": "a"}           <- {"output": {...}}
    -> {"inputs": ["b", "c"]}   <- {"outputs": [{...}, {...}]}
    -> {"end": true}            <- {"output": {...}}: the sequence has ended, where that matters
    -> {"reset": true}          <- {"reset": true}
    -> {"eof": 1}               <- {"eof": true}, and the connection closes

What is none of these gets {"error": "one line"}; the connection stays open for some errors.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from ostinato.serving.endpoints import Endpoints
from ostinato.serving.json_body import parse_object
from ostinato.serving.refusal import Refusal

MOST_ERRORS = 10
POLICY, TRY_AGAIN = 1008, 1013  # codes with which a connection is closed (RFC 6455)


class StreamSocket:
    """The conversation with one client.

    Args:
        endpoints: Of the model.
        socket: The connection, not accepted yet.
    """

    def __init__(self, endpoints: Endpoints, socket: WebSocket):
        self.endpoints, self.socket, self.errors = endpoints, socket, 0
        self.state = endpoints.served.initial

    async def converse(self) -> None:
        offered = self.socket.scope.get("subprotocols") or []
        await self.socket.accept(subprotocol="bearer" if "bearer" in offered else None)
        try:
            while await self.answer(await self.receive()):
                pass
            await self.socket.close(1000 if self.errors < MOST_ERRORS else POLICY)
        except TimeoutError:
            await self.socket.close(POLICY, "idle")
        except WebSocketDisconnect:
            return

    async def receive(self) -> str | bytes:
        seconds = self.endpoints.settings.idle_seconds
        message = await asyncio.wait_for(self.socket.receive(), seconds)
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        return message["bytes"] if text is None else text

    async def answer(self, message: str | bytes) -> bool:
        """Answers a message; whether the conversation goes on."""
        try:
            if isinstance(message, bytes):
                why_not = self.endpoints.served.streamer.why_not
                reason = f"; it carries no state: {why_not}" if why_not else ""
                raise Refusal(415, f"this model reads JSON messages, not bytes{reason}")
            content = parse_object(message)
            reply = await self.reply(content)
        except Refusal as refusal:
            return await self.send_error(refusal)
        await self.socket.send_json(reply)
        return "eof" not in reply

    async def send_error(self, refusal: Refusal) -> bool:
        """Tells what is wrong; whether the conversation goes on."""
        self.errors += 1
        await self.socket.send_json({"error": refusal.message})
        return self.errors < MOST_ERRORS

    async def reply(self, content: dict[str, Any]) -> dict[str, Any]:
        served = self.endpoints.served
        if content.get("eof"):
            return {"eof": True}
        if content.get("reset"):
            self.state = served.initial
            return {"reset": True}
        if content.get("end"):
            output, self.state = await self.endpoints.finish(self.state)
            return {"output": output}
        if "input" in content:
            items = [served.item(content["input"], 1)]
            (output,), self.state = await self.endpoints.feed(items, self.state)
            return {"output": output}
        if "inputs" not in content:
            raise Refusal(422, "expected input, inputs, end, reset or eof")
        inputs = self.endpoints.read_inputs(content)
        items = [served.item(value, number) for number, value in enumerate(inputs, start=1)]
        outputs, self.state = await self.endpoints.feed(items, self.state)
        return {"outputs": outputs}
