"""Lines of plain text files, which may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.wording import display_path
from ostinato.data.text.corpus import Corpus, Line
from ostinato.errors import InputError, option_name
from ostinato.tasks.reader import Reader

LONG_LINE = 40  # characters; shorter lines recur by chance
COMPARED = 1 << 16  # maximum lines searched for in the training text


class LanguageReader(Reader):
    def read(self, files: Sequence[str], *, training: bool = False) -> Corpus:
        corpus = Corpus.read(files)
        if not any(line.text.strip() for line in corpus):
            raise InputError(f"{' '.join(map(display_path, files))}: the files contain no text")
        return corpus

    def read_inputs(self, files: Sequence[str]) -> Iterator[Line]:
        for path in files:
            yield from map(Line, iterate_lines(path))

    def as_record(self, value: Any) -> Line:
        if isinstance(value, Line):
            return value
        if not isinstance(value, str):
            raise InputError(f"expected a line of text; got {value!r:.80}")
        return Line(value)

    def key(self, record: Line) -> str:
        return record.text

    def overlap(self, records: Sequence[Line], training: Sequence[Line]) -> float:
        """The share of the long lines that are also in the training text."""
        long = {line.text for line in records[:COMPARED] if len(line.text) >= LONG_LINE}
        found = {line.text for line in training if line.text in long} if long else set()
        return len(found) / max(1, len(long))

    def hold_out(
        self, records: Corpus, *, number: int, seed: int
    ) -> tuple[Sequence[Line], Sequence[Line]]:
        """Holds out the last `number` lines; the seed has no effect."""
        if len(records) < 2:
            raise InputError(
                f"the text has only one line, so none can be held out; give {option_name('dev')}"
            )
        return records[:-number], records[-number:]

    def with_target(self, record: Line, text: str) -> Line:
        return Line(text)

    def text_of(self, record: Line) -> str:
        return record.text
