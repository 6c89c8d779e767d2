"""The compiled part: what was built, what this processor runs of it, and how it is called.

Every function takes plain numbers and addresses; whoever calls makes sure that the tensors are contiguous, on the
CPU, and of the type said."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

try:
    from ostinato.kernels import _native
except ImportError as error:  # not built, or built for another processor: lookup.status() tells
    _native, missing = None, str(error)
else:
    missing = None

KINDS = {  # `Kind` in native/call.h
    "rnn-tanh": 0,
    "rnn-relu": 1,
    "lstm": 2,
    "gru": 3,
    "lstm-projected": 4,
    "lstm-peephole": 5,
    "lstm-peephole-projected": 6,
    "gru-reset-before": 7,
    "lstm-layer-norm": 8,
    "gru-layer-norm": 9,
}
SPLITS = {"automatic": 0, "rows": 1, "units": 2}  # `Split`
FORMS = {"a bT": 0, "a b": 1, "aT b": 2}  # `Form`
instruction_sets: tuple[str, ...] = _native.instruction_sets if _native else ()  # best first
chosen = 0  # which of them is used; tests try them all
split = "automatic"  # how threads share the work; tests force each way


IN_MEMORY = (Tensor, nn.Parameter)


def address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def unreadable(*tensors: Tensor | None) -> str | None:
    """Why the compiled part cannot read these where they stand, or None if it can."""
    for tensor in tensors:
        if tensor is None:
            continue
        plain = (
            type(tensor) in IN_MEMORY
            and tensor.is_cpu
            and tensor.dtype is torch.float32
            and tensor.layout is torch.strided
        )
        if plain and (torch.compiler.is_compiling() or not tensor.is_neg()):
            continue  # nearly always, and every call asks
        reason = unreadable_tensor(tensor)
        if reason is not None:
            return reason
    return None


def unreadable_tensor(tensor: Tensor) -> str | None:
    if not tensor.is_cpu or tensor.layout != torch.strided:
        return "the tensors are not plain CPU tensors"
    if tensor.dtype != torch.float32:
        return "the tensors are not float32"
    if torch.compiler.is_compiling():  # it is read when the program runs
        return None
    if stands_for_another(tensor):
        return f"a {type(tensor).__name__} may keep its numbers elsewhere"
    return (
        "a minus sign waits to be applied" if tensor.is_neg() else None
    )  # conj() is lazy, and so is its imaginary part


def stands_for_another(tensor: Tensor) -> bool:
    """Whether it is of a class that does everything to tensors inside it. (Of fake ones only the shapes are asked.)"""
    kind = type(tensor)
    return (
        not (kind in IN_MEMORY or kind is FakeTensor)
        and kind.__torch_dispatch__ is not Tensor.__torch_dispatch__
    )


def watched() -> bool:
    """Whether every operation is seen by somebody (make_fx, fake tensors): then it must be PyTorch's, or an operator."""
    return torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() > 0


class Arrangement(NamedTuple):
    """A padded batch in the order the kernels work in: longest first, step by step, without the padding.

    order [B] which sequence row r is; offsets [S + 1] where the rows of step s begin; place [P] which row of
    [B * T, ...] row p is; plain whether p is simply t * B + b."""

    order: Tensor
    offsets: Tensor
    place: Tensor
    steps: int
    count: int
    plain: bool


def arrange(
    batch: int, padded: int, lengths: Tensor | None, *, reverse: bool = False
) -> Arrangement:
    """arrange(2, 3, tensor([1, 3])) -> order 1 0, offsets 0 2 3 4, place 3 0 4 5"""
    steps, count = padded, batch * padded
    if lengths is not None:
        shortest, longest = (int(bound) for bound in lengths.aminmax())
        if shortest < 0 or longest > padded:
            raise ValueError(f"lengths must lie in 0..{padded}; got {shortest}..{longest}")
        if shortest == padded:
            lengths = None
        else:
            steps, count = longest, int(lengths.sum())
    numbers = torch.empty(batch + steps + 1 + count, dtype=torch.int64)
    order, offsets, place = numbers.split([batch, steps + 1, count])
    _native.arrange(
        address(lengths),
        batch,
        steps,
        padded,
        int(reverse),
        *(address(part) for part in (order, offsets, place)),
    )
    return Arrangement(order, offsets, place, steps, count, lengths is None and not reverse)


