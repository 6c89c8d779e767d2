"""A long text, line by line, larger than memory if need be.

    corpus = Corpus.read(["a.txt", "b.txt.gz"])
    len(corpus), corpus[17].text, corpus[-100:]          # lines, one of them, the last hundred (a view, nothing is copied)

The files are read once, unpacked and checked; a text of more than 64 MB waits in an unnamed temporary file (in TMPDIR)."""

from __future__ import annotations

import errno
import gzip
import tempfile
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from typing import NamedTuple

from ostinato.data.files.lines import BYTE_ORDER_MARK, FilePath, damaged_gzip, not_utf8, open_bytes
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError

IN_MEMORY = 1 << 26  # bytes of text that are kept in memory
LONGEST = 4000  # bytes; a longer line is taken in pieces
TOGETHER = 64  # lines found at a time: of so many only one offset is kept


class Line(NamedTuple):
    """A line of a text without its end; `ended` is False for a piece of a very long line that goes on in the next one."""

    text: str
    ended: bool = True


class Store:
    """Lines in one file, and where each TOGETHER-th of them begins."""

    def __init__(self, in_memory: int):
        self.file = tempfile.SpooledTemporaryFile(max_size=in_memory)  # noqa: SIM115 (it lives as long as the store)
        self.offsets, self.unended, self.count, self.size = array("Q"), array("Q"), 0, 0
        self.last: tuple[int, list[bytes]] = (-1, [])

    def add(self, text: bytes, ended: bool) -> None:
        if self.count % TOGETHER == 0:
            self.offsets.append(self.size)
        if not ended:
            self.unended.append(self.count)
        self.size += self.file.write(text) + self.file.write(b"\n")
        self.count += 1

    def block(self, number: int) -> list[bytes]:
        """The lines from TOGETHER * number on, so many of them."""
        if self.last[0] != number:
            end = self.offsets[number + 1] if number + 1 < len(self.offsets) else self.size
            self.file.seek(self.offsets[number])
            self.last = number, self.file.read(end - self.offsets[number])[:-1].split(b"\n")
        return self.last[1]

    def line(self, number: int) -> Line:
        place = bisect_left(self.unended, number)
        going_on = place < len(self.unended) and self.unended[place] == number
        return Line(self.block(number // TOGETHER)[number % TOGETHER].decode(), not going_on)


class Corpus(Sequence[Line]):
    """The lines of one or several texts, one after another."""

    def __init__(self, store: Store, start: int, stop: int):
        self.store, self.start, self.stop = store, start, stop

    @classmethod
    def read(
        cls, files: Iterable[FilePath], *, in_memory: int = IN_MEMORY, longest: int = LONGEST
    ) -> Corpus:
        """InputError: a file that cannot be read, is damaged, or is not UTF-8 (with line, column and byte)."""
        store = Store(in_memory)
        try:
            for path in files:
                for text, ended in pieces(path, longest):
                    store.add(text, ended)
        except OSError as error:
            raise InputError(no_room(error)) from None
        return cls(store, 0, store.count)

    @classmethod
    def of(cls, lines: Iterable[str | Line]) -> Corpus:
        """Lines that are in memory already."""
        store = Store(IN_MEMORY)
        for line in lines:
            text, ended = line if isinstance(line, Line) else (line, True)
            store.add(text.encode(), ended)
        return cls(store, 0, store.count)

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, place: int | slice) -> Line | Corpus | list[Line]:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step != 1:
                return [self[each] for each in range(start, stop, step)]
            return Corpus(self.store, self.start + start, self.start + max(start, stop))
        if not -len(self) <= place < len(self):
            raise IndexError(f"line {place} of {len(self)}")
        return self.store.line(self.start + place % len(self))

    def __iter__(self) -> Iterator[Line]:
        return map(self.store.line, range(self.start, self.stop))

    def whole_lines(self) -> Iterator[str]:
        """The lines with the pieces of very long ones put together again."""
        waiting: list[str] = []
        for text, ended in self:
            waiting.append(text)
            if ended:
                yield "".join(waiting)
                waiting.clear()
        if waiting:
            yield "".join(waiting)


def pieces(path: FilePath, longest: int) -> Iterator[tuple[bytes, bool]]:
    """(the bytes of a line or of a piece of one, whether the line ends there), each of them UTF-8.

    A piece ends behind its last space; the \\r of a \\r\\n and a byte order mark are dropped."""
    number, column, rest = 1, 0, b""
    with open_bytes(path) as stream:
        while chunk := next_bytes(stream, path, number, longest - len(rest)):
            data = rest + chunk
            if number == 1 and column == 0:
                data = data.removeprefix(BYTE_ORDER_MARK)
            if data.endswith(b"\n"):
                yield (
                    checked(data.removesuffix(b"\n").removesuffix(b"\r"), path, number, column),
                    True,
                )
                number, column, rest = number + 1, 0, b""
            elif len(data) >= longest:
                cut = boundary(data)
                yield checked(data[:cut], path, number, column), False
                column, rest = column + len(data[:cut].decode()), data[cut:]
            else:
                rest = data
    if rest or column:
        yield checked(rest, path, number, column), True


def next_bytes(stream: BufferedReader, path: FilePath, number: int, size: int) -> bytes:
    """The rest of the line, or `size` bytes of it."""
    try:
        return stream.readline(max(1, size))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(damaged_gzip(path, number - 1, error)) from None
    except OSError as error:
        raise InputError(
            f"{display_path(path)}: cannot be read after line {number - 1}: {error.strerror}"
        ) from None


def boundary(data: bytes) -> int:
    """boundary(b"so long a li") -> 10: where to cut, behind the last space, or before a character that is not whole yet."""
    if cut := data.rfind(b" ") + 1:
        return cut
    cut = len(data) - data.endswith(b"\r")
    for back in range(1, min(4, len(data))):
        byte = data[-back]
        if byte >= 0xC0:  # the first of so many bytes
            return len(data) - back if back < 2 + (byte >= 0xE0) + (byte >= 0xF0) else cut
        if byte < 0x80:
            break
    return cut


def checked(data: bytes, path: FilePath, number: int, column: int) -> bytes:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise InputError(not_utf8(path, number, data, error.start, before=column)) from None
    return data


def no_room(error: OSError) -> str:
    """What to say where the temporary file cannot be written."""
    where = tempfile.gettempdir()
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{where}: no space left for a temporary copy of the text; make room, or set TMPDIR to a folder with more of it"
    return f"{where}: a temporary copy of the text cannot be written: {error.strerror}; set TMPDIR to another folder"
