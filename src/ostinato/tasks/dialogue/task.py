"""Dialogue: a reply to an utterance, and to what was said before it. Many to many, unaligned."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from torch import nn

from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.table import is_table
from ostinato.data.files.wording import display_path, pluralise
from ostinato.data.text.conversations import (
    is_yaml,
    read_conversations,
    table_conversations,
    yaml_conversations,
)
from ostinato.data.text.parallel import Pair
from ostinato.errors import InputError
from ostinato.options import option
from ostinato.tasks.dialogue.replies import Retrieval
from ostinato.tasks.task import Baseline, Counts, Prediction
from ostinato.tasks.translation import Translation

TURN = " ¶ "  # stands between the turns that are read together


@dataclass
class Dialogue(Translation):
    name = "dialogue"
    reads = (
        "TSV, CSV or JSONL with columns utterance and reply (and context), JSONL with lists of turns, ChatterBot YAML, "
        "or two line-aligned text files"
    )
    example = "ostinato train dialogue --train conversations.jsonl --turns 3 --out runs/dialogue"
    metrics = ("perplexity", "bleu")
    sample = "dialogue"
    training: ClassVar[dict[str, Any]] = {
        **Translation.training,
        "batch_tokens": 600,
        "least_batches": 15,
        "epochs": 20.0,
        "least_steps": 600,
    }
    sample_training: ClassVar[dict[str, Any]] = {"hidden_size": 256, "vocabulary_size": 1500}

    joint_vocabulary: bool = option(True, "one vocabulary for utterances and replies")
    dev_metric: Literal["bleu", "chrf", "perplexity"] = option(
        "perplexity", "the dev score that chooses the best weights"
    )
    turns: int = option(
        1, "how many turns are read for each reply: the utterance, and those before it", minimum=1
    )
    replies: Literal["every", "second"] = option(
        "every",
        "in a longer conversation, every turn is a reply to learn, or each second one "
        "(one side's: the system's)",
    )
    conversation: bool = option(
        False,
        "the lines are the turns of one side of a conversation: each answer knows what came before it; "
        "an empty line begins another (always so at a terminal)",
        when_predicting=True,
    )

    history: list[str] = field(init=False, default_factory=list, repr=False)

    # files to records

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Pair]:
        names = {"utterance": self.source_column, "reply": self.target_column}
        conversations = read_conversations(
            files, names=names, keep_blank=not training, notices=self.notices
        )
        pairs = [pair for turns in conversations for pair in self.pairs(turns)]
        if training:
            pairs = self.with_replies(pairs, files)
        if not pairs:
            raise InputError(
                f"{' '.join(map(display_path, files))}: no examples (no utterance with a reply)"
            )
        return pairs

    def pairs(self, turns: Sequence[str]) -> Iterator[Pair]:
        """pairs(["a", "b", "c"]) with --turns 2 -> ("a", "b"), ("a ¶ b", "c")"""
        for place in range(1, len(turns), 1 if self.replies == "every" else 2):
            yield Pair(self.source_of(turns[:place]), turns[place])

    def source_of(self, turns: Sequence[str]) -> str:
        """What is read of the conversation so far."""
        return TURN.join(turns[-self.turns :])

    def with_replies(self, pairs: list[Pair], files: Sequence[str]) -> list[Pair]:
        kept = [pair for pair in pairs if pair.source.strip() and pair.target.strip()]
        if len(kept) < len(pairs):
            left_out = len(pairs) - len(kept)
            self.notices.append(
                f"{' '.join(map(display_path, files))}: {left_out:,} {pluralise('pair', left_out)} with a blank side left out"
            )
        return kept

    def read_inputs(self, files: Sequence[str]) -> Iterator[Pair]:
        for path in files:
            if is_yaml(path) or is_table(path):
                names = {"utterance": self.source_column, "reply": self.target_column}
                found = (
                    yaml_conversations(path) if is_yaml(path) else table_conversations(path, names)
                )
                yield from (Pair(self.source_of(turns), "") for turns in self.openings(found, path))
            elif path == "-" and sys.stdin.isatty():
                self.conversation = True
                yield from self.inputs(at_a_prompt(), path)
            else:
                yield from self.inputs(iterate_lines(path), path)

    def openings(self, conversations: Iterable[list[str]], path: str) -> Iterator[list[str]]:
        """What is to be answered: a row without its reply, a whole conversation without its last turn."""
        for turns in conversations:
            yield turns[:-1] if len(turns) > 1 else turns

    def as_record(self, value: Any) -> Pair:
        """An utterance, a list of turns the last of which is to be answered, or a pair (utterance or turns, reply)."""
        if isinstance(value, list):
            return Pair(self.source_of([*map(str, value)]), "")
        if isinstance(value, tuple) and isinstance(value[0], list):
            return Pair(self.source_of(value[0]), value[1])
        return super().as_record(value)

    # its answers

    def predict(self, network: nn.Module, records: Sequence[Pair]) -> list[Prediction]:
        if not self.conversation:
            return super().predict(network, records)
        return [self.reply(network, record) for record in records]

    def reply(self, network: nn.Module, record: Pair) -> Prediction:
        """The answer to the next utterance of the conversation that is going on."""
        if not record.source.strip():
            self.history.clear()
            return super().predict(network, [record])[0]
        self.history.append(record.source)
        (answer,) = super().predict(network, [record._replace(source=self.source_of(self.history))])
        self.history.append(answer.text)
        del self.history[: -self.turns]
        return answer

    def measure(
        self, network: nn.Module, records: Sequence[Pair], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        counts = super().measure(network, records, predictions)
        return {name: counts[name] for name in self.metrics}

    def next_commands(self, run: str, file: str | None) -> list[str]:
        return [
            f"ostinato predict {run}",
            f"ostinato predict {run} --sampling --temperature 0.7",
            f"ostinato verify {run}",
        ]

    def baseline(self, records: Sequence[Pair]) -> Baseline:
        return Retrieval.fit(records, self.target)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return Retrieval.restore(state, self.target)


def at_a_prompt() -> Iterator[str]:
    """Lines typed at a terminal, each asked for by "> ", until the end of input (Ctrl-D)."""
    while True:
        print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            print(file=sys.stderr)
            return
        yield line.rstrip("\r\n")
