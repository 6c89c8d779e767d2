"""What the processes of a run tell each other at each step: gradients, the time, and signals.

A single process tells nobody anything: its model, its clock and its signals are its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.training.distributed import DistributedModel, divide, sum_gradients
from ostinato.training.group import ProcessGroup
from ostinato.training.interrupt import Interrupt
from ostinato.training.loop import EpochBatches


class Exchange:
    """The model, the batches and the gradients of a run, as its processes share them.

    Args:
        group: the processes
        model: that is trained
        interrupt: signals to this process
        clock: seconds of training so far; process 0's holds for all
        seed: of the random numbers
    """

    def __init__(
        self,
        group: ProcessGroup,
        model: nn.Module,
        interrupt: Interrupt,
        clock: Callable[[], float],
        seed: int,
    ) -> None:
        self.group, self.interrupt, self.clock, self.seed = group, interrupt, clock, seed
        self.model = model if group.size == 1 else DistributedModel(model)
        self.seconds: float | None = None  # as of the last step, the same for all processes
        self.signals = 0  # seen by any process in the last step
        if group.size > 1:
            self.seconds = float(group.share(clock()))

    @property
    def reduce(self) -> Callable[[Sequence[nn.Parameter]], None] | None:
        """What `train` is given to sum the gradients."""
        return None if self.group.size == 1 else self._sum

    @property
    def is_interrupted(self) -> bool:
        """Whether a signal has come, to any of the processes, the same for all of them."""
        return bool(self.interrupt) if self.group.size == 1 else self.signals > 0

    def divide(self, batches: EpochBatches) -> EpochBatches:
        """The rows of this process."""
        return (
            batches if self.group.size == 1 else divide(batches, self.group.rank, self.group.size)
        )

    def begin_step(self, step: int) -> None:
        """With several processes, the random numbers of a step (dropout) follow from its number:
        different ones in each process, and a resumed run draws the same ones again."""
        if self.group.size > 1:
            drawn = np.random.default_rng([self.seed, step, self.group.rank]).integers(2**62)
            torch.manual_seed(int(drawn))

    def gather_state(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The recurrent state of the whole batch; every process must take part."""
        rows = getattr(self.model, "rows", 0)
        return self.group.gather_rows(tensors, rows)

    def _sum(self, parameters: Sequence[nn.Parameter]) -> None:
        """Sums the gradients, and learns process 0's time and whether a signal has come."""
        time = self.clock() if self.group.is_main else 0.0
        sums = sum_gradients(parameters, (time, bool(self.interrupt), self.interrupt.number or 0))
        self.seconds, self.signals = sums[0], round(sums[1])
        if self.signals and self.interrupt.number is None:
            self.interrupt.number = round(sums[2] / sums[1])
