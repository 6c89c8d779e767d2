"""The state of a training run, and its checkpoints in the run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ostinato.commands.run.config import RunConfig
from ostinato.commands.run.init_from import Reuse
from ostinato.commands.run.progress import say
from ostinato.commands.run.run_files import TRAINING, is_resumable
from ostinato.commands.run.splits import Splits
from ostinato.commands.run.time_budget import TimeBudget, take_part
from ostinato.errors import InputError
from ostinato.tasks import run_folder
from ostinato.tasks.task import Task
from ostinato.training import checkpoint, checkpoint_averaging
from ostinato.training.curves import Curves
from ostinato.training.exchange import Exchange
from ostinato.training.group import ALONE, ProcessGroup
from ostinato.training.interrupt import Interrupt
from ostinato.training.lock import Lock
from ostinato.training.loop import EpochBatches, Progress, state_tensors
from ostinato.training.options import Options
from ostinato.training.schedule import Schedule


@dataclass
class RunState:
    """The state of a run. `network` has the weights of the last step, the run folder those of the
    best dev score.

    Attributes:
        folder: the run folder
        config: the configuration
        task: the fitted task
        options: training options, adapted to the size of the data
        splits: the training, dev and test records
        network: the network that is trained
        optimizer: None for a model that is fitted in closed form
        batches: the batches of the training records
        schedule: learning rate, dev scores and time limit
        curves: the log of steps and scores; None in all processes but the first
        interrupt: whether a signal was received
        lock: the lock on the folder; None in all processes but the first
        resumed_from: the checkpoint that the run continues from, or an empty one
        notices: the notices about the data, for the report
        tokens: number of tokens trained on so far
        training_seconds: seconds of all steps so far
        epochs_seen: epochs trained so far, with fraction
        group: the processes that train together; the first of them evaluates and writes
        budget: the time budget, for a run with a time limit
        reuse: the weights copied from another run; None on resuming
        after_score: called with the last step after each evaluation on the dev set
    """

    folder: Path
    config: RunConfig
    task: Task
    options: Options
    splits: Splits
    network: nn.Module
    optimizer: torch.optim.Optimizer | None
    batches: EpochBatches
    schedule: Schedule
    curves: Curves | None
    interrupt: Interrupt
    lock: Lock | None
    resumed_from: checkpoint.Checkpoint
    notices: list[str]
    tokens: int = 0
    training_seconds: float = 0.0
    epochs_seen: float = 0.0
    group: ProcessGroup = ALONE
    budget: TimeBudget = field(default_factory=TimeBudget)
    reuse: Reuse | None = None
    after_score: Callable[[Progress], None] | None = None

    @property
    def training_folder(self) -> Path:
        return self.folder / TRAINING

    @property
    def scored_dev(self) -> Any:
        """The dev records whose score chooses the weights."""
        return take_part(self.splits.dev, self.budget.dev)

    @property
    def resume_command(self) -> str:
        return f"ostinato train {self.task.name} --out {self.folder} --resume"

    def require_folder(self) -> None:
        """Raises InputError if the run folder was removed or replaced since the run began: files
        saved there now could not be used or resumed from.
        """
        if self.lock is None:
            return
        if not (self.lock.is_held() and is_resumable(self.folder)):
            raise InputError(
                f"{self.folder}: was removed or replaced while training, so nothing can be saved "
                f"in it; start again with: ostinato train {self.task.name}"
            )

    def save_scored_weights(
        self, progress: Progress, name: str, score: float, value: float
    ) -> None:
        """Saves weights with a dev score, for averaging and as the best so far."""
        if self.curves is not None:
            self.curves.record_scores(progress.step, progress.epoch, {name: score})
        self.require_folder()
        checkpoint_averaging.save_candidate(
            self.training_folder,
            self.network,
            step=progress.step,
            score=value,
            count=self.options.average_checkpoints,
            which=self.options.average,
        )
        if value >= max(self.schedule.scores):
            run_folder.save_network(self.folder, self.network)

    def try_to_save(self, progress: Progress, exchange: Exchange | None = None) -> None:
        """Saves a checkpoint; on a full disk the run continues with the previous checkpoint."""
        try:
            self.save_checkpoint(exchange, progress)
        except checkpoint.NotSaved as error:
            say(f"warning: {error}")

    def save_checkpoint(self, exchange: Exchange | None, progress: Progress) -> None:
        """Saves a checkpoint at this step; NotSaved if it cannot be written."""
        if self.optimizer is None:
            raise ValueError("a model that is fitted in closed form has no checkpoints")
        carried_state = state_tensors(progress.state)
        if exchange is not None:
            carried_state = exchange.gather_state(carried_state)
        if not self.group.is_main:
            return
        self.require_folder()
        counters = {
            "epoch": progress.epoch,
            "tokens": self.tokens,
            "training_seconds": self.training_seconds,
            "reserve": self.schedule.reserve,
            "threads": torch.get_num_threads(),
        }
        seconds, scores = self.schedule.seconds, self.schedule.scores
        state = checkpoint.Checkpoint(progress.position, seconds, scores, carried_state, counters)
        checkpoint.save(self.training_folder, self.network, self.optimizer, state)
