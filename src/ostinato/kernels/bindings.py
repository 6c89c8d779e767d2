"""Bindings of the compiled module: what was built, what this processor runs, how it is called.

The compiled functions take an instruction set and a struct (`structs.fill`). They refuse a struct
whose tensors are of another dtype or device, or too short for the call."""

from __future__ import annotations

import importlib
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from ostinato.kernels import structs
from ostinato.kernels.structs import FilledStruct, Table


def load_module() -> tuple[Any, str | None]:
    """The compiled module, or None and the reason: not built, or built for another processor."""
    try:
        return importlib.import_module("ostinato.kernels._native"), None
    except ImportError as error:
        return None, str(error)


_native, missing = load_module()
LAYOUTS = structs.read_layouts(_native.structs) if _native else {}
SPLITS: dict[str, int] = _native.splits if _native else {}  # how threads share the work
FORMS: dict[str, int] = _native.forms if _native else {}  # of a product
CHUNK: int = _native.chunk if _native else 0  # rows whose gates are computed at a time
WIDEST = 16  # lanes of the widest vector: packed weights are padded to whole vectors
instruction_sets: tuple[str, ...] = _native.instruction_sets if _native else ()  # best first
# those whose products have factors of bfloat16, best first; they follow the others in number
# (a module that was compiled before they existed names none)
bfloat16_sets: tuple[str, ...] = getattr(_native, "bfloat16_sets", ())
# Whether large products of bfloat16 are torch's: with AMX they are several times as fast as any by
# vectors, and oneDNN has them. Their results are rounded to bfloat16 once more.
large_by_torch: bool = (
    bool(bfloat16_sets) and getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
)
chosen = 0  # which of them is used; tests try them all
split = "automatic"  # how threads share the work; tests force each way

PLAIN_TYPES = (Tensor, nn.Parameter)
Precision = Literal["float32", "bfloat16"]  # of the factors of products; all else is float32
FLOAT32 = (torch.float32,)


def fill(name: str, **fields: Any) -> FilledStruct:
    """fill("Dropout", count=8, seed=1, output=out, ...): a struct for the compiled module."""
    return structs.fill(LAYOUTS[name], fields)


def make_table(name: str, rows: list[dict[str, Any]]) -> Table:
    """Structs that stay in memory from call to call."""
    return Table(LAYOUTS[name], rows)


def address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def why_unsupported(
    *tensors: Tensor | None, dtypes: tuple[torch.dtype, ...] = FLOAT32
) -> str | None:
    """Why the compiled part cannot read these tensors, or None if it can.

    Args:
        tensors: plain tensors on the CPU, or None
        dtypes: those that are allowed
    """
    for tensor in tensors:
        if tensor is None:
            continue
        plain = (
            type(tensor) in PLAIN_TYPES
            and tensor.is_cpu
            and tensor.dtype in dtypes
            and tensor.layout is torch.strided
        )
        if plain and (torch.compiler.is_compiling() or not tensor.is_neg()):
            continue  # nearly always, and every call asks
        reason = why_tensor_unsupported(tensor, dtypes)
        if reason is not None:
            return reason
    return None


def why_tensor_unsupported(tensor: Tensor, dtypes: tuple[torch.dtype, ...] = FLOAT32) -> str | None:
    if not tensor.is_cpu or tensor.layout != torch.strided:
        return "the tensors are not plain CPU tensors"
    if tensor.dtype not in dtypes:
        return f"the tensors are not {' or '.join(str(one)[6:] for one in dtypes)}"
    if torch.compiler.is_compiling():  # it is read when the program runs
        return None
    if has_own_dispatch(tensor):
        return f"a {type(tensor).__name__} may keep its numbers elsewhere"
    # conj() is lazy, and so is its imaginary part
    return "the tensor has its lazy negative bit set" if tensor.is_neg() else None


