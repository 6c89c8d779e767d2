"""Errors that the user can put right, and interrupts.

Importable from everywhere; imports nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """An error in what the user gave: exit status 2, one line, no traceback.

    The message names the file (and line), what is wrong, and what to do:
    `InputError("train.de:17: empty line; remove it from both sides")`."""


def nearest(name: str, known: Iterable[str]) -> str:
    """nearest("lsmt", ["lstm", "gru"]) -> "; did you mean 'lstm'?"

    If no known name is similar, all of them: "; known: lstm, gru"."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}"


class Interrupted(KeyboardInterrupt):
    """A signal stopped the work after it was saved; `status` is the exit status."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status
