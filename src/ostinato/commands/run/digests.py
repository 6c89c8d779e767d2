"""Digests of configuration and data, by which the processes of a run check that they agree."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ostinato.data.files.atomic import sha256
from ostinato.data.files.wording import is_renamed

MOST_HASHED = 1 << 28  # bytes
ENDS = 1 << 24  # bytes of a larger file that are read at either end


def digest_json(value: Any) -> str:
    """A digest of a JSON value."""
    content = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def digest_files(files: Sequence[str]) -> str:
    """A digest of the contents of files, independent of their paths; for folders, of the names and
    sizes of their files.
    """
    return digest_json([digest_path(Path(file)) for file in files])


def list_contents(files: Sequence[str]) -> dict[str, str]:
    """A digest of what each file or folder holds, by its path, to see later what has changed.

    Of a file of more than MOST_HASHED bytes its size and its first and last part are taken, so that
    a set larger than memory is not read once more. Standard input and files of ours with examples
    given in Python are not there later, and are left out."""
    return {file: digest_json(describe_content(Path(file))) for file in files if lasts(file)}


def lasts(file: str) -> bool:
    """Whether a file is one that a resumed run can find again."""
    path = Path(file)
    return not is_renamed(file) and (path.is_file() or path.is_dir())


def describe_content(path: Path) -> Any:
    """As `digest_path`, but a large file by its size and its ends."""
    if path.is_dir() or path.stat().st_size <= MOST_HASHED:
        return digest_path(path)
    with path.open("rb") as file:
        first = hashlib.sha256(file.read(ENDS)).hexdigest()
        file.seek(-ENDS, os.SEEK_END)
        return [path.stat().st_size, first, hashlib.sha256(file.read()).hexdigest()]


def digest_path(path: Path) -> Any:
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if each.is_file())
        return [[str(each.relative_to(path)), each.stat().st_size] for each in inside]
    return sha256(path) if path.is_file() else str(path)
