"""ostinato.nn against torch.nn: numbers, gradients, shapes, complaints, and everything that
wraps a module.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import io

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils import rnn as packing

import ostinato.nn as ours
from ostinato import kernels
from ostinato.layers.drop_in import torch_style

KINDS = ["RNN", "GRU", "LSTM"]
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
EACH_CELL = pytest.mark.parametrize("kind", [f"{kind}Cell" for kind in KINDS])


def pair(kind: str, *arguments, **options) -> tuple[nn.Module, nn.Module]:
    """torch.nn's layer and ours, made from the same seed."""
    made = []
    for module in (nn, ours):
        torch.manual_seed(5)
        made.append(getattr(module, kind)(*arguments, **options))
    return made[0], made[1]


def leaves(value) -> list[torch.Tensor]:
    """Every tensor of an answer."""
    if isinstance(value, packing.PackedSequence):
        return [value.data]
    return (
        [value]
        if isinstance(value, torch.Tensor)
        else [leaf for part in value for leaf in leaves(part)]
    )


def close(found, expected, tolerance: float) -> None:
    found, expected = leaves(found), leaves(expected)
    scale = max([1.0] + [part.abs().max().item() for part in expected if part.numel()])
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        if other.numel():
            assert (one - other).abs().max().item() <= tolerance * scale


def gradients(module, answer, inputs) -> list[torch.Tensor]:
    weights = [
        torch.linspace(-1, 1, part.numel()).reshape(part.shape).to(part) for part in leaves(answer)
    ]
    total = sum((part * weight).sum() for part, weight in zip(leaves(answer), weights, strict=True))
    return list(torch.autograd.grad(total, [*inputs, *module.parameters()], retain_graph=True))


@contextlib.contextmanager
def any_length():
    """Kernels for sequences of any length, worth while or not."""
    before, torch_style.FEWEST_STEPS = torch_style.FEWEST_STEPS, 0
    yield
    torch_style.FEWEST_STEPS = before


# The same numbers


@st.composite
def configurations(draw):
    kind = draw(st.sampled_from(KINDS))
    hidden = draw(st.integers(1, 20))
    options = {
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    if kind == "LSTM" and hidden > 1:
        options["proj_size"] = draw(st.sampled_from([0, 0, 1, hidden - 1]))
    if kind == "RNN":
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    form = draw(st.sampled_from(["batched", "unbatched", "packed", "packed unsorted", "lengths"]))
    batch, steps = draw(st.integers(1, 5)), draw(st.integers(1, 16))
    lengths = draw(st.lists(st.integers(1, steps), min_size=batch, max_size=batch))
    return (
        kind,
        (draw(st.integers(1, 6)), hidden),
        options,
        form,
        batch,
        steps,
        lengths,
        draw(st.booleans()),
    )


def question(sizes, options, form, batch, steps, lengths, with_state, kind):
    """Inputs of a configuration: x for torch, x and lengths for us, and the initial state or
    None.
    """
    torch.manual_seed(len(lengths) + steps)
    rows = options["num_layers"] * (2 if options["bidirectional"] else 1)
    some = [] if form == "unbatched" else [batch]
    widths = [options.get("proj_size") or sizes[1], sizes[1]][: 2 if kind == "LSTM" else 1]
    state = (
        tuple(torch.randn(rows, *some, width, requires_grad=True) for width in widths)
        if with_state
        else None
    )
    first = options["batch_first"]
    shape = [steps] if form == "unbatched" else [batch, steps] if first else [steps, batch]
    x = torch.randn(*shape, sizes[0], requires_grad=True)
    if form in ("batched", "unbatched"):
        return x, x, None, state
    if form == "packed":
        lengths = sorted(lengths, reverse=True)
    packed = packing.pack_padded_sequence(
        x, lengths, batch_first=first, enforce_sorted=form == "packed"
    )
    return (x, packed, packed, state) if form != "lengths" else (x, packed, lengths, state)


def compare(configuration, tolerance: float, path) -> None:
    kind, sizes, options, form, batch, steps, lengths, with_state = configuration
    theirs, mine = pair(kind, *sizes, **options)
    x, for_torch, third, state = question(
        sizes, options, form, batch, steps, lengths, with_state, kind
    )
    hx = state if state is None or kind == "LSTM" else state[0]
    output, last = theirs(for_torch, hx)
    with path():
        if form == "lengths":
            output, _ = packing.pad_packed_sequence(
                output, batch_first=options["batch_first"], total_length=steps
            )
            found = mine(x, hx, lengths=third)
        else:
            found = mine(for_torch, hx)
        for permutation in (2, 3):
            if form.startswith("packed") and output[permutation] is not None:
                assert torch.equal(found[0][permutation], output[permutation])
        close(found, (output, last), tolerance)
        inputs = [x, *(state or ())]
        close(
            gradients(mine, found, inputs),
            gradients(theirs, (output, last), inputs),
            10 * tolerance,
        )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configurations())
