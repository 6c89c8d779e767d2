"""Limits of the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What a server grants its clients.

    Args:
        token: What clients must send as `Authorization: Bearer TOKEN`; None: nothing.
        hosts: Names that a Host header may have; empty: any. A server on the loopback interface
            accepts its own names alone, so that no web page can reach it by DNS rebinding.
        body: Maximum size of a JSON body, in bytes.
        file: Maximum size of a raw body (an image, a sound, a state), in bytes.
        body_seconds: Time in which a body must have arrived.
        header_seconds: Time in which the headers must have arrived.
        header_bytes: Maximum size of the headers.
        inputs: Maximum number of inputs of a request.
        characters: Maximum length of a text.
        numbers: Maximum number of values of a numeric input.
        length: Maximum length of a generated sample, in tokens.
        samples: Maximum number of generated samples of a request.
        waiting: Requests that may wait for the model; further ones get 503.
        connections: Connections at a time.
        sessions: Sessions at a time.
        idle_seconds: A session without requests for so long is removed.
        shutdown_seconds: Time for requests in progress when the server stops.
    """

    token: str | None = None
    hosts: tuple[str, ...] = ()
    body: int = 1_000_000
    file: int = 16_000_000
    body_seconds: float = 10.0
    header_seconds: float = 10.0
    header_bytes: int = 32_768
    inputs: int = 256
    characters: int = 50_000
    numbers: int = 1_000_000
    length: int = 10_000
    samples: int = 16
    waiting: int = 512
    connections: int = 2000
    sessions: int = 1000
    idle_seconds: float = 600.0
    shutdown_seconds: int = 30
