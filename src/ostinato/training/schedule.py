"""Learning rates: a function of where the run stands, and of the dev scores so far. Imports no torch.

`scores` are dev scores in the order they came, larger is better: a perplexity is handed in with its sign changed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ostinato.training.options import Options

TINY = 1e-9  # an epoch that a sum of fractions missed by a rounding error


def learning_rate(
    options: Options, *, step: int, epoch: float, fraction_done: float, scores: Sequence[float] = ()
) -> float:
    """The rate for step number `step` (1, 2, ...), taken `epoch` epochs into the run.

    learning_rate(Options(optimizer="sgd", schedule="halve"), step=9, epoch=5.5, fraction_done=0.7) -> 0.7 / 4

    constant      the initial rate
    halve         halved (or times decay_factor) at epoch `halve_from`, and after each `halve_every` epochs more
                  (Sutskever et al. 2014, section 3.4)
    plateau       lowered after each `plateau_patience` scores in a row without a new best
    cosine        half a cosine from the initial rate to `final_rate` times it (Loshchilov and Hutter 2017, equation 5)
    linear        a straight line between the same
    inverse-sqrt  rate * sqrt(warmup / step) after the warm-up (Vaswani et al. 2017, section 5.3)

    All of them grow linearly from zero during the first `warmup` steps."""
    done = min(1.0, max(0.0, fraction_done))
    rate = options.initial_rate * min(1.0, step / max(1, options.warmup))
    if options.schedule == "halve":
        return rate * options.decay_factor ** halvings(options, epoch)
    if options.schedule == "plateau":
        return rate * options.decay_factor ** plateaus(scores, options.plateau_patience)
    if options.schedule == "cosine":
        return rate * (
            options.final_rate + (1 - options.final_rate) * (1 + math.cos(math.pi * done)) / 2
        )
    if options.schedule == "linear":
        return rate * (options.final_rate + (1 - options.final_rate) * (1 - done))
    if options.schedule == "inverse-sqrt":
        return rate * min(1.0, math.sqrt(max(1, options.warmup) / step))
    return rate


def halvings(options: Options, epoch: float) -> int:
    """How often the rate has been lowered: 0 before epoch 5, 1 from 5 on, 2 from 5.5 on, ..., 5 from 7 on."""
    if epoch < options.halve_from - TINY:
        return 0
    return 1 + math.floor((epoch - options.halve_from) / options.halve_every + TINY)


def plateaus(scores: Sequence[float], patience: int) -> int:
    """plateaus([1, 2, 2, 2, 2], patience=2) -> 1: how often `patience` scores in a row brought no new best."""
    best, waited, lowered = None, 0, 0
    for score in scores:
        best, waited = (score, 0) if best is None or score > best else (best, waited + 1)
        if waited == patience:
            waited, lowered = 0, lowered + 1
    return lowered


def since_best(scores: Sequence[float]) -> int:
    """since_best([1, 3, 2, 3]) -> 2: dev scores since the best one, the first of equals."""
    return len(scores) - 1 - max(range(len(scores)), key=lambda i: (scores[i], -i)) if scores else 0


def crossed(every: float, before: float, after: float) -> bool:
    """crossed(0.5, 0.9, 1.1) -> True: a multiple of `every` lies between two epochs, or at the later one."""
    return math.floor(after / every + TINY) > math.floor(before / every + TINY)


@dataclass
class Schedule:
    """What `train` takes as its schedule: the options, the dev scores so far, and the clock of a time limit.

        schedule = Schedule(options, time_limit=600)
        for progress in train(..., schedule=schedule):
            ...
            schedule.scores.append(bleu)
            if schedule.finished(progress.epoch): break

    time_limit  seconds; a cosine or linear schedule ends with it, if it comes before the last epoch
    spent       seconds that a resumed run had already used"""

    options: Options
    time_limit: float | None = None
    spent: float = 0.0
    scores: list[float] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def __call__(self, step: int, epoch: float) -> float:
        done = self.fraction_done(epoch)
        return learning_rate(
            self.options, step=step, epoch=epoch, fraction_done=done, scores=self.scores
        )

    @property
    def seconds(self) -> float:
        """Time used so far, by the runs before this one too."""
        return self.spent + time.monotonic() - self.began

    def fraction_done(self, epoch: float) -> float:
        """How much of the run lies behind: of its epochs, or of its time if that is more."""
        of_time = self.seconds / self.time_limit if self.time_limit else 0.0
        return max(epoch / self.options.epochs, of_time)

    def finished(self, epoch: float) -> bool:
        """Whether the epochs, the time, or the patience (early stopping) are used up."""
        patience = self.options.patience
        return self.fraction_done(epoch) >= 1 - TINY or (
            patience is not None and since_best(self.scores) >= patience
        )
