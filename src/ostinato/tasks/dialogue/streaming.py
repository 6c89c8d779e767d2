"""Conversations turn by turn, with the earlier turns in the caller's state."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import nn

from ostinato.cells.state import State
from ostinato.tasks.dialogue.reader import join_turns
from ostinato.tasks.shared.streamer import Streamer


class DialogueStreamer(Streamer):
    """Replies to the turns of a conversation.

    The state holds the turns that the next reply depends on, as the bytes of a JSON list [1, N].
    A blank utterance begins a new conversation.

    Args:
        reply: (network, records) -> their Translations.
        as_record: A value -> a Pair.
        turns: Number of turns that a reply depends on.
        network: The trained network.
    """

    item = "an utterance"

    def __init__(self, reply: Any, as_record: Any, turns: int, network: nn.Module):
        self.reply, self.as_record, self.turns, self.network = reply, as_record, turns, network

    def start(self) -> State:
        return (encode_turns([]),)

    def parse(self, item: Any) -> Any:
        return self.as_record(item)

    def feed(self, item: Any, state: State) -> tuple[Any, State]:
        turns = decode_turns(state[0])
        if not item.source.strip():
            return self.reply(self.network, [item])[0], self.start()
        turns = [*turns, item.source]
        source = join_turns(turns, self.turns)
        (answer,) = self.reply(self.network, [item._replace(source=source)])
        return answer, (encode_turns([*turns, answer.text][-self.turns :]),)


def encode_turns(turns: list[str]) -> torch.Tensor:
    """Turns as bytes [1, N]."""
    content = json.dumps(turns).encode()
    return torch.tensor([list(content)], dtype=torch.uint8)


def decode_turns(content: torch.Tensor) -> list[str]:
    """The inverse of `encode_turns`; an empty list for other bytes."""
    try:
        turns = json.loads(bytes(content[0].tolist()))
    except (ValueError, RecursionError):
        return []
    return [turn for turn in turns if isinstance(turn, str)] if isinstance(turns, list) else []