def test_equals_torch(configuration):
    compare(configuration, 1e-6, any_length)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configurations())
def test_equals_torch_without_kernels(configuration):
    compare(configuration, 1e-6, kernels.disabled)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 5),
    st.integers(1, 9),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_cells_equal_torch(kind, inputs, hidden, bias, batched, with_state):
    theirs, mine = pair(f"{kind}Cell", inputs, hidden, bias=bias)
    torch.manual_seed(hidden)
    some = [3] if batched else []
    x = torch.randn(*some, inputs, requires_grad=True)
    state = tuple(
        torch.randn(*some, hidden, requires_grad=True) for _ in range(2 if kind == "LSTM" else 1)
    )
    hx = None if not with_state else state if kind == "LSTM" else state[0]
    given_ = [x, *state] if with_state else [x]
    for path in (contextlib.nullcontext, kernels.disabled):
        with path():
            found, expected = mine(x, hx), theirs(x, hx)
            close(found, expected, 1e-6)
            close(gradients(mine, found, given_), gradients(theirs, expected, given_), 1e-5)


@EACH_KIND
def test_relu_cell_and_layer(kind):
    if kind == "RNN":
        theirs, mine = pair("RNNCell", 3, 4, nonlinearity="relu")
        close(mine(torch.ones(2, 3)), theirs(torch.ones(2, 3)), 1e-6)
    theirs, mine = pair(kind, 3, 4, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    close(mine(x), theirs(x), 1e-14)


# lengths=


@EACH_KIND
def test_lengths_take_nothing_from_the_padding(kind):
    layer = getattr(ours, kind)(3, 4, 2, bidirectional=True, batch_first=True)
    x = torch.randn(4, 6, 3)
    lengths = torch.tensor([6, 0, 3, 1])
    spoilt = x.clone()
    for row, length in enumerate(lengths):
        spoilt[row, length:] = float("nan")
    for path in (any_length, contextlib.nullcontext, kernels.disabled):
        with path():
            output, state = layer(spoilt, lengths=lengths)
            for row, length in enumerate(lengths):
                assert not output[row, length:].any()
                mine = [part[:, row] for part in leaves(state)]
                if length:
                    alone, last = layer(x[row, :length])
                    close(output[row, :length], alone, 1e-6)
                    close(mine, last, 1e-6)
                else:
                    assert not torch.stack(mine).any()


@EACH_KIND
def test_lengths_without_any_kernel(kind, monkeypatch):
    """Where no kernel is built, torch's own forward does it, packed."""
    layer = getattr(ours, kind)(3, 4, 2, bidirectional=True)
    x = torch.randn(6, 4, 3)
    hx = layer(x)[1]
    for lengths in ([6, 0, 3, 1], [0, 0, 0, 0], [6, 6, 6, 6], [1, 2, 3, 4]):
        with any_length():
            expected = layer(x, hx, lengths=lengths)
        with monkeypatch.context() as patch:
            patch.setattr(kernels.bindings, "missing", "not built")
            close(layer(x, hx, lengths=lengths), expected, 1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(2, 5, 3), [5, 6]), "lengths must lie between 0 and 5"),
        ((torch.ones(2, 5, 3), [5]), r"lengths must be \[2\]"),
        ((torch.ones(5, 3), [5]), "lengths needs a padded batch of 3 dimensions as input; got 2"),
        (
            (packing.pack_sequence([torch.ones(2, 3)]), [2]),
            "must not be given with a PackedSequence",
        ),
    ],
)
def test_lengths_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        ours.GRU(3, 4, batch_first=True)(arguments[0], lengths=arguments[1])


