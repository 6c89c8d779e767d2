"""A long text, line by line, larger than memory if need be.

    corpus = Corpus.read(["a.txt", "b.txt.gz"])
    corpus[17].text          # a line
    corpus[-100:]            # the last hundred, a view: nothing is copied

The files are read once, unpacked and checked; a text of more than 64 MB is kept in an unnamed
temporary file (in TMPDIR)."""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

from ostinato.data.files.lines import not_utf8, too_long
from ostinato.data.files.streams import (
    BYTE_ORDER_MARK,
    DAMAGED_GZIP,
    ByteStream,
    FilePath,
    damaged_gzip,
    open_bytes,
    temporary_file_error,
)
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError

IN_MEMORY = 1 << 26  # bytes of text that are kept in memory
LONGEST = 4000  # bytes; a longer line is taken in pieces
LONGEST_LINE = 1 << 30  # bytes, all pieces together; collections on one line are known up to 715 MB
BLOCK = 64  # lines between two offsets of the index


class Line(NamedTuple):
    """A line of a text without its end.

    Attributes:
        text: the line, or a piece of a very long one.
        ended: whether the line ends here; False if the next piece continues it.
    """

    text: str
    ended: bool = True


class Store:
    """Lines in one file, with the offset of every BLOCK-th of them."""

    def __init__(self, in_memory: int):
        self.file = tempfile.SpooledTemporaryFile(max_size=in_memory)  # noqa: SIM115 (kept open)
        self.offsets, self.unended, self.count, self.size = array("Q"), array("Q"), 0, 0
        self.last: tuple[int, list[bytes]] = (-1, [])  # the block last read, and its number

    def add(self, text: bytes, ended: bool) -> None:
        """Appends a line."""
        if self.count % BLOCK == 0:
            self.offsets.append(self.size)
        if not ended:
            self.unended.append(self.count)
        self.size += self.file.write(text) + self.file.write(b"\n")
        self.count += 1

    def block(self, number: int) -> list[bytes]:
        """At most BLOCK lines, from line BLOCK * number on."""
        if self.last[0] != number:
            end = self.offsets[number + 1] if number + 1 < len(self.offsets) else self.size
            self.file.seek(self.offsets[number])
            self.last = number, self.file.read(end - self.offsets[number])[:-1].split(b"\n")
        return self.last[1]

    def line(self, number: int) -> Line:
        """One line."""
        index = bisect_left(self.unended, number)
        continued = index < len(self.unended) and self.unended[index] == number
        return Line(self.block(number // BLOCK)[number % BLOCK].decode(), not continued)


class Corpus(Sequence[Line]):
    """The lines of one or several texts, one after another: those from `start` to `stop` - 1."""

    def __init__(self, store: Store, start: int, stop: int):
        self.store, self.start, self.stop = store, start, stop

    @classmethod
    def read(
        cls, files: Iterable[FilePath], *, in_memory: int = IN_MEMORY, longest: int = LONGEST
    ) -> Corpus:
        """The lines of files.

        Args:
            files: UTF-8, gzipped or not.
            in_memory: bytes beyond which the text is kept in a temporary file.
            longest: bytes; a longer line is split at spaces.

        Raises:
            InputError: what cannot be read, and no space for the temporary file.
        """
        store = Store(in_memory)
        try:
            for path in files:
                for text, ended in read_pieces(path, longest):
                    store.add(text, ended)
        except OSError as error:
            raise InputError(temporary_file_error(error)) from None
        return cls(store, 0, store.count)

    @classmethod
    def from_lines(cls, lines: Iterable[str | Line]) -> Corpus:
        """Lines that are in memory already."""
        store = Store(IN_MEMORY)
        for line in lines:
            text, ended = line if isinstance(line, Line) else (line, True)
            store.add(text.encode(), ended)
        return cls(store, 0, store.count)

    def __len__(self) -> int:
        return self.stop - self.start

    @overload
    def __getitem__(self, index: int) -> Line: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...

    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return [self[each] for each in range(start, stop, step)]
            return Corpus(self.store, self.start + start, self.start + max(start, stop))
        if not -len(self) <= index < len(self):
            raise IndexError(f"line {index} of {len(self)}")
        return self.store.line(self.start + index % len(self))

    def __iter__(self) -> Iterator[Line]:
        return map(self.store.line, range(self.start, self.stop))

    def whole_lines(self) -> Iterator[str]:
        """The lines, the pieces of very long ones joined."""
        pieces: list[str] = []
        for text, ended in self:
            pieces.append(text)
            if ended:
                yield "".join(pieces)
                pieces.clear()
        if pieces:
            yield "".join(pieces)


def read_pieces(path: FilePath, longest: int) -> Iterator[tuple[bytes, bool]]:
    """(the bytes of a line or of a piece of one, whether the line ends there), each of them UTF-8.

    A piece ends after its last space; the \\r of a \\r\\n and byte order marks are dropped."""
    number, column, rest = 1, 0, b""
    size = 0  # bytes read of the line
    with open_bytes(path) as stream:
        while chunk := read_chunk(stream, path, number, longest - len(rest)):
            data = rest + chunk
            size += len(chunk)
            if size > LONGEST_LINE:
                raise InputError(too_long(path, number, LONGEST_LINE))
            if column == 0:
                data = data.removeprefix(BYTE_ORDER_MARK)
            if data.endswith(b"\n"):
                line = data.removesuffix(b"\n").removesuffix(b"\r")
                yield check_utf8(line, path, number, column), True
                number, column, rest, size = number + 1, 0, b"", 0
                continue
            if len(data) >= longest:
                end = find_boundary(data)
                yield check_utf8(data[:end], path, number, column), False
                column, rest = column + len(data[:end].decode()), data[end:]
            else:
                rest = data
    if rest or column:
        yield check_utf8(rest, path, number, column), True


def read_chunk(stream: ByteStream, path: FilePath, number: int, size: int) -> bytes:
    """The rest of the line, or `size` bytes of it."""
    try:
        return stream.readline(max(1, size))
    except DAMAGED_GZIP as error:
        raise InputError(damaged_gzip(path, number - 1, error)) from None
    except OSError as error:
        raise InputError(
            f"{display_path(path)}: cannot be read after line {number - 1}: {error.strerror}"
        ) from None


def find_boundary(data: bytes) -> int:
    """find_boundary(b"so long a li") -> 10: where to split the bytes of a line.

    After the last space; without one, before a character that is incomplete."""
    if end := data.rfind(b" ") + 1:
        return end
    end = len(data) - data.endswith(b"\r")
    for back in range(1, min(4, len(data))):
        byte = data[-back]
        if byte >= 0xC0:  # the first byte of a character of 2, 3 or 4
            return len(data) - back if back < 2 + (byte >= 0xE0) + (byte >= 0xF0) else end
        if byte < 0x80:
            break
    return end


def check_utf8(data: bytes, path: FilePath, number: int, column: int) -> bytes:
    """The bytes; InputError where they are not UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise InputError(not_utf8(path, number, data, error.start, before=column)) from None
    return data
