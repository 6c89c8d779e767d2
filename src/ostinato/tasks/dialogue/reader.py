"""Utterances with their replies, from conversations in tables, JSONL and YAML."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.table import is_table
from ostinato.data.files.wording import display_path, pluralise
from ostinato.data.text.conversations import (
    begins_as_conversations,
    is_yaml,
    read_conversations,
    table_conversations,
    yaml_conversations,
)
from ostinato.data.text.sentence_pairs import Pair
from ostinato.errors import InputError
from ostinato.notices import NoticeList, notify
from ostinato.tasks.translation.reader import TranslationReader

TURN = " ¶ "  # separates turns in a source


class DialogueReader(TranslationReader):
    def read(self, files: Sequence[str], *, training: bool = False) -> list[Pair]:
        conversations = read_conversations(
            files, names=self.column_names(), keep_blank=not training, notices=NoticeList()
        )
        pairs = [pair for turns in conversations for pair in self.pairs(turns)]
        if training:
            pairs = drop_blank(pairs, files)
        if not pairs:
            raise InputError(
                f"{' '.join(map(display_path, files))}: no examples (no utterance with a reply)"
            )
        return pairs

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


def drop_blank(pairs: list[Pair], files: Sequence[str]) -> list[Pair]:
    """The pairs without blank sides, with a notice of how many were dropped."""
    full = [pair for pair in pairs if pair.source.strip() and pair.target.strip()]
    if left_out := len(pairs) - len(full):
        notify(
            f"{' '.join(map(display_path, files))}: {left_out:,} {pluralise('pair', left_out)} "
            "with a blank side left out"
        )
    return full


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
