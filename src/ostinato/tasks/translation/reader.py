"""Sentence pairs from line-aligned files and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.table import begins_as_table, is_table, read_table
from ostinato.data.files.wording import display_path, pluralise, truncate_text
from ostinato.data.stored.indexed_records import IndexedFiles, index_records
from ostinato.data.stored.stored_records import StoredRecords
from ostinato.data.text.sentence_pairs import (
    MAXIMUM_LINE,
    Pair,
    join_lines,
    read_pairs,
    stream_pairs,
)
from ostinato.errors import InputError
from ostinato.notices import NoticeList, notify
from ostinato.tasks.reader import Reader


class TranslationReader(Reader):
    def read(self, files: Sequence[str], *, training: bool = False) -> Sequence[Pair]:
        if training and self.options.cache is not None:
            return self.index(files, self.options.cache)
        return read_pairs(
            files,
            source_column=self.options.source_column,
            target_column=self.options.target_column,
            keep_blank=not training,
            long_lines=self.options.long_lines,
            notices=NoticeList(),
        )

    def check_scorable(self, records: Sequence[Pair], files: Sequence[str]) -> None:
        if not any(each.source.strip() and each.target.strip() for each in records):
            raise InputError(
                f"{' '.join(map(display_path, files))}: no examples ({len(records):,} "
                f"{pluralise('line', len(records))}, each with a blank side)"
            )

    def index(self, files: Sequence[str], cache: str) -> StoredRecords[Pair]:
        """The training pairs of files, kept in a cache folder."""
        names = ("source_column", "target_column", "long_lines")
        settings = {name: getattr(self.options, name) for name in names}
        return index_records(
            IndexedFiles(cache, self.task_name, files, settings),
            lambda: stream_pairs(files, **settings, notices=NoticeList()),
            Pair._make,
        )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Pair]:
        names = {"source": self.options.source_column, "target": self.options.target_column}
        for path in files:
            if is_table(path) or begins_as_table(path, "source", names["source"]):
                rows = read_table(
                    path, ("source",), optional=("target",), keep_blank=True, names=names
                )
                yield from self.limit((join_lines(row.text("source")) for row in rows), path)
            else:
                yield from self.limit(iterate_lines(path), path)

    def limit(self, texts: Iterable[str], path: str) -> Iterator[Pair]:
        """Yields the texts of a file as sources; too long lines are cut with a notice, or
        refused.
        """
        too_long = 0
        for number, text in enumerate(texts, start=1):
            if len(text) > MAXIMUM_LINE:
                if self.options.long_lines == "refuse":
                    raise InputError(
                        f"{display_path(path)}:{number}: {len(text):,} characters, more than "
                        f"{MAXIMUM_LINE:,}; shorten it"
                    )
                too_long += 1
            yield Pair(truncate_text(text, MAXIMUM_LINE), "")
        if too_long:
            notify(
                f"{display_path(path)}: {too_long:,} {pluralise('line', too_long)} of more than "
                f"{MAXIMUM_LINE:,} characters cut to that"
            )

    def as_record(self, value: Any) -> Pair:
        if isinstance(value, str):
            return Pair(value, "")
        if (
            isinstance(value, (tuple, list))
            and len(value) == 2
            and all(isinstance(side, str) for side in value)
        ):
            return Pair(*value)
        raise InputError(f"expected a text, or a pair of texts (source, target); got {value!r:.80}")

    def key(self, record: Pair) -> str:
        return record.source

    def with_target(self, record: Pair, text: str) -> Pair:
        return record._replace(target=text)

    def text_of(self, record: Pair) -> str:
        return record.source
