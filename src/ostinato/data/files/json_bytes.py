"""JSON as the bytes of a file."""

from __future__ import annotations

import json
from typing import Any


def encode_json(value: Any, *, indent: int | None = None) -> bytes:
    """UTF-8, as people read it.

    The bytes of a file name that is not UTF-8, which Python holds as lone surrogates, become JSON's
    own escapes, and are read back as they were."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text.encode("utf-8", "backslashreplace")
