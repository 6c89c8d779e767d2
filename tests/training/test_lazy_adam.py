"""Lazy Adam is Adam over all rows."""

import copy

import pytest
import torch
from torch import nn

from ostinato import kernels
from ostinato.data.batching.batch import Batch
from ostinato.kernels import bindings
from ostinato.layers.embedding import Embedding, EmbeddingSum
from ostinato.models.loss import Loss
from ostinato.training import checkpoint, lazy_adam
from ostinato.training.lazy_adam import LazyAdam
from ostinato.training.loop import Position, train
from ostinato.training.optimise import Options, build_optimizer

pytestmark = pytest.mark.skipif(bindings.missing is not None, reason="no compiled part")
WORDS = 60


class Toy(nn.Module):
    def __init__(self, *, lazy: bool):
        super().__init__()
        self.words = Embedding(WORDS, 19, lazy=lazy)
        self.sums = EmbeddingSum(WORDS, 19, lazy=lazy)
        self.output = nn.Linear(19, 4)

    def forward(self, tokens):
        return (
            self.output(self.words(tokens).tanh() + self.sums(tokens).unsqueeze(1)).square().sum()
        )


@pytest.fixture(autouse=True)
def small_tables(monkeypatch):
    monkeypatch.setattr(lazy_adam, "LARGE_TABLE", 0)


def pair():
    torch.manual_seed(1)
    one, other = Toy(lazy=True), Toy(lazy=False)
    other.load_state_dict(one.state_dict())
    return one, other


def learn(model, optimizer, steps, *, first=0):
    """Few words a step, the same in every run; the rate sinks."""
    for step in range(first, first + steps):
        torch.manual_seed(step)
        tokens = torch.randint(WORDS if step % 3 else 5, (3, 4))
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (1 - step / 200)
        optimizer.zero_grad()
        model(tokens).backward()
        optimizer.step()


