"""The server's description of itself: OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from ostinato.serving.settings import Settings

VALUE = {
    "description": "a text, lists of numbers, or a series as columns",
    "type": ["string", "array", "number", "object", "null"],
}
ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
STATUSES = {
    "400": "not HTTP, not JSON, or not for this host",
    "401": "the token is missing or wrong",
    "404": "no such path, model, session or view",
    "405": "no such method here",
    "408": "the body did not arrive in time",
    "410": "the session was removed after idling",
    "413": "too large",
    "415": "of another content type",
    "422": "nothing that the model reads",
    "503": "too much at a time; Retry-After says when to try again",
}


def describe_openapi(models: list[str], settings: Settings, version: str) -> dict[str, Any]:
    """The OpenAPI document.

    Args:
        models: The names of the models.
        settings: The server's limits.
        version: The version of the package.
    """
    paths: dict[str, Any] = {
        "/health": {"get": operation("whether the server runs")},
        "/ready": {"get": operation("whether the models are loaded")},
        "/metrics": {"get": operation("counters in the text format of Prometheus", "text/plain")},
        "/models": {"get": operation("the names of the models")},
    }
    for prefix in ["", *(f"/models/{name}" for name in models)]:
        paths |= {prefix + path: methods for path, methods in model_paths(settings).items()}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Ostinato", "version": version or "0"},
        "paths": paths,
        "components": {"schemas": {"Error": ERROR}},
    }
    if settings.token is not None:
        bearer = {"type": "http", "scheme": "bearer"}
        document["components"]["securitySchemes"] = {"bearer": bearer}
        document["security"] = [{"bearer": []}]
    return document


def model_paths(settings: Settings) -> dict[str, Any]:
    """The paths of one model."""
    inputs = {
        "type": "object",
        "properties": {
            "inputs": {
                "type": "array",
                "items": VALUE,
                "minItems": 1,
                "maxItems": settings.inputs,
            }
        },
        "required": ["inputs"],
    }
    generate = {
        "type": "object",
        "properties": {
            "prompt": {"type": "string", "maxLength": settings.characters},
            "length": {"type": "integer", "minimum": 0, "maximum": settings.length},
            "samples": {"type": "integer", "minimum": 1, "maximum": settings.samples},
            "temperature": {"type": "number", "minimum": 0, "maximum": 100},
            "top_k": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
            "top_p": {"type": "number", "minimum": 0, "maximum": 1},
            "beam": {"type": "integer", "minimum": 0, "maximum": 20},
            "seed": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
            "stop": {"type": "string", "minLength": 1},
            "condition": {"type": "string"},
        },
        "additionalProperties": False,
    }
    view = {"type": "object", "properties": {"input": VALUE}, "required": ["input"]}
    id_, name = parameter("id"), parameter("view")
    state = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    write = operation("replaces a session's state by a safetensors file")
    write["requestBody"] = {"required": True, "content": state}
    events = operation("samples, as server-sent events", "text/event-stream")
    return {
        "/model": {"get": operation("what the model is and reads")},
        "/predict": {"post": with_body(operation("predictions of inputs"), inputs)},
        "/generate": {"post": with_body(events, generate)},
        "/inspect/{view}": {
            "parameters": [name],
            "post": with_body(operation("what the network does with an input"), view),
        },
        "/sessions": {"post": operation("a new session")},
        "/sessions/{id}": {
            "parameters": [id_],
            "post": with_body(operation("feeds items to a session"), inputs),
            "delete": operation("ends a session"),
        },
        "/sessions/{id}/state": {
            "parameters": [id_],
            "get": operation("a session's state", "application/octet-stream"),
            "put": write,
        },
    }


def parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def operation(summary: str, kind: str = "application/json") -> dict[str, Any]:
    """An operation with its summary and the responses common to all operations."""
    reference = {"$ref": "#/components/schemas/Error"}
    refused = {"application/json": {"schema": reference}}
    answers: dict[str, Any] = {"200": {"description": "the answer", "content": {kind: {}}}}
    for status, text in STATUSES.items():
        answers[status] = {"description": text, "content": refused}
    return {"summary": summary, "responses": answers}


def with_body(found: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {**found, "requestBody": {"required": True, "content": content}}
