"""Pretrained word vectors: word2vec's text and binary files, GloVe's and fastText's text files."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.data.files.lines import raw_lines
from ostinato.data.files.streams import ByteStream, FilePath, damaged_gzip, open_bytes
from ostinato.data.files.wording import display_path, quote
from ostinato.data.text.normalisation import SPACE
from ostinato.data.text.vocabulary import SPECIALS
from ostinato.errors import InputError, option_name

NUMBER_BYTES = b"0123456789+-.eE \t"
CHUNK = 1 << 20  # bytes read at a time of a binary file
LONGEST_WORD = 4096
MOST_DIGITS = 18  # of the header's numbers
MOST_DIMENSIONS = 100_000
LONGEST_LINE = 1 << 24  # bytes; 100,000 values of 160 characters
UNREADABLE = (OSError, EOFError, zlib.error)


class Pretrained(NamedTuple):
    """The vectors that a file has for a vocabulary.

    embedding.weight.data[pretrained.rows] = pretrained.vectors

    Attributes:
        rows: [N] the ids of the tokens found.
        vectors: [N, D] of them.
        coverage: the share of the vocabulary found.
    """

    rows: Tensor
    vectors: Tensor
    coverage: float


def check_frozen(frozen: bool, file: str | None) -> None:
    """InputError where vectors are to be frozen, but none are given."""
    if frozen and file is None:
        raise InputError(
            f"{option_name('freeze_embeddings')} needs {option_name('embeddings')} FILE: "
            "there are no pretrained vectors to keep as they are"
        )


def read_embeddings(file: FilePath, tokens: Sequence[str]) -> Pretrained:
    """The vectors of `tokens`; no others are kept in memory.

    read_embeddings("glove.6B.100d.txt", ["<pad>", "▁The", "▁xyzzy"])
    -> rows [1], vectors [1, 100], coverage 0.5

    A token is looked up as it is spelled, then in lower case. The kind of file is seen from its
    first bytes.

    Args:
        file: of vectors, gzipped or not.
        tokens: as of `vocabulary.tokens`, in the order of their ids; "▁" is ignored.

    Raises:
        InputError: with the line or the vector: other than the expected number of values, no
            number, cut short; none of the tokens.
    """
    wanted = {form for token in tokens for form in lookup_forms(token)}
    found: dict[bytes, np.ndarray] = {}
    with open_bytes(file, text=False) as stream:
        for word, vector in read_vectors(stream, file, wanted):
            found.setdefault(word, vector)
    rows, chosen = [], []
    for number, token in enumerate(tokens):
        forms = [form for form in lookup_forms(token) if form in found]
        if forms and token not in SPECIALS:
            rows.append(number)
            chosen.append(found[forms[0]])
    if not rows:
        raise InputError(
            f"{display_path(file)}: has none of the {len(tokens):,} words; "
            "is it the right language?"
        )
    ordinary = sum(token not in SPECIALS for token in tokens)
    return Pretrained(
        torch.tensor(rows), torch.from_numpy(np.stack(chosen)), len(rows) / max(1, ordinary)
    )


def lookup_forms(token: str) -> list[bytes]:
    """lookup_forms("▁The") -> [b"The", b"the"]: what a file may call a token."""
    word = token.removeprefix(SPACE)
    return [word.encode(), word.lower().encode()] if word else []


def read_vectors(
    stream: ByteStream, file: FilePath, wanted: set[bytes]
) -> Iterator[tuple[bytes, np.ndarray]]:
    """The wanted words of a file of any of the kinds, with their vectors [D] of float32."""
    lines = raw_lines(stream, file, longest=LONGEST_LINE)
    first = next(lines, b"")
    header = first.split()
    if len(header) == 2 and all(part.isdigit() and len(part) <= MOST_DIGITS for part in header):
        count, size = map(int, header)
        if not 1 <= size <= MOST_DIMENSIONS:
            raise InputError(
                f"{display_path(file)}:1: {size:,} values a word cannot be; "
                "is it a file of word vectors?"
            )
        if is_binary(stream, file, size):
            return read_binary_vectors(stream, file, count, size, wanted)
        return read_text_vectors(lines, file, 2, size, wanted)
    size = len(header) - 1
    if size < 1:
        raise InputError(
            f"{display_path(file)}:1: no word vectors; expected a word and its values on each line"
        )
    return read_text_vectors(chain([first], lines), file, 1, size, wanted)


def is_binary(stream: ByteStream, file: FilePath, size: int) -> bool:
    """Whether raw floats follow the first word; as text they would be digits, signs and spaces."""
    try:
        head = bytes(stream.peek(4096)[:4096])
    except UNREADABLE as error:
        raise InputError(damaged_gzip(file, 1, error)) from None
    values = head[head.find(b" ") + 1 :].partition(b"\n")[0].rstrip()
    text = not values.strip(NUMBER_BYTES) and (len(values) >= 4 or len(values.split()) == size)
    return not text


def read_text_vectors(
    lines: Iterator[bytes], file: FilePath, begin: int, size: int, wanted: set[bytes]
) -> Iterator[tuple[bytes, np.ndarray]]:
    """The wanted words of lines, the first of which has the number `begin`."""
    for number, line in enumerate(lines, start=begin):
        line = line.rstrip().replace(b"\t", b" ")
        if not line:
            continue
        word = line[: line.find(b" ")] if line.count(b" ") == size else find_spaced_word(line, size)
        if word is None:
            got = len(line.split()) - 1
            raise InputError(
                f"{display_path(file)}:{number}: {got} values, expected {size}; "
                "the line is damaged or cut short"
            )
        if word in wanted:
            yield word, parse_vector(line[len(word) :].split(), size, file, number)


def find_spaced_word(line: bytes, size: int) -> bytes | None:
    """The word of a line with too many parts, because the word holds spaces as a few of GloVe's.

    None if the line is wrong."""
    word, *values = line.rsplit(b" ", size)
    parts = word.split()
    wrong = len(values) != size or len(parts) < 2 or all(is_number(part) for part in parts[1:])
    return None if wrong else word


def is_number(text: bytes) -> bool:
    """Whether it can be read as a float."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def parse_vector(values: list[bytes], size: int, file: FilePath, number: int) -> np.ndarray:
    """The vector [size] of float32 on line `number`."""
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            vector = np.array([float(value) for value in values], dtype=np.float32)
    except ValueError:
        bad = next(value for value in values if not is_number(value)).decode(errors="replace")
        raise InputError(
            f"{display_path(file)}:{number}: {quote(bad, 40)} is not a number"
        ) from None
    if len(vector) != size or not np.isfinite(vector).all():
        raise InputError(
            f"{display_path(file)}:{number}: {size} finite values expected; the line is damaged"
        )
    return vector


