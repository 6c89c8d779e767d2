"""Bodies of requests: read in time and within limits, and JSON without surprises."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from starlette.requests import ClientDisconnect, Request

from ostinato.serving.refusal import Refusal
from ostinato.serving.settings import Settings

MAXIMUM_DEPTH = 12  # of lists and objects inside each other


def refuse_constant(name: str) -> NoReturn:
    raise ValueError("no JSON")


DECODER = json.JSONDecoder(parse_constant=refuse_constant)


async def read_body(request: Request, most: int, settings: Settings) -> bytes:
    """The body of a request.

    Raises:
        Refusal: It is too large (413) or too slow (408), or a part of it never arrived (400).
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > most:
        raise too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_seconds):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise too_large(most)
                parts.append(part)
    except TimeoutError:
        headers = {"Connection": "close"}
        raise Refusal(408, "the body did not arrive in time; send it faster", headers) from None
    except ClientDisconnect:
        raise Refusal(400, "the client closed the connection") from None
    return b"".join(parts)


def too_large(most: int) -> Refusal:
    headers = {"Connection": "close"}
    return Refusal(413, f"the body is too large; at most {most:,} bytes are read", headers)


async def read_json(request: Request, settings: Settings) -> dict[str, Any]:
    """The JSON object of a request's body; an empty body is an empty object.

    Raises:
        Refusal: As `read_body`; not sent as JSON (415), or not a JSON object (400, 422).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    content = await read_body(request, settings.body, settings)
    if not content and not kind:
        return {}
    if kind != "application/json":
        raise Refusal(415, "send JSON, with Content-Type: application/json")
    return parse_object(content) if content else {}


def check_fields(body: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises a Refusal for a field that nobody reads; it names none of the client's."""
    if any(name not in known for name in body):
        raise Refusal(422, f"a field is unknown; known: {', '.join(known)}")


def parse_object(content: bytes | str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        Refusal: 400 for what is no JSON (NaN, too, is none), 422 for JSON that is no object, is
            nested too deeply, or has text that is no Unicode (a lone surrogate).
    """
    try:
        if isinstance(content, bytes):
            content = content.decode(json.detect_encoding(content), "surrogatepass")
        value = DECODER.decode(content)  # json.loads would build a decoder for each request
    except (ValueError, RecursionError):  # not UTF-8, not JSON, a number of 5,000 digits
        raise Refusal(400, "the body is not JSON; NaN and Infinity are not, either") from None
    check_value(value)
    if not isinstance(value, dict):
        raise Refusal(422, 'expected a JSON object, such as {"inputs": [...]}')
    return value


def check_value(value: Any, depth: int = 0) -> None:
    """Raises a Refusal for nesting beyond MAXIMUM_DEPTH, broken text, and infinite numbers."""
    if depth > MAXIMUM_DEPTH:
        raise Refusal(422, f"nested more than {MAXIMUM_DEPTH} levels deep")
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, float):
        if not math.isfinite(value):  # 1e999
            raise Refusal(422, "a number is too large")
    elif isinstance(value, int):
        if abs(value) >= 1 << 63:
            raise Refusal(422, "a number is too large")
    elif isinstance(value, list):
        for each in value:
            check_value(each, depth + 1)
    elif isinstance(value, dict):
        for key, each in value.items():
            check_text(key)
            check_value(each, depth + 1)


def check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal(422, "a text has a lone surrogate, which is no character") from None
