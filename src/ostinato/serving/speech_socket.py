"""WebSocket `/stream` of a transcription model, with the messages that Vosk's clients speak.

    -> {"config": {"sample_rate": 8000}}        no answer; also words and max_alternatives
    -> bytes: 16-bit little-endian samples      <- {"partial": "the text so far"}
                                                <- after a pause {"result": [...], "text": "..."}
    -> {"reset": 1}                             <- the line's result; the next line begins
    -> {"eof": 1}                               <- the last line's result, and the connection closes

A result has its words with `word`, `start`, `end` (seconds) and `conf` (0 to 1); with
max_alternatives N it is {"alternatives": [{"text": ..., "confidence": ...}, ...]}. What is none of
these gets {"error": "one line"}.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from starlette.websockets import WebSocket

from ostinato.serving.endpoints import Endpoints
from ostinato.serving.json_body import parse_object
from ostinato.serving.refusal import Refusal, busy
from ostinato.serving.served_model import to_finite
from ostinato.serving.stream_socket import StreamSocket

LOWEST_RATE, HIGHEST_RATE = 1000, 192_000
MOST_ALTERNATIVES = 20


class SpeechSocket(StreamSocket):
    """The conversation with one speaker."""

    def __init__(self, endpoints: Endpoints, socket: WebSocket):
        super().__init__(endpoints, socket)
        self.live: Any = None  # made with the first samples, when their rate is known
        self.rate, self.words, self.alternatives = 0, True, 0
        self.rest = b""  # half a sample

    async def answer(self, message: str | bytes) -> bool:
        """Answers a message; whether the conversation goes on."""
        try:
            if isinstance(message, bytes):
                await self.socket.send_json(await self.run(self.hear, message))
                return True
            content = parse_object(message)
            if "config" in content:
                self.configure(content["config"])
                return True
            if not content.get("eof") and not content.get("reset"):
                raise Refusal(422, "expected 16-bit samples as bytes, or config, eof or reset")
            await self.socket.send_json(await self.run(self.end_line, bool(content.get("eof"))))
            return not content.get("eof")
        except Refusal as refusal:
            return await self.send_error(refusal)

    async def run(self, function: Any, *arguments: Any) -> dict[str, Any]:
        """What a function gives in the model's thread."""
        if self.endpoints.listening >= self.endpoints.settings.waiting:
            raise busy("too many requests wait already; try again")
        self.endpoints.listening += 1
        try:
            return await self.endpoints.thread.run(function, *arguments)
        except Refusal:
            raise
        except Exception as error:
            raise self.endpoints.as_refusal(error) from None
        finally:
            self.endpoints.listening -= 1

    def configure(self, config: Any) -> None:
        """Raises a Refusal for settings that mean nothing here."""
        if not isinstance(config, dict):
            raise Refusal(422, 'expected {"config": {"sample_rate": 8000}}')
        rate, alternatives = config.get("sample_rate", 0), config.get("max_alternatives", 0)
        if not is_number(rate) or (rate and not LOWEST_RATE <= rate <= HIGHEST_RATE):
            raise Refusal(422, f'"sample_rate" must be {LOWEST_RATE:,} to {HIGHEST_RATE:,}')
        if not is_number(alternatives) or not 0 <= alternatives <= MOST_ALTERNATIVES:
            raise Refusal(422, f'"max_alternatives" must be 0 to {MOST_ALTERNATIVES}')
        if "phrase_list" in config or "grammar" in config:
            raise Refusal(422, "phrases are chosen when the server starts: --phrases FILE")
        if rate and self.live is not None:
            raise Refusal(422, '"sample_rate" comes before the first samples')
        self.rate, self.alternatives = int(rate) or self.rate, int(alternatives)
        self.words = bool(config.get("words", self.words))

    # in the model's thread

    def hear(self, content: bytes) -> dict[str, Any]:
        """The text so far, or after a pause the line's result."""
        live = self.begin()
        content = self.rest + content
        whole = len(content) // 2 * 2
        self.rest = content[whole:]
        samples = np.frombuffer(content[:whole], "<i2").astype(np.float32)
        if len(samples):
            live.accept(samples / np.float32(32768))
        return self.result(live.end_line()) if live.paused else {"partial": live.text}

    def end_line(self, last: bool) -> dict[str, Any]:
        live = self.begin()
        return self.result(live.finish() if last else live.end_line())

    def begin(self) -> Any:
        if self.live is None:
            self.live = self.endpoints.served.streamer.listen(self.rate)
        return self.live

    def result(self, transcript: Any) -> dict[str, Any]:
        """A transcript as Vosk's clients read it."""
        if self.alternatives:
            found = transcript.candidates[: self.alternatives]
            return to_finite(
                {"alternatives": [{"text": text, "confidence": score} for text, score in found]}
            )
        if not self.words or not transcript.words:
            return {"text": transcript.text}
        words = [
            {"conf": each.confidence, "end": each.end, "start": each.start, "word": each.text}
            for each in transcript.words
        ]
        return to_finite({"result": words, "text": transcript.text})


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
