"""Lines of text from files, pipes and .gz, by one rule: a line ends at the byte \\n and nowhere else.

Python's text mode also splits at a lone \\r, and `str.splitlines` at U+2028 and others; either silently misaligns two
parallel files. Here the number of lines is that of `wc -l`, plus one if the last line is not terminated.
Nothing is normalised but this: a byte order mark at the start and the \\r of a \\r\\n are dropped (NFC and
lower-casing belong to `units`)."""

from __future__ import annotations

import difflib
import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from ostinato.data.files.wording import display_path
from ostinato.errors import InputError

FilePath = str | os.PathLike
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NOT_TEXT = {
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\xfd7zXZ\x00": "xz data; unpack it first, or compress it with gzip",
    b"BZh91AY&SY": "bzip2 data; unpack it first, or compress it with gzip",
    b"\x28\xb5\x2f\xfd": "zstandard data; unpack it first, or compress it with gzip",
    b"PAR1": "a Parquet table, not text; name it .parquet",
    b"\xff\xfe": "UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8",
}


def read_lines(path: FilePath) -> list[str]:
    """The lines of a UTF-8 file, gzipped or not: b"a\\r\\nb\\n" -> ["a", "b"]. See `iterate_lines`."""
    return list(iterate_lines(path))


def iterate_lines(path: FilePath) -> Iterator[str]:
    """The same, one line at a time; "-" is standard input.

    InputError: missing, a folder, unreadable, damaged gzip, not UTF-8 (with line, column and byte)."""
    with open_bytes(path) as stream:
        for number, line in enumerate(raw_lines(stream, path), start=1):
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise InputError(not_utf8(path, number, line, error.start)) from None


def raw_lines(stream: BufferedReader, path: FilePath) -> Iterator[bytes]:
    """The lines as bytes, without their ends and without the byte order mark."""
    number = 0
    try:
        for number, line in enumerate(stream, start=1):
            if number == 1:
                line = line.removeprefix(BYTE_ORDER_MARK)
            yield line.removesuffix(b"\n").removesuffix(b"\r")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(damaged_gzip(path, number, error)) from None
    except OSError as error:
        raise InputError(
            f"{display_path(path)}: cannot be read after line {number}: {error.strerror}"
        ) from None


@contextmanager
def open_bytes(path: FilePath, *, text: bool = True) -> Iterator[BufferedReader]:
    """The bytes of a file or of standard input ("-"), unpacked if they start as gzip does, whatever the name.

    With `text`, InputError where they look like UTF-16; else only where they are another kind of archive."""
    if os.fspath(path) == "-":
        yield unpacked(sys.stdin.buffer, path, text)
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 (closed below)
    except (OSError, ValueError) as error:
        raise InputError(cannot_open(path, error)) from None
    with stream:
        yield unpacked(stream, path, text)


def unpacked(stream: BufferedReader, path: FilePath, text: bool) -> BufferedReader:
    try:
        head = stream.peek(4096)[:4096]
        if head.startswith(b"\x1f\x8b"):
            stream = gzip.GzipFile(fileobj=stream, mode="rb")
            head = stream.peek(4096)[:4096]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(damaged_gzip(path, 0, error)) from None
    except OSError as error:
        raise InputError(f"{display_path(path)}: cannot be read: {error.strerror}") from None
    refuse_archives(head, path)
    if text:
        refuse_utf16(head, path)
    return stream


def refuse_archives(head: bytes, path: FilePath) -> None:
    """Known bytes at the start."""
    for start, what in NOT_TEXT.items():
        if head.startswith(start):
            raise InputError(f"{display_path(path)}: looks like {what}")


def refuse_utf16(head: bytes, path: FilePath) -> None:
    """UTF-16 without a mark: zeros in nearly every second place, and hardly elsewhere."""
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
    after = f" after line {lines:,}" if lines else ""
    return f"{display_path(path)}: the gzip data is cut short or damaged{after} ({error}); copy the file again"


def not_utf8(path: FilePath, number: int, line: bytes, start: int, *, before: int = 0) -> str:
    """`before`: how many characters of the line precede these bytes."""
    column = before + len(line[:start].decode()) + 1
    what = f"{display_path(path)}:{number}:{column}: byte 0x{line[start]:02x} is not UTF-8"
    return f"{what}; convert the file, for example: iconv -f WINDOWS-1252 -t UTF-8"


def cannot_open(path: FilePath, error: OSError | ValueError) -> str:
    """Why a file does not open, with the nearest name beside it where there is none of this name."""
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
