"""Bytes from files, pipes and .gz; other archives and binary files are refused in one line.

open_bytes    to be read from start to end; "-" is standard input
open_binary   to be read in any order (zip, Parquet, images)
read_bytes    all of a file that must fit in memory"""

from __future__ import annotations

import codecs
import difflib
import errno
import gzip
import io
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol, cast

from ostinato.data.files.wording import display_path
from ostinato.errors import InputError

FilePath = str | os.PathLike
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # with which Excel's Unicode text begins
LONGEST_LINE = 1 << 28  # bytes; the longest human chromosome on one line has 249 million
LARGEST_WHOLE = 1 << 28  # bytes of a file that is read as a whole
LARGEST_UNPACKED = 8 << 30  # bytes of a gzipped archive, unpacked to a temporary file
IN_MEMORY = 1 << 26  # bytes of it that are kept in memory
BLOCK = 1 << 20  # bytes copied at a time
PEEKED = 1 << 13  # bytes at the beginning of a text, to see what it is
TEXT_BLOCK = 1 << 16  # bytes of text converted at a time
NOT_TEXT = {
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\xfd7zXZ\x00": "xz data; unpack it first, or compress it with gzip",
    b"BZh91AY&SY": "bzip2 data; unpack it first, or compress it with gzip",
    b"\x28\xb5\x2f\xfd": "zstandard data; unpack it first, or compress it with gzip",
    b"PAR1": "a Parquet table, not text; name it .parquet",
    b"\x93NUMPY": "a single NumPy array; name several in an .npz: numpy.savez('x.npz', X=X, y=y)",
    b"\x89HDF": "an HDF5 file; write its arrays as .npz, or its table as CSV",
    b"ARROW1": "an Arrow (Feather) table; write it as Parquet or CSV",
    b"SQLite format 3": "an SQLite database; export its table as CSV",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a file of Microsoft Office; save it as CSV or text",
    b"%PDF-": "a PDF; save its text as a text file",
    b"{\\rtf": "rich text (RTF); save it as plain text",
    b"\xff\xfe\x00\x00": "UTF-32 text; convert it: iconv -f UTF-32 -t UTF-8",
}
WORKBOOKS = (".xlsx", ".xlsm", ".ods")  # zip archives that people take for tables
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
        text: whether UTF-16 is given as UTF-8, or refused where it has no mark.

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


def peek_text(path: FilePath) -> str:
    """The beginning of a text, up to some thousand characters; nothing of it is used up.

    "" where standard input is a terminal: nobody has typed anything yet."""
    if os.fspath(path) != "-":
        with open_bytes(path) as stream:
            try:
                head = stream.peek(PEEKED)
            except (*DAMAGED_GZIP, OSError):  # the reader says so
                return ""
    elif sys.stdin.isatty():
        return ""
    else:
        head = cast(ByteStream, sys.stdin.buffer).peek(PEEKED)
        if head.startswith(GZIP):
            with suppress(zlib.error):
                head = zlib.decompressobj(wbits=31).decompress(head, PEEKED)
        if head.startswith(UTF16_MARKS):
            return head.decode("utf-16", errors="ignore")
    return head.removeprefix(BYTE_ORDER_MARK).decode(errors="ignore")


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
    if not text:
        return stream
    utf16 = head.startswith(UTF16_MARKS)
    if utf16:
        # a BufferedReader has peek() and readline() on top of the raw stream's readinto()
        stream = cast(ByteStream, io.BufferedReader(Utf16AsUtf8(stream, path)))
        head = stream.peek(4096)[:4096]
    else:
        refuse_utf16(head, path)
    # after the head of a file a line feed may come; of a pipe the head alone can tell
    if has_lone_returns(head) and (utf16 or os.fspath(path) == "-" or not has_line_feeds(path)):
        return cast(ByteStream, io.BufferedReader(ReturnsAsLineFeeds(stream, path)))
    return stream


def has_lone_returns(head: bytes) -> bool:
    r"""Whether the beginning of a text has \r and no \n: old Macintosh text, or Excel's for it."""
    return b"\n" not in head and b"\r" in head[:-1]


def has_line_feeds(path: FilePath) -> bool:
    """Whether there is a line feed anywhere in a file, gzipped or not."""
    with open_file(path) as file:
        packed = file.read(len(GZIP)) == GZIP
        file.seek(0)
        stream = gzip.GzipFile(fileobj=file, mode="rb") if packed else file
        try:
            while block := stream.read(BLOCK):
                if b"\n" in block:
                    return True
        except (*DAMAGED_GZIP, OSError):  # the reader of the lines says so
            return True
    return False


class ReturnsAsLineFeeds(io.RawIOBase):
    r"""A stream of text whose lines end in \r alone, with \n in its place."""

    def __init__(self, stream: ByteStream, path: FilePath):
        super().__init__()
        self.stream, self.path = stream, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self.stream.read(min(len(buffer), TEXT_BLOCK)).replace(b"\r", b"\n")
        buffer[: len(block)] = block
        return len(block)


class Utf16AsUtf8(io.RawIOBase):
    """A stream of UTF-16 that begins with its mark, as UTF-8 without one."""

    def __init__(self, stream: ByteStream, path: FilePath):
        super().__init__()
        self.stream, self.path, self.rest = stream, path, b""
        self.decoder = codecs.getincrementaldecoder("utf-16")()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        ended = False
        while not (self.rest or ended):
            block = self.stream.read(TEXT_BLOCK)
            ended = not block
            try:
                self.rest = self.decoder.decode(block, final=ended).encode()
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{display_path(self.path)}: begins as UTF-16 text does, but has bytes that "
                    f"are none ({error.reason}); copy it again, or save it as UTF-8"
                ) from None
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size


def refuse_archives(head: bytes, path: FilePath) -> None:
    """InputError for files that begin with the bytes of another format."""
    name = os.fspath(path).lower()
    for start, what in NOT_TEXT.items():
        if head.startswith(start):
            if name.endswith(WORKBOOKS):
                what = "a workbook of a spreadsheet; save it as CSV (UTF-8)"
            elif name.endswith((".npz", ".pt", ".pth")) and start == b"PK\x03\x04":
                what = "an archive of arrays, not text"
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
    if path.exists():
        return f"{path}: not a file but a device, a pipe or a socket; copy its contents into a file"
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