def read_binary_vectors(
    stream: ByteStream, file: FilePath, count: int, size: int, wanted: set[bytes]
) -> Iterator[tuple[bytes, np.ndarray]]:
    """The wanted ones of `count` entries: a word, a space, `size` little-endian float32.

    A line end may follow each."""
    buffer, place, bytes_each = b"", 0, 4 * size
    for number in range(1, count + 1):
        space = buffer.find(b" ", place)
        while space < 0 or space + 1 + bytes_each > len(buffer):
            more = read_chunk(stream, file, number)
            if not more or (space < 0 and len(buffer) - place > LONGEST_WORD):
                what = f"the vectors end or are damaged at number {number:,} of {count:,}"
                raise InputError(f"{display_path(file)}: {what}; copy the file again")
            buffer, place = buffer[place:] + more, 0
            space = buffer.find(b" ")
        word = buffer[place:space].lstrip(b"\r\n")
        place = space + 1 + bytes_each
        if word in wanted:
            vector = np.frombuffer(buffer, dtype="<f4", count=size, offset=space + 1)
            vector = vector.astype(np.float32)
            if not np.isfinite(vector).all():
                name = word.decode(errors="replace")[:60]
                raise InputError(f"{display_path(file)}: vector {number:,} ({name}) is not finite")
            yield word, vector


def read_chunk(stream: ByteStream, file: FilePath, number: int) -> bytes:
    """The next bytes, of vector `number` on."""
    try:
        return stream.read(CHUNK)
    except UNREADABLE as error:
        what = f"cannot be read, or its gzip data is cut short or damaged, before vector {number:,}"
        raise InputError(f"{display_path(file)}: {what} ({error}); copy the file again") from None
