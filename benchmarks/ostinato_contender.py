"""Ostinato's translator as benchmarks/translation_worker.py drives every contender: the
toolkit's own loop, optimizer and search.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Batch, Example, by_length, collate
from ostinato.data.text.vocabulary import BOS, EOS
from ostinato.layers.embedding import Embedding
from ostinato.models.decoder import Decoder
from ostinato.models.encoder import Encoder
from ostinato.models.encoder_decoder import EncoderDecoder
from ostinato.models.target_search import search_targets
from ostinato.training.loop import train
from ostinato.training.optimise import build_optimizer
from ostinato.training.options import Options


def build(spec: dict) -> EncoderDecoder:
    """The network that tasks/translation/task.py builds of these options."""
    cell, size, dropout = CELLS[spec["cell"]], spec["hidden_size"], spec["dropout"]
    source, target = (
        Embedding(spec[f"{side}_size"], spec["embedding_size"]) for side in ("source", "target")
    )
    encoder = Encoder(source, cell, size, bidirectional=True, dropout=dropout)
    decoder = Decoder(
        target,
        cell,
        size,
        memory_size=size,
        attention="general",
        input_feeding=spec["input_feeding"],
        dropout=dropout,
    )
    return EncoderDecoder(
        encoder,
        decoder,
        bos=BOS,
        eos=EOS,
        label_smoothing=spec["label_smoothing"],
        output_precision=spec["output_precision"],
    )


class Given:
    """Batches as the training loop takes them, padded when they are asked for, as in any run."""

    def __init__(self, batches: list):
        self.batches = [
            (list(map(torch.tensor, sources)), list(map(torch.tensor, targets)))
            for sources, targets in batches
        ]

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        for sources, targets in self.batches[start:]:
            yield collate(list(map(Example, sources, targets)))

    def __len__(self) -> int:
        return len(self.batches)


class Ostinato:
    def __init__(self, spec: dict):
        self.network = build(spec)
        self.options = Options(learning_rate=spec["learning_rate"], clip_norm=spec["clip_norm"])
        self.optimizer = build_optimizer(self.network, self.options)

    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    def load(self, weights: dict[str, Tensor]) -> None:
        self.network.load_state_dict(weights)

    def train(self, batches: list) -> None:
        for _ in train(
            self.network, Given(batches), self.optimizer, clip_norm=self.options.clip_norm
        ):
            pass

    @torch.no_grad()
    def loss(self, batch: list) -> float:
        self.network.eval()
        total, count, _ = self.network.loss(next(Given([batch]).epoch(0)))
        return float(total) / count

    def decode(self, sources: list[list[int]], width: int) -> list[list[int]]:
        self.network.eval()
        examples = [Example(torch.tensor(source)) for source in sources]
        found: list[list[int]] = [[]] * len(sources)
        for rows in by_length(examples):
            batch = collate([examples[row] for row in rows])
            with torch.inference_mode():
                longest = 10 + 2 * batch.lengths
                answers = search_targets(
                    self.network, batch, width=width, length_penalty=1.0, maximum_length=longest
                )
            for row, answer in zip(rows, answers, strict=True):
                found[row] = [token for token in answer[0].tokens if token != EOS]
        return found

    def teach(self, batches: list, minutes: float) -> dict[str, Tensor]:
        """Weights that translate more or less, so that decoding ends where it should. The
        output layer's bias stays zero, as not every contender has one.
        """
        bias = self.network.decoder.output.bias.requires_grad_(False).zero_()
        optimizer = build_optimizer(self.network, self.options)
        began = time.monotonic()
        for _ in train(
            self.network, Given(batches), optimizer, epochs=100, clip_norm=self.options.clip_norm
        ):
            if time.monotonic() - began > 60 * minutes:
                break
        bias.requires_grad_(True)
        return {
            name: tensor.contiguous()
            for name, tensor in self.network.state_dict().items()
            if name != "decoder.output.weight"
        }
