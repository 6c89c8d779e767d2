"""The compiled token step equals embedding, layers and output layer; what it draws equals the
reference; rows do not touch one another.
"""

import functools
import gc
import tracemalloc

import numpy as np
import pytest
import torch
from torch import nn

from ostinato import Recurrent, kernels
from ostinato.cells.gru import GRU
from ostinato.cells.lstm import LSTM, PeepholeLSTM
from ostinato.cells.rnn import RNN
from ostinato.cells.state import select
from ostinato.decoding.sampler import TokenStream, draw
from ostinato.kernels import bindings
from ostinato.kernels.steps import step_plan, streaming, token_step
from ostinato.layers.embedding import Embedding
from ostinato.layers.token_step import TokenStep
from ostinato.models.language_model import LanguageModel

CELLS = {
    "rnn-tanh": RNN,
    "rnn-relu": functools.partial(RNN, activation="relu"),
    "lstm": LSTM,
    "gru": functools.partial(GRU, bias=False),
}
SHAPES = [
    (1, 5, 3, 7, 1),
    (3, 67, 16, 33, 2),
    (17, 130, 9, 20, 3),
    (64, 20, 4, 70, 1),
]  # rows, tokens, D, H, layers
NEAR = {"float32": 5e-6, "bfloat16": 0.05, "int8": 0.1}

pytestmark = pytest.mark.skipif(
    bindings.missing is not None, reason=f"not built: {bindings.missing}"
)


@pytest.fixture(params=step_plan.instruction_sets)
def instruction_set(request, monkeypatch):
    monkeypatch.setattr(step_plan, "chosen", step_plan.instruction_sets.index(request.param))


def parts(make, V, D, H, layers, *, readout=False, **options):
    torch.manual_seed(0)
    recurrent = Recurrent(make, D, H, layers=layers, **options).eval()
    dense = [nn.Linear(H, 11), nn.Linear(11, V, bias=False)] if readout else [nn.Linear(H, V)]
    return Embedding(V, D), recurrent, dense


def reference(embedding, recurrent, dense):
    def step(tokens, state):
        with torch.no_grad(), kernels.disabled():
            outputs, state = recurrent(embedding(tokens.unsqueeze(1)), None, state)
            return nn.Sequential(*dense)(outputs[:, 0]), state

    return step


def start(recurrent, rows):
    return tuple(tuple(torch.randn(rows, size) for size in cell.sizes) for cell in recurrent.cells)


def flat(state):
    return [part for layer in state for part in layer]


@pytest.mark.parametrize("table", [1 << 20, 0])
@pytest.mark.parametrize("format", streaming.FORMATS)
@pytest.mark.parametrize("name", CELLS)
def test_equals_the_layers(instruction_set, monkeypatch, name, format, table):
    monkeypatch.setattr(token_step, "TABLE", table)
    for (rows, V, D, H, layers), options in zip(
        SHAPES, [{}, {"readout": True}, {"residual": True, "readout": True}, {}], strict=True
    ):
        made = parts(CELLS[name], V, D, H, layers, **options)
        state = start(made[1], rows)
        given, copies = torch.randint(V, (rows,)), [part.clone() for part in flat(state)]
        step = TokenStep(*made, weights=format)
        logits, after = step(given, state)
        wanted, last = reference(*made)(given, state)
        torch.testing.assert_close(logits, wanted, rtol=0, atol=NEAR[format])
        torch.testing.assert_close(flat(after), flat(last), rtol=0, atol=NEAR[format])
        assert all(
            map(torch.equal, flat(state), copies)
        )  # a state that is not its own stays as it is
        again, _ = step(given, after)
        torch.testing.assert_close(
            again, reference(*made)(given, last)[0], rtol=0, atol=2 * NEAR[format]
        )


@pytest.mark.parametrize("format", ["float32", "int8"])
@pytest.mark.parametrize("name", CELLS)
def test_a_row_is_the_same_to_the_bit_whatever_is_beside_it(instruction_set, name, format):
    for V, H in [(130, 70), (10, 5), (33, 24)]:
        made = parts(CELLS[name], V, 6, H, 2)
        state, given = start(made[1], 19), torch.randint(V, (19,))
        whole = TokenStep(*made, weights=format)(given, state)[0].clone()
        for rows in ([3], [0, 18], list(range(5, 14))):
            index = torch.tensor(rows)
            some, _ = TokenStep(*made, weights=format)(given[index], select(state, index))
            assert torch.equal(some, whole[index])


