"""FASTA: a line `>name and a description`, then the sequence over any number of lines.

Read piece by piece, so that a chromosome need never be in memory as a whole, and by the same rules as every other text
(gzip, CRLF, a byte order mark, standard input), so that an error can name the line on which a letter stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ostinato.data.dna.nucleotides import strange_letter
from ostinato.data.files.lines import FilePath, iterate_lines
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError

ENDINGS = (".fa", ".fasta", ".fna", ".ffn", ".fas")


class Entry(NamedTuple):
    """One sequence: its name, the rest of its header, "genome.fa:17", and its letters, a line at a time (to be read before the
    next entry is asked for)."""

    name: str
    description: str
    where: str
    pieces: Iterator[str]


def is_fasta(file: FilePath) -> bool:
    """Whether a file's name says that it is FASTA: is_fasta("chr1.fa.gz") -> True"""
    return Path(str(file).removesuffix(".gz")).suffix.lower() in ENDINGS


def stem(file: FilePath) -> str:
    """stem("data/oct4.fa.gz") -> "oct4" """
    return Path(Path(file).name.removesuffix(".gz")).stem


def read_fasta(file: FilePath) -> Iterator[Entry]:
    """The sequences of a file, one after the other. InputError: as of `entries`, and what `iterate_lines` refuses."""
    return entries(iterate_lines(file), file)


def entries(lines: Iterator[str], file: FilePath) -> Iterator[Entry]:
    """The same from lines.

    InputError, with the line: letters before the first header, a header without a name, a name twice, a letter that is no
    nucleotide."""
    numbered = ((number, line.strip()) for number, line in enumerate(lines, start=1))
    numbered = ((number, line) for number, line in numbered if line and not line.startswith(";"))
    names: dict[str, int] = {}
    header = next(numbered, None)
    if header is not None and not header[1].startswith(">"):
        raise InputError(
            f"{display_path(file)}:{header[0]}: expected a FASTA header such as '>chr1', got {header[1][:20]!r}"
        )
    ahead = [header]  # the header of the next entry, once an entry has been read up to it

    def pieces() -> Iterator[str]:
        for number, line in numbered:
            if line.startswith(">"):
                ahead.append((number, line))
                return
            yield checked(line, file, number)

    while ahead and ahead[-1] is not None:
        number, line = ahead.pop()
        name, _, description = line[1:].strip().partition(" ")
        name = name.split("\t")[0]
        if not name:
            raise InputError(
                f"{display_path(file)}:{number}: a header without a name; expected '>name'"
            )
        if name in names:
            raise InputError(
                f"{display_path(file)}:{number}: the sequence {name!r} stands on line {names[name]}, too; names must differ"
            )
        names[name] = number
        letters = pieces()
        yield Entry(name, description.strip(), f"{display_path(file)}:{number}", letters)
        for _ in letters:  # whatever the caller left unread
            pass


def checked(line: str, file: FilePath, number: int) -> str:
    """A line of letters without its spaces; InputError for one that is no nucleotide."""
    letters = line.replace(" ", "").replace("\t", "")
    wrong = strange_letter(letters)
    if wrong is not None:
        raise InputError(
            f"{display_path(file)}:{number}: {wrong[0]!r} (letter {wrong.start() + 1} of the line) is not a nucleotide; "
            "expected A, C, G, T, U, N or another IUPAC code"
        )
    return letters
