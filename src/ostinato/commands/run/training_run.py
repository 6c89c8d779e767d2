"""A training run: its steps and its evaluations on the dev set."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict

from ostinato.commands.run.forecast import Forecast
from ostinato.commands.run.progress import TrainingProgress, say
from ostinato.commands.run.run_state import RunState
from ostinato.commands.run.subject import observe_gates
from ostinato.commands.run.time_budget import TimeBudget, time_the_test
from ostinato.data.files.atomic import NotWritten
from ostinato.decoding.inputs import BrokenLogits
from ostinato.errors import InputError, Interrupted, option_name
from ostinato.memory_shortage import describe_shortage
from ostinato.metrics import METRICS
from ostinato.metrics.metric import NotFinite
from ostinato.tasks import run_folder
from ostinato.training import checkpoint, checkpoint_averaging, lazy_adam
from ostinato.training.averaged_sgd import AveragedSGD, averaged_weights, has_stalled
from ostinato.training.exchange import Exchange
from ostinato.training.gradient_watch import GradientWatch
from ostinato.training.loop import Progress, TrainingDiverged, train
from ostinato.training.schedule import is_due


class TrainingRun(RunState):
    """A run that can train: its steps, and its evaluations on the dev set."""

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
            return  # resumed after its end; a new run takes at least one step
        try:
            exchange = Exchange(
                self.group,
                self.network,
                self.interrupt,
                self.schedule.read_clock,
                self.config.seed,
            )
            self.schedule.agreed_seconds = exchange.seconds
            with TrainingProgress(self.task.options.dev_metric) as bar:
                self._train_steps(exchange, self._steps(exchange), epoch, bar)
        except TrainingDiverged as error:
            self.require_folder()
            if self.group.is_main and not checkpoint_averaging.list_candidates(
                self.training_folder
            ):
                run_folder.save_network(self.folder, self.network)
            raise TrainingDiverged(f"{error}; the last good model is in {self.folder}") from None
        except (MemoryError, RuntimeError) as error:
            if (shortage := describe_shortage(error)) is None:
                raise
            raise InputError(f"{shortage} in training; {self._spare_memory()}") from error
        finally:
            lazy_adam.close(self.optimizer)

    def _spare_memory(self) -> str:
        """What to do where the memory did not suffice."""
        limit = "batch_tokens" if self.options.batch_size is None else "batch_size"
        size = getattr(self.options, limit)
        smaller = f"give a smaller {option_name(limit)} than {size:,}, or smaller sizes"
        saved = checkpoint.exists(self.training_folder)
        return f"{smaller}{f'; the last checkpoint stays in {self.folder}' * saved}"

    def _steps(self, exchange: Exchange) -> Iterator[Progress]:
        if self.optimizer is None:
            raise ValueError("a model that is fitted in closed form has no steps")
        exchange.begin_step(self.resumed_from.position.step + 1)
        return train(
            exchange.model,
            exchange.divide(self.batches),
            self.optimizer,
            schedule=self.schedule,
            **self.options.loop_settings,
            start=self.resumed_from.position,
            carried_state=self.group.own_rows(self.resumed_from.carried_state),
            reduce=exchange.reduce,
        )

    def _train_steps(
        self, exchange: Exchange, steps: Iterator[Progress], epoch: float, bar: TrainingProgress
    ) -> None:
        saved_at = self.schedule.seconds
        watch = GradientWatch(self.network)
        forecast = Forecast(self.options.epochs, epoch)
        for progress in steps:
            self.schedule.agreed_seconds = exchange.seconds
            self._record(progress, bar)
            for warning in watch(progress.gradient_norm):
                say(f"warning: {warning}")
            if self.budget.limit is None and (line := forecast(progress)):
                say(line)
            due = self.budget.is_evaluation_due(
                is_due(self.options.evaluate_every, epoch, progress.epoch), self.schedule.seconds
            )
            epoch = progress.epoch
            if due or self.schedule.is_finished(epoch):
                self._evaluate_or_stop(progress, bar)
                if self.after_score is not None:
                    self.after_score(progress)
            if exchange.is_interrupted:
                self._stop(exchange, progress)
            if self.schedule.is_finished(epoch):
                self.try_to_save(progress, exchange)
                return
            if self.schedule.seconds - saved_at > self.options.checkpoint_every:
                self.try_to_save(progress, exchange)
                saved_at = self.schedule.seconds
            exchange.begin_step(progress.step + 1)

    def _record(self, progress: Progress, bar: TrainingProgress) -> None:
        if self.curves is not None:
            self.curves.record_step(progress)
        by_inputs = self.task.definition.throughput_unit == "inputs"
        self.tokens += progress.inputs if by_inputs else progress.tokens
        self.training_seconds += progress.seconds
        self.epochs_seen = progress.epoch
        bar.update(self.schedule.fraction_done(progress.epoch), progress)

    def _evaluate_or_stop(self, progress: Progress, bar: TrainingProgress) -> None:
        """Evaluates; ends the run with InputError if its weights cannot be saved."""
        try:
            self._evaluate(progress, bar)
        except NotWritten as error:
            saved = checkpoint.exists(self.training_folder)
            go_on = f"go on from the last checkpoint with: {self.resume_command}" * saved
            begin = f"begin again with: {self.resume_command}" * (not saved)
            raise InputError(f"stopped at step {progress.step}: {error}; {go_on}{begin}") from error

    def _evaluate(self, progress: Progress, bar: TrainingProgress) -> None:
        """Computes a dev score, and saves weights that are the best so far or may be averaged."""
        began, before = time.monotonic(), self.schedule.seconds
        lazy_adam.synchronise(self.optimizer)
        with averaged_weights(self.optimizer):
            self._score_weights(progress, bar)
        if isinstance(self.optimizer, AveragedSGD) and has_stalled(
            self.schedule.scores, self.options.average_patience
        ):
            self.optimizer.start_averaging()
        if self.budget.limit is not None:
            self._update_budget(before, time.monotonic() - began)

    def _update_budget(self, seconds: float, took: float) -> None:
        """Times the test with the current weights, and adjusts the end of training."""
        self.budget.note_evaluation(seconds + took, took)
        if self.group.is_main and not self.schedule.is_finished(0.0):
            time_the_test(self.budget, self.task, self.network, None, self.splits)
        self.budget = TimeBudget(**self.group.share(asdict(self.budget)))
        self.schedule.reserve = self.budget.reserve

    def _score_weights(self, progress: Progress, bar: TrainingProgress) -> None:
        name = self.task.options.dev_metric
        self.network.eval()
        score, gates = 0.0, None
        if self.group.is_main:
            score = self._score_dev_set(progress, name)
            gates = observe_gates(self.task, self.network, self.splits.dev)
        score = float(self.group.share(score))
        self.network.train()
        value = score if METRICS[name].higher_is_better else -score
        self.schedule.scores.append(value)
        if self.group.is_main:
            if self.curves is not None and gates is not None:
                self.curves.record_gates(progress.step, progress.epoch, gates)
            self.save_scored_weights(progress, name, score, value)
            bar.show_score(progress, score, abs(max(self.schedule.scores)))

    def _score_dev_set(self, progress: Progress, name: str) -> float:
        """The dev score; InputError where the network's answers are NaN."""
        try:
            return self.task.predictor.dev_score(self.network, self.scored_dev, name)
        except (BrokenLogits, NotFinite):
            saved = bool(checkpoint_averaging.list_candidates(self.training_folder))
            earlier = f"; earlier weights are in {self.folder}" * saved
            raise InputError(
                f"training diverged by step {progress.step}: the network's answers on the dev set "
                f"are not finite numbers; try a lower {option_name('learning_rate')} (now "
                f"{progress.learning_rate:g}){earlier}"
            ) from None

    def _stop(self, exchange: Exchange, progress: Progress) -> None:
        """Ends the run after a signal; the message says whether its last step is saved."""
        try:
            self.save_checkpoint(exchange, progress)
        except InputError as error:
            raise InputError(
                f"stopped at step {progress.step}, which is not saved: {error}"
            ) from error
        raise Interrupted(
            f"saved at step {progress.step}; continue with: {self.resume_command}",
            self.interrupt.exit_status,
        )
