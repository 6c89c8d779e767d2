"""How a model is trained: each field is an option, a flag and a recipe's key.

Imports no torch, so that --help is quick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ostinato.errors import InputError
from ostinato.options import option

OptimizerName = Literal[
    "sgd", "adam", "adamw", "adagrad", "rmsprop", "adadelta", "asgd", "sparse-adam"
]
ScheduleName = Literal["constant", "halve", "plateau", "cosine", "linear", "inverse-sqrt"]

LEARNING_RATES = {
    "sgd": 0.7,
    "adam": 0.001,
    "adamw": 0.001,
    "adagrad": 0.1,
    "rmsprop": 0.001,
    "adadelta": 1.0,
    "asgd": 0.7,
    "sparse-adam": 0.001,
}


@dataclass(frozen=True)
class Options:
    """Options(optimizer="sgd", schedule="halve", epochs=7.5)"""

    epochs: float = option(
        10.0, "how often to go through the training data; may be a fraction", above=0
    )
    least_steps: int = option(
        0,
        "unless --epochs is given: as many epochs as make so many steps, where the data is small",
        minimum=0,
    )
    least_batches: int = option(
        0,
        "unless --batch-size or --batch-tokens is given: so many an epoch, smaller ones where the data is small",
        minimum=0,
    )
    batch_size: int | None = option(
        None, "most examples a batch, however long (default: 64 without --batch-tokens)", minimum=1
    )
    batch_tokens: int | None = option(None, "most tokens a batch, padding counted", minimum=1)
    accumulate: int = option(1, "batches whose gradients make up one step", minimum=1)

    optimizer: OptimizerName = option("adam", "what turns gradients into steps")
    learning_rate: float | None = option(
        None, "size of a step (default: 0.7 for sgd, 0.001 for adam, ...)", above=0
    )
    momentum: float = option(0.0, "of sgd and rmsprop", minimum=0, maximum=0.9999)
    beta1: float = option(
        0.9, "adam: how long the mean of the gradients remembers", minimum=0, maximum=0.99999
    )
    beta2: float = option(
        0.999, "adam: how long the mean of their squares remembers", minimum=0, maximum=0.9999999
    )
    epsilon: float = option(
        1e-8, "adam, rmsprop, adagrad, adadelta: keeps from dividing by zero", above=0
    )
    weight_decay: float | None = option(
        None, "pull of weights, not of biases, to 0 (default: 0.01 for adamw)", minimum=0
    )
    clip_norm: float | None = option(
        5.0, "longest gradient; longer ones are scaled down to it", above=0
    )
    clip_value: float | None = option(
        None, "largest component of a gradient; larger ones are cut to it", above=0
    )
    normalise: Literal["tokens", "sequences"] = option(
        "tokens", "the summed loss of a step is divided by their number"
    )

    schedule: ScheduleName = option("constant", "how the learning rate changes")
    warmup: int = option(
        0,
        "steps over which the learning rate grows from zero (unless given: an epoch at most)",
        minimum=0,
    )
    halve_from: float = option(5.0, "halve: the epoch from which on the rate is lowered", minimum=0)
    halve_every: float = option(0.5, "halve: lowered again after so many epochs", above=0)
    decay_factor: float = option(
        0.5, "halve, plateau: what the rate is multiplied by", above=0, maximum=1
    )
    plateau_patience: int = option(
        1, "plateau: dev scores in a row without a new best before lowering", minimum=1
    )
    final_rate: float = option(
        0.0, "cosine, linear: last rate as a share of the first", minimum=0, maximum=1
    )

    evaluate_every: float = option(1.0, "epochs between dev scores; may be a fraction", above=0)
    patience: int | None = option(
        None, "stop after so many dev scores in a row without a new best", minimum=1
    )
    average_checkpoints: int = option(
        1, "the final model is the mean of so many of those scored", minimum=1
    )
    average: Literal["best", "last"] = option("best", "which ones of them")
    average_patience: int = option(
        5,
        "asgd: weights are averaged once a dev score is below the best of those so many before",
        minimum=0,
    )
    tensorboard: bool = option(True, "write TensorBoard events beside the learning curves")
    checkpoint_every: float = option(300.0, "seconds between checkpoints to resume from", above=0)

    def __post_init__(self) -> None:
        if self.batch_size is None and self.batch_tokens is None:
            object.__setattr__(self, "batch_size", 64)
        if self.momentum and self.optimizer not in ("sgd", "rmsprop"):
            raise InputError(
                f"--momentum goes with --optimizer sgd or rmsprop; got {self.optimizer}"
            )

    def stretched(self, steps: int) -> Options:
        """The same for data of so few `steps` an epoch that `least_steps` takes more epochs; as many dev scores as before.

        Options(epochs=10, least_steps=800).stretched(8) -> Options(epochs=100, evaluate_every=10, ...)"""
        factor = max(1.0, self.least_steps / max(1.0, self.epochs * steps / self.accumulate))
        return replace(
            self, epochs=factor * self.epochs, evaluate_every=factor * self.evaluate_every
        )

    def tokens_of(self, places: int, longest: int) -> int | None:
        """`batch_tokens`, or less where the data has so few places for tokens that there would not be `least_batches`.

        Options(batch_tokens=1200, least_batches=20).tokens_of(2000, longest=9) -> 100; no less than four of the longest"""
        if self.batch_tokens is None or not self.least_batches:
            return self.batch_tokens
        return min(self.batch_tokens, max(places // self.least_batches, 4 * longest))

    def warmed_up_in_an_epoch(self, batches: int) -> Options:
        """The same with a warm-up of an epoch of so many batches at most (and so not of where the run ends, which may move).

        Options(warmup=200).warmed_up_in_an_epoch(50) -> Options(warmup=50, ...)"""
        return replace(self, warmup=min(self.warmup, -(-batches // self.accumulate)))

    @property
    def initial_rate(self) -> float:
        """The learning rate given, or the optimizer's usual one."""
        return LEARNING_RATES[self.optimizer] if self.learning_rate is None else self.learning_rate

    @property
    def decay(self) -> float:
        """The weight decay given, or the optimizer's usual one."""
        if self.weight_decay is None:
            return 0.01 if self.optimizer == "adamw" else 0.0
        return self.weight_decay
