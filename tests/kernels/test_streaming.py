"""The compiled step equals the layers' own: every cell, format and instruction set; smaller
weights as near as they can be.
"""

import functools

import pytest
import torch

from ostinato import CELLS, Recurrent, StreamingStep, kernels
from ostinato.cells.gru import GRU
from ostinato.cells.lstm import LSTM, PeepholeLSTM
from ostinato.cells.rnn import RNN
from ostinato.kernels import bindings
from ostinato.kernels.steps import step_plan, streaming

MADE = {
    "rnn-tanh": RNN,
    "rnn-relu": functools.partial(RNN, activation="relu"),
    "lstm": LSTM,
    "lstm without bias": functools.partial(LSTM, bias=False),
    "gru": GRU,
    "gru without bias": functools.partial(GRU, bias=False),
}
SHAPES = [
    (1, 1, 1, 1),
    (1, 256, 256, 2),
    (3, 5, 7, 2),
    (16, 70, 130, 3),
    (5, 33, [64, 20], 2),
    (40, 3, 17, 1),
]  # B, D, H, layers
NEAR = {"float32": 2e-6, "bfloat16": 0.03, "int8": 0.08}

pytestmark = pytest.mark.skipif(
    bindings.missing is not None, reason=f"not built: {bindings.missing}"
)


@pytest.fixture(params=step_plan.instruction_sets)
def instruction_set(request, monkeypatch):
    monkeypatch.setattr(step_plan, "chosen", step_plan.instruction_sets.index(request.param))


def example(make, B, D, H, layers, **options):
    torch.manual_seed(0)
    recurrent = Recurrent(make, D, H, layers=layers, **options).eval()
    state = tuple(tuple(torch.randn(B, size) for size in cell.sizes) for cell in recurrent.cells)
    return recurrent, torch.randn(B, D), state


def reference(recurrent, x, state):
    with torch.no_grad(), kernels.disabled():
        outputs, state = recurrent(x[:, None], None, state)
    return [outputs[:, 0], *(part for layer in state for part in layer)]


def stepped(recurrent, x, state):
    with torch.no_grad():
        output, state = kernels.one_step(
            recurrent, recurrent.typed_cells, x, state, residual=recurrent.residual
        )
    return [output, *(part for layer in state for part in layer)]


@pytest.mark.parametrize("format", streaming.FORMATS)
@pytest.mark.parametrize("name", MADE)
def test_equals_the_layers(instruction_set, name, format):
    for shape in SHAPES:
        recurrent, x, state = example(MADE[name], *shape)
        copies = [part.clone() for layer in state for part in layer]
        with kernels.weights_as(format):
            found = stepped(recurrent, x, state)
        for a, b in zip(found, reference(recurrent, x, state), strict=True):
            torch.testing.assert_close(
                a, b, rtol=0, atol=NEAR[format] * max(1.0, b.abs().max().item())
            )
        assert all(
            torch.equal(a, b)
            for a, b in zip(copies, [part for layer in state for part in layer], strict=True)
        )


@pytest.mark.parametrize("format", ["bfloat16", "int8"])
def test_whole_sequences_are_steps(instruction_set, format):
    # whole sequences round inputs and states as well, where the processor multiplies bfloat16
    atol = 0.01 if format == "bfloat16" and bindings.bfloat16_sets else 1e-6
    for name, lengths in [("lstm", None), ("gru", [4, 0, 1]), ("rnn-tanh", [2, 4, 3])]:
        recurrent, _, state = example(MADE[name], 3, 6, 20, 2)
        x = torch.randn(3, 4, 6)
        lengths = None if lengths is None else torch.tensor(lengths)
        with torch.no_grad(), kernels.weights_as(format):
            outputs, last = recurrent(x, lengths, state)
            for b in range(3):
                now = tuple(tuple(part[b : b + 1] for part in layer) for layer in state)
                for t in range(4 if lengths is None else int(lengths[b])):
                    h, now = recurrent(x[b : b + 1, t : t + 1], None, now)
                    torch.testing.assert_close(outputs[b : b + 1, t : t + 1], h, rtol=0, atol=atol)
                for mine, own in zip(last, now, strict=True):
                    torch.testing.assert_close(mine[0][b : b + 1], own[0], rtol=0, atol=atol)
            backwards = Recurrent(MADE[name], 6, 20, bidirectional=True)
            near, _ = backwards(x, lengths)
        with torch.no_grad():
            torch.testing.assert_close(near, backwards(x, lengths)[0], rtol=0, atol=NEAR[format])


