"""Digests of configuration and data, by which the processes of a run check that they agree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ostinato.data.files.atomic import sha256


def digest_json(value: Any) -> str:
    """A digest of a JSON value."""
    content = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def digest_files(files: Sequence[str]) -> str:
    """A digest of the contents of files, independent of their paths; for folders, of the names and
    sizes of their files.
    """
    return digest_json([digest_path(Path(file)) for file in files])


def digest_path(path: Path) -> Any:
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if each.is_file())
        return [[str(each.relative_to(path)), each.stat().st_size] for each in inside]
    return sha256(path) if path.is_file() else str(path)
