from __future__ import annotations

import copy
import math

import pytest
import torch
from torch.testing import assert_close
from toy import Shuffled, batches, examples, same, stream, sum_losses, toy

from ostinato.data.batching.batch import Batch, collate
from ostinato.data.batching.buckets import BucketedBatches
from ostinato.errors import InputError
from ostinato.training.loop import Position, TrainingDiverged, state_tensors, train
from ostinato.training.optimise import build_optimizer
from ostinato.training.options import Options


def sgd(model, rate=0.1):
    return torch.optim.SGD(model.parameters(), lr=rate)


def test_a_run_steps_through_its_epochs():
    model = toy()
    run = list(train(model, batches(4), sgd(model), epochs=2.5))
    assert [p.step for p in run] == list(range(1, 11))
    assert [p.epoch for p in run] == [0.25 * k for k in range(1, 11)]
    assert run[3].position == Position(4, 1, 0) and run[4].position == Position(5, 1, 1)
    assert all(math.isfinite(p.loss) and p.gradient_norm > 0 and p.seconds > 0 for p in run)
    assert [p.sequences for p in run] == [3] * 10


@pytest.mark.parametrize(
    ("epochs", "size", "steps"), [(7.5, 4, 30), (0.1, 3, 1), (0.5, 3, 2), (1, 3, 3), (0.3, 10, 3)]
)
def test_epochs_may_be_a_fraction(epochs, size, steps):
    model = toy()
    assert len(list(train(model, batches(size), sgd(model), epochs=epochs))) == steps


def test_progress_holds_the_mean_loss_of_a_token_and_its_gradients():
    model = toy(dropout=0.0)
    batch = batches(1)[0]
    with torch.no_grad():
        total, count, _ = model.loss(batch)
    progress = next(train(model, [batch], sgd(model)))
    assert progress.tokens == count and progress.loss == pytest.approx(total.item() / count)
    found = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert progress.gradient_norm == pytest.approx(found.norm().item(), rel=1e-5)


@pytest.mark.parametrize("normalise", ["tokens", "sequences"])
@pytest.mark.parametrize(
    "limits",
    [{}, {"clip_norm": 0.1}, {"clip_value": 0.01}, {"clip_value": 0.01, "clip_norm": 0.05}],
)
def test_accumulated_batches_are_one_big_batch(normalise, limits):
    torch.set_default_dtype(torch.float64)
    try:
        found = examples(12)
        one, many = toy(dropout=0.0), toy(dropout=0.0)
        list(train(one, [collate(found)], sgd(one), normalise=normalise, **limits))
        parts = [collate(found[:2]), collate(found[2:7]), collate(found[7:])]
        [progress] = train(many, parts, sgd(many), accumulate=3, normalise=normalise, **limits)
    finally:
        torch.set_default_dtype(torch.float32)
    assert progress.sequences == 12
    for a, b in zip(one.parameters(), many.parameters(), strict=True):
        assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_one_batch_alone_is_the_plain_mean_bit_for_bit():
    ours, plain = toy(dropout=0.0), toy(dropout=0.0)
    batch = batches(1)[0]
    list(train(ours, [batch], sgd(ours)))
    plain.loss(batch).mean.backward()
    sgd(plain).step()
    assert same(ours, plain)


def test_the_last_step_of_an_epoch_takes_the_batches_that_are_left():
    model = toy()
    run = list(train(model, batches(5), sgd(model), accumulate=2, epochs=2))
    assert [p.sequences for p in run] == [6, 6, 3, 6, 6, 3]
    assert [p.epoch for p in run] == [0.4, 0.8, 1.0, 1.4, 1.8, 2.0]


def test_sequences_normalise_as_in_the_seq2seq_paper():
    tokens, sequences = toy(dropout=0.0), toy(dropout=0.0)
    batch = batches(1)[0]
    [by_token] = train(tokens, [batch], sgd(tokens))
    [by_sequence] = train(sequences, [batch], sgd(sequences), normalise="sequences")
    assert by_token.loss == by_sequence.loss
    ratio = by_token.tokens / by_token.sequences
    assert by_sequence.gradient_norm == pytest.approx(by_token.gradient_norm * ratio, rel=1e-5)


def test_the_schedule_is_asked_before_each_step():
    model, asked = toy(), []

    def schedule(step, epoch):
        asked.append((step, epoch))
        return 0.1 / step

    run = list(train(model, batches(4), sgd(model), epochs=1.5, accumulate=2, schedule=schedule))
    assert asked == [(1, 0.0), (2, 0.5), (3, 1.0)]
    assert [p.learning_rate for p in run] == [0.1, 0.05, 0.1 / 3]


def test_a_state_is_carried_where_batches_continue_and_only_there():
    class Watched(type(toy())):
        def loss(self, batch, state=None):
            seen.append(state)
            return super().loss(batch, state)

    seen: list = []
    torch.manual_seed(0)
    model = Watched()
    list(train(model, stream(3), sgd(model), epochs=2))
    assert [state is None for state in seen] == [True, False, False] * 2
    assert all(not part.requires_grad for state in seen if state for part in state)