def has_own_dispatch(tensor: Tensor) -> bool:
    """Whether it is a wrapper subclass with its own `__torch_dispatch__`; FakeTensor is allowed."""
    kind = type(tensor)
    return (
        not (kind in PLAIN_TYPES or kind is FakeTensor)
        and kind.__torch_dispatch__ is not Tensor.__torch_dispatch__
    )


def operations_are_recorded() -> bool:
    """Whether a compiler or a dispatch mode (make_fx, fake tensors) must see every operation."""
    return torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() > 0


class Arrangement(NamedTuple):
    """A padded batch in the order the kernels work in: longest first, step by step, no padding.

    Attributes:
        sorted_indices: [B], which sequence row r of a step belongs to, as in a PackedSequence
        offsets: [S + 1], where the rows of step s begin among all P
        padded_index: [P], which row of [B * T, ...] row p is
        steps: S, the longest length
        rows: P, the real steps of all sequences together
        is_full: whether nothing is padded or reversed, so that row p is simply t * B + b
    """

    sorted_indices: Tensor
    offsets: Tensor
    padded_index: Tensor
    steps: int
    rows: int
    is_full: bool


def arrange(
    batch: int, padded: int, lengths: Tensor | None, *, reverse: bool = False
) -> Arrangement:
    """arrange(2, 3, tensor([1, 3])) -> sorted_indices 1 0, offsets 0 2 3 4, padded_index 3 0 4 5

    Args:
        batch: B
        padded: T, the steps of the padded batch
        lengths: whole numbers [B] from 0 to T, or None if every row is full
        reverse: each row from its last real step to its first

    Raises:
        ValueError: the lengths are of another kind, number or size.
    """
    steps, rows = padded, batch * padded
    if lengths is not None:
        lengths = check_lengths(lengths, batch)
        shortest, longest = (int(bound) for bound in lengths.aminmax())
        if shortest < 0 or longest > padded:
            raise ValueError(f"lengths must lie in 0..{padded}; got {shortest}..{longest}")
        if shortest == padded:
            lengths = None
        else:
            steps, rows = longest, int(lengths.sum())
    ids = torch.empty(batch + steps + 1 + rows, dtype=torch.int64)
    sorted_indices, offsets, padded_index = ids.split([batch, steps + 1, rows])
    parts = (sorted_indices, offsets, padded_index)
    _native.arrange(address(lengths), batch, steps, padded, int(reverse), *map(address, parts))
    return Arrangement(*parts, steps, rows, lengths is None and not reverse)


def check_lengths(lengths: Tensor, batch: int) -> Tensor:
    """The lengths as int64 on the CPU, one after another."""
    if lengths.dtype is not torch.int64 or not lengths.is_cpu:
        if lengths.is_floating_point() or lengths.is_complex() or lengths.dtype is torch.bool:
            raise ValueError(f"lengths must be whole numbers; got {lengths.dtype}")
        lengths = lengths.to("cpu", torch.int64)
    if lengths.shape != (batch,):
        raise ValueError(f"lengths must be [{batch}]; got {list(lengths.shape)}")
    return lengths.contiguous()


def why_not_bfloat16() -> str | None:
    """Why products of bfloat16 are computed in float32 here, in words, or None if they are not."""
    if missing or bfloat16_sets:
        return missing
    return "this processor has no AVX-512 BF16, and bfloat16 without it is slower than float32"


def set_for(precision: Precision) -> int:
    """The number of the instruction set that computes products of this precision."""
    narrow = precision == "bfloat16" and bfloat16_sets
    return len(instruction_sets) if narrow else chosen


def forward(*calls: FilledStruct, precision: Precision = "float32") -> None:
    """Runs a `Call` forward, or two at the same time."""
    _native.forward(set_for(precision), *(call.data for call in calls))


def backward(*calls: FilledStruct, precision: Precision = "float32") -> None:
    """Runs a `Call` backward, or two at the same time."""
    _native.backward(set_for(precision), *(call.data for call in calls))


