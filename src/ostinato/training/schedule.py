"""Learning rate schedules, and when training ends: by epochs, time limit or early stopping.

The rate is a function of step, epoch, time and dev scores so far.

`scores` are dev scores in the order of evaluation, larger is better: a perplexity comes with its
sign changed. Imports no torch."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ostinato.training.early_stopping import should_stop
from ostinato.training.options import Options

ROUNDING = 1e-9  # by which an epoch may fall short when fractions of it are added up


def learning_rate(
    options: Options, *, step: int, epoch: float, fraction_done: float, scores: Sequence[float] = ()
) -> float:
    """The learning rate of one step.

        options = Options(optimizer="sgd", schedule="halve")
        learning_rate(options, step=9, epoch=5.5, fraction_done=0.7)   # 0.7 / 4

    The schedules, each after a linear warm-up from zero over the first `warmup` steps:

    - constant: the initial rate
    - halve: halved (or times decay_factor) at epoch `halve_from`, and after each `halve_every`
      epochs more (Sutskever et al. 2014, section 3.4)
    - plateau: lowered after each `plateau_patience` scores in a row without a new best
    - cosine: half a cosine from the initial rate to `final_rate` times it (Loshchilov and Hutter
      2017, equation 5)
    - linear: a straight line between the same two
    - inverse-sqrt: rate * sqrt(warmup / step) after the warm-up (Vaswani et al. 2017, section 5.3)

    Args:
        options: rate, schedule and their settings
        step: number of the step that is about to be taken: 1, 2, ...
        epoch: epochs completed, with their fraction
        fraction_done: how much of the run is done, from 0 to 1
        scores: dev scores so far
    """
    done = min(1.0, max(0.0, fraction_done))
    rate = options.initial_rate * min(1.0, step / max(1, options.warmup))
    if options.schedule == "halve":
        return rate * options.decay_factor ** count_halvings(options, epoch)
    if options.schedule == "plateau":
        return rate * options.decay_factor ** count_plateaus(scores, options.plateau_patience)
    if options.schedule == "cosine":
        return rate * (
            options.final_rate + (1 - options.final_rate) * (1 + math.cos(math.pi * done)) / 2
        )
    if options.schedule == "linear":
        return rate * (options.final_rate + (1 - options.final_rate) * (1 - done))
    if options.schedule == "inverse-sqrt":
        return rate * min(1.0, math.sqrt(max(1, options.warmup) / step))
    return rate


def count_halvings(options: Options, epoch: float) -> int:
    """How often the rate was lowered: 0 before epoch 5, 1 from 5 on, 2 from 5.5 on, 5 from 7 on."""
    if epoch < options.halve_from - ROUNDING:
        return 0
    return 1 + math.floor((epoch - options.halve_from) / options.halve_every + ROUNDING)


def count_plateaus(scores: Sequence[float], patience: int) -> int:
    """How often `patience` scores in a row brought no new best.

    count_plateaus([1, 2, 2, 2, 2], patience=2) -> 1"""
    best, waited, lowered = None, 0, 0
    for score in scores:
        best, waited = (score, 0) if best is None or score > best else (best, waited + 1)
        if waited == patience:
            waited, lowered = 0, lowered + 1
    return lowered


def is_due(every: float, before: float, after: float) -> bool:
    """Whether a multiple of `every` lies between two epochs, or at the later one.

    is_due(0.5, 0.9, 1.1) -> True"""
    return math.floor(after / every + ROUNDING) > math.floor(before / every + ROUNDING)


@dataclass
class Schedule:
    """What `train` takes as its schedule: options, dev scores so far, and the time limit's clock.

        schedule = Schedule(options, time_limit=600)
        for progress in train(..., schedule=schedule):
            ...
            schedule.scores.append(bleu)
            if schedule.is_finished(progress.epoch): break

    Attributes:
        options: rate, schedule, epochs and patience
        time_limit: seconds; a cosine or linear schedule ends with it if it comes before the last
            epoch
        reserve: seconds of the time limit that are kept for what follows the training
        seconds_before: seconds of training before the run was resumed
        scores: dev scores so far, larger is better
        start_time: by time.monotonic()
        agreed_seconds: time used so far as several processes have agreed on it; None: by the clock
    """

    options: Options
    time_limit: float | None = None
    seconds_before: float = 0.0
    scores: list[float] = field(default_factory=list)
    start_time: float = field(default_factory=time.monotonic)
    agreed_seconds: float | None = None
    reserve: float = 0.0

    def __call__(self, step: int, epoch: float) -> float:
        done = self.fraction_done(epoch)
        return learning_rate(
            self.options, step=step, epoch=epoch, fraction_done=done, scores=self.scores
        )

    @property
    def seconds(self) -> float:
        """Time used so far, before resuming included."""
        if self.agreed_seconds is not None:
            return self.agreed_seconds
        return self.read_clock()

    def read_clock(self) -> float:
        """Time used so far by this process's clock."""
        return self.seconds_before + time.monotonic() - self.start_time

    def fraction_done(self, epoch: float) -> float:
        """How much of the run is done: of its epochs, or of its time if that is more."""
        of_time = 0.0
        if self.time_limit:
            of_time = self.seconds / max(1e-9, self.time_limit - self.reserve)
        return max(epoch / self.options.epochs, of_time)

    def is_finished(self, epoch: float) -> bool:
        """Whether the epochs or the time are over, or early stopping ends the run."""
        done = self.fraction_done(epoch) >= 1 - ROUNDING
        return done or should_stop(self.scores, self.options.patience)
