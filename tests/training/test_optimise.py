from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from toy import batches, toy

from ostinato import options as flags
from ostinato.errors import InputError
from ostinato.training.loop import train
from ostinato.training.optimise import OptimizerGroup, build_optimizer
from ostinato.training.options import LEARNING_RATES, Options

NAMES = sorted(LEARNING_RATES)


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_lowers_the_loss(name):
    model = toy(dropout=0.0)
    optimizer = build_optimizer(model, Options(optimizer=name))
    assert optimizer.param_groups[0]["lr"] == LEARNING_RATES[name]
    losses = [p.loss for p in train(model, batches(2), optimizer, epochs=15, clip_norm=5.0)]
    assert losses[-1] < losses[1]


@pytest.mark.parametrize("name", ["adam", "adamw", "adagrad"])
def test_the_fused_step_is_the_plain_one(name):
    ours, plain = toy(dropout=0.0), toy(dropout=0.0)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adagrad": torch.optim.Adagrad}[
        name
    ]
    settings = {"eps": 1e-8, "weight_decay": 0.0, "lr": 0.01}
    list(
        train(
            ours,
            batches(5),
            build_optimizer(ours, Options(optimizer=name, learning_rate=0.01, weight_decay=0.0)),
        )
    )
    list(train(plain, batches(5), kind(plain.parameters(), **settings, foreach=False)))
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_weights_decay_and_biases_do_not():
    model = toy()
    groups = build_optimizer(model, Options(optimizer="adamw")).param_groups
    assert [group["weight_decay"] for group in groups] == [0.01, 0.0]
    assert all(p.dim() > 1 for p in groups[0]["params"]) and all(
        p.dim() == 1 for p in groups[1]["params"]
    )
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    assert (
        Options(optimizer="adam").decay == 0.0
        and Options(optimizer="adam", weight_decay=0.1).decay == 0.1
    )


def test_betas_momentum_and_epsilon_arrive():
    [weights, _] = build_optimizer(toy(), Options(beta1=0.8, beta2=0.98, epsilon=1e-6)).param_groups
    assert weights["betas"] == (0.8, 0.98) and weights["eps"] == 1e-6
    [weights, _] = build_optimizer(toy(), Options(optimizer="sgd", momentum=0.9)).param_groups
    assert weights["momentum"] == 0.9


@pytest.mark.parametrize("name", ["sgd", "adagrad", "sparse-adam"])
def test_sparse_embeddings_train_like_dense_ones(name):
    """SGD and Adagrad leave a row without gradient as it is; so does Adam at its first step
    (but for its epsilon).
    """
    settings = Options(optimizer=name, learning_rate=0.1)
    sparse, dense = toy(sparse=True, dropout=0.0), toy(sparse=False, tied=False, dropout=0.0)
    steps = 1 if name == "sparse-adam" else 4
    for model in (sparse, dense):
        run = list(
            train(
                model,
                batches(steps),
                build_optimizer(model, settings),
                clip_norm=0.5,
                clip_value=0.1,
            )
        )
        assert len(run) == steps
    for a, b in zip(sparse.parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-3 if name == "sparse-adam" else 1e-6)


def test_adam_for_most_and_sparse_adam_for_the_embeddings_have_one_learning_rate():
    model = toy(sparse=True)
    optimizer = build_optimizer(model, Options(optimizer="sparse-adam"))
    assert isinstance(optimizer, OptimizerGroup)
    list(train(model, batches(2), optimizer, schedule=lambda step, epoch: 0.5))
    assert {group["lr"] for part in optimizer.members for group in part.param_groups} == {0.5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"optimizer": "adam"},
            "optimizer adam cannot take the sparse gradients of the embeddings; use sgd, "
            "adagrad or sparse-adam",
        ),
        (
            {"optimizer": "sgd", "momentum": 0.9},
            "momentum 0.9 does not go with sparse gradients of the embeddings; use 0",
        ),
    ],
)
def test_what_sparse_gradients_cannot_have(options, message):
    with pytest.raises(InputError) as refused:
        build_optimizer(toy(sparse=True), Options(**options))
    assert str(refused.value) == message


def test_nothing_to_train():
    model = toy().requires_grad_(False)
    with pytest.raises(
        InputError, match="^nothing to train: all of the model's parameters are frozen$"
    ):
        build_optimizer(model, Options())


def test_frozen_parameters_are_left_out():
    model = toy()
    model.recurrent.requires_grad_(False)
    optimizer = build_optimizer(model, Options())
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs must be above 0; got 0.0"),
        ({"optimizer": "adma"}, "did you mean 'adam'?"),
        ({"learning_rate": -1}, "learning_rate must be above 0; got -1.0"),
        ({"accumulate": 0}, "accumulate must be at least 1; got 0"),
        ({"schedule": "halves"}, "did you mean 'halve'?"),
        ({"clip_norm": 0.0}, "clip_norm must be above 0"),
        ({"momentum": 0.9}, "momentum goes with optimizer sgd or rmsprop; got adam"),
    ],
)
def test_options_out_of_range(values, message):
    with pytest.raises(InputError) as refused:
        flags.build(Options, values)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("values", "rows", "tokens"),
    [
        ({}, 64, None),
        ({"batch_tokens": 4000}, None, 4000),
        ({"batch_size": 8, "batch_tokens": 9}, 8, 9),
    ],
)
def test_batches_are_limited_by_rows_unless_by_tokens(values, rows, tokens):
    options = Options(**values)
    assert (options.batch_size, options.batch_tokens) == (rows, tokens)


def test_every_option_says_what_it_is():
    assert all(field.metadata["help"] for field in flags.fields(Options).values())


def test_options_and_schedules_need_no_torch():
    code = (
        "import sys, ostinato.training.options, ostinato.training.schedule; sys.exit('torch' in "
        "sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_small_data_is_gone_through_more_often():
    options = Options(epochs=10, least_steps=800, evaluate_every=0.5)
    adapted = options.with_minimum_steps(8)
    assert (adapted.epochs, adapted.evaluate_every) == (100, 5)
    assert options.with_minimum_steps(80) == options.with_minimum_steps(1000) == options
    assert Options(epochs=10).with_minimum_steps(1) == Options(epochs=10)
    assert Options(epochs=10, least_steps=800, accumulate=2).with_minimum_steps(8).epochs == 200


def test_a_warm_up_ends_with_the_first_epoch():
    assert Options(warmup=200).with_warmup_capped(50).warmup == 50
    assert Options(warmup=200).with_warmup_capped(500).warmup == 200
    assert Options(warmup=200, accumulate=2).with_warmup_capped(51).warmup == 26
    assert Options().with_warmup_capped(3).warmup == 0


def test_small_data_has_smaller_batches():
    options = Options(batch_tokens=1200, least_batches=20)
    assert options.limit_batch_tokens(2000, longest=9) == 100
    assert options.limit_batch_tokens(2000, longest=50) == 200
    assert options.limit_batch_tokens(1_000_000, longest=50) == 1200
    assert Options(batch_tokens=1200).limit_batch_tokens(10, longest=1) == 1200
    assert Options(batch_size=8, least_batches=20).limit_batch_tokens(10, longest=1) is None
