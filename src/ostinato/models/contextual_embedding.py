"""Contextual string embeddings: the states of language models as the vectors of words.

Akbik, Blythe and Vollgraf 2018: a forward model's state at the end of a word has read the text
before the word and the word, a backward model's state at its beginning the word and the text after
it. B rows, T words, L tokens of a language model, H its hidden units, D of all of them together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.batching.readings import Readings
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent

# rows that go through a frozen language model at a time: always as many, whatever the batch, since
# products of another number of rows are rounded otherwise, and what a cache holds must be what
# would be computed
BLOCK = 16


class VectorStore(Protocol):
    """Where the vectors of sentences are kept."""

    def get(self, key: str) -> Tensor | None: ...

    def put(self, key: str, vectors: Tensor) -> None: ...


class ReadingModel(nn.Module):
    """The part of a language model that reads: its embedding and its recurrence.

    Args:
        embedding: Of the model's tokens.
        recurrent: The recurrent network, of one direction.
        backward: Whether it reads texts from their end.
    """

    def __init__(self, embedding: Embedding, recurrent: Recurrent, *, backward: bool = False):
        super().__init__()
        self.embedding, self.recurrent, self.backward = embedding, recurrent, backward
        self.output_size: int = recurrent.output_size

    def forward(self, tokens: Tensor, ends: Tensor, state: State = None) -> tuple[Tensor, State]:
        """The states [B, T, H] at the words' ends, zero where there is no word, and the last state.

        Args:
            tokens: [B, L].
            ends: [B, T], -1 where there is no word.
            state: Before the tokens; None at the beginning of a text.
        """
        outputs, state = self.recurrent(self.embedding(tokens), None, state)  # [B, L, H]
        rows = torch.arange(len(ends), device=ends.device).unsqueeze(1)
        found = outputs[rows, ends.clamp(min=0)]  # [B, T, H]
        return found * (ends >= 0).unsqueeze(-1), state


class ContextualEmbedding(nn.Module):
    """What language models read of the words -> vectors [B, T, D].

    Frozen, the models are in evaluation mode always and have no gradients; each row's vectors have
    the same bits in whatever batch they are, and may be kept in a store.

    Args:
        models: The language models.
        tuned: Whether they are trained with the network that they are a part of.
    """

    def __init__(self, models: Sequence[ReadingModel], *, tuned: bool = False):
        super().__init__()
        self.models, self.tuned = nn.ModuleList(models), tuned
        self.output_size = sum(model.output_size for model in models)
        self.requires_grad_(tuned)
        self.store: VectorStore | None = None
        self.fingerprints: list[bytes] = []

    @property
    def readers(self) -> list[ReadingModel]:
        """The models, typed for calls of their own methods."""
        return list(self.models)  # type: ignore[arg-type]

    @property
    def reads_backward(self) -> bool:
        return any(model.backward for model in self.readers)

    def train(self, mode: bool = True) -> ContextualEmbedding:
        """Frozen models stay in evaluation mode."""
        return super().train(mode and self.tuned)

    def keep_in(self, store: VectorStore | None) -> None:
        """Keeps the vectors of frozen models in a store from now on, or with None no longer."""
        self.store = store
        self.fingerprints = [] if store is None else list(map(digest_weights, self.readers))

    def forward(self, readings: Sequence[Readings]) -> Tensor:
        """The readings of each model -> [B, T, D]."""
        return torch.cat(
            [
                self.models[number](each.tokens, each.ends)[0]
                if self.tuned
                else self.read_frozen(number, each)
                for number, each in enumerate(readings)
            ],
            -1,
        )

    def advance(
        self, readings: Sequence[Readings], states: Sequence[State]
    ) -> tuple[Tensor, tuple[State, ...]]:
        """The vectors [B, T, D] of words that follow those before, and each model's new state."""
        found = [
            model(each.tokens, each.ends, state)
            for model, each, state in zip(self.models, readings, states, strict=True)
        ]
        vectors, after = zip(*found, strict=True)
        return torch.cat(vectors, -1), tuple(after)

    def start(self) -> tuple[State, ...]:
        """Each model's state before a text begins."""
        return tuple(model.recurrent.initial_state(1) for model in self.readers)

    # a tensor made in inference mode could not be part of a training step later on
    @torch.inference_mode(False)
    @torch.no_grad()
    def read_frozen(self, number: int, readings: Readings) -> Tensor:
        """The states [B, T, H] of one model, from the store where they are in it."""
        known = readings.answers.get((id(self), number))
        if known is not None:
            return known
        model = self.readers[number]
        words = [int(count) for count in (readings.ends >= 0).sum(1)]
        vectors = self.embedding_like(model, (*readings.ends.shape, model.output_size))
        missing = []
        for row, count in enumerate(words):
            stored = None if self.store is None else self.store.get(self.key(number, readings, row))
            if stored is not None and stored.shape == (count, model.output_size):
                vectors[row, :count] = stored.to(vectors)
            elif count:
                missing.append(row)
        missing.sort(key=lambda row: int(readings.lengths[row]))
        for start in range(0, len(missing), BLOCK):
            rows = missing[start : start + BLOCK]
            with torch.autocast(vectors.device.type, enabled=False):
                found = self.read_block(model, readings, rows)
            for row, each in zip(rows, found, strict=False):
                vectors[row, : words[row]] = each[: words[row]]
                if self.store is not None:
                    kept = each[: words[row]].cpu().clone()
                    self.store.put(self.key(number, readings, row), kept)
        readings.answers[id(self), number] = vectors
        return vectors

    @staticmethod
    def read_block(model: ReadingModel, readings: Readings, rows: list[int]) -> Tensor:
        """The states [BLOCK, T, H] of at most BLOCK rows, filled up with copies of the last."""
        filled = torch.tensor([*rows, *[rows[-1]] * (BLOCK - len(rows))])
        length = int(readings.lengths[rows].max())
        index = filled.to(readings.tokens.device)
        return model(readings.tokens[index, :length], readings.ends[index])[0]

    @staticmethod
    def embedding_like(model: ReadingModel, shape: tuple[int, ...]) -> Tensor:
        """Zeros of the type and on the device of a model's weights."""
        return torch.zeros(shape, device=model.embedding.weight.device)

    def key(self, number: int, readings: Readings, row: int) -> str:
        """Identifies a row's vectors: the model's weights, the tokens and the words' ends."""
        tokens = readings.tokens[row, : int(readings.lengths[row])].cpu().numpy().tobytes()
        ends = readings.ends[row]
        hashed = hashlib.blake2b(self.fingerprints[number], digest_size=16)
        hashed.update(len(tokens).to_bytes(8, "little") + tokens)
        hashed.update(ends[ends >= 0].cpu().numpy().tobytes())
        return hashed.hexdigest()


def digest_weights(model: nn.Module) -> bytes:
    """A hash of a model's weights, names and shapes included."""
    hashed = hashlib.blake2b(digest_size=16)
    for name, tensor in model.state_dict().items():
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        hashed.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return hashed.digest()