def test_int8_is_the_same_on_every_processor(monkeypatch):
    """What is added up is whole numbers: only the gates' last bits may differ."""
    recurrent, x, state = example(LSTM, 4, 100, 70, 1)
    found = []
    for number in range(len(step_plan.instruction_sets)):
        monkeypatch.setattr(step_plan, "chosen", number)
        with kernels.weights_as("int8"):
            found.append(stepped(recurrent, x, state)[0])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("format", streaming.FORMATS)
def test_threads(monkeypatch, threads, format):
    monkeypatch.setattr(step_plan, "SHARED", 0)
    recurrent, x, state = example(GRU, 5, 40, 90, 2)
    with kernels.weights_as(format):
        alone = stepped(recurrent, x, state)
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        shared = stepped(recurrent, x, state)
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn-tanh"])
@pytest.mark.parametrize("format", streaming.FORMATS)
def test_streaming_equals_the_whole_sequence(name, format):
    recurrent, _, state = example(MADE[name], 2, 12, 40, 3)
    x = torch.randn(2, 30, 12)
    step = StreamingStep(recurrent, batch=2, weights=format)
    step.reset(state)
    found = torch.stack([step(x[:, t].contiguous()).clone() for t in range(30)], 1)
    with torch.no_grad():
        outputs, last = recurrent(x, None, state)
    torch.testing.assert_close(found, outputs, rtol=0, atol=3 * NEAR[format])
    torch.testing.assert_close(step.state, last, rtol=0, atol=3 * NEAR[format])
    step.reset()
    assert not any(part.any() for layer in step.state for part in layer)


def test_residual_and_learned_initial_state():
    recurrent, x, _ = example(LSTM, 1, 24, 24, 3, residual=True, learned_initial_state=True)
    with torch.no_grad():
        for first in recurrent.first:
            first.normal_()
    step = StreamingStep(recurrent)
    expected = reference(recurrent, x, recurrent.initial_state(1))
    torch.testing.assert_close(step(x), expected[0])
    torch.testing.assert_close([part for layer in step.state for part in layer], expected[1:])


def test_pre_norm_goes_layer_by_layer():
    recurrent, x, _ = example(LSTM, 1, 24, 24, 2, pre_norm=True)
    step = StreamingStep(recurrent)
    outputs, _ = recurrent(torch.stack([x, -x], dim=1))
    torch.testing.assert_close(step(x).clone(), outputs[:, 0])
    torch.testing.assert_close(step(-x), outputs[:, 1])
    with pytest.raises(ValueError, match="no pre_norm"):
        StreamingStep(recurrent, weights="int8")


def test_weights_that_change():
    recurrent, x, state = example(LSTM, 1, 20, 20, 2)
    step = StreamingStep(recurrent)
    changes = [
        lambda: recurrent.cells[1].from_hidden.weight.mul_(2),
        lambda: recurrent.load_state_dict(
            {name: value + 0.1 for name, value in recurrent.state_dict().items()}
        ),
        lambda: recurrent.cells[0].from_input.weight.data.mul_(-1),  # not counted by PyTorch
        lambda: torch.optim.SGD(recurrent.parameters(), 0.1).step(),
        lambda: recurrent.cells[0].from_input.bias.data.add_(1),
    ]
    for change in changes:
        with torch.no_grad():
            change()
        expected = reference(recurrent, x, state)
        torch.testing.assert_close(stepped(recurrent, x, state), expected)
        step.reset(state)
        torch.testing.assert_close(step(x), expected[0])


