"""The protocol of a command's module: a function of its name, `lines`, and EXAMPLES."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Command(Protocol):
    """A command: a module `commands/NAME.py` with a function NAME, whose result `lines` formats.

    The parameters of the function are the arguments and flags, and its docstring is their help;
    see signature.py.
    """

    @property
    def EXAMPLES(self) -> tuple[str, ...]:
        """Example command lines, shown at the beginning of `--help`."""
        ...

    def lines(self, result: Any, /, *, json: bool = False) -> Iterable[str]:
        """The result as lines for the terminal or, with `json`, for programs; without line ends."""
        ...


@runtime_checkable
class StreamingCommand(Command, Protocol):
    """A command that prints its result while it is computed, and writes its own files."""

    def pieces(self, result: Any, /) -> Iterable[str]:
        """The result for the terminal, in pieces of text."""
        ...

    def save(self, result: Any, output: str, /) -> None:
        """Writes the result to a file, or to several that are named after it."""
        ...