WAYS = [
    {},
    {"temperature": 0.5},
    {"temperature": 0.0},
    {"top_k": 1},
    {"top_k": 7},
    {"top_p": 0.6},
    {"top_p": 0.0},
    {"top_p": 0.999},
    {"top_k": 90, "top_p": 0.9, "temperature": 2.0},
    {"top_k": 400},
    {"forbidden": (0, 5, 299)},
    {"forbidden": (7,), "top_p": 0.5},
    {"temperature": 1e-3},
    {"temperature": 1e-60},
]


def constant(bias):
    """Layers whose logits are always the bias."""
    embedding, recurrent, dense = parts(RNN, len(bias), 3, 4, 1)
    with torch.no_grad():
        dense[0].weight.zero_()
        dense[0].bias.copy_(bias)
    return embedding, recurrent, dense


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_draws_as_the_reference(instruction_set, way):
    for size, spread in [(300, 2.0), (20, 1.0), (1000, 4.0), (17, 0.0)]:
        way_ = {
            **way,
            "forbidden": tuple(token for token in way.get("forbidden", ()) if token < size),
        }
        torch.manual_seed(size)
        bias = spread * torch.randn(size)
        if (way.get("top_k") or way.get("top_p")) and not spread:
            continue  # of equal tokens any may be among those kept
        made = constant(bias)
        chances = np.concatenate([np.linspace(0, 1, 500, endpoint=False), [1 - 2**-53]])[:, None]
        drawn, _ = TokenStep(*made).draw(
            torch.zeros(1, dtype=torch.int64), made[1].initial_state(1), chances, **way_
        )
        scores = bias.double()
        scores[list(way_["forbidden"])] = -torch.inf
        temperature, top_k, top_p = (
            way.get("temperature", 1.0),
            way.get("top_k", 0),
            way.get("top_p", 1.0),
        )
        if temperature < 1e-30 or top_p == 0:
            assert (drawn == int(scores.argmax())).all()
            continue
        wanted = draw(
            (scores / temperature).expand(len(chances), -1),
            torch.from_numpy(chances[:, 0]),
            top_k=top_k,
            top_p=top_p,
        )
        assert (
            drawn[:, 0] != wanted.numpy()
        ).mean() < 0.005  # a number on the very border between two
        assert not set(drawn[:, 0]) & set(way_["forbidden"])


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_stream_is_the_same_by_either_step(way):
    made = parts(LSTM, 300, 6, 20, 2)
    with torch.no_grad():
        made[2][0].weight.mul_(10)
    state = made[1].initial_state(3)
    logits = torch.randn(3, 300)
    quick, slow = (
        TokenStream(step, logits, state, seeds=[1, 2, 3], **way)
        for step in (TokenStep(*made), reference(*made))
    )
    found = np.concatenate(
        [quick.take(1), quick.take(7), quick.take(1), quick.take(500), quick.take(500)]
    )
    assert found.tolist() == [next(slow) for _ in found]
    assert len(found) > 100


def test_rows_that_end_are_left_behind():
    made = parts(GRU, 30, 6, 20, 2)
    logits = torch.randn(4, 30)
    whole, cut = (
        TokenStream(TokenStep(*made), logits, made[1].initial_state(4), seeds=range(4))
        for _ in range(2)
    )
    wanted = np.concatenate([whole.take(1) for _ in range(60)])
    kept = [cut.take(10) for _ in range(3)]
    taken = sum(map(len, kept))
    cut.keep([1, 3])
    rest = np.concatenate([cut.take(20), cut.take(3)])
    assert np.array_equal(np.concatenate(kept), wanted[:taken])
    assert np.array_equal(rest, wanted[taken : taken + len(rest)][:, [1, 3]])


def test_memory_does_not_grow():
    made = parts(LSTM, 30, 6, 20, 1)
    drawn = TokenStream(
        TokenStep(*made), torch.randn(3, 30), made[1].initial_state(3), seeds=range(3)
    )
    tracemalloc.start()
    while drawn.steps < 3000:
        drawn.take(100)
    before = tracemalloc.get_traced_memory()[0]
    while drawn.steps < 20_000:
        drawn.take(100)
    assert tracemalloc.get_traced_memory()[0] - before < 20_000
    tracemalloc.stop()


def test_smaller_weights_by_the_context():
    model = LanguageModel(Embedding(30, 6), LSTM, 20)
    given, state = torch.tensor([3]), model.initial_state(1)
    with kernels.weights_as("int8"):
        inside = model.compiled_step()(given, state)[0].clone()
    assert torch.equal(inside, model.compiled_step("int8")(given, state)[0])
    assert not torch.equal(inside, model.compiled_step()(given, state)[0])


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("format", streaming.FORMATS)
def test_threads(monkeypatch, threads, format):
    monkeypatch.setattr(step_plan, "SHARED", 0)
    made = parts(LSTM, 200, 8, 40, 2, residual=True, readout=True)
    chances = np.random.default_rng(1).random((20, 5))
    found, before = [], torch.get_num_threads()
    for count in (1, threads):
        torch.set_num_threads(count)
        drawn, state = TokenStep(*made, weights=format).draw(
            torch.arange(5), made[1].initial_state(5), chances
        )
        found.append([torch.from_numpy(drawn), *flat(state)])
    torch.set_num_threads(before)
    assert all(map(torch.equal, *found))


