"""Speech recognition in plain torch.nn, as tutorials write it: what
benchmarks/transcription_speed.py measures Ostinato against.

Frames are stacked by fours and run through packed nn.LSTM layers of both directions, each with a
layer norm after it, to nn.CTCLoss; decoding takes the most probable label of every frame. It is
the same function as Ostinato's transcriber with its default options: `load_ostinato` takes its
weights.

Imports nothing but torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

BLANK = 0


class PlainTranscriber(nn.Module):
    """B batch, T frames, T' = ceil(T / stacked), D features, C labels with the blank."""

    def __init__(
        self,
        features: int,
        labels: int,
        *,
        hidden_size: int,
        layers: int,
        dropout: float,
        stacked: int,
    ):
        super().__init__()
        self.stacked = stacked
        sizes = [features * stacked, *[hidden_size] * (layers - 1)]
        self.lstms = nn.ModuleList(
            nn.LSTM(size, hidden_size // 2, batch_first=True, bidirectional=True) for size in sizes
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_size) for _ in sizes)
        self.output = nn.Linear(hidden_size, labels)
        self.dropout = nn.Dropout(dropout)
        self.ctc = nn.CTCLoss(blank=BLANK, reduction="sum", zero_infinity=True)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [B, T, D], lengths [B] -> (log p [B, T', C], lengths [B])"""
        rows, steps, size = frames.shape
        x = nn.functional.pad(frames, (0, 0, 0, -steps % self.stacked))
        x = x.reshape(rows, -1, size * self.stacked)
        lengths = (lengths + self.stacked - 1) // self.stacked
        for number, (lstm, norm) in enumerate(zip(self.lstms, self.norms, strict=True)):
            if number:
                x = self.dropout(x)
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            x = norm(pad_packed_sequence(lstm(packed)[0], batch_first=True)[0])
        return self.output(self.dropout(x)).log_softmax(-1), lengths

    def loss(self, frames: Tensor, lengths: Tensor, targets: Tensor, sizes: Tensor) -> Tensor:
        """The sum of -log p(targets | frames); targets [B, U] padded with 0, their sizes [B]."""
        found, lengths = self(frames, lengths)
        return self.ctc(found.transpose(0, 1), targets, lengths, sizes)

    @torch.no_grad()
    def decode(self, frames: Tensor, lengths: Tensor) -> list[list[int]]:
        """The labels of the most probable path of each row."""
        found, lengths = self(frames, lengths)
        paths = found.argmax(-1)
        return [
            [label for label in path[:length].unique_consecutive().tolist() if label != BLANK]
            for path, length in zip(paths, lengths.tolist(), strict=True)
        ]

    def load_ostinato(self, weights: dict[str, Tensor]) -> None:
        """Weights of an Ostinato transcriber of the same sizes (an nn.LSTM has two biases in
        place of one).
        """
        state = {
            name: value
            for name, value in self.state_dict().items()
            if not name.startswith(("lstms", "norms"))
        }
        state = {name: weights[name] for name in state}
        for number in range(len(self.lstms)):
            for each in ("weight", "bias"):
                state[f"norms.{number}.{each}"] = weights[f"encoder.norms.{number}.{each}"]
            for direction, suffix in enumerate(("", "_reverse")):
                cell = f"encoder.layers.{number}.cells.{direction}"
                own = f"lstms.{number}"
                bias = weights[f"{cell}.from_input.bias"]
                state[f"{own}.weight_ih_l0{suffix}"] = weights[f"{cell}.from_input.weight"]
                state[f"{own}.weight_hh_l0{suffix}"] = weights[f"{cell}.from_hidden.weight"]
                state[f"{own}.bias_ih_l0{suffix}"] = bias
                state[f"{own}.bias_hh_l0{suffix}"] = torch.zeros_like(bias)
        self.load_state_dict(state)


def batch(rows: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pairs of frames [T, D] and targets [U] -> frames [B, T, D], lengths [B], targets [B, U],
    their sizes [B].
    """
    frames, targets = zip(*rows, strict=True)
    return (
        pad_sequence(frames, batch_first=True),
        torch.tensor([len(each) for each in frames]),
        pad_sequence(targets, batch_first=True),
        torch.tensor([len(each) for each in targets]),
    )
