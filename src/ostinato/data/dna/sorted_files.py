"""The files of a data set of sequences by kind: FASTA, BED or tables; folders by their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ostinato.data.dna.bed import is_bed
from ostinato.data.dna.fasta import SUFFIXES, is_fasta
from ostinato.data.files.streams import FilePath
from ostinato.data.files.table import is_table
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError


class SortedFiles(NamedTuple):
    """The files of a data set by their kind; `shown` names them in messages."""

    fastas: list[FilePath]
    beds: list[FilePath]
    tables: list[FilePath]
    shown: str


def sort_files(files: Sequence[FilePath]) -> SortedFiles:
    """The files by their kind, folders by the files in them; InputError for mixed kinds."""
    files = [each for file in files for each in expand_folder(file)]
    shown = " ".join(map(display_path, files))
    beds = [file for file in files if is_bed(file)]
    tables = [file for file in files if is_table(file)]
    fastas = [file for file in files if file not in beds and file not in tables]
    if tables and (beds or fastas):
        raise InputError(f"{shown}: tables and FASTA cannot be mixed; give files of one kind")
    if beds and not fastas:
        raise InputError(
            f"{' '.join(map(display_path, beds))}: segments of which sequences? "
            "give the FASTA file, too"
        )
    return SortedFiles(fastas, beds, tables, shown)


def expand_folder(file: FilePath) -> list[FilePath]:
    """The FASTA files of a folder; a file as it is."""
    if not Path(file).is_dir():
        return [file]
    inside: list[FilePath] = [*sorted(path for path in Path(file).iterdir() if is_fasta(path))]
    if not inside:
        raise InputError(
            f"{file}: a folder without FASTA files ({', '.join(SUFFIXES)}); expected one a class"
        )
    return inside
