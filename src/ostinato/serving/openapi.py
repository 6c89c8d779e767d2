"""The OpenAPI 3.1 description of the HTTP interface."""

from __future__ import annotations

from typing import Any

from ostinato.serving.inspect_fields import HIGHEST, LOWEST, TEXTS
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
    "400": "malformed HTTP or JSON, or another host's name",
    "401": "missing or wrong token",
    "404": "unknown path, model, session or view",
    "405": "method not allowed on this path",
    "408": "the request body did not arrive in time",
    "410": "the session has expired",
    "413": "request body too large",
    "415": "unsupported content type",
    "422": "an input that the model cannot read",
    "503": "too many requests at a time; Retry-After says when to try again",
}


def describe_openapi(models: list[str], settings: Settings, version: str) -> dict[str, Any]:
    """The OpenAPI document, as JSON can hold it.

    Args:
        models: The names of the models.
        settings: The server's limits.
        version: The version of the package.
    """
    paths: dict[str, Any] = {
        "/health": {"get": operation("Liveness: the server runs")},
        "/ready": {"get": operation("Readiness: the models are loaded")},
        "/metrics": {"get": operation("Metrics in Prometheus text format", "text/plain")},
        "/models": {"get": operation("List the models")},
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
    inputs = describe_inputs(settings)
    view = {"type": "object", "properties": describe_inspection(settings), "required": ["input"]}
    events = operation("Generate samples, as server-sent events", "text/event-stream")
    return {
        "/model": {"get": operation("Describe the model: task, options, inputs")},
        "/predict": {"post": with_body(operation("Predict a batch of inputs"), inputs)},
        "/generate": {"post": with_body(events, describe_generation(settings))},
        "/inspect/{view}": {
            "parameters": [parameter("view")],
            "post": with_body(
                operation("Inspect gates, states, attention, gradients on an input"), view
            ),
        },
        **describe_sessions(inputs),
    }


def describe_inspection(settings: Settings) -> dict[str, Any]:
    """The schema of each field of a request to inspect."""
    text = {"type": "string", "maxLength": settings.characters}
    numbers = {
        name: {"type": "integer", "minimum": low, "maximum": HIGHEST}
        for name, low in LOWEST.items()
    }
    return {"input": VALUE, "panels": {"type": "boolean"}, **dict.fromkeys(TEXTS, text), **numbers}


def describe_inputs(settings: Settings) -> dict[str, Any]:
    """The schema of a batch of inputs."""
    return {
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


def describe_generation(settings: Settings) -> dict[str, Any]:
    """The schema of what is to be generated."""
    return {
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


def describe_sessions(inputs: dict[str, Any]) -> dict[str, Any]:
    """The paths of a model's sessions, in which a sequence comes piece by piece.

    Args:
        inputs: The schema of a batch of inputs.
    """
    session = {"type": "object", "properties": {"rate": {"type": "integer", "minimum": 0}}}
    id_ = parameter("id")
    state = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    write = operation("Set the hidden state of a session (safetensors)")
    write["requestBody"] = {"required": True, "content": state}
    return {
        "/sessions": {
            "post": with_body(
                operation("Start a session with the initial hidden state"), session, required=False
            )
        },
        "/sessions/{id}": {
            "parameters": [id_],
            "post": with_body(operation("Process further items of a session's sequence"), inputs),
            "delete": operation("Delete a session"),
        },
        "/sessions/{id}/state": {
            "parameters": [id_],
            "get": operation(
                "Get the hidden state of a session (safetensors)", "application/octet-stream"
            ),
            "put": write,
        },
    }


def parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def operation(summary: str, kind: str = "application/json") -> dict[str, Any]:
    """An operation with its summary and the responses common to all operations."""
    reference = {"$ref": "#/components/schemas/Error"}
    refused = {"application/json": {"schema": reference}}
    answers: dict[str, Any] = {"200": {"description": "success", "content": {kind: {}}}}
    for status, text in STATUSES.items():
        answers[status] = {"description": text, "content": refused}
    return {"summary": summary, "responses": answers}


def with_body(
    found: dict[str, Any], schema: dict[str, Any], *, required: bool = True
) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {**found, "requestBody": {"required": required, "content": content}}
