"""A recurrent layer, or a stack, one time step a call, in microseconds: for real-time streams.

Letters: B batch, D input, H hidden.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.cells.state import State, map_state
from ostinato.kernels.steps import streaming as compiled
from ostinato.kernels.steps.streaming import (
    FORMATS,
    StepPlan,
    addresses,
    check_format,
    in_eager_mode,
    plain,
    plan_for,
)
from ostinato.layers.recurrent import Recurrent

MOST = 16  # rows; more are better off in whole sequences


class StreamingStep:
    """A recurrent layer with its state, which each call updates in place.

        step = ostinato.StreamingStep(Recurrent(LSTM, 40, 256, layers=2), weights="int8")
        for x in microphone:        # x [1, 40]
            h = step(x)             # [1, 256]: the same tensor each time; clone what is to be kept
        step.reset()                # the next sequence

    Why this one keeps a state, unlike modules: all layers run in one compiled call that allocates
    nothing, and tensors that go in and out would cost more than the step.

    `state` holds the tensors themselves, as `Recurrent` returns them; they may be read and written
    between two calls. Weights whose values change are packed anew; after a parameter has been
    replaced by another one, make a new step.

    Args:
        recurrent: A Recurrent of one direction, without zoneout; it runs as in evaluation.
        batch: 1 to 16 rows.
        weights: float32, bfloat16 (half the memory traffic) or int8 (a quarter; see
            `kernels.weights_as`). The smaller ones need the compiled kernels and cells RNN (tanh,
            relu), LSTM or GRU with reset after.

    Raises:
        ValueError: Before anything is computed, for what does not fit.
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
        self.cells = recurrent.typed_cells
        self.input_size = recurrent.input_size
        with torch.no_grad():
            self.state: State = map_state(Tensor.clone, recurrent.initial_state(batch))
        self.plan = None if recurrent.norms else plan_for(self, self.cells, weights)
        if self.plan is None and weights != "float32":
            raise ValueError(
                f"weights={weights!r} needs the compiled kernels, float32 parameters on the CPU, "
                "no pre_norm, and a "
                f"cell that is an RNN (tanh, relu), LSTM or GRU; got {type(self.cells[0]).__name__}"
            )
        self.output = self.cells[-1].from_input.weight.new_empty(batch, recurrent.output_size)
        if self.plan is not None:
            self.places = addresses(self.state, self.state)

    @torch.no_grad()
    def reset(self, state: State = None) -> None:
        """Sets the state to the initial state, or to a given one."""
        state = self.recurrent.initial_state(self.batch) if state is None else state
        if len(state) != len(self.state):
            raise ValueError(
                f"state must be a tuple of {len(self.state)}, one for each layer; got {len(state)}"
            )
        for mine, given in zip(self.state, state, strict=True):
            for a, b in zip(mine, given, strict=True):
                if a.shape != b.shape:
                    raise ValueError(
                        f"state must have parts of {tuple(a.shape)}; got {tuple(b.shape)}"
                    )
                a.copy_(b)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """x [B, D] -> the output [B, H] of the last layer, in `self.output`."""
        if self.plan is None or not plain(x, self.batch, self.input_size) or not in_eager_mode():
            return self.by_reference(x)
        threads = self.plan.threads(self.batch)
        # weights that have changed since they were packed are packed anew
        while not self.is_current(self.plan) or not self.plan.run(
            x.data_ptr(),
            self.output.data_ptr(),
            self.places,
            rows=self.batch,
            residual=self.recurrent.residual,
            threads=threads,
        ):
            compiled.forget_one(self)
            self.plan = plan_for(self, self.cells, self.weights)
            if self.plan is None:
                return self.by_reference(x)
        return self.output

    def is_current(self, plan: StepPlan) -> bool:
        """Whether the packed weights are those of the layer."""
        tensors = compiled.tensors_of(self.cells)
        return tensors is not None and plan.current(tensors)

    def by_reference(self, x: Tensor) -> Tensor:
        """The step by the layer itself: without a compiled step, or for an unusual x."""
        if not isinstance(x, Tensor) or x.shape != (self.batch, self.input_size):
            got = list(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"x must be [{self.batch}, {self.input_size}]; got {got}")
        if self.plan is not None and in_eager_mode() and not x.is_contiguous():
            return self(x.contiguous())
        if self.weights != "float32":
            raise ValueError(
                f"x must be a float32 tensor on the CPU with weights={self.weights!r}; got "
                f"{x.dtype} on {x.device}"
            )
        before = self.recurrent.training
        self.recurrent.eval()
        outputs, state = self.recurrent(x.unsqueeze(1), None, self.state)
        self.recurrent.train(before)
        self.reset(state)
        return self.output.copy_(outputs[:, 0])


__all__ = ["FORMATS", "StreamingStep"]