def test_a_single_step_of_recurrent_takes_this_path(monkeypatch):
    recurrent, x, state = example(GRU, 2, 4, 5, 2)
    taken = []
    monkeypatch.setattr(kernels, "one_step", lambda *arguments, **options: taken.append(1))
    for given, inside in [
        (x[:, None], torch.no_grad()),
        (x[:, None], torch.enable_grad()),
        (x[:, None].expand(2, 3, 4), torch.no_grad()),
    ]:
        with inside:
            recurrent(given, None, state)
    assert len(taken) == 1


def test_what_the_step_leaves_to_others():
    with torch.no_grad():
        for make, options in [
            (PeepholeLSTM, {}),
            (LSTM, {"bidirectional": True}),
            (LSTM, {"zoneout": 0.5}),
        ]:
            recurrent, x, _ = example(make, 2, 4, 6, 1, **options)
            state = recurrent.initial_state(2)
            outputs, _ = recurrent(x[:, None], None, state)
            with kernels.disabled():
                torch.testing.assert_close(outputs, recurrent(x[:, None], None, state)[0])
        recurrent, x, state = example(LSTM, 2, 4, 6, 1)
        with kernels.disabled():
            assert kernels.one_step(recurrent, recurrent.typed_cells, x, state) is None
        for bad in (x[:0], x.double(), x[:, :3], x.t()):
            assert kernels.one_step(recurrent, recurrent.typed_cells, bad, state) is None
        wrong = tuple(tuple(part[:1] for part in layer) for layer in state)
        with pytest.raises(ValueError, match="state"):
            recurrent(x[:, None], None, wrong)
        with torch.autocast("cpu", torch.bfloat16):
            assert kernels.one_step(recurrent, recurrent.typed_cells, x, state) is None


def test_a_peephole_steps_by_the_reference():
    recurrent, x, state = example(PeepholeLSTM, 2, 4, 6, 2)
    step = StreamingStep(recurrent, batch=2)
    step.reset(state)
    torch.testing.assert_close(step(x), reference(recurrent, x, state)[0])
    step.reset(state)
    torch.testing.assert_close(step(torch.cat([x, x], 1)[:, :4]), reference(recurrent, x, state)[0])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("format", streaming.FORMATS)
def test_not_a_number(instruction_set, format, bad):
    recurrent, x, state = example(LSTM, 3, 9, 20, 1)
    x[1, 4] = bad
    with kernels.weights_as(format):
        found = stepped(recurrent, x, state)[0]
    assert found[[0, 2]].isfinite().all()
    if format == "int8" or bad != bad:
        assert found[1].isnan().all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda r: StreamingStep(r, batch=17), "batch must be a whole number from 1 to 16; got 17"),
        (
            lambda r: StreamingStep(r, weights="int4"),
            "weights must be one of float32, bfloat16, int8; got 'int4'",
        ),
        (
            lambda r: StreamingStep(r.cells[0]),
            "recurrent must be a Recurrent of one direction without zoneout",
        ),
        (
            lambda r: StreamingStep(Recurrent(PeepholeLSTM, 3, 4), weights="int8"),
            "got PeepholeLSTM",
        ),
        (lambda r: StreamingStep(r)(torch.zeros(2, 3)), r"x must be \[1, 3\]; got \[2, 3\]"),
        (lambda r: StreamingStep(r)([1, 2]), r"x must be \[1, 3\]; got list"),
        (
            lambda r: StreamingStep(r, weights="int8")(torch.zeros(1, 3).double()),
            "x must be a float32 tensor",
        ),
        (
            lambda r: StreamingStep(r).reset(()),
            "state must be a tuple of 1, one for each layer; got 0",
        ),
        (
            lambda r: StreamingStep(r).reset(r.initial_state(2)),
            r"state must have parts of \(1, 4\); got \(2, 4\)",
        ),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make(Recurrent(CELLS["lstm"], 3, 4))


def test_nothing_is_allocated():
    recurrent, x, _ = example(LSTM, 1, 16, 32, 2)
    step = StreamingStep(recurrent, weights="int8")
    step(x)
    with torch.profiler.profile(profile_memory=True) as profile:
        for _ in range(5):
            step(x)
    assert not [
        event for event in profile.events() if "empty" in event.name or "alloc" in event.name
    ]
