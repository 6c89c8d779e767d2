"""Rows of Parquet tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ostinato.data.files.streams import FilePath, open_binary
from ostinato.data.files.wording import display_path, first_line
from ostinato.errors import InputError


def parquet_objects(file: FilePath) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet table, gzipped or not, as objects.

    Raises:
        InputError: no such file, not Parquet, damaged, text that is not UTF-8; without pyarrow.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise InputError(f"{file}: Parquet needs pyarrow; pip install ostinato[tables]") from None
    with open_binary(file) as stream:
        try:
            batches = parquet.ParquetFile(stream).iter_batches()
        except Exception as error:  # damaged files raise more than pyarrow documents
            raise InputError(unreadable_parquet(file, error)) from error
        while True:
            try:
                batch = next(batches, None)
                rows = [] if batch is None else batch.to_pylist()
            except Exception as error:
                raise InputError(unreadable_parquet(file, error)) from error
            if batch is None:
                return
            yield from rows


def unreadable_parquet(file: FilePath, error: Exception) -> str:
    """The message for a file that pyarrow cannot read."""
    what = (
        "a text in it is not UTF-8" if isinstance(error, UnicodeDecodeError) else first_line(error)
    )
    return f"{display_path(file)}: not a readable Parquet table: {what}"
