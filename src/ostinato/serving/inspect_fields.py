"""The fields of a request to inspect: which there are, of which type, and within which limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostinato.serving.generate_fields import check_number
from ostinato.serving.json_body import check_fields
from ostinato.serving.refusal import Refusal
from ostinato.serving.settings import Settings

# the lowest of each whole number; the highest, which depends on the model, is the view's to check
LOWEST = {"layer": 0, "direction": 0, "unit": 0, "step": 1, "count": 1}
HIGHEST = 1_000_000
TEXTS = ("part", "force")
FIELDS = ("input", "panels", *TEXTS, *LOWEST)


def read_inspect_fields(body: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The fields of a body, without the input, as the keywords of a view.

    Raises:
        Refusal: An unknown field, or one of another type or beyond its limits.
    """
    check_fields(body, FIELDS)
    fields: dict[str, Any] = {}
    if "panels" in body:
        if not isinstance(body["panels"], bool):
            raise Refusal(422, '"panels" must be true or false')
        fields["panels"] = body["panels"]
    for name in TEXTS:
        if (text := body.get(name)) is not None:
            if not isinstance(text, str):
                raise Refusal(422, f'"{name}" must be a text')
            if len(text) > settings.characters:
                most = settings.characters
                raise Refusal(413, f'"{name}" is too long; at most {most:,} characters')
            fields[name] = text
    for name, low in LOWEST.items():
        if (value := body.get(name)) is not None:
            fields[name] = check_number(name, value, low, HIGHEST)
    return fields


def read_inspect_query(query: Mapping[str, str], settings: Settings) -> dict[str, Any]:
    """The fields in the query of a request whose body is a file: `?panels&layer=0`.

    Raises:
        Refusal: As `read_inspect_fields`.
    """
    body: dict[str, Any] = {}
    for name, text in query.items():
        if name in LOWEST:
            body[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else text
        else:
            body[name] = True if name == "panels" else text
    return read_inspect_fields(body, settings)
