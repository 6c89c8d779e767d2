"""One time step a call, for stacked layers, in microseconds; the weights in float32, bfloat16 or int8.

Letters: B batch, T time, D input, H hidden, L layers. What users call is `ostinato.layers.streaming`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ostinato.kernels import native, recurrence
from ostinato.kernels.native import _native

FORMATS = {"float32": 0, "bfloat16": 1, "int8": 2}  # `Format` in native/stream_call.h
KINDS = {name: native.KINDS[name] for name in ("rnn-tanh", "rnn-relu", "lstm", "gru")}
GATES = {"rnn-tanh": 1, "rnn-relu": 1, "lstm": 4, "gru": 3}
instruction_sets: tuple[str, ...] = _native.stream_sets if _native else ()  # best first
chosen = 0  # which of them is used; tests try them all
SHARED = 6_000_000  # multiplications of a step from which a second thread is worth waking
_format = "float32"  # what weights_as() has set

State = tuple[tuple[Tensor, ...], ...]  # for each layer (h [B, H],) or (h, c)


def check_format(weights: str) -> None:
    if weights not in FORMATS:
        raise ValueError(f"weights must be one of {', '.join(FORMATS)}; got {weights!r}")


@contextlib.contextmanager
def weights_as(weights: str) -> Iterator[None]:
    """`with kernels.weights_as("int8"): model.predict(...)`: what runs without gradients inside reads smaller weights.

    bfloat16  each weight rounded to 8 significant bits; the arithmetic stays float32
    int8      each weight a whole number from -127 to 127 times a scale of its row; inputs and states likewise, with a scale
              of each row at each step; what is added up is exact

    Concerns the layers that have a step in `KINDS`; all others, and all training, stay as they are."""
    global _format
    check_format(weights)
    before, _format = _format, weights
    try:
        yield
    finally:
        _format = before


def current_format() -> str:
    return _format


def tensors_of(cells: Sequence[nn.Module]) -> list[Tensor | None] | None:
    """Of each cell W_x, b_x, W_h, b_h; None if its linear layers are not plain ones. By the shortest way: a step is short."""
    found = []
    for cell in cells:
        for name in ("from_input", "from_hidden"):
            linear = cell._modules.get(name)
            if type(linear) is not nn.Linear or linear._forward_hooks or linear._forward_pre_hooks:
                return None
            parameters = linear._parameters
            found += (parameters["weight"], parameters["bias"])
    return found


class Plan:
    """Stacked layers as the compiled step reads them: packed weights, sizes and addresses. Never changed once made."""

    def __init__(self, formula: str, tensors: list[Tensor | None], format: str):
        self.formula, self.format, self.set = formula, format, chosen
        self.kind, self.number = KINDS[formula], FORMATS[format]
        self.parts = 2 if formula == "lstm" else 1
        self.tokens = tokens_of(tensors)
        self.sizes, self.rooms, words = [], [], []
        for from_input, input_bias, from_hidden, hidden_bias in zip(
            *(tensors[i::4] for i in range(4)), strict=True
        ):
            width, size = from_input.shape[1], from_hidden.shape[1]
            rooms = [self.room(width, size), self.room(size, size)]
            layer = [from_input, from_hidden, input_bias, hidden_bias, *rooms]
            words.append([width, size, *(native.address(tensor) for tensor in layer)])
            self.sizes.append((width, size))
            self.rooms += rooms
        self.layers = len(words)
        self.equal = len({size for _, size in self.sizes}) == 1
        self.multiplications = sum(
            GATES[formula] * size * (width + size) for width, size in self.sizes
        )
        self.table = torch.zeros(self.layers, _native.stream_layer_words, dtype=torch.int64)
        self.table[:, : len(words[0])] = torch.tensor(words)
        self.address = self.table.data_ptr()
        _native.stream_pack(self.set, self.kind, self.number, self.address, self.layers)

    def room(self, inner: int, size: int) -> Tensor:
        return torch.empty(
            _native.stream_packed_bytes(self.set, self.kind, self.number, inner, size),
            dtype=torch.uint8,
        )

    def current(self, tensors: list[Tensor | None]) -> bool:
        return self.tokens == tokens_of(tensors) and self.set == chosen

    def run(
        self,
        x: int,
        outputs: int,
        state: list[int],
        *,
        rows: int,
        steps: int = 1,
        offsets: int = 0,
        residual: bool = False,
        threads: int = 1,
    ) -> bool:
        """Addresses in, results in place; `state` has h before, h, c before and c of each layer. False, and nothing done, if
        the weights have changed behind PyTorch's back."""
        return _native.stream(
            self.set,
            self.kind,
            self.number,
            residual,
            threads,
            self.layers,
            self.address,
            rows,
            steps,
            offsets,
            x,
            outputs,
            *state,
        )

    def threads(self, rows: int) -> int:
        return torch.get_num_threads() if rows * self.multiplications >= SHARED else 1


def tokens_of(tensors: list[Tensor | None]) -> list[tuple[int, int] | None]:
    return [None if tensor is None else (tensor._version, tensor.data_ptr()) for tensor in tensors]


_plans: WeakKeyDictionary = WeakKeyDictionary()  # a module -> {format: its Plan}


def forget() -> None:
    """Packs every weight anew at its next use."""
    _plans.clear()