def test_weights_that_have_changed_are_packed_anew():
    made = parts(LSTM, 20, 5, 6, 1)
    given, state = torch.tensor([3]), made[1].initial_state(1)
    changes = [
        lambda: made[0].weight.data.mul_(2),  # not counted by PyTorch
        lambda: made[1].cells[0].from_input.bias.data.add_(1),
        lambda: made[2][0].weight.mul_(-1),
        lambda: torch.optim.Adam(made[2][0].parameters(), 0.1, fused=True).step(),
    ]
    for parameter in made[2][0].parameters():
        parameter.grad = torch.ones_like(parameter)
    for change in changes:
        assert TokenStep(*made).plan is TokenStep(*made).plan
        with torch.no_grad():
            change()
        torch.testing.assert_close(
            TokenStep(*made)(given, state)[0], reference(*made)(given, state)[0]
        )


def test_outlives_the_layers():
    made = parts(LSTM, 20, 5, 6, 1)
    given, state = torch.tensor([3]), made[1].initial_state(1)
    step, wanted = TokenStep(*made), reference(*made)(given, state)[0]
    del made
    gc.collect()
    rubbish = [torch.full((24,), 1e9) for _ in range(100)]
    torch.testing.assert_close(step(given, state)[0], wanted)
    assert len(rubbish) == 100


def test_broken_logits_are_said():
    for bad in (float("nan"), float("inf")):
        bias = torch.zeros(40)
        bias[33] = bad
        made = constant(bias)
        step = TokenStep(*made)
        assert step.draw(torch.tensor([1]), made[1].initial_state(1), np.zeros((3, 1)))[0] is None
        stream = TokenStream(step, torch.zeros(1, 40), made[1].initial_state(1), seeds=[1])
        next(stream)
        with pytest.raises(ValueError, match="at step 1 the model gave logits that are NaN"):
            next(stream)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda e, r, d: TokenStep(e, r, d, weights="int4"),
            "weights must be one of float32, bfloat16, int8; got 'int4'",
        ),
        (
            lambda e, r, d: TokenStep(e, Recurrent(LSTM, 3, 4, bidirectional=True), d),
            "recurrent must be of one direction",
        ),
        (
            lambda e, r, d: TokenStep(e, Recurrent(LSTM, 3, 4, pre_norm=True), d),
            "without zoneout and layer norm",
        ),
        (lambda e, r, d: TokenStep(e, Recurrent(PeepholeLSTM, 3, 4), d), "got PeepholeLSTM"),
        (lambda e, r, d: TokenStep(e.double(), r, d), "float32 parameters on the CPU"),
        (
            lambda e, r, d: TokenStep(e, r, d)(torch.tensor([1]), r.initial_state(2)),
            "state must be 2 parts of 1 rows for each of 1 layers",
        ),
        (
            lambda e, r, d: TokenStep(e, r, d).draw(
                torch.tensor([1]), r.initial_state(1), np.zeros(3)
            ),
            r"chances must be \[K, 1\]",
        ),
        (
            lambda e, r, d: TokenStep(e, r, d).draw(
                torch.tensor([1]), r.initial_state(1), np.zeros((1, 1)), forbidden=[10]
            ),
            "forbidden holds token 10, but the model has the tokens 0 to 9",
        ),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make(*parts(LSTM, 10, 3, 4, 1))


@pytest.mark.parametrize("token", [-1, 10])
def test_a_token_there_is_not(token):
    made = parts(LSTM, 10, 3, 4, 1)
    with pytest.raises(IndexError, match=r"tokens must lie in 0\.\.9"):
        TokenStep(*made)(torch.tensor([token]), made[1].initial_state(1))


def test_there_is_none_for_others():
    embedding, recurrent, dense = parts(LSTM, 10, 3, 4, 1)
    assert TokenStep.usable(embedding, recurrent, dense)
    assert not TokenStep.usable(embedding, Recurrent(PeepholeLSTM, 3, 4), dense)
    assert not TokenStep.usable(embedding, Recurrent(LSTM, 3, 4, zoneout=0.5), dense)
    with torch.inference_mode():
        assert not TokenStep.usable(embedding, recurrent, [nn.Linear(4, 10)])
    with kernels.disabled():
        assert not TokenStep.usable(embedding, recurrent, dense)