def recurrence_call(**fields: Any) -> FilledStruct:
    """A `Call` (native/recurrence_call.h) with this process's threads and way of sharing work."""
    return fill("Call", threads=torch.get_num_threads(), split=SPLITS[split], **fields)


def run(function: Any, name: str, **fields: Any) -> Any:
    """run(_native.dropout, "Dropout", count=8, ...): one call of a function of one struct."""
    call = fill(name, **fields)  # a name keeps the tensors in it alive during the call
    return function(chosen, call.data)


def allocate_packed_weight(
    kind: int, hidden: int, output: int, precision: Precision = "float32"
) -> Tensor:
    """Memory for a recurrent weight [gates * H, O], packed for either pass."""
    return torch.empty(_native.packed_size(set_for(precision), kind, hidden, output))


def allocate_packed_projection(weight: Tensor) -> Tensor:
    """Memory for the weight [O, H] of a projection, packed for either pass."""
    output, hidden = weight.shape
    vectors = [-(-size // WIDEST) * other for size, other in ((output, hidden), (hidden, output))]
    return torch.empty(max(vectors) * WIDEST)


def allocate_packed(b: Tensor, *, form: str) -> Tensor:
    """Memory for b as `product` packs it, to be used again."""
    columns, inner = b.shape if form == "a bT" else b.shape[::-1]
    return torch.empty(-(-columns // WIDEST) * WIDEST * inner + 1)


def product(
    a: Tensor,
    b: Tensor,
    out: Tensor,
    bias: Tensor | None = None,
    *,
    form: str,
    add: bool = False,
    packed: tuple[Tensor, bool] | None = None,
    precision: Precision = "float32",
) -> Tensor:
    """A matrix product by the native kernel. Rows may lie apart, but not the numbers of a row.

    Args:
        a: [M, K]; [K, M] for the form "aT b"
        b: [N, K] for the form "a bT", else [K, N]
        out: [M, N], filled here
        bias: [N], added to each row; not for "aT b"
        form: "a bT", "a b" or "aT b"
        add: add to the numbers in `out`
        packed: memory from `allocate_packed(b)`, and whether an earlier call has filled it
        precision: of the factors; sums are float32
    """
    if precision == "bfloat16" and large_by_torch and packed is None:
        return product_by_torch(a, b, out, bias, form=form, add=add)
    (rows, columns), inner = out.shape, a.shape[0 if form == "aT b" else 1]
    workspace, is_packed = packed or (None, False)
    call = fill(
        "Product",
        threads=torch.get_num_threads(),
        form=FORMS[form],
        rows=rows,
        inner=inner,
        columns=columns,
        a=a,
        a_stride=a.stride(0),
        b=b,
        b_stride=b.stride(0),
        c=out,
        c_stride=out.stride(0),
        bias=bias,
        add=add,
        packed=is_packed,
        workspace=workspace,
    )
    _native.product(set_for(precision), call.data)
    return out


def product_by_torch(
    a: Tensor, b: Tensor, out: Tensor, bias: Tensor | None = None, *, form: str, add: bool = False
) -> Tensor:
    """As `product` in bfloat16, by torch: the result is rounded to bfloat16, too."""
    a, b = a.bfloat16(), b.bfloat16()
    found = torch.mm(a.t() if form == "aT b" else a, b.t() if form == "a bT" else b)
    if add:
        out += found
    else:
        out.copy_(found)
    return out if bias is None else out.add_(bias)


def cross_entropies(
    logits: Tensor, targets: Tensor, smoothing: Tensor, *, gradient: bool
) -> Tensor:
    """The loss of each row [N].

    Args:
        logits: [N, V], contiguous. With `gradient` they are overwritten by their gradients
        targets: ids [N], int64
        smoothing: [1], the label smoothing
        gradient: whether the gradients are needed
    """
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
