"""What the processes of a run exchange at each step: gradients, the time, and signals.

A run in a single process exchanges nothing."""

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
        model: the network that is trained
        interrupt: the signals received by this process
        clock: gives the seconds of training so far; all processes use the clock of process 0
        seed: the seed of the random numbers
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
        """The function with which `train` sums the gradients over processes; None if alone."""
        return None if self.group.size == 1 else self._sum

    @property
    def is_interrupted(self) -> bool:
        """Whether any process has received a signal; all processes agree."""
        return bool(self.interrupt) if self.group.size == 1 else self.signals > 0

    def divide(self, batches: EpochBatches) -> EpochBatches:
        """The batches with the rows of this process only."""
        return (
            batches if self.group.size == 1 else divide(batches, self.group.rank, self.group.size)
        )

    def begin_step(self, step: int) -> None:
        """With several processes, seeds the random numbers of a step (dropout).

        The seed depends on the run's seed, the step and the rank: processes draw different numbers,
        and a resumed run draws the same ones again."""
        if self.group.size > 1:
            drawn = np.random.default_rng([self.seed, step, self.group.rank]).integers(2**62)
            torch.manual_seed(int(drawn))

    def gather_state(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The recurrent state of the whole batch; every process must take part."""
        rows = getattr(self.model, "rows", 0)
        return self.group.gather_rows(tensors, rows)

    def _sum(self, parameters: Sequence[nn.Parameter]) -> None:
        """Sums the gradients, the clock of process 0 and the signals, in one reduction."""
        time = self.clock() if self.group.is_main else 0.0
        sums = sum_gradients(parameters, (time, bool(self.interrupt), self.interrupt.number or 0))
        self.seconds, self.signals = sums[0], round(sums[1])
        if self.signals and self.interrupt.number is None:
            self.interrupt.number = round(sums[2] / sums[1])