# The same complaints


def complaint(call) -> tuple[type, str]:
    with pytest.raises((ValueError, RuntimeError, TypeError, AttributeError, IndexError)) as caught:
        call()
    return caught.type, str(caught.value)


WRONG_CALLS = [
    (torch.ones(3),),
    (torch.ones(2, 5, 3, 1),),
    (torch.ones(5, 2, 4),),
    (torch.ones(5, 2, 3, dtype=torch.float64),),
    (torch.ones(5, 2, 3, dtype=torch.int64),),
    (torch.ones(0, 2, 3),),
    (torch.ones(5, 2, 3), "wrong state"),
    (torch.ones(5, 2, 3), "unbatched state"),
    (torch.ones(5, 3), "batched state"),
    (packing.pack_sequence([torch.ones(2, 4)]),),
    (packing.pack_sequence([torch.ones(2, 3)]), "wrong state"),
]


@EACH_KIND
@pytest.mark.parametrize("call", WRONG_CALLS, ids=str)
@pytest.mark.parametrize("path", [any_length, contextlib.nullcontext, kernels.disabled])
def test_wrong_calls_are_answered_as_by_torch(kind, call, path):
    theirs, mine = pair(kind, 3, 4)
    x, *rest = call
    if rest:
        shape = {"wrong state": (1, 7, 4), "unbatched state": (1, 4), "batched state": (1, 1, 4)}[
            rest[0]
        ]
        rest = [(torch.zeros(shape), torch.zeros(shape)) if kind == "LSTM" else torch.zeros(shape)]
    with path():
        found = complaint(lambda: mine(x, *rest))
        if kind == "LSTM" and isinstance(
            x, packing.PackedSequence
        ):  # here torch answers from memory not its own
            assert found[0] is RuntimeError
            assert found[1].startswith(
                (
                    "input.size(-1) must be equal to input_size. ",
                    "Expected hidden[0] size (1, 1, 4)",
                )
            )
        else:
            assert found == complaint(lambda: theirs(x, *rest))


@EACH_CELL
@pytest.mark.parametrize(
    "x", [torch.ones(2, 3, 1), torch.ones(2, 4), torch.ones(3, dtype=torch.float64)], ids=str
)
def test_wrong_calls_of_cells(kind, x):
    theirs, mine = pair(kind, 3, 4)
    assert complaint(lambda: mine(x)) == complaint(lambda: theirs(x))


@EACH_KIND
@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 0},
        {"dropout": 2},
        {"dropout": True},
        {"bias": 1},
        {"batch_first": 1},
        {"proj_size": -1},
        {"proj_size": 9},
        {"nonlinearity": "sine"},
        {"unknown": 1},
        {"input_size": 0},
        {"hidden_size": 1.5},
    ],
    ids=str,
)
def test_wrong_constructions_are_answered_as_by_torch(kind, options):
    options = {"input_size": 3, "hidden_size": 4, **options}
    words = [
        complaint(lambda module=module: getattr(module, kind)(**options)) for module in (ours, nn)
    ]
    assert words[0] == words[1]


@EACH_KIND
def test_nothing_in_the_batch_is_answered_as_by_torch(kind):
    theirs, mine = pair(kind, 3, 4)
    close(mine(torch.ones(5, 0, 3)), theirs(torch.ones(5, 0, 3)), 0)


@EACH_KIND
def test_nan_goes_through_as_in_torch(kind):
    theirs, mine = pair(kind, 3, 4)
    x = torch.randn(5, 2, 3)
    x[2, 1, 0] = float("nan")
    assert torch.equal(mine(x)[0].isnan(), theirs(x)[0].isnan())


# The same module


@pytest.mark.parametrize(
    ("kind", "arguments", "options"),
    [
        ("RNN", (3, 4, 2, "relu", False, True, 0.5, True), {}),
        ("GRU", (3, 4, 2, False, True, 0.5, True), {}),
        ("LSTM", (3, 4, 2, True, True, 0.5, True, 2), {}),
        ("LSTM", (3, 4), {"dtype": torch.float64, "device": "cpu"}),
        ("RNNCell", (3, 4, False, "relu"), {}),
        ("GRUCell", (3, 4), {"bias": False}),
        ("LSTMCell", (3, 4), {"dtype": torch.bfloat16}),
    ],
)
def test_construction(kind, arguments, options):
    theirs, mine = pair(kind, *arguments, **options)
    assert isinstance(mine, type(theirs))
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)
        assert one.dtype == other.dtype
    mine.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(mine.state_dict())
    if "Cell" not in kind:
        assert [[part.shape for part in row] for row in mine.all_weights] == [
            [part.shape for part in row] for row in theirs.all_weights
        ]
        mine.flatten_parameters()


