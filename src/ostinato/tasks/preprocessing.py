"""What every task's preprocessing is: fitted once, saved as JSON; record -> Example."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from ostinato.data.batching.batch import Example
from ostinato.tasks.reader import Record


class Preprocessing(ABC):
    """What is fitted before training (vocabularies, scalers), and the way from a record to an
    Example.
    """

    @classmethod
    @abstractmethod
    def fit(cls, options: Any, records: Any) -> tuple[Any, Self]:
        """Fits to the training records.

        Returns:
            The options, with every value that the data decides filled in, and the preprocessing.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """What was fitted, as JSON can hold it."""

    @classmethod
    @abstractmethod
    def from_dict(cls, options: Any, state: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""

    @abstractmethod
    def encode(self, record: Record, *, draw: int | None = None) -> Example:
        """A record as tensors; with `draw`, a seed, as one of its random variations for
        training.
        """

    def count_cut(self, record: Record) -> int:
        """The tokens or steps of an input that `encode` leaves out, as it is longer than the
        maximum.
        """
        return 0

    def vocabulary(self, side: str) -> Sequence[str]:
        """The tokens or labels by id of the "inputs" or the "targets"; empty where there are
        none.
        """
        return ()

    def input_labels(self, record: Record) -> Sequence[str]:
        """What to call each step of a record's input; empty: its tokens, or the steps' numbers."""
        return ()

    def target_labels(self, record: Record) -> Sequence[str]:
        """What to call each step of a record's targets; empty: its tokens, or their numbers."""
        return ()

    @property
    def varies(self) -> bool:
        """Whether `encode(draw=...)` gives other tensors in each epoch (augmentation)."""
        return False

    def trainable_records(self, records: Any) -> Any:
        """The training records without those too long to learn from, with a notice that counts
        them.
        """
        return records

    def batches(
        self, records: Any, *, batch_size: int | None, batch_tokens: int | None, seed: int
    ) -> Any:
        """An object with `epoch(number, start=0)` and a length, where the task's batches are not
        examples of similar length, such as chunks for truncated BPTT; None: they are."""
        return None
