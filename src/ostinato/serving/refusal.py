"""Refusal of a request: the body `{"error": "one line"}` and a status."""

from __future__ import annotations


class Refusal(Exception):
    """An error that the client can put right, or that passes.

    The message never has anything of what the client sent.

    Args:
        status: The HTTP status.
        message: One line: what is wrong and what to do.
        headers: Further headers, such as Retry-After.
    """

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


def busy(message: str, seconds: int = 1) -> Refusal:
    """A 503 that names the time after which to try again."""
    return Refusal(503, message, {"Retry-After": str(seconds)})