def test_truncated_backpropagation_in_chunks_has_the_loss_of_the_whole():
    model = toy(dropout=0.0)
    pieces = stream(4)
    whole = Batch(
        torch.cat([b.inputs for b in pieces], 1),
        pieces[0].lengths * 4,
        torch.cat([b.targets for b in pieces], 1),
    )
    in_pieces, one = sum_losses(model, pieces), sum_losses(model, [whole])
    assert in_pieces[0] == pytest.approx(one[0], rel=1e-6) and in_pieces[1] == one[1]


def test_evaluating_changes_nothing():
    model, watched = toy(), toy()
    data = batches(4)
    for _ in train(model, data, sgd(model)):
        pass
    torch.manual_seed(5)
    for _ in train(watched, data, sgd(watched)):
        sum_losses(watched, data)
        assert watched.training
    torch.manual_seed(0)
    assert sum_losses(model.eval(), data) == sum_losses(model, data)
    assert not model.training


def test_evaluating_between_steps_leaves_the_run_as_it_was():
    plain, watched = toy(), toy()
    data = batches(4)
    torch.manual_seed(1)
    list(train(plain, data, sgd(plain)))
    torch.manual_seed(1)
    for _ in train(watched, data, sgd(watched)):
        sum_losses(watched, data)
    assert same(plain, watched)


@pytest.mark.parametrize("poisoned", ["loss", "gradient"])
def test_a_loss_that_is_no_number_stops_before_the_weights_are_touched(poisoned):
    class Poisoned(type(toy())):
        calls = 0

        def loss(self, batch, state=None):
            total, count, state = super().loss(batch, state)
            self.calls += 1
            if self.calls == 3 and poisoned == "loss":
                total = total * float("nan")
            if self.calls == 3 and poisoned == "gradient":
                total.register_hook(lambda gradient: gradient * float("inf"))
            return total, count, state

    torch.manual_seed(0)
    model = Poisoned()
    optimizer = torch.optim.Adam(model.parameters())
    with pytest.raises(TrainingDiverged) as stopped:
        for progress in train(model, batches(5), optimizer, clip_norm=2.0):
            before = copy.deepcopy(model)
            assert progress.step <= 2
    assert same(model, before)
    message = str(stopped.value)
    assert message.startswith(
        "training diverged at step 3: loss " + ("nan" if poisoned == "loss" else "2.")
    )
    assert "the weights of step 2 are kept; try a lower learning_rate (now 0.001)" in message
    assert message.endswith("a smaller clip_norm (now 2)") and "\n" not in message
    assert isinstance(stopped.value, InputError)


def test_without_clipping_clipping_is_advised():
    model = toy()
    with torch.no_grad():
        model.output.bias[0] = float("nan")
    with pytest.raises(TrainingDiverged, match=r"step 1: loss nan.* or clip_norm 1$"):
        list(train(model, batches(1), sgd(model)))


def test_no_batches():
    model = toy()
    with pytest.raises(
        InputError, match="^epoch 1 has no batches to train on; give more training data$"
    ):
        list(train(model, [], sgd(model)))


def test_a_batch_without_targets_does_no_harm():
    model = toy()
    empty = batches(1)[0]
    empty.targets.fill_(-100)
    [progress] = train(model, [empty], sgd(model))
    assert progress.loss == 0.0 and progress.tokens == 0 and progress.gradient_norm == 0.0


@pytest.mark.parametrize("stop", [1, 3, 4, 5, 8])
@pytest.mark.parametrize("kind", ["shuffled", "stream", "data"])
def test_started_in_the_middle_it_goes_on_as_if_never_stopped(stop, kind):
    data = {
        "shuffled": lambda: Shuffled(batches(4)),
        "stream": lambda: stream(4),
        "data": lambda: BucketedBatches(examples(12), batch_size=3, seed=3),
    }[kind]()
    model, other = toy(dropout=0.0), toy(dropout=0.0)
    list(train(model, data, sgd(model), epochs=3))
    for progress in train(other, data, sgd(other), epochs=3):
        if progress.step == stop:
            break
    rest = list(
        train(
            other,
            data,
            sgd(other),
            epochs=3,
            start=progress.position,
            carried_state=state_tensors(progress.state),
        )
    )
    assert rest[0].step == stop + 1 and rest[-1].epoch == 3.0
    assert same(model, other)


def test_batches_are_moved_to_the_models_device_only():
    model = toy()
    optimizer = build_optimizer(model, Options())
    [progress] = train(model, batches(1), optimizer)
    assert (
        all(part.device.type == "cpu" for part in state_tensors(progress.state))
        and len(state_tensors(progress.state)) == 2
    )


def test_what_is_kept_of_weights_is_stale_after_a_step_of_a_fused_optimizer():
    """torch's fused Adam does not count the change; dev scores between steps must come from
    the new weights.
    """
    from ostinato import CELLS, Recurrent, kernels
    from ostinato.models.loss import Loss

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent = Recurrent(CELLS["lstm"], 4, 8)

        def loss(self, batch, state=None):
            outputs, _ = self.recurrent(torch.ones(2, 3, 4))
            return Loss(outputs.square().sum(), 6)

    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, fused=True)
    for _ in train(model, batches(3), optimizer):
        with torch.no_grad():
            found = model.recurrent(torch.ones(2, 3, 4))[0]
            with kernels.disabled():
                torch.testing.assert_close(found, model.recurrent(torch.ones(2, 3, 4))[0])
