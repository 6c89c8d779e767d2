"""The base class of preprocessing: fitted once, saved as JSON; record -> Example."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from ostinato.data.batching.batch import Example
from ostinato.tasks.reader import Record


class Preprocessing(ABC):
    """Vocabularies, scalers and the like, fitted before training; encodes records as Examples."""

    options: Any

    @classmethod
    @abstractmethod
    def fit(cls, options: Any, records: Any) -> tuple[Any, Self]:
        """Fits to the training records.

        Returns:
            The options, with every value that the data decides filled in, and the preprocessing.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The fitted state, as JSON values."""

    @classmethod
    @abstractmethod
    def from_dict(cls, options: Any, state: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""

    @abstractmethod
    def encode(self, record: Record, *, draw: int | None = None) -> Example:
        """Encodes a record as tensors; with the seed `draw`, a random variation of it for
        training.
        """

    def count_cut(self, record: Record) -> int:
        """The number of tokens or steps beyond the maximum, which `encode` cuts from a record."""
        return 0

    def vocabulary(self, side: str) -> Sequence[str]:
        """The tokens or labels of the "inputs" or the "targets" by id; empty for numeric ones."""
        return ()

    def input_labels(self, record: Record) -> Sequence[str]:
        """Names for the steps of a record's input; empty: named by its tokens, or numbered."""
        return ()

    def target_labels(self, record: Record) -> Sequence[str]:
        """Names for the steps of a record's targets; empty: named by its tokens, or numbered."""
        return ()

    # the options that `encode` reads besides what was fitted; None: any may matter
    encoding_options: ClassVar[tuple[str, ...] | None] = None

    def made_by(self) -> dict[str, Any]:
        """What decides the examples of given records, as JSON can hold it."""
        names = [field.name for field in dataclasses.fields(self.options)]
        if self.encoding_options is not None:
            names = list(self.encoding_options)
        return {
            "fitted": self.to_dict(),
            "options": {name: getattr(self.options, name) for name in names},
        }

    def measure_examples(self, records: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """The lengths of inputs and targets of each example of records on disk [N], where they
        are known without encoding: the examples are then encoded whenever a batch needs them.
        None: they are encoded once, and stored.
        """
        return None

    @property
    def varies(self) -> bool:
        """Whether training uses random variations, `encode(draw=...)` (augmentation)."""
        return False

    def trainable_records(self, records: Any) -> Any:
        """The training records without those that are too long, which a notice counts."""
        return records

    def batches(
        self, records: Any, *, batch_size: int | None, batch_tokens: int | None, seed: int
    ) -> Any:
        """The task's own batches, such as chunks for truncated BPTT.

        Returns:
            An object with `epoch(number, start=0)` and a length; None for the usual batches of
            examples of similar length.
        """
        return None
