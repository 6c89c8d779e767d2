"""Bytes from files, pipes and .gz; other archives and binary files are refused in one line.

open_bytes    to be read from start to end; "-" is standard input
open_binary   to be read in any order (zip, Parquet, images)
read_bytes    all of a file that must fit in memory"""

from __future__ import annotations

import difflib
import errno
import gzip
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from ostinato.data.files.wording import display_path
from ostinato.errors import InputError

FilePath = str | os.PathLike
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_LINE = 1 << 28  # bytes; the longest human chromosome on one line has 249 million
LARGEST_WHOLE = 1 << 28  # bytes of a file that is read as a whole
LARGEST_UNPACKED = 8 << 30  # bytes of a gzipped archive, unpacked to a temporary file
IN_MEMORY = 1 << 26  # bytes of it that are kept in memory
BLOCK = 1 << 20  # bytes copied at a time
NOT_TEXT = {
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\xfd7zXZ\x00": "xz data; unpack it first, or compress it with gzip",
    b"BZh91AY&SY": "bzip2 data; unpack it first, or compress it with gzip",
    b"\x28\xb5\x2f\xfd": "zstandard data; unpack it first, or compress it with gzip",
    b"PAR1": "a Parquet table, not text; name it .parquet",
    b"\xff\xfe": "UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8",
}
DAMAGED_GZIP = (gzip.BadGzipFile, EOFError, zlib.error)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ByteStream(Protocol):
    """What BufferedReader and GzipFile have in common."""

    def peek(self, size: int, /) -> bytes: ...

    def read(self, size: int = ..., /) -> bytes: ...

    def readline(self, size: int = ..., /) -> bytes: ...


@contextmanager
def open_bytes(path: FilePath, *, text: bool = True) -> Iterator[ByteStream]:
    """The bytes of a file, unpacked if they start as gzip does, whatever the name.

    Args:
        path: the file; "-" is standard input.
        text: whether bytes that look like UTF-16 are refused.

    Raises:
        InputError: no such file, a folder, unreadable, or another kind of archive.
    """
    if os.fspath(path) == "-":
        # typeshed declares a BinaryIO, which need not have peek(); a BufferedReader has
        yield decompress(cast(ByteStream, sys.stdin.buffer), path, text)
        return
    with open_file(path) as stream:
        yield decompress(cast(ByteStream, stream), path, text)


@contextmanager
def open_binary(path: FilePath) -> Iterator[IO[bytes]]:
    """A file for libraries that seek in it; gzip is unpacked to a temporary file first.

    Raises:
        InputError: no such file, a folder, unreadable, damaged gzip, or more than
            LARGEST_UNPACKED bytes in it.
    """
    with open_file(path) as stream:
        head = stream.read(len(GZIP))
        stream.seek(0)
        if head != GZIP:
            yield stream
            return
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as unpacked:
            unpack(stream, unpacked, path)
            unpacked.seek(0)
            yield cast(IO[bytes], unpacked)  # it has all of the methods, but not the base class


def open_file(path: FilePath) -> IO[bytes]:
    """The file, opened; InputError where it cannot be."""
    try:
        return Path(path).open("rb")
    except (OSError, ValueError) as error:
        raise InputError(cannot_open(path, error)) from None


