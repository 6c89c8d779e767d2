"""The compiled module: what was built, what this processor can run of it, and how it is called.

The compiled functions take an instruction set and the address of a struct, which `fill` fills by name. The module
describes its structs itself (native/structs_module.h), so that their fields are stated in one place. The caller makes sure
that the tensors are contiguous, on the CPU, and of the stated type."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

try:
    from ostinato.kernels import _native
except (
    ImportError
) as error:  # not built, or built for another processor: dispatch.status() says which
    _native, missing = None, str(error)
else:
    missing = None

SPLITS: dict[str, int] = _native.splits if _native else {}  # how threads share the work
FORMS: dict[str, int] = _native.forms if _native else {}  # of a product
instruction_sets: tuple[str, ...] = _native.instruction_sets if _native else ()  # best first
chosen = 0  # which of them is used; tests try them all
split = "automatic"  # how threads share the work; tests force each way


IN_MEMORY = (Tensor, nn.Parameter)
C_TYPES = {"q": ctypes.c_int64, "d": ctypes.c_double, "P": ctypes.c_int64}


def declare_structs(described: dict) -> dict[str, type[ctypes.Structure]]:
    """The structs of the compiled module as classes.

    Args:
        described: {struct: (bytes, {field: (type, offset)})}, each struct after those that it contains

    Raises:
        ImportError: the compiler has laid out a struct in another way than ctypes.
    """
    structs: dict[str, type[ctypes.Structure]] = {}
    for name, (size, fields) in described.items():
        declared = [
            (field, structs.get(kind) or C_TYPES.get(kind) or ctypes.c_char * int(kind[:-1]))
            for field, (kind, _) in fields.items()
        ]
        # __slots__: a misspelt field raises AttributeError
        members = {"_fields_": declared, "__slots__": ("held",)}
        structs[name] = type(name, (ctypes.Structure,), members)
        offsets = [getattr(structs[name], field).offset for field in fields]
        if ctypes.sizeof(structs[name]) != size or offsets != [at for _, at in fields.values()]:
            raise ImportError(f"the struct {name} of the compiled module has another layout")
    return structs


STRUCTS = declare_structs(_native.structs) if _native else {}


def fill(name: str, **fields: Any) -> ctypes.Structure:
    """fill("Dropout", count=8, seed=1, to=out, ...): a struct for the compiled module.

    A tensor is passed as its address and kept alive by the struct; fields that are missing or None are 0 (null)."""
    struct = STRUCTS[name]()
    assign(struct, fields)
    struct.held = fields
    return struct


def assign(struct: ctypes.Structure, fields: dict[str, Any]) -> None:
    for field, value in fields.items():
        if value is not None:
            setattr(struct, field, value.data_ptr() if isinstance(value, Tensor) else value)


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


def forward(*calls: ctypes.Structure) -> None:
    """Runs a `Call` forward, or two at the same time."""
    _native.forward(chosen, *map(ctypes.addressof, calls))


def backward(*calls: ctypes.Structure) -> None:
    """Runs a `Call` backward, or two at the same time."""
    _native.backward(chosen, *map(ctypes.addressof, calls))


def recurrence_call(**fields: Any) -> ctypes.Structure:
    """A `Call` (native/recurrence_call.h) with this process's threads and way of sharing the work."""
    return fill("Call", threads=torch.get_num_threads(), split=SPLITS[split], **fields)


def run(function, name: str, **fields: Any):
    """run(_native.dropout, "Dropout", count=8, ...): one call of a function that takes one struct."""
    call = fill(name, **fields)  # a name keeps it, and the tensors in it, alive during the call
    return function(chosen, ctypes.addressof(call))


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
    run(
        _native.product,
        "Product",
        threads=torch.get_num_threads(),
        form=FORMS[form],
        rows=out.shape[0],
        inner=inner,
        columns=out.shape[1],
        a=a,
        a_stride=a.stride(0),
        b=b,
        b_stride=b.stride(0),
        c=out,
        c_stride=out.stride(0),
        bias=bias,
        add=add,
        packed=filled,
        room=room,
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
    run(
        _native.cross_entropies,
        "Softmax",
        threads=torch.get_num_threads(),
        rows=logits.shape[0],
        columns=logits.shape[1],
        logits=logits,
        targets=targets,
        smoothing=smoothing,
        gradient=gradient,
        losses=losses,
    )
    return losses
