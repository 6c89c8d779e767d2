"""A language model for streams: the distribution of the next token after each piece of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ostinato.cells.state import State
from ostinato.data.text.normalisation import SPACE
from ostinato.data.text.vocabulary import UNK
from ostinato.errors import InputError
from ostinato.models.language_model import LanguageModel
from ostinato.tasks.language.network import LanguageNetwork
from ostinato.tasks.language.preprocessing import LanguagePreprocessing
from ostinato.tasks.prediction import Prediction
from ostinato.tasks.shared.streamer import Streamer, join_states, split_state
from ostinato.tasks.shared.text_chunks import encode_chunk

SHOWN = 5  # next tokens in an answer


@dataclass(frozen=True)
class NextToken(Prediction):
    """The most probable next tokens after all items so far.

    Args:
        next: The most probable next tokens, as text, with their probabilities, the best first.
        log_probability: log P of the last item given all before it.
        tokens: Number of tokens of the item.
        unknown: Number of them that are <unk>.
    """

    next: list[tuple[str, float]]
    log_probability: float
    tokens: int
    unknown: int = 0

    @property
    def text(self) -> str:
        return self.next[0][0]

    @property
    def details(self) -> dict[str, Any]:
        return {
            "log_probability": self.log_probability,
            "tokens": self.tokens,
            "next": [{"text": text, "probability": value} for text, value in self.next],
            **({"unknown": self.unknown} if self.unknown else {}),
        }


class LanguageStreamer(Streamer):
    """Predicts the next token. The state is (the network's state, log-probabilities of the next
    token [1, V]).

    Args:
        preprocessing: The task's preprocessing.
        network: A language model whose state consists of tensors only.
    """

    item = "a piece of text: characters; of a model of words or subwords, whole words"

    def __init__(self, preprocessing: LanguagePreprocessing, network: LanguageNetwork):
        self.preprocessing, self.network = preprocessing, network
        self.compiled = network.compiled_step() if isinstance(network, LanguageModel) else None
        never, end = preprocessing.never_generated, preprocessing.line_end
        tokens = preprocessing.tokenizer.id_to_token
        shown = [id_ for id_ in range(len(tokens)) if id_ not in never]
        self.shown = torch.tensor(shown)
        self.texts = ["\n" if id_ == end else tokens[id_].replace(SPACE, " ") for id_ in shown]

    @torch.inference_mode()
    def start(self) -> State:
        first = [self.preprocessing.line_end]
        return self.step([first[0]], [self.network.initial_state(1)])[0]

    def parse(self, item: Any) -> list[int]:
        if not isinstance(item, str):
            raise InputError(f"expected a piece of text; got {item!r:.60}")
        tokenizer = self.preprocessing.tokenizer
        if tokenizer.name == "character":
            return tokenizer.encode(item)
        lines = [encode_chunk(tokenizer, line) for line in item.split("\n")]
        ids = lines[0]
        for line in lines[1:]:
            ids = [*ids, self.preprocessing.line_end, *line]
        return ids

    def feed(self, item: list[int], state: State) -> tuple[NextToken, State]:
        return self.feed_all([item], [state])[0]

    @torch.inference_mode()
    def feed_all(
        self, items: Sequence[list[int]], states: Sequence[State]
    ) -> list[tuple[NextToken, State]]:
        states, totals = list(states), [0.0] * len(items)
        for position in range(max(map(len, items), default=0)):
            rows = [row for row, ids in enumerate(items) if position < len(ids)]
            tokens = [items[row][position] for row in rows]
            for row, token in zip(rows, tokens, strict=True):
                totals[row] += float(states[row][1][0, token])
            found = self.step(tokens, [states[row][0] for row in rows])
            for row, state in zip(rows, found, strict=True):
                states[row] = state
        answers = [
            NextToken(best, total, len(ids), ids.count(UNK))
            for ids, total, best in zip(items, totals, self.rank(states), strict=True)
        ]
        return list(zip(answers, states, strict=True))

    def step(self, tokens: Sequence[int], states: Sequence[State]) -> list[State]:
        """Each row's state after one more token.

        The compiled step gives a row the same bits whatever the other rows are. Other steps do not,
        and are called row by row.
        """
        if self.compiled is None:
            return [self.step_alone(*pair) for pair in zip(tokens, states, strict=True)]
        ids = torch.tensor(tokens, dtype=torch.int64)
        logits, state = self.compiled(ids, join_states(states))
        return split_state((state, logits.log_softmax(-1)), len(states))

    def step_alone(self, token: int, state: State) -> State:
        logits, state = self.network.step(torch.tensor([token]), state)
        return (state, logits.log_softmax(-1))

    def rank(self, states: Sequence[State]) -> list[list[tuple[str, float]]]:
        """The most probable next tokens of each state, as text with their probabilities."""
        log_probabilities = torch.cat([state[1] for state in states])  # [N, V]
        values, places = log_probabilities[:, self.shown].exp().topk(min(SHOWN, len(self.texts)))
        return [
            [(self.texts[place], value) for place, value in zip(*row, strict=True)]
            for row in zip(places.tolist(), values.tolist(), strict=True)
        ]
