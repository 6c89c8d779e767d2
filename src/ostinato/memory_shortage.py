"""Memory that is not there, told in a line: PyTorch and NumPy raise it in several forms.

Importable from everywhere; imports nothing of ours."""

from __future__ import annotations

import re

# of PyTorch on the CPU, of CUDA, of a tensor that no machine could hold, and of C++ libraries
FORMS = (
    r"can't allocate memory: you tried to allocate (?P<bytes>\d+) bytes",
    r"out of memory\. Tried to allocate (?P<amount>[\d.]+ [KMGT]i?B)",
    r"Unable to allocate (?P<array>[\d.]+ [KMGTPE]i?B)",
    r"CUDA out of memory|Storage size calculation overflowed|std::bad_alloc|bad allocation",
)


def describe_shortage(error: BaseException) -> str | None:
    """What an error says of memory that is not there; None for an error of another kind.

    describe_shortage(MemoryError()) -> "out of memory" """
    if not isinstance(error, (MemoryError, RuntimeError)):
        return None
    text = str(error)
    for form in FORMS:
        if match := re.search(form, text):
            return f"out of memory{describe_amount(match.groupdict())}"
    return "out of memory" if isinstance(error, MemoryError) else None


def describe_amount(found: dict[str, str | None]) -> str:
    """describe_amount({"bytes": "16000000000"}) -> ": 16.0 GB at once were asked for" """
    if count := found.get("bytes"):
        return f": {int(count) / 1e9:,.1f} GB at once were asked for"
    amount = found.get("amount") or found.get("array")
    return f": {amount} at once were asked for" if amount else ""
