"""A recurrent layer, or a stack, for inputs that come one time step at a time.

Letters: B batch, D input, H hidden."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.cells.cell import Cell
from ostinato.cells.state import State, map_state
from ostinato.kernels.steps.step_plan import StepPlan, forget_one, plan_for, tensors_of
from ostinato.kernels.steps.streaming import (
    FORMATS,
    addresses,
    check_format,
    in_eager_mode,
    is_plain,
)
from ostinato.layers.recurrent import Recurrent

MOST = 16  # rows; more are better off in whole sequences


class StreamingStep:
    """A stack of layers with its state, updated in place by each call; nothing is allocated.

        step = ostinato.StreamingStep(Recurrent(LSTM, 40, 256, layers=2), weights="int8")
        for x in microphone:        # x [1, 40]
            h = step(x)             # [1, 256]: the same tensor each time; clone what is to be kept
        step.reset()                # the next sequence

    `state` is the tensors themselves, as `Recurrent` returns them: they may be read and written to
    between two calls; assigning a state copies it into them. Weights that change are packed anew. A
    copy, or what is loaded from a pickle, packs its own weights and has a state of its own.

    Args:
        recurrent: of one direction, without zoneout; dropout is off, as in evaluation
        batch: 1 to 16 rows
        weights: float32, bfloat16 (half the memory to read) or int8 (a quarter: see
            `kernels.weights_as`); the smaller ones are for RNN (tanh, relu), LSTM and GRU with
            reset after, and need the compiled kernels

    Raises:
        ValueError: what does not fit, before anything is computed.
    """

    def __init__(self, recurrent: Recurrent, *, batch: int = 1, weights: str = "float32"):
        check_format(weights)
        if (
            not isinstance(recurrent, Recurrent)
            or recurrent.directions == 2
            or any(recurrent.regularisation["zoneout"])
        ):
            raise ValueError("recurrent must be a Recurrent of one direction without zoneout")
        if not isinstance(batch, int) or not 1 <= batch <= MOST:
            raise ValueError(f"batch must be a whole number from 1 to {MOST}; got {batch!r}")
        self.recurrent, self.batch, self.weights = recurrent, batch, weights
        self.cells = [cell for cell in recurrent.cells if isinstance(cell, Cell)]
        self.input_size = recurrent.input_size
        with torch.no_grad():
            self._state: State = map_state(Tensor.clone, recurrent.initial_state(batch))
        self._output = self._state[-1][0].new_empty(batch, recurrent.output_size)
        # aliases: the memory that is written to stays, whatever is done to the tensors themselves
        self._memory = map_state(Tensor.detach, self._state), self._output.detach()
        self._addresses = addresses(self._memory[0], self._memory[0])
        self._output_address = self._memory[1].data_ptr()
        self.plan = None if recurrent.norms else plan_for(self, self.cells, weights)
        if self.plan is None and weights != "float32":
            raise ValueError(
                f"weights={weights!r} needs the compiled kernels, float32 parameters on the CPU, "
                "no pre_norm, and a cell that is an RNN (tanh, relu), LSTM or GRU; "
                f"got {type(self.cells[0]).__name__}"
            )
        self.sizes = None if self.plan is None else self.plan.sizes

    @property
    def output(self) -> Tensor:
        """The last output [B, H], overwritten by the next step."""
        return self._output

    @property
    def state(self) -> State:
        """The state after the last step, updated in place by the next one."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self.reset(state)

    def __getstate__(self) -> dict:
        """Without what holds addresses: see `__setstate__`."""
        options = {"batch": self.batch, "weights": self.weights}
        return {"recurrent": self.recurrent, "options": options, "state": self._state}

    def __setstate__(self, saved: dict) -> None:
        self.__init__(saved["recurrent"], **saved["options"])  # type: ignore[misc]
        self.reset(saved["state"])

    @torch.no_grad()
    def reset(self, state: State = None) -> None:
        """Back to the state before the first step, or to a given one."""
        state = self.recurrent.initial_state(self.batch) if state is None else state
        sizes = [cell.sizes for cell in self.cells]
        if len(state) != len(sizes):
            raise ValueError(
                f"state must be a tuple of {len(sizes)}, one for each layer; got {len(state)}"
            )
        for given, widths in zip(state, sizes, strict=True):
            for part, width in zip(given, widths, strict=True):
                if part.shape != (self.batch, width):
                    raise ValueError(
                        f"state must have parts of {(self.batch, width)}; got {tuple(part.shape)}"
                    )
        for mine, given in zip(self._state, state, strict=True):
            for a, b in zip(mine, given, strict=True):
                a.copy_(b)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """x [B, D] -> the output [B, H] of the last layer, in `self.output`; the state moves on."""
        if self.plan is None or not is_plain(x, self.batch, self.input_size) or not in_eager_mode():
            return self.by_reference(x)
        for _ in range(3):  # again if the weights have changed
            plan: StepPlan | None = self.plan
            if plan is None or not plan.current(tensors_of(self.cells)):
                plan = self.remake_plan()
            if plan is None:
                return self.by_reference(x)
            if plan.run(
                x.data_ptr(),
                self._output_address,
                self._addresses,
                rows=self.batch,
                residual=self.recurrent.residual,
                threads=plan.threads(self.batch),
            ):
                return self._output
            forget_one(self)
            self.plan = plan_for(self, self.cells, self.weights)
        raise RuntimeError("the weights change while they are read")

    def remake_plan(self) -> StepPlan | None:
        """The plan of the weights as they are now; None if they cannot be packed any more."""
        self.plan = plan_for(self, self.cells, self.weights)
        if self.plan is not None and self.plan.sizes != self.sizes:
            raise ValueError(
                f"the layers' weights have the sizes {self.plan.sizes} now, not {self.sizes}: "
                "make a new StreamingStep"
            )
        return self.plan

    def by_reference(self, x: Tensor) -> Tensor:
        """The same by the layer itself: without a compiled step, or where x is not a plain
        tensor.
        """
        if not isinstance(x, Tensor) or x.shape != (self.batch, self.input_size):
            got = list(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"x must be [{self.batch}, {self.input_size}]; got {got}")
        if self.plan is not None and in_eager_mode() and not x.is_contiguous():
            return self(x.contiguous())
        if self.weights != "float32":
            raise ValueError(
                f"x must be a float32 tensor on the CPU with weights={self.weights!r}; "
                f"got {x.dtype} on {x.device}"
            )
        before = self.recurrent.training
        self.recurrent.eval()
        outputs, state = self.recurrent(x.unsqueeze(1), None, self.state)
        self.recurrent.train(before)
        self.reset(state)
        return self._output.copy_(outputs[:, 0])


__all__ = ["FORMATS", "StreamingStep"]
