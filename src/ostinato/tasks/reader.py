"""The base class of readers: files -> records, for training and for predicting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from ostinato.data.batching.held_out import hold_out, hold_out_rows, overlap
from ostinato.data.files.npz import check_unpacked
from ostinato.data.stored.stored_records import RecordsOnDisk
from ostinato.errors import InputError

Record = Any  # the content of a line or a file, such as a Pair of sentences
LARGEST_DECODED = 256 << 20  # maximum bytes of the arrays of an .npz sent to a server


class Reader(ABC):
    """Reads files as records, for training and for predicting.

    Args:
        options: The task's options.
        preprocessing: The fitted preprocessing, which defines the kind of inputs; None before
            fitting.
        task_name: The task's name, for messages.
    """

    # whether examples are tables, also when predicting: a DataFrame of series, or one series as
    # {"column": [values]} for `as_record`
    reads_tables: ClassVar[bool] = False

    def __init__(self, options: Any, preprocessing: Any = None, *, task_name: str = "?"):
        self.options, self.preprocessing, self.task_name = options, preprocessing, task_name

    @abstractmethod
    def read(self, files: Sequence[str], *, training: bool = False) -> Any:
        """Reads files as a sequence of records; with `training`, unusable ones are left out with a
        notice.
        """

    @abstractmethod
    def read_inputs(self, files: Sequence[str]) -> Iterator[Record]:
        """Yields the inputs of `predict`, one record for each prediction."""

    @abstractmethod
    def as_record(self, value: Any) -> Record:
        """Makes a record of a value from Python or from a server: a string, a pair, an array."""

    @abstractmethod
    def key(self, record: Record) -> Hashable:
        """The key of a record; records of equal key are never in both the training and the dev
        set.
        """

    def check_compatible(self, records: Sequence[Record]) -> None:  # noqa: B027 (optional)
        """Raises InputError for dev or test records of another kind than the training data."""

    def check_scorable(self, records: Sequence[Record], files: Sequence[str]) -> None:  # noqa: B027
        """Raises InputError, which names the files, where no dev or test record can be scored."""

    def hold_out(self, records: Any, *, number: int, seed: int) -> tuple[Any, Any]:
        """Holds out about `number` records: (training records, dev records).

        The same ones are held out of stored records, of which the training records stay stored.
        """
        if isinstance(records, RecordsOnDisk):
            keys = np.fromiter((hash(self.key(each)) for each in records), np.int64, len(records))
            held = hold_out_rows(keys, number=number, seed=seed)
            dev = list(records.take(np.flatnonzero(held)))
            return records.take(np.flatnonzero(~held)), dev
        return hold_out(records, number=number, seed=seed, key=self.key)

    def overlap(self, records: Sequence[Record], training: Sequence[Record]) -> float:
        """The share of the records that are also in the training data."""
        if not len(records):
            return 0.0
        return overlap([self.key(each) for each in records], map(self.key, training))

    # media types of self-contained files -> the suffixes of their names
    decodes: ClassVar[Mapping[str, str]] = {}

    def decode(self, content: bytes, media_type: str) -> list[Record]:
        """Decodes the content of a file, such as an image of type "image/png", as records."""
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
        """Replaces the target of a record, for rescoring an n-best list."""
        raise InputError(
            f"a model of task {self.task_name} cannot rescore: it has no source and target"
        )

    def text_of(self, record: Record) -> str:
        """The text of an input record."""
        raise InputError(f"a model of task {self.task_name} does not read lines of text")
