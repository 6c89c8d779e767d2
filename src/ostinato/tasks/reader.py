"""What every task's reader is: files -> records, for training and for predicting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from ostinato.data.batching.held_out import hold_out, overlap
from ostinato.data.files.npz import check_unpacked
from ostinato.errors import InputError

Record = Any  # what a reader makes of a line or a file, such as a Pair of sentences
LARGEST_DECODED = 256 << 20  # bytes of the arrays of an .npz that comes over a network


class Reader(ABC):
    """Files to records, for training and for predicting.

    Args:
        options: The task's options.
        preprocessing: What was fitted, or None before fitting; it tells which inputs the model
            knows.
        task_name: The task's name, for messages.
    """

    # whether examples are tables, when predicting, too: a DataFrame of series, or one series as
    # {"column": [values]} for `as_record`
    reads_tables: ClassVar[bool] = False

    def __init__(self, options: Any, preprocessing: Any = None, *, task_name: str = "?"):
        self.options, self.preprocessing, self.task_name = options, preprocessing, task_name

    @abstractmethod
    def read(self, files: Sequence[str], *, training: bool = False) -> Any:
        """The records of the files, a sequence; `training` drops those that cannot be learned
        from, with a notice.
        """

    @abstractmethod
    def read_inputs(self, files: Sequence[str]) -> Iterator[Record]:
        """The inputs that `predict` reads, one record for every answer, streamed."""

    @abstractmethod
    def as_record(self, value: Any) -> Record:
        """A value from Python or from a server (a string, a pair, an array) as a record."""

    @abstractmethod
    def key(self, record: Record) -> Hashable:
        """Records of equal key never stand in both the training and the dev set."""

    def check_compatible(self, records: Sequence[Record]) -> None:  # noqa: B027 (optional)
        """Raises InputError for a dev or test record of another kind than the model was fitted
        on.
        """

    def hold_out(self, records: Any, *, number: int, seed: int) -> tuple[Any, Any]:
        """Splits off about `number` records as dev set: (training records, dev records)."""
        return hold_out(records, number=number, seed=seed, key=self.key)

    def overlap(self, records: Sequence[Record], training: Sequence[Record]) -> float:
        """The share of the records that are in the training data, too."""
        return overlap([self.key(each) for each in records], [self.key(each) for each in training])

    # media types of files that name no other files -> the endings of their names
    decodes: ClassVar[Mapping[str, str]] = {}

    def decode(self, content: bytes, media_type: str) -> list[Record]:
        """The content of a file, such as an image of type "image/png", as records."""
        suffix = self.decodes.get(media_type)
        if suffix is None:
            raise InputError(f"a model of task {self.task_name} does not read files of this kind")
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"input{suffix}"
            path.write_bytes(content)
            if suffix == ".npz":
                check_unpacked(path, LARGEST_DECODED)
            return list(self.read_inputs([str(path)]))

    def with_target(self, record: Record, text: str) -> Record:
        """The record with another target, for rescoring an n-best list."""
        raise InputError(
            f"a model of task {self.task_name} cannot rescore: it has no source and target"
        )

    def text_of(self, record: Record) -> str:
        """The text of an input record."""
        raise InputError(f"a model of task {self.task_name} does not read lines of text")
