"""Language models that are learned by counting: in a network's place, and beside it in every report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.baselines.hidden_markov_model import HiddenMarkovModel
from ostinato.baselines.ngram import Level, NGram
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE
from ostinato.data.text.corpus import Line
from ostinato.tasks.legacy import Baseline, Counts

PARTS = Level._fields


class CountedLanguageModel(nn.Module):
    """An n-gram, with the methods of a recurrent language model; its state is the last few tokens [N, order - 1], -1 for none."""

    def __init__(self, tensors: Mapping[str, Tensor], *, size: int, impossible: Sequence[int]):
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)
        self.size, self.impossible, self.order = size, impossible, len(tensors) // len(PARTS)
        self.built: NGram | None = None

    @property
    def ngram(self) -> NGram:
        """Made of the buffers when it is first asked, once they are loaded."""
        if self.built is None:
            self.built = from_tensors(
                dict(self.named_buffers()), size=self.size, impossible=self.impossible
            )
        return self.built

    def initial_state(self, rows: int) -> State:
        return torch.full((rows, self.order - 1), -1)

    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        behind = torch.cat([state, tokens.cpu()], 1)
        rows = []
        for history, row, wanted in zip(
            state.numpy(), tokens.cpu().numpy(), targets.cpu().numpy(), strict=True
        ):
            known = np.concatenate([history[history >= 0], row[:1]])
            text = np.where(
                wanted == IGNORE, np.append(row[1:], 0), wanted
            )  # a shorter row's last target is not among the tokens
            rows.append(-self.ngram.log_probabilities(known, text))
        losses = torch.from_numpy(np.stack(rows)).float().masked_fill(targets.cpu() == IGNORE, 0)
        return losses.to(tokens.device), behind[:, behind.shape[1] - self.order + 1 :]

    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        state = torch.cat([state, tokens.cpu()], 1)[:, -max(1, self.order - 1) :]
        spreads = [self.ngram.distribution(row[row >= 0].tolist()) for row in state]
        return torch.from_numpy(np.stack(spreads)).log().float(), state[:, : self.order - 1]

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        return self.read(tokens.unsqueeze(1), state)


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


def as_tensors(ngram: NGram) -> dict[str, Tensor]:
    return {
        f"{part}_{order}": torch.from_numpy(np.ascontiguousarray(getattr(level, part)))
        for order, level in enumerate(ngram.levels, start=1)
        for part in PARTS
    }


def from_tensors(tensors: Mapping[str, Tensor], *, size: int, impossible: Sequence[int]) -> NGram:
    """ValueError where a level is missing."""
    orders = range(1, len(tensors) // len(PARTS) + 1)
    missing = [
        f"{part}_{order}" for order in orders for part in PARTS if f"{part}_{order}" not in tensors
    ]
    if missing or not tensors:
        raise ValueError(f"n-grams: {', '.join(missing) or 'everything'} missing")
    return NGram(
        [Level(*(tensors[f"{part}_{order}"].numpy() for part in PARTS)) for order in orders],
        size=size,
        impossible=impossible,
    )


def empty_tensors(shapes: Mapping[str, Sequence[Any]]) -> dict[str, Tensor]:
    """empty_tensors({"counts_1": ["uint8", 40]}) -> {"counts_1": 40 zeros}: what loading fills."""
    return {
        name: torch.zeros(*map(int, shape), dtype=getattr(torch, kind))
        for name, (kind, *shape) in shapes.items()
    }


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, list[Any]]:
    return {
        name: [str(tensor.dtype).removeprefix("torch."), *tensor.shape]
        for name, tensor in tensors.items()
    }


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
            from_tensors(
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
        network = CountedLanguageModel(
            as_tensors(self.ngram), size=self.ngram.size, impossible=self.ngram.impossible
        )
        network.built = self.ngram
        return self.counts_of(network, records)

    def state(self) -> dict[str, Any]:
        return {"size": self.ngram.size, "impossible": self.ngram.impossible}

    def tensors(self) -> dict[str, Tensor]:
        return as_tensors(self.ngram) | {
            f"unigram_{name}": tensor for name, tensor in as_tensors(self.unigram).items()
        }
