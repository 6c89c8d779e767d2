"""Lines of text from files, pipes and .gz.

One rule for all: a line ends at the byte \\n and nowhere else; at \\r only in a file without any
\\n, as the old Macintosh and Excel for it write.
Python's text mode also splits at a lone \\r, and `str.splitlines` at U+2028 and others; either
silently misaligns two parallel files. Here the number of lines is that of `wc -l`, plus one if the
last line is not terminated. A byte order mark at the start of a line (of the first, or where files
were joined) and the \\r of a \\r\\n are dropped; nothing else is normalised (NFC and lower-casing
belong to the tokenizer)."""

from __future__ import annotations

from collections.abc import Iterator

from ostinato.data.files.streams import (
    BYTE_ORDER_MARK,
    DAMAGED_GZIP,
    LONGEST_LINE,
    ByteStream,
    FilePath,
    damaged_gzip,
    open_bytes,
)
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError


def read_lines(path: FilePath) -> list[str]:
    """The lines of a UTF-8 file, gzipped or not: b"a\\r\\nb\\n" -> ["a", "b"].

    Raises:
        InputError: as of `iterate_lines`.
    """
    return list(iterate_lines(path))


def iterate_lines(path: FilePath) -> Iterator[str]:
    """The lines one at a time; "-" is standard input.

    Raises:
        InputError: missing, a folder, unreadable, damaged gzip, not UTF-8 (with line, column and
            byte), a line of more than LONGEST_LINE bytes.
    """
    with open_bytes(path) as stream:
        for number, line in enumerate(raw_lines(stream, path), start=1):
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise InputError(not_utf8(path, number, line, error.start)) from None


def raw_lines(stream: ByteStream, path: FilePath, *, longest: int | None = None) -> Iterator[bytes]:
    """The lines as bytes, without their ends and byte order marks.

    Args:
        stream: the file, opened.
        path: its name, for messages.
        longest: the number of bytes of a line that are read before it is refused; default:
            LONGEST_LINE.
    """
    longest = LONGEST_LINE if longest is None else longest
    number = 0
    try:
        while line := stream.readline(longest + 1):
            number += 1
            if len(line) > longest:
                raise InputError(too_long(path, number, longest))
            yield line.removeprefix(BYTE_ORDER_MARK).removesuffix(b"\n").removesuffix(b"\r")
    except DAMAGED_GZIP as error:
        raise InputError(damaged_gzip(path, number, error)) from None
    except OSError as error:
        raise InputError(
            f"{display_path(path)}: cannot be read after line {number}: {error.strerror}"
        ) from None


def too_long(path: FilePath, number: int, longest: int) -> str:
    """The message for a line of more than `longest` bytes."""
    size = f"{longest / 1e6:,.0f} MB" if longest >= 1e6 else f"{longest:,} bytes"
    return f"{display_path(path)}:{number}: a line of more than {size}; is it text with line ends?"


def not_utf8(path: FilePath, number: int, line: bytes, start: int, *, before: int = 0) -> str:
    """The message for a byte that is not UTF-8.

    Args:
        path: the file.
        number: of the line.
        line: its bytes, or a piece of them.
        start: the index in them of the byte.
        before: the number of the line's characters before the piece.
    """
    column = before + len(line[:start].decode()) + 1
    what = f"{display_path(path)}:{number}:{column}: byte 0x{line[start]:02x} is not UTF-8"
    return f"{what}; convert the file, for example: iconv -f WINDOWS-1252 -t UTF-8"
