"""Rows of numbers, images and sequences, to be encoded and reconstructed."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np

from ostinato.data.files.wording import display_path
from ostinato.data.series.labelled_series import as_series
from ostinato.data.vectors import Vector, read_vectors, require_alike
from ostinato.errors import InputError
from ostinato.tasks.reader import Reader


class AutoencoderReader(Reader):
    def read(self, files: Sequence[str], *, training: bool = False) -> list[Vector]:
        records = [record for file in files for record in read_vectors(file, training=training)]
        if not records:
            raise InputError(f"{' '.join(map(display_path, files))}: no examples (0 rows)")
        require_alike(records)
        if self.preprocessing is not None:
            self.check_compatible(records)
        return records

    def read_inputs(self, files: Sequence[str]) -> Iterator[Vector]:
        for file in files:
            for record in read_vectors(file):
                self.check_input(record)
                yield record

    def check_compatible(self, records: Sequence[Vector]) -> None:
        for record in records:
            self.check_input(record)

    def check_input(self, record: Vector) -> None:
        """Raises InputError for an input that the model was not trained for."""
        where = record.where or "the input"
        if record.sequence != self.preprocessing.sequences and len(record.values) != 1:
            wanted = "sequences" if self.preprocessing.sequences else "single rows"
            raise InputError(f"{where}: the model was trained on {wanted}")
        has, wants = record.values.shape[1], self.preprocessing.size
        if has != wants:
            raise InputError(f"{where}: {has:,} values, but the model has {wants:,}")

    def as_record(self, value: Any) -> Vector:
        """Makes a record of numbers: [D], [1, D] or an image [H, W] for a model of rows, [T, D] for
        a model of sequences.

        A text holds the numbers as JSON or separated by commas; an empty text is an input of
        length 0.
        """
        if isinstance(value, Vector):
            return value
        size, sequences = self.preprocessing.size, self.preprocessing.sequences
        if isinstance(value, str):
            if not value.strip():
                return Vector(np.zeros((0, size), np.float32), sequence=sequences)
            value = parse_text(value)
        if sequences:
            record = Vector(as_series(value), sequence=True)
        else:
            record = Vector(as_series(flatten(value)).reshape(1, -1))
        self.check_input(record)
        return record

    def key(self, record: Vector) -> Hashable:
        return record.values.tobytes()


def parse_text(text: str) -> Any:
    """parse_text("1, 2.5") -> [1, 2.5]; also reads JSON. Raises InputError for anything else."""
    try:
        return json.loads(text if text.lstrip().startswith("[") else f"[{text}]")
    except (ValueError, RecursionError):
        raise InputError("the input: expected numbers between commas, or JSON") from None


def flatten(value: Any) -> Any:
    """Nested lists of numbers as one flat array."""
    try:
        return np.asarray(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        return value  # as_series raises the error