class Call(NamedTuple):
    """The fields of `Call` in native/call.h, in its order; sizes as numbers, the rest as tensors or None."""

    kind: int
    training: bool
    packed_before: bool
    steps: int
    rows: int
    hidden: int
    output: int
    offsets: Tensor
    place: Tensor
    order: Tensor
    weight: Tensor
    bias: Tensor | None
    packed: Tensor
    to_output: Tensor | None
    packed_output: Tensor | None
    own: Tensor | None
    inputs: Tensor | None
    gathered: Tensor | None
    input_size: int
    input_weight: Tensor | None
    input_bias: Tensor | None
    packed_input: Tensor | None
    gates: Tensor
    gates_width: int
    before: Tensor
    seen: Tensor | None
    memory: Tensor | None
    h0: Tensor | None = None
    c0: Tensor | None = None
    outputs: Tensor | None = None
    output_stride: int = 0
    h_last: Tensor | None = None
    c_last: Tensor | None = None
    mask: Tensor | None = None
    zoneout: Tensor | None = None
    noise: Tensor | None = None
    d_gates: Tensor | None = None
    d_outputs: Tensor | None = None
    d_output_stride: int = 0
    d_h_last: Tensor | None = None
    d_c_last: Tensor | None = None
    d_hidden: Tensor | None = None
    d_own: Tensor | None = None
    carry_h: Tensor | None = None
    carry_c: Tensor | None = None
    d_h0: Tensor | None = None
    d_c0: Tensor | None = None


def run(function, *calls: Call) -> None:
    """run(_native.forward, call); two calls run at the same time"""
    threads, way = torch.get_num_threads(), SPLITS[split]
    numbers = [chosen]
    for call in calls:
        numbers += (call.kind, threads, way)
        numbers += [
            0 if part is None else part if isinstance(part, int) else part.data_ptr()
            for part in call[1:]
        ]
    function(*numbers)


def forward(*calls: Call) -> None:
    run(_native.forward, *calls)


def backward(*calls: Call) -> None:
    run(_native.backward, *calls)


CHUNK = _native.chunk if _native else 0  # rows whose gates are made at a time


def room_for_weight(kind: int, hidden: int, output: int) -> Tensor:
    """Where the recurrent weight is packed."""
    return torch.empty(_native.packed_size(chosen, kind, hidden, output))


def room_for_projection(weight: Tensor) -> Tensor:
    """Where the weight [O, H] of a projection is packed, forward or backward."""
    output, hidden = weight.shape
    return torch.empty(max((output + 15) // 16 * hidden, (hidden + 15) // 16 * output) * 16)


def product(
    a: Tensor,
    b: Tensor,
    out: Tensor,
    bias: Tensor | None = None,
    *,
    form: str,
    add: bool = False,
    packed: tuple[Tensor, bool] | None = None,
) -> Tensor:
    """Fills `out` [M, N]: "a bT" with b [N, K], "a b" with b [K, N] (a [M, K]), or "aT b" with a [K, M], b [K, N].

    Rows may lie apart, but the numbers of a row lie together. With `add`, what stands in `out` is added to.
    `packed` is `room_for(b)` and whether an earlier call of the same form has filled it."""
    inner = a.shape[0] if form == "aT b" else a.shape[1]
    room, filled = packed or (None, False)
    _native.product(
        chosen,
        torch.get_num_threads(),
        FORMS[form],
        *(out.shape[0], inner, out.shape[1]),
        *(a.data_ptr(), a.stride(0), b.data_ptr(), b.stride(0), out.data_ptr(), out.stride(0)),
        *(address(bias), int(add), int(filled), address(room)),
    )
    return out


def room_for(b: Tensor, *, form: str) -> Tensor:
    """Where `product` packs b, to be used again."""
    columns, inner = b.shape if form == "a bT" else b.shape[::-1]
    return torch.empty((columns + 15) // 16 * 16 * inner + 1)


def cross_entropies(
    logits: Tensor, targets: Tensor, smoothing: Tensor, *, gradient: bool
) -> Tensor:
    """The loss of each row; the logits [N, V], contiguous, become its gradient if that is wanted."""
    losses = torch.empty(len(logits))
    _native.cross_entropies(
        *(chosen, torch.get_num_threads(), *logits.shape, logits.data_ptr(), targets.data_ptr()),
        *(smoothing.data_ptr(), int(gradient), losses.data_ptr()),
    )
    return losses
