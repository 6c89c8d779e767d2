"""The protocol of a cell that has a kernel, as `ostinato.cells.Cell` is one."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

State = tuple[Tensor, ...]  # (h [B, O],) or (h [B, O], c [B, H])


class KernelCell(Protocol):
    """A cell that names its formula, so that a kernel can compute it.

    Attributes:
        training: as of any module
        input_size, hidden_size, output_size: D, H and O (H unless the cell projects)
        zoneout: for each part of the state, how likely a unit stays as it was; empty without it
        gate_log: the gates of each step, while a run is traced; else None
        kernel_name: the name of its formula in `formulas.FORMULAS`, or None
        sizes: the width of each part of the state
        from_input: W [gates * H, D] and b, applied to the inputs
        from_hidden: U [gates * H, O], applied to the previous output. With recurrent dropout it has
            a `mask` [B, O]
    """

    training: bool
    input_size: int
    hidden_size: int
    output_size: int
    zoneout: tuple[float, ...]
    gate_log: list[dict[str, Tensor]] | None
    from_input: nn.Linear
    from_hidden: nn.Linear

    @property
    def kernel_name(self) -> str | None: ...

    @property
    def sizes(self) -> tuple[int, ...]: ...

    def project(self, x: Tensor) -> Tensor: ...

    def run(self, x: Tensor, state: State, lengths: Tensor | None = None) -> tuple[Tensor, Any]: ...


@runtime_checkable
class LinearInState(Protocol):
    """A cell with h_t = a_t * h_{t-1} + b_t, whose a and b depend on the inputs alone."""

    @property
    def kernel_name(self) -> str | None: ...

    def project(self, x: Tensor) -> Tensor: ...

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor]: ...


def dropout_mask(cell: KernelCell) -> Tensor | None:
    """The mask [B, O] of recurrent dropout on the previous output, or None without it."""
    return getattr(cell.from_hidden, "mask", None)


def output_projection(cell: KernelCell) -> nn.Linear:
    """The Linear from H to O of a cell whose formula has one."""
    linear = getattr(cell, "to_output", None)
    assert isinstance(linear, nn.Linear)
    return linear
