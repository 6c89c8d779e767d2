"""Labelled texts, time series and images from tables, folders and time series archives."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, ClassVar

import numpy as np

from ostinato.data.files.wording import display_path, pluralise
from ostinato.data.images.images import decode_stream, is_image
from ostinato.data.images.labelled_images import as_image, pixels_of, read_pixels
from ostinato.data.labelled import (
    Labelled,
    kind_of,
    read_labelled,
    read_unlabelled,
    stream_texts,
)
from ostinato.data.series.labelled_series import as_series, parse_series
from ostinato.data.stored.indexed_records import IndexedFiles, index_records
from ostinato.data.stored.stored_records import StoredRecords
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.classification.inputs import Inputs, require_array, require_text
from ostinato.tasks.reader import Reader
from ostinato.tasks.shared.label_counts import is_grade, split_labels


class ClassificationReader(Reader):
    decodes: ClassVar[Mapping[str, str]] = {"application/x-npz": ".npz"}

    def labels_of(self, record: Labelled) -> list[str]:
        return split_labels(record.label, self.options.label_separator)

    def read(self, files: Sequence[str], *, training: bool = False) -> Sequence[Labelled]:
        if training and self.options.cache is not None:
            return self.index(files, self.options.cache)
        records = read_labelled(
            files,
            text_column=self.options.text_column,
            label_column=self.options.label_column,
            known=() if self.preprocessing is None else self.preprocessing.labels.tokens,
            unlabelled=self.options.several_labels,
            separator=self.options.label_separator,
            training=training,
            time_axis=self.options.time_axis,
        )
        self.check_kind(records)
        if training:
            name = " ".join(map(display_path, files))
            records = drop_empty(records, name)
            different = {label for record in records for label in self.labels_of(record)}
            self.check_labels(different, len(records), name)
        return records

    def index(self, files: Sequence[str], cache: str) -> StoredRecords[Labelled]:
        """The training texts of files, kept in a cache folder."""
        options = self.options
        names = ("text_column", "label_column", "label_separator", "ordinal")
        settings = {name: getattr(options, name) for name in names}
        return index_records(
            IndexedFiles(cache, self.task_name, files, settings),
            lambda: self.stream(files),
            Labelled._make,
        )

    def stream(self, files: Sequence[str]) -> Iterator[Labelled]:
        """The training texts of files one after another, checked as `read` does."""
        options = self.options
        name = " ".join(map(display_path, files))
        number, empty = 0, 0
        different: set[str] = set()
        for record in stream_texts(
            files,
            text_column=options.text_column,
            label_column=options.label_column,
            unlabelled=options.several_labels,
            separator=options.label_separator,
        ):
            self.check_grade(record)
            if not require_text(record.inputs).strip():
                empty += 1
                continue
            number += 1
            different.update(self.labels_of(record))
            yield record
        check_texts_left(number, empty, name)
        self.check_labels(different, number, name)

    def check_labels(self, different: Collection[str], number: int, name: str) -> None:
        """Raises InputError if there are too few labels to tell apart."""
        if len(different) < (1 if self.options.several_labels else 2):
            label = min(different, default="")
            raise InputError(
                f"{name}: all {number:,} examples have the label {label!r}; "
                "a classifier needs examples of two labels or more"
            )

    def check_kind(self, records: Sequence[Labelled]) -> None:
        """Checks the inputs and labels of records.

        Raises:
            InputError: Records of another kind than the model's, series of different dimensions,
                or, with the option `ordinal`, labels that are not numbers.
        """
        for record in records:
            if self.preprocessing is not None:
                self.check_input(record)
            elif kind_of(record.inputs) == "series of numbers":
                has, first = width_of(record), width_of(records[0])
                if has != first:
                    raise InputError(
                        f"{record.where}: {has} {pluralise('dimension', has)}, "
                        f"but the first series has {first}"
                    )
            self.check_grade(record)

    def check_grade(self, record: Labelled) -> None:
        """Raises InputError for a label that is not a number, with the option `ordinal`."""
        if self.options.ordinal and not is_grade(record.label):
            raise InputError(
                f"{record.where}: the label {record.label!r} is not a number; "
                f"{option_name('ordinal')} needs grades such as 1 to 5"
            )

    def check_input(self, record: Labelled) -> None:
        """Raises InputError for an input that the model was not trained for."""
        where, kind = record.where or "the input", kind_of(record.inputs)
        if kind != self.preprocessing.kind:
            has = {"texts": "text", "images": "an image"}.get(kind, "a series of numbers")
            raise InputError(
                f"{where}: {has}, but the model was trained on {self.preprocessing.kind}"
            )
        if kind == "images":
            self.preprocessing.encoder.check(record.inputs, where)
        elif kind == "series of numbers":
            width, wants = width_of(record), self.preprocessing.dimensions
            if width != wants:
                raise InputError(
                    f"{where}: {width} {pluralise('dimension', width)}, but the model has {wants}"
                )

    def check_compatible(self, records: Sequence[Labelled]) -> None:
        for record in records:
            self.check_input(record)

    def read_inputs(self, files: Sequence[str]) -> Iterator[Labelled]:
        for file in files:
            for record in read_unlabelled(
                [file],
                text_column=self.options.text_column,
                label_column=self.options.label_column,
                known=self.preprocessing.labels.tokens,
                rows_of_numbers=not self.preprocessing.reads_text,
                time_axis=self.options.time_axis,
            ):
                if isinstance(record.inputs, str) and not self.preprocessing.reads_text:
                    record = record._replace(inputs=self.parse_line(record.inputs, record.where))
                elif is_image(file) and self.preprocessing.kind == "images":
                    record = record._replace(
                        inputs=record.inputs * self.preprocessing.encoder.white
                    )
                self.check_input(record)
                yield record

    def parse_line(self, line: str, where: str) -> np.ndarray:
        """Reads a line of JSON as a series, or a file name as an image; a blank line is a series
        without steps.
        """
        if self.preprocessing.kind == "images":
            if not line.strip():
                return np.zeros((0, 0, 1), dtype=np.float32)
            return read_pixels(line.strip()) * self.preprocessing.encoder.white
        if not line.strip():
            return np.zeros((0, self.preprocessing.dimensions), dtype=np.float32)
        return parse_series(line, where)

    def as_record(self, value: Any) -> Labelled:
        """Makes a record of an input, or of a pair (input, label).

        An input is a text, an image [H, W] or [H, W, C] or the name of its file, or a series as
        lists or array: [T, D], or [D, T] with `time_axis` 2.
        """
        if isinstance(value, Labelled):
            return value
        label = ""
        inputs: Inputs
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
            value, label = value
        if not isinstance(value, str) and self.kind == "images":
            inputs = as_image(value)
            if hasattr(value, "convert"):  # Pillow's, whose white is 255 whatever that of arrays is
                inputs = pixels_of(value) * self.preprocessing.encoder.white
        elif not isinstance(value, str):
            inputs = as_series(value)
            if self.options.time_axis == 2:
                inputs = np.ascontiguousarray(inputs.T)
        elif self.preprocessing is None or self.preprocessing.reads_text:
            inputs = value
        else:
            inputs = self.parse_line(value, "the input")
        record = Labelled(inputs, label)
        self.check_input(record)
        return record

    @property
    def kind(self) -> str:
        """The kind of inputs that the model was trained on."""
        return "" if self.preprocessing is None else self.preprocessing.kind

    def decode(self, content: bytes, media_type: str) -> list[Labelled]:
        """Reads the content of an image file, for an image model."""
        if self.kind != "images" or not media_type.startswith("image/"):
            return super().decode(content, media_type)
        pixels = np.asarray(decode_stream(BytesIO(content), "the image"), dtype=np.float32) / 255
        return [self.as_record(pixels * self.preprocessing.encoder.white)]

    def key(self, record: Labelled) -> str | bytes:
        return record.inputs if isinstance(record.inputs, str) else record.inputs.tobytes()

    def text_of(self, record: Labelled) -> str:
        if not isinstance(record.inputs, str):
            raise InputError(f"a model of {kind_of(record.inputs)} does not read lines of text")
        return record.inputs


def width_of(record: Labelled) -> int:
    """The number of dimensions of a series [T, D]."""
    return int(require_array(record.inputs).shape[1])


def drop_empty(records: list[Labelled], name: str) -> list[Labelled]:
    """The records without empty texts, with a notice of how many were dropped."""
    full = [
        record for record in records if not isinstance(record.inputs, str) or record.inputs.strip()
    ]
    check_texts_left(len(full), len(records) - len(full), name)
    return full


def check_texts_left(full: int, empty: int, name: str) -> None:
    """A notice of how many texts are empty; InputError if all are."""
    if empty:
        notify(f"{name}: {empty:,} {pluralise('example', empty)} with an empty text left out")
    if not full:
        raise InputError(f"{name}: no examples: all {empty:,} texts are empty")
