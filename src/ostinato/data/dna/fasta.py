"""FASTA: a line `>name description`, then the sequence on any number of lines.

Files are read line by line, so that a chromosome need never be in memory as a whole, and by the
same rules as all text (gzip, CRLF, byte order mark, standard input)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ostinato.data.dna.nucleotides import find_invalid_letter
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.streams import FilePath
from ostinato.data.files.wording import display_path, quote
from ostinato.errors import InputError

SUFFIXES = (".fa", ".fasta", ".fna", ".ffn", ".fas")


class StreamedSequence(NamedTuple):
    """A sequence that is read while it is used.

    Args:
        name: The first word of its header.
        description: The rest of its header.
        where: File and line, "genome.fa:17".
        pieces: Its letters, a line at a time; read them before asking for the next sequence.
    """

    name: str
    description: str
    where: str
    pieces: Iterator[str]


def is_fasta(file: FilePath) -> bool:
    """Whether a file's name says that it is FASTA: is_fasta("chr1.fa.gz") -> True"""
    return Path(str(file).removesuffix(".gz")).suffix.lower() in SUFFIXES


def stem(file: FilePath) -> str:
    """stem("data/oct4.fa.gz") -> "oct4" """
    return Path(Path(file).name.removesuffix(".gz")).stem


def read_fasta(file: FilePath) -> Iterator[StreamedSequence]:
    """The sequences of a file, one after the other; raises as `parse_fasta` and `iterate_lines`."""
    return parse_fasta(iterate_lines(file), file)


def parse_fasta(lines: Iterator[str], file: FilePath) -> Iterator[StreamedSequence]:
    """The sequences of the lines of a file.

    Raises:
        InputError: Letters before the first header, a header without a name, two sequences of one
            name, or a letter that is no nucleotide; with the line.
    """
    numbered = ((number, line.strip()) for number, line in enumerate(lines, start=1))
    numbered = ((number, line) for number, line in numbered if line and not line.startswith(";"))
    names: dict[str, int] = {}
    header = next(numbered, None)
    if header is not None and not header[1].startswith(">"):
        raise InputError(
            f"{display_path(file)}:{header[0]}: expected a FASTA header such as '>chr1', "
            f"got {header[1][:20]!r}"
        )
    # the header of the next sequence, once the letters before it are read
    headers = [] if header is None else [header]

    def read_letters() -> Iterator[str]:
        for number, line in numbered:
            if line.startswith(">"):
                headers.append((number, line))
                return
            yield check_bases(line, file, number)

    while headers:
        number, line = headers.pop()
        name, _, description = line[1:].strip().partition(" ")
        name = name.split("\t")[0]
        if not name:
            raise InputError(
                f"{display_path(file)}:{number}: a header without a name; expected '>name'"
            )
        if name in names:
            raise InputError(
                f"{display_path(file)}:{number}: the sequence {quote(name)} stands on line "
                f"{names[name]}, too; names must differ"
            )
        names[name] = number
        letters = read_letters()
        yield StreamedSequence(name, description.strip(), f"{display_path(file)}:{number}", letters)
        for _ in letters:  # those that the caller left unread
            pass


def check_bases(line: str, file: FilePath, number: int) -> str:
    """A line of letters without its spaces; InputError for a letter that is no nucleotide."""
    letters = line.replace(" ", "").replace("\t", "")
    invalid = find_invalid_letter(letters)
    if invalid is not None:
        raise InputError(
            f"{display_path(file)}:{number}: {invalid[0]!r} (letter {invalid.start() + 1} of the "
            "line) is not a nucleotide; expected A, C, G, T, U, N or another IUPAC code"
        )
    return letters