@EACH_KIND
def test_output_can_be_viewed_as_torchs_can(kind):
    assert getattr(ours, kind)(3, 4, bidirectional=True)(torch.randn(5, 2, 3))[0].view(
        10, 8
    ).shape == (10, 8)


def test_signature():
    assert list(inspect.signature(ours.LSTM.forward).parameters) == [
        "self",
        "input",
        "hx",
        "lengths",
    ]


@EACH_KIND
def test_dropout_between_layers(kind):
    """The same mean and spread as torch's, and none in evaluation."""
    torch.manual_seed(0)
    theirs, mine = pair(kind, 3, 40, 2, dropout=0.5)
    x = torch.randn(20, 8, 3)
    close(mine.eval()(x), theirs.eval()(x), 1e-6)
    with torch.no_grad():
        spread = [
            torch.stack([layer.train()(x)[0] for _ in range(200)]) for layer in (mine, theirs)
        ]
    assert (spread[0].mean(0) - spread[1].mean(0)).abs().mean() < 0.02
    assert abs(spread[0].std(0).mean() / spread[1].std(0).mean() - 1) < 0.05


@EACH_KIND
def test_same_seed_same_dropout(kind):
    layer = getattr(ours, kind)(3, 4, 3, dropout=0.5)
    x = torch.randn(5, 2, 3)
    found = []
    for _ in range(2):
        torch.manual_seed(1)
        found.append(layer(x)[0])
    assert torch.equal(*found)


@EACH_KIND
def test_copies_and_files(kind):
    layer = getattr(ours, kind)(3, 4, 2, bidirectional=True)
    x = torch.randn(5, 2, 3)
    expected = layer(x)[0]
    twin = copy.deepcopy(layer)
    assert type(twin) is type(layer)
    assert torch.equal(twin(x)[0], expected)
    with torch.no_grad():
        layer.weight_hh_l0.add_(1)
    assert torch.equal(twin(x)[0], expected)
    file = io.BytesIO()
    torch.save(twin.state_dict(), file)
    file.seek(0)
    layer.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(layer(x)[0], expected)


@EACH_KIND
def test_other_dtypes(kind):
    theirs, mine = pair(kind, 3, 4, batch_first=True)
    x = torch.randn(2, 5, 3)
    close(mine.double()(x.double()), theirs.double()(x.double()), 1e-13)
    assert mine.bfloat16()(x.bfloat16(), lengths=[5, 2])[0].dtype == torch.bfloat16
    close(mine(x.bfloat16()), theirs.bfloat16()(x.bfloat16()), 1e-2)
    mine, theirs = mine.float(), theirs.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        close(mine(x), theirs(x), 1e-2)
        close(mine(x, lengths=[5, 0])[0][0], theirs(x)[0][0], 1e-2)


@EACH_KIND
def test_lengths_of_nothing(kind):
    layer = getattr(ours, kind)(3, 4, batch_first=True)
    for shape in ((0, 5, 3), (2, 0, 3)):
        for path in (contextlib.nullcontext, kernels.disabled):
            with path():
                output, state = layer(
                    torch.ones(shape), lengths=torch.zeros(shape[0], dtype=torch.int64)
                )
                assert output.shape == (*shape[:2], 4)
                assert all(
                    part.shape == (1, shape[0], 4) and not part.any() for part in leaves(state)
                )


@EACH_KIND
@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "orthogonal"])
def test_parametrizations(kind, name):
    theirs, mine = pair(kind, 3, 4, 2)
    x = torch.randn(5, 2, 3)
    for layer in (theirs, mine):
        torch.manual_seed(0)
        getattr(nn.utils.parametrizations, name)(layer, "weight_hh_l0")
        layer.eval()
    assert isinstance(mine, getattr(ours, kind))
    found, expected = mine(x), theirs(x)
    close(found, expected, 1e-6)
    close(gradients(mine, found, []), gradients(theirs, expected, []), 1e-5)
    nn.utils.parametrize.remove_parametrizations(mine, "weight_hh_l0")
    assert type(mine) is getattr(ours, kind)
    close(mine(x), expected, 1e-6)


