"""The common part of the estimators: parameters, a random seed, training in memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from torch import nn

from ostinato.commands.run.config import RunRequest, make_config
from ostinato.commands.run.parts import Parts, build_parts
from ostinato.commands.run.progress import silence_notices
from ostinato.commands.run.records import records_as_files
from ostinato.metrics import METRICS
from ostinato.tasks.task import Task
from ostinato.training.loop import train
from ostinato.training.schedule import Schedule, is_due

LEAST_ROWS = 40  # with fewer examples the training data itself is the dev set


class RecurrentEstimator(BaseEstimator):
    """The parameters of every estimator.

    Args:
        cell: The recurrent cell: rnn, gru, lstm, ...; all keys of `ostinato.CELLS`.
        hidden_size: Units of each layer.
        layers: The number of recurrent layers.
        dropout: Dropout rate on the inputs, between layers and before the output.
        learning_rate: The learning rate of Adam.
        epochs: Passes over the training data; None: the task's default, and more for
            small data.
        batch_size: Sequences in a batch.
        random_state: The seed of the weights, the batches and the held-out part.
        options: Further options of the task and of training, by name.
    """

    task_name = ""
    holds_out_ends = False  # whether the held-out part is the end of each series

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.2,
        learning_rate: float = 0.005,
        epochs: float | None = None,
        batch_size: int = 32,
        random_state: Any = 0,
        options: dict[str, Any] | None = None,
    ):
        self.cell = cell
        self.hidden_size = hidden_size
        self.layers = layers
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.random_state = random_state
        self.options = options

    def settings(self) -> dict[str, Any]:
        """The parameters as options of the task."""
        names = ("cell", "hidden_size", "layers", "dropout", "learning_rate", "batch_size")
        found = {name: getattr(self, name) for name in names}
        if self.epochs is not None:
            found["epochs"] = float(self.epochs)
        return {**found, "tensorboard": False, **(self.options or {})}

    def seed(self) -> int:
        """The seed given by `random_state`."""
        if isinstance(self.random_state, int):
            return self.random_state
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def fit_task(self, rows: list[Any]) -> tuple[Task, nn.Module]:
        """Trains on examples as `ostinato.train` takes them, in memory.

        The weights are those of the best score on a held-out part of the rows.

        Returns:
            The fitted task and its network.
        """
        settings, seed = self.settings(), self.seed()
        small = len(rows) < LEAST_ROWS and not self.holds_out_ends
        parts: dict[str, Any] = {"train": rows, **({"dev": rows} if small else {})}
        with (
            seeded(seed),
            silence_notices(),
            records_as_files(self.task_name, settings, **parts) as files,
        ):
            request = RunRequest(
                self.task_name, files["train"], files.get("dev", ()), seed=seed, settings=settings
            )
            built = build_parts(Path(), make_config(request), "cpu", continues=False)
            train_in_memory(built)
        return built.task, built.network


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds torch's random numbers inside the block, and restores their state after it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def train_in_memory(parts: Parts) -> None:
    """Trains the network, and restores the weights with the best dev score."""
    if parts.optimizer is None:
        return
    options, name = parts.options, parts.task.options.dev_metric
    schedule, best, epoch = Schedule(options), {}, 0.0
    steps = train(
        parts.network,
        parts.batches,
        parts.optimizer,
        schedule=schedule,
        **options.loop_settings,
    )
    for progress in steps:
        due = is_due(options.evaluate_every, epoch, progress.epoch)
        epoch = progress.epoch
        if not (due or schedule.is_finished(epoch)):
            continue
        parts.network.eval()
        score = parts.task.predictor.dev_score(parts.network, parts.splits.dev, name)
        schedule.scores.append(score if METRICS[name].higher_is_better else -score)
        if schedule.scores[-1] >= max(schedule.scores):
            best = copy.deepcopy(parts.network.state_dict())
        if schedule.is_finished(epoch):
            break
    if best:
        parts.network.load_state_dict(best)
    parts.network.eval()
    parts.task.predictor.calibrate(parts.network, parts.splits.dev)
