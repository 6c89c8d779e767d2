"""Digests of what several processes of one run must have in common, quick to compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ostinato.data.files.atomic import sha256


def digest_json(value: Any) -> str:
    """The same for equal JSON values."""
    content = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def digest_files(files: Sequence[str]) -> str:
    """The same for files of equal content, wherever they are; of folders, the names and sizes of
    their files count."""
    return digest_json([digest_path(Path(file)) for file in files])


def digest_path(path: Path) -> Any:
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if each.is_file())
        return [[str(each.relative_to(path)), each.stat().st_size] for each in inside]
    return sha256(path) if path.is_file() else str(path)
