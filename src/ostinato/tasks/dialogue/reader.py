"""Utterances with their replies, from conversations in tables, JSONL and YAML."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.table import is_table
from ostinato.data.files.wording import display_path, pluralise
from ostinato.data.stored.indexed_records import IndexedFiles, index_records
from ostinato.data.stored.stored_records import StoredRecords
from ostinato.data.text.conversations import (
    begins_as_conversations,
    is_yaml,
    read_conversations,
    stream_conversations,
    table_conversations,
    yaml_conversations,
)
from ostinato.data.text.sentence_pairs import Pair
from ostinato.errors import InputError
from ostinato.notices import NoticeList, notify
from ostinato.tasks.translation.reader import TranslationReader

TURN = " ¶ "  # separates turns in a source


class DialogueReader(TranslationReader):
    def read(self, files: Sequence[str], *, training: bool = False) -> Sequence[Pair]:
        if training and self.options.cache is not None:
            return self.index(files, self.options.cache)
        conversations = read_conversations(
            files, names=self.column_names(), keep_blank=not training, notices=NoticeList()
        )
        pairs = (pair for turns in conversations for pair in self.pairs(turns))
        return list(check_pairs(pairs, files, keep_blank=not training))

    def index(self, files: Sequence[str], cache: str) -> StoredRecords[Pair]:
        names = ("source_column", "target_column", "turns", "replies")
        settings = {name: getattr(self.options, name) for name in names}

        def stream() -> Iterator[Pair]:
            conversations = stream_conversations(
                files, names=self.column_names(), notices=NoticeList()
            )
            pairs = (pair for turns in conversations for pair in self.pairs(turns))
            return check_pairs(pairs, files, keep_blank=False)

        given = IndexedFiles(cache, self.task_name, files, settings)
        return index_records(given, stream, Pair._make)

    def column_names(self) -> dict[str, str | None]:
        return {"utterance": self.options.source_column, "reply": self.options.target_column}

    def pairs(self, turns: Sequence[str]) -> Iterator[Pair]:
        """pairs(["a", "b", "c"]) with --turns 2 -> ("a", "b"), ("a ¶ b", "c")"""
        step = 1 if self.options.replies == "every" else 2
        for position in range(1, len(turns), step):
            source = join_turns(turns[:position], self.options.turns)
            yield Pair(source, turns[position])

    def read_inputs(self, files: Sequence[str]) -> Iterator[Pair]:
        for path in files:
            names = self.column_names()
            if is_yaml(path) or is_table(path) or begins_as_conversations(path, names):
                conversations = (
                    yaml_conversations(path) if is_yaml(path) else table_conversations(path, names)
                )
                for turns in unanswered(conversations):
                    yield Pair(join_turns(turns, self.options.turns), "")
            elif path == "-" and sys.stdin.isatty():
                yield from self.limit(prompt_lines(), path)
            else:
                yield from self.limit(iterate_lines(path), path)

    def as_record(self, value: Any) -> Pair:
        """Makes a Pair of an utterance, of a list of turns whose last one is to be answered, or of
        a pair (one of these, reply).
        """
        if isinstance(value, list):
            return Pair(join_turns([*map(str, value)], self.options.turns), "")
        if isinstance(value, tuple) and isinstance(value[0], list):
            return Pair(join_turns(value[0], self.options.turns), value[1])
        return super().as_record(value)


def join_turns(turns: Sequence[str], number: int) -> str:
    """Joins the last `number` turns as a source: join_turns(["a", "b", "c"], 2) -> "b ¶ c"."""
    return TURN.join(turns[-number:])


def check_pairs(pairs: Iterable[Pair], files: Sequence[str], *, keep_blank: bool) -> Iterator[Pair]:
    """The pairs, unless `keep_blank` without blank sides, with a notice of how many were dropped;
    InputError where none is left."""
    kept = left_out = 0
    for pair in pairs:
        if not keep_blank and not (pair.source.strip() and pair.target.strip()):
            left_out += 1
            continue
        kept += 1
        yield pair
    name = " ".join(map(display_path, files))
    if left_out:
        notify(f"{name}: {left_out:,} {pluralise('pair', left_out)} with a blank side left out")
    if not kept:
        raise InputError(f"{name}: no examples (no utterance with a reply)")


def unanswered(conversations: Iterable[list[str]]) -> Iterator[list[str]]:
    """Drops the last turn, the reply to predict, from conversations of more than one turn."""
    for turns in conversations:
        yield turns[:-1] if len(turns) > 1 else turns


def prompt_lines() -> Iterator[str]:
    """Lines typed at a terminal after the prompt "> ", until the end of input (Ctrl-D)."""
    while True:
        print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            print(file=sys.stderr)
            return
        yield line.rstrip("\r\n")
