"""Language models that are learned by counting: in a network's place, and beside it in every report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.baselines.hidden_markov_model import HiddenMarkovModel
from ostinato.baselines.ngram import NGram
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE
from ostinato.data.text.corpus import Line
from ostinato.tasks.legacy import Baseline, Counts
from ostinato.tasks.shared.ngram_network import (
    NGramNetwork,
    ngram_from_tensors,
    ngram_to_tensors,
)


class HiddenMarkovLanguageModel(nn.Module):
    """A hidden Markov model, with the methods of a recurrent language model; its state [N, K] is what it believes of the hidden
    state before the next token."""

    def __init__(self, tensors: Mapping[str, Tensor]):
        super().__init__()
        for name in HiddenMarkovModel._fields:
            self.register_buffer(name, tensors[name])

    @property
    def chain(self) -> HiddenMarkovModel:
        return HiddenMarkovModel(self.initial, self.transitions, self.emissions)

    def initial_state(self, rows: int) -> State:
        return self.initial.expand(rows, -1).contiguous()

    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        chain, losses = self.chain, []
        for place in range(tokens.shape[1]):
            state = chain.advance(state, tokens[:, place])
            spread = (state * chain.emissions.t()[targets[:, place].clamp(min=0)]).sum(1)
            losses.append(-spread.log())
        return torch.stack(losses, 1).masked_fill(targets == IGNORE, 0), state

    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        chain = self.chain
        for place in range(tokens.shape[1]):
            state = chain.advance(state, tokens[:, place])
        return (state @ chain.emissions).log(), state

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        return self.read(tokens.unsqueeze(1), state)


class NGramBaseline(Baseline):
    """An n-gram counted on the training text, and a unigram beside it; `counts_of(network, records)` is how the task counts
    what a model makes of records."""

    def __init__(
        self,
        ngram: NGram,
        unigram: NGram,
        counts_of: Callable[[nn.Module, Sequence[Line]], dict[str, list[Counts]]],
    ):
        self.ngram, self.unigram, self.counts_of = ngram, unigram, counts_of
        self.name = "unigram" if ngram.order == 1 else f"Kneser-Ney {ngram.order}-gram"

    @classmethod
    def restore(cls, state: Mapping[str, Any], counts_of: Callable) -> NGramBaseline:
        """What state() and tensors() gave, the tensors under "tensors"; KeyError or ValueError where it is not."""
        parts: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
        for name, tensor in state["tensors"].items():
            parts[name.startswith("unigram_")][name.removeprefix("unigram_")] = tensor
        ngram, unigram = (
            ngram_from_tensors(
                part, size=int(state["size"]), impossible=list(map(int, state["impossible"]))
            )
            for part in parts
        )
        return cls(ngram, unigram, counts_of)

    @property
    def simpler(self) -> Sequence[Baseline]:
        return (
            ()
            if self.ngram.order == 1
            else (NGramBaseline(self.unigram, self.unigram, self.counts_of),)
        )

    def measure(self, records: Sequence[Line]) -> dict[str, list[Counts]]:
        return self.counts_of(NGramNetwork.from_ngram(self.ngram), records)

    def state(self) -> dict[str, Any]:
        return {"size": self.ngram.size, "impossible": self.ngram.impossible}

    def tensors(self) -> dict[str, Tensor]:
        return ngram_to_tensors(self.ngram) | {
            f"unigram_{name}": tensor for name, tensor in ngram_to_tensors(self.unigram).items()
        }