def forget_one(owner: object) -> None:
    _plans.pop(owner, None)


def plan_for(owner: object, cells: Sequence[nn.Module], format: str) -> Plan | None:
    """The plan kept for `owner`, whose layers are `cells`, made anew if weights have changed; None if there can be none."""
    tensors = tensors_of(cells)
    if tensors is None:
        return None
    kept = _plans.get(owner)
    plan = None if kept is None else kept.get(format)
    if plan is not None and plan.current(tensors):
        return plan
    return make_plan(owner, cells, tensors, format)


def make_plan(
    owner: object, cells: Sequence[nn.Module], tensors: list[Tensor | None], format: str
) -> Plan | None:
    formulas = {cell.kernel_name for cell in cells}
    if native.missing or len(formulas) > 1 or not formulas <= KINDS.keys():
        return None
    for tensor in tensors:
        if tensor is not None and not (
            tensor.dtype == torch.float32 and tensor.device.type == "cpu" and tensor.is_contiguous()
        ):
            return None
    if 0 in tensors[0].shape:
        return None
    plan = Plan(formulas.pop(), tensors, format)
    _plans.setdefault(owner, {})[format] = plan
    return plan


def in_eager_mode() -> bool:
    """Nothing is compiled, exported, traced, transformed or cast around this call."""
    return not (
        torch.compiler.is_compiling()
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch._C._get_tracing_state() is not None
        or torch._C._is_any_autocast_enabled()
    )


def plain(tensor: Tensor, rows: int, size: int) -> bool:
    return (
        type(tensor) is Tensor
        and tensor.shape == (rows, size)
        and tensor.dtype is torch.float32
        and tensor.is_cpu
        and tensor.is_contiguous()
    )


def one_step(
    owner: nn.Module, cells: Sequence[nn.Module], x: Tensor, state: State, *, residual: bool = False
) -> tuple[Tensor, State] | None:
    """(x [B, D], state) -> (output [B, H], the new state), or None if this call is not for the compiled step."""
    plan = plan_for(owner, cells, _format)
    if plan is None or not in_eager_mode() or len(state) != plan.layers:
        return None
    rows = len(x)
    if rows == 0 or not plain(x, rows, plan.sizes[0][0]):
        return None
    parts = plan.parts
    for part, (_, size) in zip(state, plan.sizes, strict=True):
        if (
            len(part) != parts
            or not plain(part[0], rows, size)
            or (parts == 2 and not plain(part[1], rows, size))
        ):
            return None
    output, new = fresh(plan, rows)
    arguments = x.data_ptr(), output.data_ptr(), addresses(state, new)
    if not plan.run(*arguments, rows=rows, residual=residual, threads=plan.threads(rows)):
        forget_one(owner)
        return one_step(owner, cells, x, state, residual=residual)
    return output, new


def fresh(plan: Plan, rows: int) -> tuple[Tensor, State]:
    """Room for an output and a state."""
    sizes = plan.sizes
    if plan.equal:  # one allocation for all
        output, *rest = torch.empty(1 + plan.layers * plan.parts, rows, sizes[0][1]).unbind(0)
        return output, tuple(zip(rest, strict=True)) if plan.parts == 1 else tuple(
            zip(rest[::2], rest[1::2], strict=True)
        )
    return torch.empty(rows, sizes[-1][1]), tuple(
        tuple(torch.empty(rows, size) for _ in range(plan.parts)) for _, size in sizes
    )


def addresses(before: State, after: State) -> list[int]:
    """h before, h, c before, c of each layer."""
    found = []
    for old, new in zip(before, after, strict=True):
        if len(old) == 1:
            found += (old[0].data_ptr(), new[0].data_ptr(), 0, 0)
        else:
            found += (old[0].data_ptr(), new[0].data_ptr(), old[1].data_ptr(), new[1].data_ptr())
    return found


def run(
    cell: nn.Module,
    x: Tensor,
    state: tuple[Tensor, ...],
    lengths: Tensor | None = None,
    *,
    reverse: bool = False,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """As `lookup.run` for one layer and whole sequences, without gradients, by weights in the format of `weights_as`."""
    arrangement = native.arrange(x.shape[0], x.shape[1], lengths, reverse=reverse)
    rows = recurrence.rows_of(x.contiguous(), arrangement).contiguous()
    outputs = rows.new_empty(arrangement.count, cell.from_hidden.weight.shape[1])
    done = False
    while not done:
        plan = plan_for(cell, [cell], _format)
        last = tuple(part.index_select(0, arrangement.order) for part in state)
        done = plan.run(
            rows.data_ptr(),
            outputs.data_ptr(),
            addresses((last,), (last,)),
            rows=x.shape[0],
            steps=arrangement.steps,
            offsets=arrangement.offsets.data_ptr(),
            threads=plan.threads(x.shape[0]),
        )
        if not done:
            forget_one(cell)
    last = tuple(torch.empty_like(part).index_copy_(0, arrangement.order, part) for part in last)
    whole = x.new_empty(x.shape[0], x.shape[1], outputs.shape[1])
    return recurrence.back_to_batch(outputs, whole, arrangement), last


def usable(cell: nn.Module) -> bool:
    """Whether `run` takes this cell, with the weights it has now."""
    return plan_for(cell, [cell], _format) is not None