def read_bytes(path: FilePath, *, text: bool = True) -> bytes:
    """The whole content, without a byte order mark; InputError beyond LARGEST_WHOLE bytes."""
    with open_bytes(path, text=text) as stream:
        try:
            content = stream.read(LARGEST_WHOLE + 1)
        except DAMAGED_GZIP as error:
            raise InputError(damaged_gzip(path, 0, error)) from None
        except OSError as error:
            raise InputError(f"{display_path(path)}: cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_WHOLE:
        raise InputError(
            f"{display_path(path)}: more than {LARGEST_WHOLE / 1e6:,.0f} MB; split the file"
        )
    return content.removeprefix(BYTE_ORDER_MARK)


def unpack(stream: IO[bytes], unpacked: tempfile.SpooledTemporaryFile, path: FilePath) -> None:
    """Copies the content of a gzip stream, at most LARGEST_UNPACKED bytes."""
    size = 0
    with gzip.GzipFile(fileobj=stream, mode="rb") as packed:
        while True:
            try:
                block = packed.read(BLOCK)
            except DAMAGED_GZIP as error:
                raise InputError(damaged_gzip(path, 0, error)) from None
            if not block:
                return
            size += len(block)
            if size > LARGEST_UNPACKED:
                raise InputError(
                    f"{display_path(path)}: unpacks to more than {LARGEST_UNPACKED / 2**30:,.0f} "
                    "GiB; unpack it first"
                )
            try:
                unpacked.write(block)
            except OSError as error:
                raise InputError(temporary_file_error(error)) from None


def decompress(stream: ByteStream, path: FilePath, text: bool) -> ByteStream:
    """The stream, unpacked if it is gzip; InputError for other archives and, if `text`, UTF-16."""
    try:
        head = stream.peek(4096)[:4096]
        if head.startswith(GZIP):
            stream = gzip.GzipFile(fileobj=cast(IO[bytes], stream), mode="rb")
            head = stream.peek(4096)[:4096]
    except DAMAGED_GZIP as error:
        raise InputError(damaged_gzip(path, 0, error)) from None
    except OSError as error:
        raise InputError(f"{display_path(path)}: cannot be read: {error.strerror}") from None
    refuse_archives(head, path)
    if text:
        refuse_utf16(head, path)
    return stream


def refuse_archives(head: bytes, path: FilePath) -> None:
    """InputError for files that begin with the bytes of another format."""
    for start, what in NOT_TEXT.items():
        if head.startswith(start):
            raise InputError(f"{display_path(path)}: looks like {what}")


def refuse_utf16(head: bytes, path: FilePath) -> None:
    """InputError for UTF-16 without a mark: nearly every second byte is zero, and hardly others."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if (
        len(head) >= 4
        and max(even, odd) > 0.6 * (len(head) // 2)
        and min(even, odd) < 0.1 * len(head)
    ):
        which = "UTF-16LE" if odd > even else "UTF-16BE"
        raise InputError(
            f"{display_path(path)}: looks like UTF-16 text; convert it: iconv -f {which} -t UTF-8"
        )


def damaged_gzip(path: FilePath, lines: int, error: Exception) -> str:
    """The message for gzip data that cannot be read beyond `lines` lines."""
    after = f" after line {lines:,}" if lines else ""
    what = f"the gzip data is cut short or damaged{after} ({error})"
    return f"{display_path(path)}: {what}; copy the file again"


def temporary_file_error(error: OSError) -> str:
    """The message where a temporary file cannot be written."""
    where = tempfile.gettempdir()
    if error.errno in FULL:
        what = "no space left for a temporary copy of the text"
        return f"{where}: {what}; make room, or set TMPDIR to a folder with more of it"
    what = f"a temporary copy of the text cannot be written: {error.strerror}"
    return f"{where}: {what}; set TMPDIR to another folder"


def cannot_open(path: FilePath, error: OSError | ValueError) -> str:
    """Why a file does not open; if there is none of this name, with the nearest name beside it."""
    path = Path(path)
    if isinstance(error, ValueError):
        return f"{str(path)!r}: not a file name ({error})"
    if isinstance(error, IsADirectoryError):
        return f"{path}: a folder; name a file in it"
    if isinstance(error, PermissionError):
        return f"{path}: not readable by you; change its permissions"
    if not isinstance(error, FileNotFoundError):
        return f"{path}: cannot be opened: {error.strerror}"
    if not path.parent.is_dir():
        return f"{path}: no such file: there is no folder {path.parent} (looked from {Path.cwd()})"
    names = (
        (entry.name for entry in os.scandir(path.parent)) if os.access(path.parent, os.R_OK) else ()
    )
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    hint = (
        f"did you mean '{path.parent / close[0]}'?"
        if close
        else f"looked in {path.parent.resolve()}"
    )
    return f"{path}: no such file; {hint}"