@EACH_KIND
@pytest.mark.parametrize("change", ["weight_norm", "prune"])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_computed_by_hooks(kind, change):
    theirs, mine = pair(kind, 3, 4)
    x = torch.randn(9, 2, 3)
    for layer in (theirs, mine):
        if change == "prune":
            prune.l1_unstructured(layer, "weight_hh_l0", amount=0.5)
        else:
            nn.utils.weight_norm(layer, "weight_hh_l0")
    found, expected = mine(x), theirs(x)
    close(found, expected, 1e-6)
    close(gradients(mine, found, []), gradients(theirs, expected, []), 1e-5)


@EACH_KIND
def test_clipping_vectors_and_pruning(kind):
    layer = getattr(ours, kind)(3, 4)
    x = torch.randn(5, 2, 3)
    layer(x)[0].sum().backward()
    assert nn.utils.clip_grad_norm_(layer.parameters(), 1e-3) > 0
    vector = nn.utils.parameters_to_vector(layer.parameters())
    nn.utils.vector_to_parameters(torch.zeros_like(vector), layer.parameters())
    assert not layer(x)[0].any()


@EACH_KIND
def test_weights_replaced_by_hand(kind):
    """`layer.weight_hh_l0 = ...`, `.data = ...` and moving there and back all count."""
    theirs, mine = pair(kind, 3, 4)
    x = torch.randn(5, 2, 3)
    for layer in (theirs, mine):
        layer.weight_hh_l0 = nn.Parameter(torch.zeros_like(layer.weight_hh_l0))
        layer.bias_ih_l0.data = torch.ones_like(layer.bias_ih_l0)
        layer.double().float()
    close(mine(x), theirs(x), 1e-6)


# What wraps a module


@EACH_KIND
def test_torch_func(kind):
    layer = getattr(ours, kind)(3, 4, 2, bidirectional=True, batch_first=True)
    weights = dict(layer.named_parameters())
    x = torch.randn(6, 2, 5, 3)

    def total(weights, x):
        return torch.func.functional_call(layer, weights, (x,))[0].pow(2).sum()

    other = {name: weight * 0.5 for name, weight in weights.items()}
    halved = copy.deepcopy(layer)
    halved.load_state_dict(other)
    close(torch.func.functional_call(layer, other, (x[0],)), halved(x[0]), 1e-6)
    each = torch.func.vmap(torch.func.grad(total), in_dims=(None, 0))(weights, x)
    alone = torch.autograd.grad(total(weights, x[3]), list(weights.values()))
    close([part[3] for part in each.values()], alone, 1e-5)
    close(
        torch.func.vmap(lambda x: layer(x)[0])(x), torch.stack([layer(row)[0] for row in x]), 1e-6
    )
    forward = torch.func.jacfwd(lambda x: layer(x)[0])(x[0])
    close(torch.func.jacrev(lambda x: layer(x)[0])(x[0]), forward, 1e-5)


@EACH_CELL
def test_torch_func_on_cells(kind):
    cell = getattr(ours, kind)(3, 4)
    weights = dict(cell.named_parameters())
    x = torch.randn(6, 2, 3)

    def total(weights, x):
        return leaves(torch.func.functional_call(cell, weights, (x,)))[0].pow(2).sum()

    each = torch.func.vmap(torch.func.grad(total), in_dims=(None, 0))(weights, x)
    close(
        [part[3] for part in each.values()],
        torch.autograd.grad(total(weights, x[3]), list(weights.values())),
        1e-5,
    )
    single = torch.func.vmap(lambda x: leaves(cell(x))[0])(x[0])
    close(single, leaves(cell(x[0]))[0], 1e-6)


@EACH_KIND
def test_second_derivatives(kind):
    theirs, mine = pair(kind, 3, 4)
    found = []
    for layer in (theirs, mine):
        x = torch.linspace(-1, 1, 30).reshape(5, 2, 3).requires_grad_()
        (first,) = torch.autograd.grad(layer(x)[0].pow(2).sum(), x, create_graph=True)
        found.append(torch.autograd.grad(first.pow(2).sum(), [x, *layer.parameters()]))
    close(found[1], found[0], 1e-5)


