"""Pretrained word vectors: word2vec's text and binary files, GloVe's and fastText's text files, gzipped or not."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from io import BufferedReader
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.data.files.lines import FilePath, damaged_gzip, open_bytes, raw_lines
from ostinato.data.files.wording import display_path
from ostinato.data.text.normalisation import SPACE
from ostinato.data.text.vocabulary import SPECIALS
from ostinato.errors import InputError

DIGITS = b"0123456789+-.eE \t"
CHUNK = 1 << 20  # bytes read at a time of a binary file
LONGEST_WORD = 4096


class Pretrained(NamedTuple):
    """What a file knows of a vocabulary: vectors[i] [D] belongs to token number rows[i]; coverage is the share found.

    embedding.weight.data[pretrained.rows] = pretrained.vectors"""

    rows: Tensor
    vectors: Tensor
    coverage: float


def check_frozen(frozen: bool, file: str | None) -> None:
    """Raises InputError where vectors are to stay as they are of which there are none."""
    if frozen and file is None:
        raise InputError(
            "--freeze-embeddings needs --embeddings FILE: there are no pretrained vectors to keep as they are"
        )


def read_embeddings(file: FilePath, tokens: Sequence[str]) -> Pretrained:
    """The vectors of `tokens` (as in `vocabulary.tokens`, "▁" aside); of all others nothing is kept in memory.

    read_embeddings("glove.6B.100d.txt", ["<pad>", "▁The", "▁xyzzy"]) -> rows [1], vectors [1, 100], coverage 0.5

    A token is looked up as it is spelled, then in lower case. The kind of file is seen from its first bytes.
    InputError, with the line or the vector: other than the expected number of values, no number, cut short."""
    wanted = spellings(tokens)
    found: dict[bytes, np.ndarray] = {}
    with open_bytes(file, text=False) as stream:
        for word, vector in vectors(stream, file, wanted):
            found.setdefault(word, vector)
    rows, chosen = [], []
    for number, token in enumerate(tokens):
        vector = next((found[word] for word in spelled(token) if word in found), None)
        if vector is not None and token not in SPECIALS:
            rows.append(number)
            chosen.append(vector)
    if not rows:
        raise InputError(
            f"{display_path(file)}: has none of the {len(tokens):,} words; is it the right language?"
        )
    ordinary = sum(token not in SPECIALS for token in tokens)
    return Pretrained(
        torch.tensor(rows), torch.from_numpy(np.stack(chosen)), len(rows) / max(1, ordinary)
    )


def spelled(token: str) -> list[bytes]:
    """spelled("▁The") -> [b"The", b"the"]"""
    word = token.removeprefix(SPACE)
    return [word.encode(), word.lower().encode()] if word else []


def spellings(tokens: Sequence[str]) -> set[bytes]:
    return {word for token in tokens for word in spelled(token)}


def vectors(
    stream: BufferedReader, file: FilePath, wanted: set[bytes]
) -> Iterator[tuple[bytes, np.ndarray]]:
    """The wanted words of a file of any of the kinds, with their vectors [D] of float32."""
    lines = raw_lines(stream, file)
    first = next(lines, b"")
    header = first.split()
    if len(header) == 2 and all(part.isdigit() for part in header):
        count, size = map(int, header)
        if not 1 <= size <= 100_000:
            raise InputError(
                f"{display_path(file)}:1: {size:,} values a word cannot be; is it a file of word vectors?"
            )
        if binary(stream, file, size):
            return binary_vectors(stream, file, count, size, wanted)
        return text_vectors(lines, file, 2, size, wanted)
    size = len(header) - 1
    if size < 1:
        raise InputError(
            f"{display_path(file)}:1: no word vectors; expected a word and its values on each line"
        )
    return text_vectors(chain([first], lines), file, 1, size, wanted)


def binary(stream: BufferedReader, file: FilePath, size: int) -> bool:
    """Whether raw floats follow the first word: as text, its line would hold digits, signs and spaces only."""
    try:
        head = bytes(stream.peek(4096)[:4096])
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(damaged_gzip(file, 1, error)) from None
    values = head[head.find(b" ") + 1 :].partition(b"\n")[0].rstrip()
    text = not values.strip(DIGITS) and (len(values) >= 4 or len(values.split()) == size)
    return not text


def text_vectors(
    lines: Iterator[bytes], file: FilePath, begin: int, size: int, wanted: set[bytes]
) -> Iterator[tuple[bytes, np.ndarray]]:
    for number, line in enumerate(lines, start=begin):
        line = line.rstrip().replace(b"\t", b" ")
        if not line:
            continue
        word = line[: line.find(b" ")] if line.count(b" ") == size else spaced_word(line, size)
        if word is None:
            got = len(line.split()) - 1
            raise InputError(
                f"{display_path(file)}:{number}: {got} values, expected {size}; the line is damaged or cut short"
            )
        if word in wanted:
            yield word, numbers(line[len(word) :].split(), size, file, number)


def spaced_word(line: bytes, size: int) -> bytes | None:
    """The word of a line that has more parts than it should because the word holds spaces, as a few of GloVe's do;
    None if the line is wrong."""
    word, *values = line.rsplit(b" ", size)
    parts = word.split()
    wrong = len(values) != size or len(parts) < 2 or all(is_number(part) for part in parts[1:])
    return None if wrong else word


def is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def numbers(values: list[bytes], size: int, file: FilePath, number: int) -> np.ndarray:
    try:
        vector = np.array([float(value) for value in values], dtype=np.float32)
    except ValueError:
        bad = next(value for value in values if not is_number(value)).decode(errors="replace")
        raise InputError(f"{display_path(file)}:{number}: {bad[:40]!r} is not a number") from None
    if len(vector) != size or not np.isfinite(vector).all():
        raise InputError(
            f"{display_path(file)}:{number}: {size} finite values expected; the line is damaged"
        )
    return vector


def binary_vectors(
    stream: BufferedReader, file: FilePath, count: int, size: int, wanted: set[bytes]
) -> Iterator[tuple[bytes, np.ndarray]]:
    """word, a space, `size` little-endian float32, perhaps a line end; `count` times."""
    buffer, place, bytes_each = b"", 0, 4 * size
    for number in range(1, count + 1):
        space = buffer.find(b" ", place)
        while space < 0 or space + 1 + bytes_each > len(buffer):
            more = read(stream, file, number)
            if not more or (space < 0 and len(buffer) - place > LONGEST_WORD):
                what = f"the vectors end or are damaged at number {number:,} of {count:,}"
                raise InputError(f"{display_path(file)}: {what}; copy the file again")
            buffer, place = buffer[place:] + more, 0
            space = buffer.find(b" ")
        word = buffer[place:space].lstrip(b"\r\n")
        place = space + 1 + bytes_each
        if word in wanted:
            vector = np.frombuffer(buffer, dtype="<f4", count=size, offset=space + 1).astype(
                np.float32
            )
            if not np.isfinite(vector).all():
                raise InputError(
                    f"{display_path(file)}: vector {number:,} ({word.decode(errors='replace')}) is not finite"
                )
            yield word, vector


def read(stream: BufferedReader, file: FilePath, number: int) -> bytes:
    try:
        return stream.read(CHUNK)
    except (OSError, EOFError, zlib.error) as error:
        what = f"cannot be read, or its gzip data is cut short or damaged, before vector {number:,}"
        raise InputError(f"{display_path(file)}: {what} ({error}); copy the file again") from None
