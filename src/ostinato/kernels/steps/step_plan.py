"""The weights of stacked layers, packed for the compiled step and stored between calls.

Letters: D input, H hidden, G gates of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ostinato.kernels import bindings
from ostinato.kernels.bindings import _native
from ostinato.kernels.formulas import FORMULAS
from ostinato.kernels.kernel_cell import KernelCell

STEPS: dict[str, int] = _native.steps if _native else {}  # cells that have a compiled step: kind
instruction_sets: tuple[str, ...] = _native.stream_sets if _native else ()  # best first
chosen = 0  # which of them is used; tests try them all
SHARED = 6_000_000  # multiplications of a step from which on a second thread is worth waking


def tensors_of(cells: Sequence[KernelCell]) -> list[Tensor | None] | None:
    """Of each cell W_x, b_x, W_h, b_h; None if its linear layers are not plain ones.

    Reads the modules' dictionaries, since attribute access takes longer than many a step."""
    found: list[Tensor | None] = []
    for cell in cells:
        modules = vars(cell)["_modules"]
        for name in ("from_input", "from_hidden"):
            linear = modules.get(name)
            if type(linear) is not nn.Linear or linear._forward_hooks or linear._forward_pre_hooks:
                return None
            parameters = linear._parameters
            found += (parameters["weight"], parameters["bias"])
    return found


class StepPlan:
    """Stacked layers as the compiled step reads them: packed weights, sizes and addresses.

    Never changed once made. It holds addresses, so it is neither copied nor pickled: `plan_for`
    makes one for each owner."""

    def __init__(self, formula: str, tensors: Sequence[Tensor | None], format: str):
        """Args:
            formula: of all layers, one of `STEPS`
            tensors: of each layer W_x [G * H, D], b_x, W_h [G * H, H], b_h [G * H] or None
            format: of the packed weights, one of `streaming.FORMATS`

        Raises:
            ValueError: the sizes of the tensors do not fit each other.
        """
        self.formula, self.format, self.set = formula, format, chosen
        self.kind, self.number = STEPS[formula], _native.formats[format]
        self.parts = 2 if formula == "lstm" else 1
        self.versions = versions_of(tensors)
        # aliases: the memory that the step reads stays, whatever happens to the parameters
        self.held = [None if tensor is None else tensor.detach() for tensor in tensors]
        self.sizes: list[tuple[int, int]] = []
        layers = []
        for first in range(0, len(self.held), 4):
            layer = self.describe(*self.held[first : first + 4])
            self.sizes.append((layer["input_size"], layer["hidden"]))
            layers.append(layer)
        self.layers = len(layers)
        self.equal = len({size for _, size in self.sizes}) == 1
        gates = FORMULAS[formula].gates
        self.multiplications = sum(gates * size * (width + size) for width, size in self.sizes)
        self.table = bindings.make_table("Layer", layers)
        self.fixed = bindings.fill(  # what stays the same from call to call
            "Stream",
            kind=self.kind,
            format=self.number,
            layers=self.layers,
            plan=self.table.address,
        ).data
        _native.stream_pack(self.set, self.kind, self.number, self.table.address, self.layers)

    def describe(
        self,
        input_weight: Tensor | None,
        input_bias: Tensor | None,
        hidden_weight: Tensor | None,
        hidden_bias: Tensor | None,
    ) -> dict[str, Any]:
        """One `Layer` of native/layer_step_call.h."""
        assert input_weight is not None and hidden_weight is not None
        width, size = input_weight.shape[1], hidden_weight.shape[1]
        return {
            "input_size": width,
            "hidden": size,
            "input_weight": input_weight,
            "hidden_weight": hidden_weight,
            "input_bias": input_bias,
            "hidden_bias": hidden_bias,
            "packed_input": self.allocate(width, size),
            "packed_hidden": self.allocate(size, size),
        }

    def allocate(self, inner: int, size: int) -> Tensor:
        """Memory for a packed weight [gates * size, inner]."""
        kind = self.kind, self.number
        count = _native.stream_packed_bytes(self.set, *kind, inner, size)
        return torch.empty(count, dtype=torch.uint8)

    def current(self, tensors: Sequence[Tensor | None] | None) -> bool:
        """Whether it was made of these tensors, as they are now."""
        return tensors is not None and self.versions == versions_of(tensors) and self.set == chosen

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
        """Addresses in, results in place.

        Args:
            x: of inputs [P, D], float32
            outputs: of [P, H], filled here
            state: of h before, h, c before and c of each layer, each [rows, H]; before and after
                may be the same
            rows: B
            steps: how many
            offsets: of [steps + 1], where the rows of each step begin; 0 if each has `rows`
            residual: each layer but the first adds its inputs to its outputs
            threads: at most

        Returns:
            False, and nothing done, if PyTorch has not counted a change of the weights.
        """
        return _native.stream(
            self.set, self.fixed, residual, threads, rows, steps, offsets, x, outputs, *state
        )

    def threads(self, rows: int) -> int:
        return torch.get_num_threads() if rows * self.multiplications >= SHARED else 1

    def __reduce__(self):
        raise TypeError("a StepPlan holds addresses and cannot be copied or pickled")