@EACH_KIND
def test_compile(kind):
    """torch.compile takes torch.nn's layers, and ours, only with this switch of its own;
    without it, it steps round.
    """
    layer = getattr(ours, kind)(3, 4, 2)
    x = torch.randn(5, 2, 3)
    torch._dynamo.reset()
    with torch._dynamo.config.patch(allow_rnn=True):
        close(torch.compile(layer, backend="eager", fullgraph=True)(x), layer(x), 1e-6)
    torch._dynamo.reset()
    model = nn.Sequential(nn.Linear(3, 3), layer)
    close(torch.compile(model, backend="eager")(x), model(x), 1e-6)


@EACH_KIND
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
def test_export_and_trace(kind):
    layer = getattr(ours, kind)(3, 4, 2, batch_first=True).eval()
    x = torch.randn(2, 5, 3)
    close(torch.export.export(layer, (x,)).module()(x), layer(x), 1e-6)
    close(torch.jit.trace(layer, (x,))(x), layer(x), 1e-6)


@EACH_KIND
def test_data_parallel_replicas(kind):
    layer = getattr(ours, kind)(3, 4, batch_first=True)
    x = torch.randn(2, 5, 3)
    close(nn.DataParallel(layer)(x), layer(x), 1e-6)
    replica = layer._replicate_for_data_parallel()
    for name, weight in layer.named_parameters():
        setattr(replica, name, weight * 2)
    doubled = copy.deepcopy(layer)
    doubled.load_state_dict({name: weight * 2 for name, weight in layer.state_dict().items()})
    close(replica(x), doubled(x), 1e-6)


def test_distributed_data_parallel(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1
    )
    try:
        for kind in KINDS:
            layer = getattr(ours, kind)(3, 4, 2, batch_first=True)
            alone = copy.deepcopy(layer)
            wrapped = nn.parallel.DistributedDataParallel(layer)
            x = torch.randn(2, 5, 3)
            for module in (wrapped, alone):
                module(x, lengths=[5, 3])[0].sum().backward()
            close([p.grad for p in layer.parameters()], [p.grad for p in alone.parameters()], 1e-6)
    finally:
        torch.distributed.destroy_process_group()


@EACH_KIND
@pytest.mark.parametrize("bidirectional", [False, True])
def test_dropout_between_layers_draws_torchs_masks(kind, bidirectional):
    theirs, mine = pair(kind, 3, 4, 3, dropout=0.4, bidirectional=bidirectional)
    sequences = [torch.randn(steps, 3) for steps in (9, 12, 3)]
    packed = packing.pack_sequence(sequences, enforce_sorted=False)
    for x in (torch.randn(12, 5, 3), packed):
        answers = []
        for layer in (theirs, mine):
            torch.manual_seed(9)
            answers.append(layer(x)[0])
        close(answers[1], answers[0], 1e-6)
    everything = pair(kind, 3, 4, 2, dropout=1.0)
    close(*(layer(torch.ones(9, 2, 3))[0] for layer in everything), 1e-6)


class Holder(nn.Module):
    """A layer and a cell inside a module that torch.fx can trace."""

    def __init__(self, kind: str):
        super().__init__()
        self.layer = getattr(ours, kind)(3, 4, 2)
        self.cell = getattr(ours, f"{kind}Cell")(4, 4)

    def forward(self, x):
        outputs, state = self.layer(x)
        again, _ = self.layer(x, state)
        hidden = self.cell(again[-1])
        return outputs, again, self.cell(again[0], hidden)


@EACH_KIND
def test_symbolic_trace_takes_a_layer_as_one_node(kind):
    holder, x = Holder(kind), torch.randn(9, 2, 3)
    program = torch.fx.symbolic_trace(holder)
    called = [node.target for node in program.graph.nodes if node.op == "call_module"]
    assert called == ["layer", "layer", "cell", "cell"]
    close(program(x), holder(x), 0)
    with pytest.raises(torch.fx.proxy.TraceError, match="trace a module that holds the"):
        torch.fx.symbolic_trace(holder.layer)
