"""One time step, and the loop over steps that every faster path is measured against.

Letters: B batch, T time, D input, H hidden, O output (the width of state[0]; H unless a cell projects)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ostinato import kernels
from ostinato.cells.state import State
from ostinato.padding import padding_mask


class Cell(nn.Module):
    """What happens in one time step: `step` is the formula, everything else is inherited.

        class Leaky(Cell):
            gates = 1
            def step(self, projected, state):
                (h,) = state
                return (0.9 * h + 0.1 * (projected + self.from_hidden(h)).tanh(),)

        Recurrent(Leaky, 8, 16)

    gates        how many blocks of H rows `from_input` and `from_hidden` have
    parts        how many tensors the state has, and `part_names`, what they are called; the first is the output
    from_input   Linear [gates * H, D], applied to all time steps at once
    from_hidden  Linear [gates * H, O], applied to the previous output, step by step

    Weights start uniform in +-1/sqrt(H), as in torch.nn."""

    gates: int = 1
    parts: int = 1
    part_names: tuple[str, ...] = ("hidden",)
    hidden_bias: bool = False  # whether the product with the hidden state needs a bias of its own
    kernel: str | None = None  # the name under which `kernels` knows this formula
    gate_log: list[dict[str, Tensor]] | None = None  # set on a copy while a run is traced
    zoneout: tuple[
        float, ...
    ] = ()  # set on a copy: for each part of the state, how likely it stays as it was

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        output_size: int | None = None,
        bias: bool = True,
    ):
        super().__init__()
        for name, size in [
            ("input_size", input_size),
            ("hidden_size", hidden_size),
            ("output_size", output_size),
        ]:
            if not (size is None and name == "output_size") and (
                not isinstance(size, int) or size < 1
            ):
                raise ValueError(f"{name} must be a positive whole number; got {size!r}")
        self.input_size, self.hidden_size = input_size, hidden_size
        self.output_size = hidden_size if output_size is None else output_size
        rows = self.gates * hidden_size
        self.from_input = nn.Linear(input_size, rows, bias=bias)
        self.from_hidden = nn.Linear(self.output_size, rows, bias=bias and self.hidden_bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in +-1/sqrt(H), torch.nn's; a cell with its own initialisation adds to this."""
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

    def project(self, x: Tensor) -> Tensor:  # [..., D] -> [..., gates * H]
        """The part of the step that does not wait for the state: done for all time steps in one product."""
        return self.from_input(x)

    def step(self, projected: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One time step: (projected [B, gates * H], state) -> state; its first part is the output."""
        raise TypeError(f"{type(self).__name__} has no step(projected, state)")

    def record(self, **gates: Tensor) -> None:
        """Called by `step` to show its gates by name to a trace; otherwise does nothing."""
        if self.gate_log is not None:
            self.gate_log.append(gates)

    @property
    def kernel_name(self) -> str | None:
        """The name under which `kernels` knows this `step`: not inherited, as a subclass may have another one."""
        if self.gate_log is not None:
            return None
        return vars(self).get("kernel", vars(type(self)).get("kernel"))

    def run(
        self, x: Tensor, state: tuple[Tensor, ...], lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """All steps: (x [B, T, D], state, lengths [B]) -> (outputs [B, T, O], state at each row's last step)."""
        return (kernels.find(self, x, state, lengths) or scan)(self, x, state, lengths)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"


def zone_out(cell: Cell, new: State, old: State) -> State:
    """Each unit stays as it was with its part's probability; without training, the expected mixture."""
    if cell.training:
        stays = [torch.rand_like(part) < rate for part, rate in zip(old, cell.zoneout, strict=True)]
        return tuple(torch.where(*three) for three in zip(stays, old, new, strict=True))
    return tuple(
        rate * o + (1 - rate) * n for rate, o, n in zip(cell.zoneout, old, new, strict=True)
    )


CellType = Callable[[int, int], Cell]  # a Cell class, or functools.partial(LSTM, forget_bias=2.0)


def advance(cell: Cell, projected: Tensor, state: State) -> State:
    """One step as it is taken in a run: the formula, and zoneout where there is any."""
    new = cell.step(projected, state)
    return zone_out(cell, new, state) if cell.zoneout else new


def steps(cell: Cell, x: Tensor, state: State, lengths: Tensor | None = None) -> Iterator[State]:
    """The state after each step, one `step` after another; beyond its length a row's state stands still."""
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
    """The reference that every faster path is measured against. Beyond a row's length its output is zero."""
    if x.shape[1] == 0:
        return x.new_zeros(x.shape[0], 0, cell.output_size), state
    outputs = []
    for now in steps(cell, x, state, lengths):
        outputs.append(now[0])
    outputs = torch.stack(outputs, dim=1)
    if lengths is not None:
        outputs = outputs * padding_mask(lengths, x.shape[1], x.device)[..., None]
    return outputs, now
