"""A language model's step in one call: tokens in, logits out, or many steps of sampling.

Letters: N rows, K steps, V vocabulary, D embedding, H hidden. What models use is
`ostinato.layers.token_step`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.kernels import bindings, packed_weights
from ostinato.kernels.availability import switched_off
from ostinato.kernels.bindings import _native
from ostinato.kernels.kernel_cell import KernelCell
from ostinato.kernels.steps import step_plan
from ostinato.kernels.steps.step_plan import StepPlan
from ostinato.kernels.structs import FilledStruct

# numbers of a table [V, G * H] of the first layer's projected embeddings, if there are no more
TABLE = 1 << 20
# multiplications of one call: some milliseconds, so that samples can be shown as they are drawn
AT_ONCE = 200_000_000


class Sampling(NamedTuple):
    """How a token is drawn, as `decoding.sampler` does; at temperature 0 the likeliest."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    forbidden: tuple[int, ...] = ()


class TokenPlan:
    """Embedding, stacked layers and linear layers as the compiled step reads them.

    Never changed once made. It holds addresses, so it is neither copied nor pickled."""

    def __init__(self, embedding: Tensor, layers: StepPlan, dense: Sequence[nn.Linear]):
        """Args:
        embedding: [V, D]
        layers: the recurrent layers
        dense: linear layers, one after the other, from the last layer's output to the logits
        """
        self.layers, self.embedding = layers, embedding
        self.set, self.format = layers.set, layers.number
        self.vocabulary = len(dense[-1].weight)
        first = layers.held[0]
        assert first is not None
        small = len(embedding) * len(first) <= TABLE
        self.table = torch.mm(embedding, first.t()) if small else None  # [V, G * H]
        self.dense = bindings.make_table("Dense", [self.pack(linear) for linear in dense])
        self.multiplications = (
            layers.multiplications
            + sum(linear.weight.numel() for linear in dense)
            - small * first.numel()
        )

    def pack(self, linear: nn.Linear) -> dict[str, Any]:
        """A `Dense` of native/token_step_call.h, with its weight packed."""
        outer, inner = linear.weight.shape
        size = _native.dense_bytes(self.set, self.format, inner, outer)
        fields = {
            "inner": inner,
            "outer": outer,
            "weight": linear.weight.detach(),  # an alias: its memory stays as long as the plan
            "bias": None if linear.bias is None else linear.bias.detach(),
            "packed": torch.empty(size, dtype=torch.uint8),
        }
        _native.dense_pack(self.set, self.format, bindings.fill("Dense", **fields).data)
        return fields

    def call(
        self,
        states: Tensor,
        tokens: Tensor,
        logits: Tensor,
        forbidden: Tensor,
        sampling: Sampling,
        *,
        residual: bool,
    ) -> FilledStruct:
        """`Tokens` of native/token_step_call.h, for `run`.

        Args:
            states: int64 [L, 4], the addresses h, h, c, c of each layer
            tokens: ids [N], int64: those of the next step; overwritten by those that are drawn
            logits: [N, V], filled by each step
            forbidden: ids, int64, that are never drawn
            sampling: how tokens are drawn
            residual: each layer but the first adds its inputs to its outputs
        """
        layers = bindings.fill(
            "Stream",
            kind=self.layers.kind,
            format=self.format,
            residual=residual,
            layers=self.layers.layers,
            plan=self.layers.table.address,
            rows=len(tokens),
            inputs=self.embedding,
            state=bindings.address(states),
        )
        drawing = bindings.fill(
            "Drawing",
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            forbidden_count=len(forbidden),
            forbidden=forbidden,
        )
        return bindings.fill(
            "Tokens",
            layers=layers,
            table=self.table,
            dense_count=self.dense.count,
            dense=self.dense.address,
            tokens=tokens,
            logits=logits,
            drawing=drawing,
        )

    def run(
        self,
        call: FilledStruct,
        *,
        rows: int,
        steps: int = 1,
        drawn: np.ndarray | None = None,
        chances: np.ndarray | None = None,
    ) -> bool:
        """Runs a `call`, results in place.

        Args:
            rows: N
            steps: K
            drawn: int64 [K, N], filled with the tokens that are drawn; None to compute logits only
            chances: float64 [K, N] in 0..1, which decide what is drawn

        Returns:
            Whether all logits were finite enough to draw from.
        """
        work = rows * steps * self.multiplications
        threads = torch.get_num_threads() if work >= step_plan.SHARED else 1
        given = (0, 0, 0, 0)
        if drawn is not None and chances is not None:
            given = (drawn.ctypes.data, drawn.size, chances.ctypes.data, chances.size)
        return _native.tokens(self.set, call.data, steps, threads, *given)

    def __reduce__(self):
        raise TypeError("a TokenPlan holds addresses and cannot be copied or pickled")


# the layers -> {format: (the versions of the weights, their TokenPlan)}
_plans: WeakKeyDictionary = WeakKeyDictionary()


def plan_for(
    embedding: nn.Embedding,
    recurrent: nn.Module,
    cells: Sequence[KernelCell],
    dense: Sequence[nn.Linear],
    format: str,
) -> TokenPlan | None:
    """The plan for these layers, made anew if weights have changed; None if there can be none.

    Args:
        embedding: V rows of D numbers
        recurrent: the module that the plan lives as long as
        cells: its layers, of one direction
        dense: linear layers from the last layer's output to V logits
        format: of the packed weights, one of `streaming.FORMATS`
    """
    tensors = step_plan.tensors_of(cells)
    weights = [
        embedding.weight,
        *(part for linear in dense for part in (linear.weight, linear.bias)),
    ]
    if tensors is None or switched_off() or bindings.operations_are_recorded():
        return None
    everything = [weight for weight in (*tensors, *weights) if weight is not None]
    if bindings.why_unsupported(*everything) or any(map(is_unusable, everything)):
        return None
    versions = step_plan.chosen, list(map(packed_weights.version_of, everything))
    stored = _plans.get(recurrent, {}).get(format)
    if stored is not None and stored[0] == versions:
        return stored[1]
    layers = step_plan.make_plan(recurrent, cells, tensors, format)
    if layers is None or not sizes_fit(embedding.weight, layers, dense):
        return None
    with torch.no_grad():
        plan = TokenPlan(embedding.weight.detach(), layers, dense)
    _plans.setdefault(recurrent, {})[format] = versions, plan
    return plan


def sizes_fit(embedding: Tensor, layers: StepPlan, dense: Sequence[nn.Linear]) -> bool:
    """Whether each layer reads what the one before it gives, and every logit has an embedding."""
    width = layers.sizes[-1][1]
    if embedding.dim() != 2 or embedding.shape[1] != layers.sizes[0][0]:
        return False
    for linear in dense:
        weight, bias = linear.weight, linear.bias
        if weight.dim() != 2 or weight.shape[1] != width:
            return False
        width = len(weight)
        if bias is not None and bias.shape != (width,):
            return False
    return bool(dense) and width <= len(embedding)


def is_unusable(weight: Tensor) -> bool:
    """Whether it is empty, in pieces, or, made in inference mode, without a version counter."""
    return not weight.numel() or not weight.is_contiguous() or weight.is_inference()
