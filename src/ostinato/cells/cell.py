"""Recurrent cells, one time step each, and the reference loop over steps.

Letters: B batch, T time, D input, H hidden, O output (the width of state[0]; H unless a cell
projects).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ostinato import kernels
from ostinato.cells.state import State
from ostinato.padding import padding_mask


class Cell(nn.Module):
    """One time step: `step` is the formula, everything else is inherited.

        class Leaky(Cell):
            gates = 1
            def step(self, projected, state):
                (h,) = state
                return (0.9 * h + 0.1 * (projected + self.from_hidden(h)).tanh(),)

        Recurrent(Leaky, 8, 16)

    Weights are initialised uniformly in +-1/sqrt(H), as in torch.nn.

    Attributes:
        gates: The number of blocks of H rows that `from_input` and `from_hidden` have.
        parts: The number of tensors of the state; the first is the output.
        part_names: What they are called in traces.
        from_input: Linear [gates * H, D], applied to all time steps at once.
        from_hidden: Linear [gates * H, O], applied to the previous output, step by step; None for a
            cell that does not read it.

    Args:
        input_size: D.
        hidden_size: H.
        output_size: O; H unless given.
        bias: Whether the linear layers have biases.

    Raises:
        ValueError: A size that is not a positive whole number.
    """

    gates: int = 1
    parts: int = 1
    part_names: tuple[str, ...] = ("hidden",)
    hidden_bias: bool = False  # whether `from_hidden` has a bias of its own
    kernel: str | None = None  # see kernel_name
    # set on copies: by a trace, the gates of each step; by `regularise`, a rate for each part
    gate_log: list[dict[str, Tensor]] | None = None
    zoneout: tuple[float, ...] = ()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        output_size: int | None = None,
        bias: bool = True,
    ):
        super().__init__()
        sizes = {"input_size": input_size, "hidden_size": hidden_size}
        if output_size is not None:
            sizes["output_size"] = output_size
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} must be a positive whole number; got {size!r}")
        self.input_size, self.hidden_size = input_size, hidden_size
        self.output_size = hidden_size if output_size is None else output_size
        rows = self.gates * hidden_size
        self.from_input = nn.Linear(input_size, rows, bias=bias)
        # Any: a Linear here, a Diagonal in an IndRNN, None in a LinearCell
        self.from_hidden: Any = nn.Linear(self.output_size, rows, bias=bias and self.hidden_bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in +-1/sqrt(H), as in torch.nn; cells with their own initialisation extend it."""
        bound = self.hidden_size**-0.5
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
                continue
            for parameter in module.parameters(recurse=False):
                nn.init.uniform_(parameter, -bound, bound)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The width of each part of the state."""
        return (self.output_size,) + (self.hidden_size,) * (self.parts - 1)

    def initial_state(self, batch_size: int, like: Tensor) -> tuple[Tensor, ...]:
        """The zero state of `batch_size` rows, of the dtype and device of `like`."""
        return tuple(like.new_zeros(batch_size, size) for size in self.sizes)

    def project(self, x: Tensor) -> Tensor:
        """The part of the step that does not depend on the state, for all steps at once.

        x [..., D] -> [..., gates * H]
        """
        return self.from_input(x)

    def step(self, projected: Tensor, state: State) -> tuple[Tensor, ...]:
        """One time step: the formula.

        Args:
            projected: What `project` made of this step's input [B, gates * H].
            state: The previous state, one tensor [B, size] for each part.

        Returns:
            The new state; its first part is the output [B, O].
        """
        raise TypeError(f"{type(self).__name__} has no step(projected, state)")

    def record(self, **gates: Tensor) -> None:
        """Called by `step` to give its gates by name to a trace; does nothing otherwise."""
        if self.gate_log is not None:
            self.gate_log.append(gates)

    @property
    def kernel_name(self) -> str | None:
        """The name under which `kernels` knows this `step`; None: the reference loop runs it.

        Why not an ordinary attribute: a subclass inherits attributes, and one that defines another
        `step` would then be computed by its parent's kernel, silently wrong. So `kernel` counts
        only where it is set on the instance (its constructor knows the options) or in the very
        class.
        """
        if self.gate_log is not None:
            return None
        return vars(self).get("kernel", vars(type(self)).get("kernel"))

    def run(
        self, x: Tensor, state: tuple[Tensor, ...], lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """All steps, by a kernel where there is one.

        Args:
            x: [B, T, D].
            state: The state before the first step.
            lengths: The number of real steps of each row [B]; None if all are full.

        Returns:
            The outputs [B, T, O], zero beyond each length, and the state at each row's last real
            step.
        """
        return (kernels.find(self, x, state, lengths) or scan)(self, x, state, lengths)

    def extra_repr(self) -> str:
        """For `print(cell)`."""
        return f"{self.input_size}, {self.hidden_size}"


def zone_out(cell: Cell, new: State, old: State) -> State:
    """Zoneout: each unit keeps its old value with its part's probability (Krueger et al. 2017).

    In evaluation, the expected mixture of both values.
    """
    if cell.training:
        stays = [torch.rand_like(part) < rate for part, rate in zip(old, cell.zoneout, strict=True)]
        return tuple(torch.where(*three) for three in zip(stays, old, new, strict=True))
    return tuple(
        rate * o + (1 - rate) * n for rate, o, n in zip(cell.zoneout, old, new, strict=True)
    )


CellType = Callable[[int, int], Cell]  # a Cell class, or functools.partial(LSTM, forget_bias=2.0)


def advance(cell: Cell, projected: Tensor, state: State) -> State:
    """One step of a run: the formula, and zoneout if the cell has any."""
    new = cell.step(projected, state)
    return zone_out(cell, new, state) if cell.zoneout else new


def steps(cell: Cell, x: Tensor, state: State, lengths: Tensor | None = None) -> Iterator[State]:
    """The state after each step; beyond its length a row's state is constant."""
    projected = cell.project(x)
    alive = None if lengths is None else padding_mask(lengths, x.shape[1], x.device)
    for t in range(x.shape[1]):
        new = advance(cell, projected[:, t], state)
        if alive is not None:
            new = tuple(
                torch.where(alive[:, t, None], a, b) for a, b in zip(new, state, strict=True)
            )
        state = new
        yield state


def scan(
    cell: Cell, x: Tensor, state: State, lengths: Tensor | None = None
) -> tuple[Tensor, State]:
    """The reference loop. Arguments and results are those of `Cell.run`."""
    if x.shape[1] == 0:
        return x.new_zeros(x.shape[0], 0, cell.output_size), state
    found = []
    for last in steps(cell, x, state, lengths):
        found.append(last[0])
    outputs = torch.stack(found, dim=1)  # [B, T, O]
    if lengths is not None:
        outputs = outputs * padding_mask(lengths, x.shape[1], x.device)[..., None]
    return outputs, last
