"""A training run: its steps, its evaluations on the dev set, its checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ostinato.commands.run.config import RunConfig
from ostinato.commands.run.progress import TrainingBar, say
from ostinato.commands.run.run_files import TRAINING, is_resumable
from ostinato.commands.run.splits import Splits
from ostinato.commands.run.subject import observe_gates
from ostinato.data.files.atomic import NotWritten
from ostinato.errors import InputError, Interrupted
from ostinato.metrics import METRICS
from ostinato.tasks import folder as run_folder
from ostinato.tasks.task import Task
from ostinato.training import checkpoint, checkpoint_averaging, lazy_adam
from ostinato.training.averaged_sgd import AveragedSGD, averaged_weights, has_stalled
from ostinato.training.curves import Curves
from ostinato.training.gradients import GradientWatch
from ostinato.training.interrupt import Interrupt
from ostinato.training.lock import Lock
from ostinato.training.loop import EpochBatches, Progress, TrainingDiverged, state_tensors, train
from ostinato.training.options import Options
from ostinato.training.schedule import Schedule, is_due


@dataclass
class TrainingRun:
    """A run in its folder. `network` has the weights of the last step, the folder those of the best
    dev score.

    Attributes:
        folder: the run folder
        config: what was requested
        task: with its vocabularies or scalers fitted
        options: training options, adapted to the size of the data
        splits: records to train, choose and report on
        network: the model that is trained
        optimizer: None for a model that is fitted in closed form
        batches: of the training records
        schedule: learning rate, dev scores and time limit
        curves: the log of steps and scores
        interrupt: whether a signal has come
        lock: on the folder
        resumed_from: the checkpoint that the run continues from, or an empty one
        notices: what the user was told about the data, for the report
        tokens: tokens trained on so far
        training_seconds: seconds that the steps took so far
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
    curves: Curves
    interrupt: Interrupt
    lock: Lock
    resumed_from: checkpoint.Checkpoint
    notices: list[str]
    tokens: int = 0
    training_seconds: float = 0.0
    after_score: Callable[[Progress], None] | None = None

    @property
    def training_folder(self) -> Path:
        return self.folder / TRAINING

    @property
    def resume_command(self) -> str:
        return f"ostinato train {self.task.name} --out {self.folder} --resume"

    def train(self) -> None:
        """Trains until the epochs or the time are over, or early stopping ends the run.

        Raises:
            Interrupted: a signal has come; the run is saved.
            InputError: training diverged, or its folder can no longer be written to.
        """
        if self.optimizer is None:
            self.require_folder()
            run_folder.save_network(self.folder, self.network)
            return
        epoch = self.resumed_from.counters.get("epoch", 0.0)
        if self.schedule.is_finished(epoch) and self.resumed_from.position.step:
            return  # resumed after its end; a new run takes one step at least
        try:
            with TrainingBar(self.task.options.dev_metric) as bar:
                self._train_steps(self._steps(self.optimizer), epoch, bar)
        except TrainingDiverged as error:
            self.require_folder()
            if not checkpoint_averaging.list_candidates(self.training_folder):
                run_folder.save_network(self.folder, self.network)
            raise TrainingDiverged(f"{error}; the last good model is in {self.folder}") from None
        finally:
            lazy_adam.close(self.optimizer)

    def require_folder(self) -> None:
        """Raises InputError if the run folder was removed or replaced since the run began: whatever
        is saved there now could not be resumed or used."""
        if not (self.lock.is_held() and is_resumable(self.folder)):
            raise InputError(
                f"{self.folder}: was removed or replaced while training, so nothing can be saved "
                f"in it; start again with: ostinato train {self.task.name}"
            )

    def _steps(self, optimizer: torch.optim.Optimizer) -> Iterator[Progress]:
        return train(
            self.network,
            self.batches,
            optimizer,
            epochs=self.options.epochs,
            schedule=self.schedule,
            clip_norm=self.options.clip_norm,
            clip_value=self.options.clip_value,
            accumulate=self.options.accumulate,
            normalise=self.options.normalise,
            start=self.resumed_from.position,
            carried_state=self.resumed_from.carried_state,
        )

    def _train_steps(self, steps: Iterator[Progress], epoch: float, bar: TrainingBar) -> None:
        saved_at = time.monotonic()
        watch = GradientWatch(self.network)
        for progress in steps:
            self._record(progress, bar)
            for warning in watch(progress.gradient_norm):
                say(f"warning: {warning}")
            due = is_due(self.options.evaluate_every, epoch, progress.epoch)
            epoch = progress.epoch
            if due or self.schedule.is_finished(epoch):
                self._evaluate_or_stop(progress, bar)
                if self.after_score is not None:
                    self.after_score(progress)
            if self.interrupt:
                self._stop(progress)
            if self.schedule.is_finished(epoch):
                self.try_to_save(progress)
                return
            if time.monotonic() - saved_at > self.options.checkpoint_every:
                self.try_to_save(progress)
                saved_at = time.monotonic()

    def _record(self, progress: Progress, bar: TrainingBar) -> None:
        self.curves.record_step(progress)
        by_inputs = self.task.definition.throughput_unit == "inputs"
        self.tokens += progress.inputs if by_inputs else progress.tokens
        self.training_seconds += progress.seconds
        bar.update(self.schedule.fraction_done(progress.epoch), progress)

    def _evaluate_or_stop(self, progress: Progress, bar: TrainingBar) -> None:
        """Ends the run where its weights cannot be saved, and says what it can go on from."""
        try:
            self._evaluate(progress, bar)
        except NotWritten as error:
            saved = checkpoint.exists(self.training_folder)
            go_on = f"go on from the last checkpoint with: {self.resume_command}" * saved
            begin = f"begin again with: {self.resume_command}" * (not saved)
            raise InputError(f"stopped at step {progress.step}: {error}; {go_on}{begin}") from error

    def _evaluate(self, progress: Progress, bar: TrainingBar) -> None:
        """Computes a dev score; the weights are saved if they are the best so far, or may yet be
        averaged."""
        lazy_adam.synchronise(self.optimizer)
        with averaged_weights(self.optimizer):
            self._score_weights(progress, bar)
        if isinstance(self.optimizer, AveragedSGD) and has_stalled(
            self.schedule.scores, self.options.average_patience
        ):
            self.optimizer.start_averaging()

    def _score_weights(self, progress: Progress, bar: TrainingBar) -> None:
        name = self.task.options.dev_metric
        self.network.eval()
        score = self.task.predictor.dev_score(self.network, self.splits.dev, name)
        gates = observe_gates(self.task, self.network, self.splits.dev)
        self.network.train()
        value = score if METRICS[name].higher_is_better else -score
        self.schedule.scores.append(value)
        self.curves.record_scores(progress.step, progress.epoch, {name: score})
        self.curves.record_gates(progress.step, progress.epoch, gates)
        self.require_folder()
        checkpoint_averaging.save_candidate(
            self.training_folder,
            self.network,
            step=progress.step,
            score=value,
            count=self.options.average_checkpoints,
            which=self.options.average,
        )
        best = max(self.schedule.scores)
        if value >= best:
            run_folder.save_network(self.folder, self.network)
        bar.show_score(progress, score, abs(best))

    def _stop(self, progress: Progress) -> None:
        """Ends the run after a signal, and says whether its last step is saved."""
        try:
            self._save_checkpoint(progress)
        except InputError as error:
            raise InputError(
                f"stopped at step {progress.step}, which is not saved: {error}"
            ) from error
        raise Interrupted(
            f"saved at step {progress.step}; go on with: {self.resume_command}",
            self.interrupt.exit_status,
        )

    def try_to_save(self, progress: Progress) -> None:
        """A full disk costs this checkpoint, neither the run nor the checkpoint before."""
        try:
            self._save_checkpoint(progress)
        except checkpoint.NotSaved as error:
            say(f"warning: {error}")

    def _save_checkpoint(self, progress: Progress) -> None:
        if self.optimizer is None:
            raise ValueError("a model that is fitted in closed form has no checkpoints")
        self.require_folder()
        counters = {
            "epoch": progress.epoch,
            "tokens": self.tokens,
            "training_seconds": self.training_seconds,
        }
        checkpoint.save(
            self.training_folder,
            self.network,
            self.optimizer,
            checkpoint.Checkpoint(
                progress.position,
                self.schedule.seconds,
                self.schedule.scores,
                state_tensors(progress.state),
                counters,
            ),
        )
