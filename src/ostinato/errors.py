"""Errors that the user can put right, the names of options in them, and interrupts.

Importable from everywhere; imports nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LONGEST_NAME = 60  # characters of a name that a suggestion lists
MOST_NAMES = 30
LONGEST_MESSAGE = 2000  # characters

_flags: ContextVar[bool] = ContextVar("flags", default=False)


class InputError(ValueError):
    """An error in what the user gave: exit status 2, one line, no traceback.

    The message names the file (and line), what is wrong, and what to do:
    `InputError("train.de:17: empty line; remove it from both sides")`. It names an option by
    `option_name`. Of a very long message, which quotes a very long field, the middle is left
    out.
    """

    def __init__(self, message: object = ""):
        super().__init__(shorten(str(message)))


class ChoiceError(InputError):
    """A choice that there is not, such as a layer or a view.

    Args:
        message: What is wrong and what there is.
        public: The same without what was given, for a server, which repeats nothing that a client
            sent; the message where None.
    """

    def __init__(self, message: str, public: str | None = None):
        super().__init__(message)
        self.public = shorten(message if public is None else public)


def shorten(message: str) -> str:
    """The message, or of one that is too long its beginning and its end, which says what to do."""
    if len(message) <= LONGEST_MESSAGE:
        return message
    gap, end = " … ", LONGEST_MESSAGE // 4
    return message[: LONGEST_MESSAGE - end - len(gap)] + gap + message[-end:]


def as_flag(name: str) -> str:
    """as_flag("hidden_size") -> "--hidden-size" """
    return "--" + name.replace("_", "-")


def option_name(name: str) -> str:
    """What the user calls an option, for messages.

    option_name("hidden_size") -> "hidden_size" in Python, "--hidden-size" on the command line"""
    return as_flag(name) if _flags.get() else name


def option_off(name: str) -> str:
    """How the user switches an option off, for messages.

    option_off("crf") -> "crf=False" in Python, "--no-crf" on the command line"""
    return as_flag(f"no_{name}") if _flags.get() else f"{name}=False"


@contextmanager
def name_options_as_flags() -> Iterator[None]:
    """Messages name options as flags inside the `with` block: what the command line runs in."""
    token = _flags.set(True)
    try:
        yield
    finally:
        _flags.reset(token)


def nearest(name: str, known: Iterable[str]) -> str:
    """nearest("lsmt", ["lstm", "gru"]) -> "; did you mean 'lstm'?"

    If no known name is similar, the first of them: "; known: lstm, gru"."""
    names = [each if len(each) <= LONGEST_NAME else each[:LONGEST_NAME] + "…" for each in known]
    close = difflib.get_close_matches(name[: 2 * LONGEST_NAME], names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    others = f" and {len(names) - MOST_NAMES:,} others" if len(names) > MOST_NAMES else ""
    return f"; known: {', '.join(names[:MOST_NAMES])}{others}"


class RunFailed(RuntimeError):
    """A failure that the user's input did not cause, told in one line: exit status 1."""


class Interrupted(KeyboardInterrupt):
    """A signal stopped the work after it was saved; `status` is the exit status."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status
