"""The fields of a request to generate: which there are, of which type, and within which limits."""

from __future__ import annotations

from typing import Any

from ostinato.serving.json_body import check_fields
from ostinato.serving.refusal import Refusal
from ostinato.serving.settings import Settings


def read_generate_fields(body: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The fields of a body as the keywords of a request.

    Raises:
        Refusal: A field of another type, or beyond its limits.
    """
    limits: dict[str, tuple[float, float]] = {
        "length": (0, settings.length),
        "samples": (1, settings.samples),
        "temperature": (0.0, 100.0),
        "top_k": (0, 1_000_000),
        "top_p": (0.0, 1.0),
        "beam": (0, 20),
        "seed": (0, 2**63 - 1),
    }
    texts = ("prompt", "stop", "condition")
    fields: dict[str, Any] = {}
    check_fields(body, [*texts, *limits])
    for name in texts:
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise Refusal(422, f'"{name}" must be a text')
        if value is not None and len(value) > settings.characters:
            raise Refusal(413, f'"{name}" is too long; at most {settings.characters:,} characters')
        fields[name] = value
    for name, (low, high) in limits.items():
        if (value := body.get(name)) is not None:
            fields[name] = check_number(name, value, low, high)
    check_together(fields)
    return fields


def check_number(name: str, value: Any, low: float, high: float) -> float | int:
    """A number within its limits; whole where the lower limit is written as a whole number."""
    whole = isinstance(low, int)
    wanted = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise Refusal(422, f'"{name}" must be a {"whole " if whole else ""}number')
    if not low <= value <= high:
        raise Refusal(422, f'"{name}" must be between {low:,} and {high:,}')
    return value


def check_together(fields: dict[str, Any]) -> None:
    """Raises a Refusal for fields that exclude each other."""
    if fields.get("stop") == "":
        raise Refusal(422, '"stop" must not be empty')
    drawing = fields.get("temperature") not in (None, 0, 1)
    drawing = drawing or bool(fields.get("top_k")) or (fields.get("top_p") or 1) < 1
    beam = fields.get("beam") or 0
    if beam and drawing:
        raise Refusal(422, '"beam" searches: leave out temperature, top_k and top_p')
    if beam and fields.get("samples", 1) > beam:
        raise Refusal(422, 'a search gives as many samples as "beam" at most')
