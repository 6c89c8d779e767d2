"""Reads DNA sequences, with a label each or with labels of their bases, from FASTA, BED, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ostinato.data.dna.fasta import StreamedSequence
from ostinato.data.dna.nucleotides import find_invalid_letter
from ostinato.data.dna.sequences import DnaSequence, parse_labels, read_labelled, read_unlabelled
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError
from ostinato.tasks.genome.labels import collect_labels
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

    def read(self, files: Sequence[str], *, training: bool = False) -> list[DnaSequence]:
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
            labels = collect_labels(records)
            if len(labels) < 2:
                what = "examples" if records[0].segments is None else "bases"
                raise InputError(
                    f"{' '.join(map(display_path, files))}: all {what} have the label "
                    f"{labels[0]!r}; two labels or more are needed to learn from"
                )
        return records

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
    ) -> tuple[list[DnaSequence], list[DnaSequence]]:
        """Holds out whole sequences; of a few sequences with labels of bases, the end of each."""
        if records[0].segments is None or len(records) >= FEW_SEQUENCES:
            return super().hold_out(records, number=number, seed=seed)
        edges = [len(record.bases) * 9 // 10 for record in records]
        kept = [record.slice(0, edge) for record, edge in zip(records, edges, strict=True) if edge]
        held_out = [
            record.slice(edge, len(record.bases))
            for record, edge in zip(records, edges, strict=True)
        ]
        return kept, held_out

    def with_target(self, record: DnaSequence, text: str) -> DnaSequence:
        return self.as_record((record.bases, text))

    def text_of(self, record: DnaSequence) -> str:
        return record.bases
