"""From frames of features to fewer, recurrent ones: the encoder of speech recognition.

B batch, T frames, D features, H hidden. Lengths shrink by the subsampling factor, rounded up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.cells.state import State, map_state
from ostinato.layers.dropout import dropout
from ostinato.layers.recurrent import Recurrent
from ostinato.models.inspectable import RecurrentPart
from ostinato.padding import padding_mask


def stack_frames(x: Tensor, factor: int) -> Tensor:
    """Neighbouring frames side by side: [B, T, D] -> [B, ceil(T / factor), factor D], zeros at
    the end.
    """
    rows, frames, size = x.shape
    short = -frames % factor
    return functional.pad(x, (0, 0, 0, short)).reshape(rows, (frames + short) // factor, -1)


def shorten(lengths: Tensor, factor: int) -> Tensor:
    """shorten([7, 8], 4) -> [2, 2]"""
    return (lengths + factor - 1) // factor


def zero_padding(x: Tensor, lengths: Tensor) -> Tensor:
    """x [B, T, D], finite, with zeros beyond each length.

    By a product: `masked_fill` with a mask that is broadcast takes several times as long."""
    return x * padding_mask(lengths, x.shape[1], x.device)[..., None].to(x.dtype)


class StridedConvolution(nn.Module):
    """Convolution over time with a stride: frames t s - r .. t s + s - 1 + r make output t.

    Layer norm and ReLU follow. `x` [B, T, D] -> [B, ceil(T / stride), H].
    """

    def __init__(self, input_size: int, output_size: int, *, stride: int, reach: int):
        super().__init__()
        self.stride, self.reach, self.width = stride, reach, stride + 2 * reach
        self.convolution = nn.Conv1d(input_size, output_size, self.width, stride=stride)
        self.norm = nn.LayerNorm(output_size)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        x = functional.pad(zero_padding(x, lengths), (0, 0, self.reach, self.reach))
        x = functional.pad(x, (0, 0, 0, -(x.shape[1] - 2 * self.reach) % self.stride))
        found = self.convolution(x.transpose(1, 2)).transpose(1, 2)
        return zero_padding(self.norm(found).relu(), shorten(lengths, self.stride))

    def at(self, window: Tensor) -> Tensor:
        """One output [H] of its window of frames [width, D]."""
        weight = self.convolution.weight  # [H, D, width]
        found = functional.linear(
            window.t().reshape(1, -1), weight.reshape(len(weight), -1), self.convolution.bias
        )
        return self.norm(found).relu()[0]


class Lookahead(nn.Module):
    """Row convolution: y_t = sum over j = 0..N of w_j * x_{t + j}, feature by feature.

    A few frames of future for a network of one direction (Amodei et al. 2016, section 3.5).
    """

    def __init__(self, size: int, frames: int):
        super().__init__()
        self.frames = frames
        weight = torch.zeros(frames + 1, size)
        weight[0] = 1.0
        self.weight = nn.Parameter(weight + 0.1 * torch.randn_like(weight) / (frames + 1))

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, (0, 0, 0, self.frames))
        steps = x.shape[1]
        found = self.weight[0] * padded[:, :steps]
        for j in range(1, self.frames + 1):
            found = found + self.weight[j] * padded[:, j : j + steps]
        return found

    def at(self, window: Tensor) -> Tensor:
        """One output [H] of its window [N + 1, H]."""
        found = self.weight[0] * window[0]
        for j in range(1, self.frames + 1):
            found = found + self.weight[j] * window[j]
        return found


class SpeechEncoder(nn.Module):
    """Subsampling, recurrent layers and, in one direction, lookahead.

    Args:
        cell: The recurrent cell.
        input_size: Features D.
        hidden_size: Units of a layer, both directions together.
        stacking: For each layer, how many frames below are stacked into one of its inputs:
            (4, 1, 1) stacks at the input, (1, 2, 2) is a pyramid (Chan et al. 2016).
        convolution: Stride of a convolution before the first layer; 0 for none.
        merge: How both directions become one; see `Recurrent`.
        lookahead: Frames of future, after subsampling; one direction only.
    """

    def __init__(
        self,
        cell: CellType,
        input_size: int,
        hidden_size: int,
        *,
        stacking: Sequence[int],
        convolution: int = 0,
        bidirectional: bool = True,
        merge: str = "concat",
        lookahead: int = 0,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ):
        super().__init__()
        if bidirectional and lookahead:
            raise ValueError("lookahead is for one direction")
        self.dropout, self.stacking, self.bidirectional = dropout, tuple(stacking), bidirectional
        self.front: StridedConvolution | None = None
        size = input_size
        if convolution:
            self.front = StridedConvolution(size, hidden_size, stride=convolution, reach=2)
            size = hidden_size
        own = hidden_size // 2 if bidirectional and merge == "concat" else hidden_size
        layers: list[nn.Module] = []
        for factor in self.stacking:
            layers.append(
                Recurrent(
                    cell,
                    size * factor,
                    own,
                    bidirectional=bidirectional,
                    merge=merge,
                    recurrent_dropout=recurrent_dropout,
                )
            )
            size = own * (2 if bidirectional and merge == "concat" else 1)
        self.layers = nn.ModuleList(layers)
        # of each layer's outputs: deep stacks begin to learn sooner
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in layers)
        self.lookahead = Lookahead(size, lookahead) if lookahead else None
        self.output_size = size

    @property
    def factor(self) -> int:
        """Frames of the input for one of the output."""
        return math.prod(self.stacking) * (self.front.stride if self.front is not None else 1)

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The layers, by number, with how many frames lie between their steps."""
        stride = self.front.stride if self.front is not None else 1
        parts = []
        for number, (layer, factor) in enumerate(zip(self.layers, self.stacking, strict=True)):
            stride *= factor
            parts.append(RecurrentPart(f"encoder {number}", layer, stride=stride))
        return parts

    def output_lengths(self, lengths: Tensor) -> Tensor:
        if self.front is not None:
            lengths = shorten(lengths, self.front.stride)
        for factor in self.stacking:
            lengths = shorten(lengths, factor)
        return lengths

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, T, D], lengths [B] -> (outputs [B, T', H], lengths [B])"""
        if self.front is not None:
            x, lengths = self.front(x, lengths), shorten(lengths, self.front.stride)
        for number, (layer, factor) in enumerate(zip(self.layers, self.stacking, strict=True)):
            if number or self.front is not None:
                x = dropout(x, self.dropout, training=self.training)
            if factor > 1:
                x, lengths = stack_frames(x, factor), shorten(lengths, factor)
            x, _ = layer(x, lengths)
            x = zero_padding(self.norms[number](x), lengths)
        if self.lookahead is not None:
            x = zero_padding(self.lookahead(x), lengths)
        return x, lengths


class EncoderStream:
    """An encoder of one direction fed frame by frame: the same arithmetic whatever the chunks.

    `push(frame [D])` and, at the end, `finish()` give the output frames [H] that are ready."""

    def __init__(self, encoder: SpeechEncoder):
        if encoder.bidirectional:
            raise ValueError("an encoder of both directions cannot stream")
        self.encoder = encoder
        self.recurrent: list[Any] = list(encoder.layers)
        # each stage as (frames that it waits for, function); a frame walks through all of them
        self.buffers: list[list[Tensor]] = [[] for _ in encoder.layers]
        self.front: list[Tensor] = []
        self.ahead: list[Tensor] = []
        self.states: list[State] = [layer.initial_state(1) for layer in self.recurrent]
        self.seen = 0  # frames pushed so far

    @torch.inference_mode()
    def push(self, frame: Tensor) -> list[Tensor]:
        front = self.encoder.front
        self.seen += 1
        if front is None:
            return self.through(0, frame)
        if not self.front:
            self.front = [torch.zeros_like(frame)] * front.reach
        self.front.append(frame)
        return self.convolve()

    def convolve(self) -> list[Tensor]:
        """The outputs of the convolution whose windows are complete, through all layers."""
        front, found = self.encoder.front, list[Tensor]()
        while front is not None and len(self.front) >= front.width:
            found += self.through(0, front.at(torch.stack(self.front[: front.width])))
            del self.front[: front.stride]
        return found

    def through(self, number: int, frame: Tensor) -> list[Tensor]:
        """A frame through layer `number` and all above it."""
        if number == len(self.encoder.layers):
            return self.look_ahead(frame)
        waiting, factor = self.buffers[number], self.encoder.stacking[number]
        waiting.append(frame)
        if len(waiting) < factor:
            return []
        x = torch.cat(waiting)[None, None]  # [1, 1, factor D]
        waiting.clear()
        outputs, self.states[number] = self.encoder.layers[number](x, None, self.states[number])
        return self.through(number + 1, self.encoder.norms[number](outputs)[0, 0])

    def look_ahead(self, frame: Tensor) -> list[Tensor]:
        lookahead = self.encoder.lookahead
        if lookahead is None:
            return [frame]
        self.ahead.append(frame)
        if len(self.ahead) <= lookahead.frames:
            return []
        return [lookahead.at(torch.stack([self.ahead.pop(0), *self.ahead]))]

    @torch.inference_mode()
    def finish(self) -> list[Tensor]:
        """The outputs that wait for frames after the last one; these are zeros."""
        encoder, found = self.encoder, []
        front = encoder.front
        if front is not None and self.front:
            short = -self.seen % front.stride
            self.front += [torch.zeros_like(self.front[-1])] * (short + front.reach)
            found += self.convolve()
        for number, (waiting, factor) in enumerate(
            zip(self.buffers, encoder.stacking, strict=True)
        ):
            if waiting:
                zeros = [torch.zeros_like(waiting[0])] * (factor - len(waiting))
                for frame in zeros:
                    found += self.through(number, frame)
        if encoder.lookahead is not None and self.ahead:
            for _ in range(encoder.lookahead.frames):
                found += self.look_ahead(torch.zeros_like(self.ahead[-1]))
        return found

    def state(self) -> dict[str, Any]:
        """All that the stream holds, to go on from later with `restore`."""
        copy = partial(map_state, Tensor.clone)
        return {
            "buffers": [list(each) for each in self.buffers],
            "front": list(self.front),
            "ahead": list(self.ahead),
            "states": [copy(each) for each in self.states],
            "seen": self.seen,
        }

    def restore(self, state: dict[str, Any]) -> None:
        copy = partial(map_state, Tensor.clone)
        self.buffers = [list(each) for each in state["buffers"]]
        self.front, self.ahead = list(state["front"]), list(state["ahead"])
        self.states = [copy(each) for each in state["states"]]
        self.seen = int(state["seen"])