Version = tuple[int, int] | None


def versions_of(tensors: Sequence[Tensor | None]) -> list[Version]:
    """What changes when a weight does: torch's counter, and its address.

    A weight that is exchanged has another address, since a plan holds the memory of the old one.

    An inference tensor, which has no counter, equals nothing that was packed."""
    try:
        return [
            None if tensor is None else (tensor._version, tensor.data_ptr()) for tensor in tensors
        ]
    except RuntimeError:
        return []


_plans: WeakKeyDictionary = WeakKeyDictionary()  # a module -> {format: its StepPlan}


def forget() -> None:
    """Packs every weight anew at its next use."""
    _plans.clear()


def forget_one(owner: object) -> None:
    _plans.pop(owner, None)


def plan_for(owner: object, cells: Sequence[KernelCell], format: str) -> StepPlan | None:
    """The plan stored for `owner`, made anew if weights have changed; None if there can be none.

    Args:
        owner: a module, which the plan lives as long as
        cells: its layers
        format: of the packed weights, one of `streaming.FORMATS`
    """
    tensors = tensors_of(cells)
    if tensors is None:
        return None
    stored = _plans.get(owner)
    plan = None if stored is None else stored.get(format)
    if plan is not None and plan.current(tensors):
        return plan
    return make_plan(owner, cells, tensors, format)


def make_plan(
    owner: object, cells: Sequence[KernelCell], tensors: Sequence[Tensor | None], format: str
) -> StepPlan | None:
    formulas = {cell.kernel_name for cell in cells}
    formula = next(iter(formulas))
    if bindings.missing or len(formulas) > 1 or formula not in STEPS:
        return None
    for tensor in tensors:
        if tensor is None:
            continue
        plain = tensor.dtype == torch.float32 and tensor.is_cpu and tensor.is_contiguous()
        if not plain or tensor.is_inference():  # inference tensors do not count their changes
            return None
    if not sizes_fit(formula, tensors):
        return None
    plan = StepPlan(formula, tensors, format)
    _plans.setdefault(owner, {})[format] = plan
    return plan


def sizes_fit(formula: str, tensors: Sequence[Tensor | None]) -> bool:
    """Whether each layer's weights fit each other, and read what the layer before it gives."""
    width = None
    for first in range(0, len(tensors), 4):
        input_weight, input_bias, hidden_weight, hidden_bias = tensors[first : first + 4]
        if input_weight is None or hidden_weight is None or 0 in input_weight.shape:
            return False
        if input_weight.dim() != 2 or hidden_weight.dim() != 2:
            return False
        rows, size = hidden_weight.shape
        biases = [bias for bias in (input_bias, hidden_bias) if bias is not None]
        if rows != FORMULAS[formula].gates * size or len(input_weight) != rows:
            return False
        if any(bias.shape != (rows,) for bias in biases):
            return False
        if width is not None and input_weight.shape[1] != width:
            return False
        width = size
    return True