def close(one, other):
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(tensor, other.state_dict()[name], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("remembered", [4096, 7])
def test_the_weights_are_those_of_adam_over_all_rows(remembered, monkeypatch):
    monkeypatch.setattr(lazy_adam, "REMEMBERED_STEPS", remembered)
    one, other = pair()
    lazy, over_all = (build_optimizer(model, Options()) for model in (one, other))
    assert (
        list(lazy.tables) == [one.words.weight, one.sums.weight]
        and type(over_all) is torch.optim.Adam
    )
    for first in range(0, 120, 40):
        learn(one, lazy, 40, first=first)
        learn(other, over_all, 40, first=first)
        torch.testing.assert_close(
            one(torch.arange(WORDS).view(6, 10)),
            other(torch.arange(WORDS).view(6, 10)),
            rtol=1e-4,
            atol=1e-4,
        )
    close(one, other)


def test_gradients_over_the_whole_table_are_taken_too():
    one, other = pair()
    lazy, over_all = (build_optimizer(model, Options()) for model in (one, other))
    for model, optimizer in ((one, lazy), (other, over_all)):
        learn(model, optimizer, 5)
        optimizer.zero_grad()
        lazy_adam.synchronise(optimizer)
        model.words.weight.square().sum().backward()
        optimizer.step()
    close(one, other)


def test_a_resumed_run_goes_on_bit_for_bit(tmp_path):
    whole, killed = pair()[0], pair()[0]
    optimizer = build_optimizer(whole, Options())
    learn(whole, optimizer, 60)
    first = build_optimizer(killed, Options())
    learn(killed, first, 30)
    checkpoint.save(tmp_path, killed, first, checkpoint.Checkpoint(Position(30)))
    resumed = pair()[0]
    again = build_optimizer(resumed, Options())
    checkpoint.load(tmp_path, resumed, again)
    learn(resumed, again, 30, first=30)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert torch.equal(
        optimizer.state_dict()["state"][2]["exp_avg"], again.state_dict()["state"][2]["exp_avg"]
    )


def test_its_state_is_that_of_torchs_adam():
    one, other = pair()
    lazy, over_all = (
        build_optimizer(one, Options()),
        torch.optim.Adam(
            [*other.output.parameters(), other.words.weight, other.sums.weight], lr=0.001
        ),
    )
    learn(one, lazy, 10)
    learn(other, over_all, 10)
    ours, theirs = lazy.state_dict()["state"][2], over_all.state_dict()["state"][2]
    assert ours.keys() == theirs.keys() and ours["step"] == theirs["step"] == 10
    torch.testing.assert_close(ours["exp_avg_sq"], theirs["exp_avg_sq"], rtol=1e-4, atol=1e-6)


def test_weights_that_are_loaded_stay():
    one, other = pair()
    learn(one, build_optimizer(one, Options()), 10)
    one.load_state_dict(other.state_dict())
    assert torch.equal(one.words.weight, other.words.weight) and torch.equal(
        one.state_dict()["words.weight"], other.words.weight
    )


@pytest.mark.parametrize("why", ["decay", "another optimizer", "kernels off", "frozen", "small"])
def test_what_is_not_updated_lazily(why, monkeypatch):
    model = pair()[0]
    options = {
        "decay": {"optimizer": "adam", "weight_decay": 0.1},
        "another optimizer": {"optimizer": "sgd"},
    }.get(why, {})
    for table in (model.words, model.sums):
        table.weight.requires_grad_(why != "frozen")
    monkeypatch.setattr(lazy_adam, "LARGE_TABLE", 10**6 if why == "small" else 0)
    with kernels.disabled() if why == "kernels off" else torch.enable_grad():
        optimizer = build_optimizer(model, Options(**options))
    assert not isinstance(optimizer, LazyAdam) and not model.words.sparse


def test_a_copy_has_weights_of_its_own():
    model = pair()[0]
    optimizer = build_optimizer(model, Options())
    learn(model, optimizer, 10)
    other = copy.deepcopy(model)
    learn(model, optimizer, 5, first=10)
    assert not torch.equal(other.state_dict()["words.weight"], model.state_dict()["words.weight"])


def has_hooks(module):
    return bool(
        module._forward_pre_hooks
        or module._state_dict_pre_hooks
        or module._load_state_dict_pre_hooks
    )


def test_outside_training_an_embedding_is_a_plain_module():
    one, other = pair()
    optimizer = build_optimizer(one, Options())
    attributes = set(vars(other.words))
    learn(one, optimizer, 10)
    assert has_hooks(one.words) and has_hooks(one.sums)
    optimizer.synchronise()
    assert not has_hooks(one.words) and not has_hooks(one.sums)
    optimizer.close()
    assert not one.words.sparse and set(vars(one.words)) == attributes
    weights, version = one.words.weight.clone(), one.words.weight._version
    one(torch.arange(12).view(3, 4))
    one.state_dict()
    assert torch.equal(one.words.weight, weights) and one.words.weight._version == version
    assert isinstance(build_optimizer(one, Options()), LazyAdam)  # may be trained again


def test_reading_between_two_steps_gives_the_weights_of_now():
    one, other = pair()
    lazy, over_all = (build_optimizer(model, Options()) for model in (one, other))
    for model, optimizer in ((one, lazy), (other, over_all)):
        learn(model, optimizer, 10)
        model.eval()
    tokens = torch.arange(WORDS).view(6, 10)
    torch.testing.assert_close(one(tokens), other(tokens), rtol=1e-4, atol=1e-4)


def test_reading_between_two_steps_changes_no_bit_of_the_run():
    plain, watched = pair()[0], pair()[0]
    optimizers = [build_optimizer(model, Options()) for model in (plain, watched)]
    learn(plain, optimizers[0], 30)
    for step in range(30):
        learn(watched, optimizers[1], 1, first=step)
        if step % 4 == 0:
            watched.eval()(torch.arange(10).view(2, 5))
            watched.train()
        if step % 7 == 0:
            optimizers[1].synchronise()
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, watched.state_dict()[name]), name


def test_the_training_loop_leaves_plain_modules():
    class Model(Toy):
        def loss(self, batch, state=None):
            return Loss(self(batch.inputs), 1, None)

    model = Model(lazy=True)
    batches = [Batch(torch.randint(1, WORDS, (3, 4)), torch.full((3,), 4)) for _ in range(3)]
    steps = train(model, batches, build_optimizer(model, Options()))
    next(steps)
    assert has_hooks(model.words)
    steps.close()
    assert not has_hooks(model.words) and not has_hooks(model.sums)
