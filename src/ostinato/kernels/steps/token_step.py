"""A language model's step in one call: a token of each row in, logits out, or many steps with what is drawn from each.

Letters: N rows, V vocabulary, H hidden. What models use is `ostinato.layers.token_step`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.kernels import bindings, packed_weights
from ostinato.kernels.availability import switched_off
from ostinato.kernels.bindings import _native
from ostinato.kernels.steps import streaming

TABLE = 1 << 20  # numbers that a table of what the first layer makes of each token may have
AT_ONCE = 200_000_000  # multiplications of one call: some milliseconds, so that what is drawn can be shown as it is made


class Cut(NamedTuple):
    """How a token is drawn: as decoding.sample has it; at temperature 0 the likeliest."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    forbidden: tuple[int, ...] = ()


class TokenPlan:
    """Embedding, stacked layers and linear layers as the compiled step reads them. Never changed once made."""

    def __init__(
        self,
        embedding: Tensor,
        layers: streaming.StepPlan,
        first: Tensor,
        dense: Sequence[nn.Linear],
        held: list[Tensor],
    ):
        self.layers, self.embedding = layers, embedding
        self.held = held  # what is read where it stands must not go away
        self.set, self.format = layers.set, layers.number
        self.vocabulary = dense[-1].out_features
        small = len(embedding) * len(first) <= TABLE
        self.table = torch.mm(embedding, first.t()) if small else None
        self.rooms = [self.packed(linear) for linear in dense]
        self.dense = (bindings.STRUCTS["Dense"] * len(dense))()
        for struct, linear, room in zip(self.dense, dense, self.rooms, strict=True):
            bindings.assign(struct, self.fields(linear, room))
        self.multiplications = (
            layers.multiplications
            + sum(linear.weight.numel() for linear in dense)
            - small * first.numel()
        )

    def packed(self, linear: nn.Linear) -> Tensor:
        room = torch.empty(
            _native.dense_bytes(self.set, self.format, linear.in_features, linear.out_features),
            dtype=torch.uint8,
        )
        dense = bindings.fill("Dense", **self.fields(linear, room))
        _native.dense_pack(self.set, self.format, ctypes.addressof(dense))
        return room

    def fields(self, linear: nn.Linear, room: Tensor) -> dict[str, int | Tensor | None]:
        """Of `Dense` in native/token_step_call.h."""
        return {
            "inner": linear.in_features,
            "outer": linear.out_features,
            "weight": linear.weight,
            "bias": linear.bias,
            "packed": room,
        }

    def call(
        self,
        states: np.ndarray,
        tokens: np.ndarray,
        logits: Tensor,
        forbidden: np.ndarray,
        cut: Cut,
        *,
        residual: bool,
    ) -> ctypes.Structure:
        """`Tokens` of native/token_step_call.h, whose address goes to `run`.

        `states` has the addresses h, h, c, c of each layer. The caller keeps the arrays alive."""
        layers = bindings.fill(
            "Stream",
            kind=self.layers.kind,
            format=self.format,
            residual=residual,
            layers=self.layers.layers,
            plan=ctypes.addressof(self.layers.table),
            rows=len(tokens),
            inputs=self.embedding,
            state=states.ctypes.data,
        )
        drawing = bindings.fill(
            "Drawing",
            temperature=cut.temperature,
            top_p=cut.top_p,
            top_k=cut.top_k,
            forbidden_count=len(forbidden),
            forbidden=forbidden.ctypes.data,
        )
        return bindings.fill(
            "Tokens",
            layers=layers,
            table=self.table,
            dense_count=len(self.dense),
            dense=ctypes.addressof(self.dense),
            tokens=tokens.ctypes.data,
            logits=logits,
            drawing=drawing,
        )

    def run(
        self, call: int, *, rows: int, steps: int = 1, drawn: int = 0, chances: int = 0
    ) -> bool:
        """Addresses in, results in place; whether the logits were numbers."""
        many = (
            torch.get_num_threads()
            if rows * steps * self.multiplications >= streaming.SHARED
            else 1
        )
        return _native.tokens(self.set, call, steps, many, drawn, chances)


_plans: WeakKeyDictionary = (
    WeakKeyDictionary()
)  # the layers -> {format: (what the weights were, their TokenPlan)}


def plan_for(
    embedding: nn.Embedding,
    recurrent: nn.Module,
    cells: Sequence[nn.Module],
    dense: Sequence[nn.Linear],
    format: str,
) -> TokenPlan | None:
    """The plan kept for these layers, made anew if weights have changed; None if there can be none."""
    tensors = streaming.tensors_of(cells)
    weights = [
        embedding.weight,
        *(part for linear in dense for part in (linear.weight, linear.bias)),
    ]
    if tensors is None or switched_off() or bindings.watched():
        return None
    everything = [weight for weight in (*tensors, *weights) if weight is not None]
    if bindings.unreadable(*everything) or any(map(unusable, everything)):
        return None
    state = streaming.chosen, list(map(packed_weights.state_of, everything))
    kept = _plans.get(recurrent, {}).get(format)
    if kept is not None and kept[0] == state:
        return kept[1]
    layers = streaming.make_plan(recurrent, cells, tensors, format)
    if layers is None:
        return None
    with torch.no_grad():
        plan = TokenPlan(embedding.weight.detach(), layers, tensors[0].detach(), dense, everything)
    _plans.setdefault(recurrent, {})[format] = state, plan
    return plan


def unusable(weight: Tensor) -> bool:
    """Whether it is empty, in pieces, or, made in inference mode, without the number of its version."""
    return not weight.numel() or not weight.is_contiguous() or weight.is_inference()
