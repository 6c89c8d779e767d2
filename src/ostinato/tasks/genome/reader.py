"""Reads DNA sequences, with a label each or with labels of their bases, from FASTA, BED, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.data.dna.fasta import StreamedSequence
from ostinato.data.dna.nucleotides import find_invalid_letter
from ostinato.data.dna.sequences import (
    DnaSequence,
    parse_labels,
    read_labelled,
    read_unlabelled,
)
from ostinato.data.dna.sorted_files import expand_folder
from ostinato.data.dna.stored_sequences import StoredSequences, open_sequences, write_sequences
from ostinato.data.files.wording import display_path
from ostinato.data.stored.indexed_records import IndexedFiles, index_files
from ostinato.data.stored.stored_records import StoredRecords
from ostinato.errors import InputError
from ostinato.tasks.genome.data_summary import DataSummary
from ostinato.tasks.genome.options import GenomeOptions
from ostinato.tasks.genome.preprocessing import GenomePreprocessing
from ostinato.tasks.reader import Reader

KINDS = ("one label a sequence", "a label for each base")
# of fewer sequences with labels of bases, the end of each is held out instead of whole sequences
FEW_SEQUENCES = 20


class GenomeReader(Reader):
    options: GenomeOptions
    preprocessing: GenomePreprocessing | None

    @property
    def columns(self) -> dict[str, str | None]:
        return {"sequence": self.options.sequence_column, "label": self.options.label_column}

    def read(self, files: Sequence[str], *, training: bool = False) -> Sequence[DnaSequence]:
        if training and self.options.cache is not None:
            return self.index(files, self.options.cache)
        fitted = self.preprocessing
        records = read_labelled(
            files,
            columns=self.columns,
            known=() if fitted is None else fitted.labels.tokens,
            one_label=self.options.one_label,
        )
        if fitted is not None:
            self.check_compatible(records)
        if training:
            self.check_labels(records, files)
        return records

    def check_labels(self, records: Sequence[DnaSequence], files: Sequence[str]) -> None:
        """Raises InputError if all sequences or bases have the same label."""
        summary = DataSummary.of(records)
        if len(summary.names) < 2:
            what = "bases" if summary.per_base else "examples"
            raise InputError(
                f"{' '.join(map(display_path, files))}: all {what} have the label "
                f"{summary.names[0]!r}; two labels or more are needed to learn from"
            )

    def index(
        self, files: Sequence[str], cache: str
    ) -> StoredRecords[DnaSequence] | StoredSequences:
        """The training sequences of files, kept in a cache folder."""
        inside = [str(each) for file in files for each in expand_folder(file)]
        settings = {**self.columns, "one_label": self.options.one_label}

        def write(folder: Path) -> int:
            number = write_sequences(
                folder, inside, columns=self.columns, one_label=self.options.one_label
            )
            self.check_labels(open_sequences(folder), files)
            return number

        given = IndexedFiles(cache, self.task_name, inside, settings)
        return index_files(given, write, open_sequences)

    @property
    def per_base(self) -> bool:
        """Whether the model labels bases."""
        return self.preprocessing is not None and self.preprocessing.per_base

    def check_compatible(self, records: Sequence[DnaSequence]) -> None:
        for record in records:
            per_base = record.segments is not None
            if per_base != self.per_base:
                raise InputError(
                    f"{record.where}: has {KINDS[per_base]}, "
                    f"but the model is for {KINDS[self.per_base]}"
                )

    def read_inputs(self, files: Sequence[str]) -> Iterator[StreamedSequence]:
        return read_unlabelled(files, columns=self.columns)

    def as_record(self, value: Any) -> DnaSequence:
        """Makes a record of a sequence, or of a pair (sequence, label or labels of its bases).

        Labels of bases are a text with a letter per base, or a list.
        """
        if isinstance(value, DnaSequence):
            return value
        bases, label = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
        if not isinstance(bases, str):
            raise InputError(f"expected a sequence of bases, or (bases, label); got {value!r:.80}")
        bases = "".join(bases.split())
        invalid = find_invalid_letter(bases)
        if invalid is not None:
            raise InputError(
                f"letter {invalid.start() + 1}, {invalid[0]!r}, is not a nucleotide; "
                "expected A, C, G, T, U, N or another IUPAC code"
            )
        sequence = DnaSequence(bases, name="sequence", where="the input")
        if label is None or not self.per_base:
            return sequence._replace(label=label or "")
        labels = label if isinstance(label, str) else " ".join(label)
        return sequence._replace(segments=parse_labels(labels, len(bases), "the input"))

    def key(self, record: DnaSequence) -> str:
        return record.bases.upper()

    def hold_out(
        self, records: Sequence[DnaSequence], *, number: int, seed: int
    ) -> tuple[Sequence[DnaSequence], list[DnaSequence]]:
        """Holds out whole sequences; of a few sequences with labels of bases, the end of each."""
        stored = isinstance(records, StoredSequences)
        per_base = stored or records[0].segments is not None
        if not per_base or len(records) >= FEW_SEQUENCES:
            return super().hold_out(records, number=number, seed=seed)
        if isinstance(records, StoredSequences):
            ends = records.lengths * 9 // 10
            return records.until(ends), list(records.after(ends))
        edges = [len(record.bases) * 9 // 10 for record in records]
        kept = [record.slice(0, edge) for record, edge in zip(records, edges, strict=True) if edge]
        held_out = [
            record.slice(edge, len(record.bases))
            for record, edge in zip(records, edges, strict=True)
        ]
        return kept, held_out

    def overlap(self, records: Sequence[DnaSequence], training: Sequence[DnaSequence]) -> float:
        if isinstance(training, StoredSequences):  # only sequences of equal length can be equal
            lengths = [len(record.bases) for record in records]
            training = training.take(np.flatnonzero(np.isin(training.lengths, lengths)))
        return super().overlap(records, training)

    def with_target(self, record: DnaSequence, text: str) -> DnaSequence:
        return self.as_record((record.bases, text))

    def text_of(self, record: DnaSequence) -> str:
        return record.bases
