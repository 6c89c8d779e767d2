"""How a model is trained: each field is an option, a flag and a recipe's key.

Imports no torch, so that --help is quick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from ostinato.errors import InputError, option_name
from ostinato.options import option

OptimizerName = Literal[
    "sgd", "adam", "adamw", "adagrad", "rmsprop", "adadelta", "asgd", "sparse-adam"
]
Precision = Literal["float32", "bfloat16"]
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
        10.0, "passes over the training data, 7.5 for instance; usually 5 to 50", above=0
    )
    least_steps: int = option(
        0,
        "train for at least this many steps: more epochs where the data is small; "
        "no effect if --epochs is given",
        minimum=0,
    )
    least_batches: int = option(
        0,
        "at least this many batches an epoch: smaller batches where the data is small; "
        "no effect if --batch-size or --batch-tokens is given",
        minimum=0,
    )
    batch_size: int | None = option(
        None,
        "maximum number of sequences in a batch; usually 16 to 128 (64 unless --batch-tokens is "
        "given)",
        minimum=1,
    )
    batch_tokens: int | None = option(
        None,
        "maximum number of tokens in a batch, padding included; usually 1,000 to 10,000",
        minimum=1,
    )
    accumulate: int = option(
        1, "batches whose gradients are summed for one step; usually 1", minimum=1
    )

    optimizer: OptimizerName = option(
        "adam", "algorithm that updates the weights; usually adam, or sgd"
    )
    learning_rate: float | None = option(
        None,
        "size of the updates; usually 0.0003 to 0.003 for adam, 0.1 to 1 for sgd (unless set: "
        "0.001 and 0.7)",
        above=0,
    )
    momentum: float = option(
        0.0, "sgd, rmsprop: momentum; usually 0 or 0.9", minimum=0, maximum=0.9999
    )
    beta1: float = option(
        0.9,
        "adam: decay rate of the first-moment estimate; usually 0.9",
        minimum=0,
        maximum=0.99999,
    )
    beta2: float = option(
        0.999,
        "adam: decay rate of the second-moment estimate; usually 0.98 to 0.999",
        minimum=0,
        maximum=0.9999999,
    )
    epsilon: float = option(
        1e-8,
        "adam, rmsprop, adagrad, adadelta: added to the denominator for stability; usually 1e-8",
        above=0,
    )
    weight_decay: float | None = option(
        None,
        "weight decay (L2), not of biases (default: 0, 0.01 for adamw); usually 0 to 0.01",
        minimum=0,
    )
    clip_norm: float | None = option(
        5.0, "scale the gradient down to this norm if it is larger; usually 1 to 5", above=0
    )
    clip_value: float | None = option(
        None, "limit each component of the gradient to this size; usually unset", above=0
    )
    normalise: Literal["tokens", "sequences"] = option(
        "tokens", "divide the summed loss of a step by the number of tokens, or of sequences"
    )

    precision: Precision = option(
        "float32",
        "of the factors of products while training; bfloat16 is faster on processors that have "
        "instructions for it, see `ostinato benchmark`; sums, states and weights stay float32",
    )
    freeze: str | None = option(
        None,
        "parameters that are not trained, by the beginnings of their names, separated by commas: "
        "embedding,recurrent",
    )
    layer_rate: float = option(
        1.0,
        "factor on the learning rate from each layer to the one below it; usually 1, or 0.4 after "
        "--init-from (Howard and Ruder 2018)",
        above=0,
        maximum=1,
    )
    unfreeze_every: float | None = option(
        None,
        "gradual unfreezing: the output layer is trained first, and one more layer below it after "
        "each this many epochs",
        above=0,
    )

    schedule: ScheduleName = option("constant", "how the learning rate changes in training")
    warmup: int = option(
        0,
        "steps over which the learning rate grows linearly from zero; usually 0 to 4,000 (unless "
        "given, at most one epoch)",
        minimum=0,
    )
    halve_from: float = option(
        5.0, "halve: epoch at which the learning rate is first lowered", minimum=0
    )
    halve_every: float = option(0.5, "halve: epochs until it is lowered again", above=0)
    decay_factor: float = option(
        0.5,
        "halve, plateau: factor by which the learning rate is lowered; usually 0.5",
        above=0,
        maximum=1,
    )
    plateau_patience: int = option(
        1,
        "plateau: evaluations without improvement before the learning rate is lowered; usually 1 "
        "to 3",
        minimum=1,
    )
    final_rate: float = option(
        0.0,
        "cosine, linear: last learning rate as a fraction of the first; usually 0",
        minimum=0,
        maximum=1,
    )

    evaluate_every: float = option(
        1.0, "epochs between evaluations on the dev set, 0.5 for instance; usually 1", above=0
    )
    patience: int | None = option(
        None,
        "early stopping: end after this many evaluations without improvement; usually 3 to 10",
        minimum=1,
    )
    average_checkpoints: int = option(
        1,
        "the final weights are the mean of this many checkpoints, if it scores better; usually 1 "
        "to 10",
        minimum=1,
    )
    average: Literal["best", "last"] = option(
        "best", "which checkpoints are averaged: those of the best dev scores, or the last ones"
    )
    average_patience: int = option(
        5,
        "asgd: non-monotone interval n; averaging starts when the dev score is below the best of "
        "those more than n evaluations ago",
        minimum=0,
    )
    keep: bool = option(
        False, "keep the checkpoints that were averaged, for resuming; without, only the best one"
    )
    tensorboard: bool = option(True, "write TensorBoard events besides the learning curves")
    checkpoint_every: float = option(
        300.0, "seconds between checkpoints to resume from; usually 300", above=0
    )

    def __post_init__(self) -> None:
        if self.batch_size is None and self.batch_tokens is None:
            object.__setattr__(self, "batch_size", 64)
        if self.momentum and self.optimizer not in ("sgd", "rmsprop"):
            raise InputError(
                f"{option_name('momentum')} goes with {option_name('optimizer')} sgd or "
                f"rmsprop; got {self.optimizer}"
            )

    def with_minimum_steps(self, batches: int) -> Options:
        """More epochs where the data is so small that training would take fewer than `least_steps`
        steps; the number of evaluations stays the same.

            Options(epochs=10, least_steps=800).with_minimum_steps(8)
            -> Options(epochs=100, evaluate_every=10, ...)

        Args:
            batches: number of batches in an epoch
        """
        factor = max(1.0, self.least_steps / max(1.0, self.epochs * batches / self.accumulate))
        return replace(
            self, epochs=factor * self.epochs, evaluate_every=factor * self.evaluate_every
        )

    def with_warmup_capped(self, batches: int) -> Options:
        """A warm-up of at most one epoch. (Not a share of the run: its end may move on resuming.)

            Options(warmup=200).with_warmup_capped(50) -> Options(warmup=50, ...)

        Args:
            batches: number of batches in an epoch
        """
        return replace(self, warmup=min(self.warmup, -(-batches // self.accumulate)))

    def limit_batch_tokens(self, tokens: int, longest: int) -> int | None:
        """`batch_tokens`, or less where the data would not fill `least_batches` batches.

            Options(batch_tokens=1200, least_batches=20).limit_batch_tokens(2000, longest=9) -> 100

        Args:
            tokens: in the training data
            longest: tokens of the longest example; a batch has room for at least four of them
        """
        if self.batch_tokens is None or not self.least_batches:
            return self.batch_tokens
        return min(self.batch_tokens, max(tokens // self.least_batches, 4 * longest))

    @property
    def loop_settings(self) -> dict[str, Any]:
        """The keyword arguments of `training.loop.train` that are options."""
        names = ("epochs", "clip_norm", "clip_value", "accumulate", "normalise", "precision")
        return {name: getattr(self, name) for name in names}

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
