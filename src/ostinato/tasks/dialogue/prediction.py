"""Replies to single utterances, and whole conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import nn

from ostinato.data.text.sentence_pairs import Pair
from ostinato.errors import option_name
from ostinato.tasks.dialogue.options import DialogueOptions
from ostinato.tasks.dialogue.reader import join_turns
from ostinato.tasks.dialogue.streaming import DialogueStreamer
from ostinato.tasks.prediction import Counts
from ostinato.tasks.translation.prediction import Translation, TranslationPredictor


class DialoguePredictor(TranslationPredictor):
    options: DialogueOptions

    def predict(self, network: nn.Module, records: Sequence[Pair]) -> list[Translation]:
        if not self.options.conversation:
            return super().predict(network, records)
        return list(self.converse(network, iter(records)))

    def stream(
        self, network: nn.Module, inputs: Iterator[Pair], *, ahead: int = 1
    ) -> Iterator[Translation]:
        if self.options.conversation:
            return self.converse(network, inputs)
        return super().stream(network, inputs, ahead=ahead)

    def streamer(
        self, network: nn.Module, as_record: Callable[[Any], Any]
    ) -> DialogueStreamer | None:
        if self.why_no_streamer(network):
            return None
        return DialogueStreamer(super().predict, as_record, self.options.turns, network)

    def why_no_streamer(self, network: nn.Module) -> str:
        conversation = self.options.turns > 1 or self.options.conversation
        return "" if conversation else f"the model reads one turn only ({option_name('turns')})"

    def converse(self, network: nn.Module, utterances: Iterator[Pair]) -> Iterator[Translation]:
        """Replies to the utterances of a conversation, each with the turns before it as context.

        A blank utterance begins a new conversation."""
        turns: list[str] = []
        for utterance in utterances:
            if not utterance.source.strip():
                turns = []
                yield from super().predict(network, [utterance])
                continue
            turns.append(utterance.source)
            source = join_turns(turns, self.options.turns)
            (reply,) = super().predict(network, [utterance._replace(source=source)])
            turns.append(reply.text)
            turns = turns[-self.options.turns :]
            yield reply

    def count(
        self, network: nn.Module, records: Sequence[Pair], predictions: Sequence[Translation]
    ) -> dict[str, list[Counts]]:
        counts = super().count(network, records, predictions)
        return {name: counts[name] for name in ("perplexity", "bleu")}
