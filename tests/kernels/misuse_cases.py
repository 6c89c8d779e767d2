"""Calls of native code with what does not fit: run in a process of its own, in case it crashes.

Prints a JSON object {name: "answer" or "ErrorType: message"} line by line, so that a crash shows
where it was."""

import copy
import gc
import json
import pickle
import sys

import numpy as np
import torch
from torch import nn

from ostinato import Recurrent, StreamingStep, kernels
from ostinato.cells.gru import GRU
from ostinato.cells.layer_norm import LayerNormLSTM
from ostinato.cells.lstm import LSTM, PeepholeLSTM
from ostinato.kernels import (
    bindings,
    char_features,
    crf,
    dispatch,
    dropout,
    lazy_adam,
)
from ostinato.layers.embedding import Embedding
from ostinato.layers.token_step import TokenStep

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def cases(name, **variants):
    """One case for each variant of an argument."""

    def register(function):
        for variant, value in variants.items():
            CASES[f"{name} {variant}"] = lambda value=value: function(value)
        return function

    return register


def same(a, b):
    return "same" if torch.equal(a, b) else "different"


def streaming():
    torch.manual_seed(0)
    return StreamingStep(Recurrent(LSTM, 3, 40, layers=2)), torch.randn(1, 3)


def litter():
    """Memory that has been freed is written over."""
    gc.collect()
    return [torch.full((size,), 1e9) for size in (1, 3, 40, 120, 480, 6400) for _ in range(20)]


def after_the_original(make_copy):
    step, x = streaming()
    step(x)
    again = make_copy(step)
    expected = step(x).clone()
    del step
    litter()
    return same(again(x), expected)


@cases(
    "a streaming step",
    copied=copy.copy,
    deeply=copy.deepcopy,
    pickled=lambda s: pickle.loads(pickle.dumps(s)),
)
def copies(make_copy):
    return after_the_original(make_copy)


@case
def copies_have_states_of_their_own():
    step, x = streaming()
    again = copy.copy(step)
    step(x)
    return same(again.state[0][0], torch.zeros(1, 40))


@case
def another_state():
    step, x = streaming()
    step(x)
    first, wanted = step.state, None
    state = tuple(tuple(part.clone() for part in layer) for layer in step.state)
    wanted = step(x).clone()
    step.state = state
    del state
    litter()
    assert step.state is first
    return same(step(x), wanted)


@case
def a_state_of_another_size():
    step, _ = streaming()
    step.state = tuple(tuple(part[:, :7] for part in layer) for layer in step.state)


@case
def a_state_whose_memory_is_exchanged():
    step, x = streaming()
    for layer in step.state:
        for part in layer:
            part.set_(torch.zeros(1, 1))
    litter()
    return str(list(step(x).shape))


def smaller_linear(linear, rows, columns):
    return nn.Linear(columns, rows, bias=linear.bias is not None)


@case
def a_streaming_step_of_smaller_layers():
    step, x = streaming()
    cell = step.cells[1]
    cell.from_input, cell.from_hidden = nn.Linear(40, 8), nn.Linear(2, 8, bias=False)
    litter()
    step(x)


@case
def a_streaming_step_of_smaller_data():
    step, x = streaming()
    for cell in step.cells:
        for parameter in cell.parameters():
            parameter.data = torch.zeros(1)
    litter()
    return str(list(step(x).shape))


@case
def a_single_step_of_smaller_layers():
    recurrent = Recurrent(GRU, 3, 40).eval()
    with torch.no_grad():
        recurrent(torch.zeros(1, 1, 3), None, recurrent.initial_state(1))
        recurrent.cells[0].from_hidden = nn.Linear(2, 6)
        litter()
        recurrent(torch.zeros(1, 1, 3), None, recurrent.initial_state(1))


def token_parts(V=20, D=5, H=40):
    torch.manual_seed(0)
    recurrent = Recurrent(LSTM, D, H).eval()
    return Embedding(V, D), recurrent, [nn.Linear(H, V)]


TOKEN = torch.tensor([3])


@cases(
    "a token step",
    copied=copy.copy,
    deeply=copy.deepcopy,
    pickled=lambda s: pickle.loads(pickle.dumps(s)),
)
def token_copies(make_copy):
    made = token_parts()
    make_copy(TokenStep(*made))


@cases(
    "an output layer",
    wider=lambda: nn.Linear(40, 30),
    narrower_inputs=lambda: nn.Linear(4, 20),
    wider_inputs=lambda: nn.Linear(400, 20),
)
def output_layers(make):
    embedding, recurrent, _ = token_parts()
    assert not TokenStep.usable(embedding, recurrent, [make()])
    TokenStep(embedding, recurrent, [make()])


@case
def an_output_layer_whose_data_is_smaller():
    embedding, recurrent, dense = token_parts()
    dense[0].bias.data = torch.zeros(1)
    TokenStep(embedding, recurrent, dense)


@case
def an_embedding_of_another_width():
    _, recurrent, dense = token_parts()
    TokenStep(Embedding(20, 2), recurrent, dense)


@case
def weights_that_go_away_under_a_token_step():
    made = token_parts()
    step, state = TokenStep(*made), made[1].initial_state(1)
    expected = step(TOKEN, state)[0].clone()
    for module in (made[0], made[1], made[2][0]):
        for parameter in module.parameters():
            parameter.data = torch.zeros(1)
    litter()
    return same(step(TOKEN, state)[0], expected)


@case
def a_state_for_a_token_step():
    made = token_parts()
    step = TokenStep(*made)
    step(TOKEN, made[1].initial_state(1))
    step.state = made[1].initial_state(1)


@cases("chances", nan=float("nan"), negative=-0.5, large=2.0)
def chances(value):
    made = token_parts()
    step = TokenStep(*made)
    step.draw(TOKEN, made[1].initial_state(1), np.full((1, 1), value))


@case
def negative_top_k():
    made = token_parts()
    TokenStep(*made).draw(TOKEN, made[1].initial_state(1), np.zeros((1, 1)), top_k=-3)


@case
def a_token_without_an_embedding():
    made = token_parts()
    TokenStep(*made)(torch.tensor([10**12]), made[1].initial_state(1))


@cases(
    "targets",
    int32=torch.zeros(70, dtype=torch.int32),
    bool=torch.zeros(70, dtype=torch.bool),
    float=torch.zeros(70),
)
def targets(ids):
    kernels.linear_cross_entropy(torch.zeros(70, 4), torch.zeros(9, 4), None, ids)


@case
def a_softmax_bias_of_another_length():
    ids = torch.zeros(70, dtype=torch.int64)
    kernels.linear_cross_entropy(torch.zeros(70, 4), torch.zeros(9, 4), torch.zeros(2), ids)


@case
def a_linear_bias_of_another_length():
    kernels.linear(torch.zeros(70, 4), torch.zeros(9, 4), torch.zeros(2))


@case
def a_linear_bias_that_torch_expands():
    x, weight = torch.randn(70, 4), torch.randn(9, 4)
    return same(
        kernels.linear(x, weight, torch.ones(1)), nn.functional.linear(x, weight, torch.ones(1))
    )


def direct(cell, x=None, state=None, lengths=None, **options):
    """By the kernel, whatever `why_not` says."""
    x = torch.randn(3, 9, 4) if x is None else x
    return dispatch.run(
        cell, x, cell.initial_state(3, x) if state is None else state, lengths, **options
    )


def changed(make, change):
    cell = make(4, 20)
    change(cell)
    return cell


SHORTER = nn.Parameter(torch.zeros(3))


@cases(
    "a cell with",
    a_short_input_bias=(LSTM, lambda c: setattr(c.from_input, "bias", SHORTER)),
    a_short_inner_bias=(GRU, lambda c: setattr(c.from_hidden, "bias", SHORTER)),
    short_peepholes=(PeepholeLSTM, lambda c: setattr(c, "peepholes", SHORTER)),
    short_norms=(LayerNormLSTM, lambda c: setattr(c.norm_cell, "weight", SHORTER)),
    a_small_input_weight=(LSTM, lambda c: setattr(c, "from_input", nn.Linear(2, 80))),
    a_small_hidden_weight=(LSTM, lambda c: setattr(c, "from_hidden", nn.Linear(2, 80))),
)
def small_parts(given):
    cell = changed(*given)
    assert dispatch.why_not(cell, torch.zeros(3, 9, 4), cell.initial_state(3, torch.zeros(1)), None)
    direct(cell)


@case
def a_state_of_fewer_rows():
    cell = GRU(4, 20)
    direct(cell, state=(torch.zeros(1, 20),))


@case
def a_double_state():
    cell = GRU(4, 20)
    direct(cell, state=(torch.zeros(3, 20).double(),))


@cases(
    "lengths",
    int32=torch.tensor([9, 2, 3], dtype=torch.int32),
    strided=torch.tensor([9, 0, 2, 0, 3, 0])[::2],
)
def whole_lengths(lengths):
    torch.manual_seed(0)
    cell, x = GRU(4, 20), torch.randn(3, 9, 4)
    with torch.no_grad():
        return same(
            direct(cell, x, lengths=lengths)[0], direct(cell, x, lengths=torch.tensor([9, 2, 3]))[0]
        )


@cases(
    "wrong lengths",
    bool=torch.ones(3, dtype=torch.bool),
    float=torch.ones(3),
    few=torch.tensor([1]),
    negative=torch.tensor([-1, 2, 3]),
    long=torch.tensor([1, 2, 300]),
)
def wrong_lengths(lengths):
    direct(GRU(4, 20), lengths=lengths)


@cases("small weights", bfloat16="bfloat16", int8="int8")
def small_weights(format):
    cell = GRU(4, 20)
    with torch.no_grad(), kernels.weights_as(format):
        direct(cell)
        direct(cell, state=(torch.zeros(1, 20),))


def operator(**changes):
    """The operator, called by hand."""
    x, h0 = torch.zeros(3, 9, 4), torch.zeros(3, 20)
    weights = [torch.zeros(60, 4), torch.zeros(60, 20), torch.zeros(60), torch.zeros(60)]
    names = ("x", "h0", "c0", "from_input", "from_hidden", "input_bias", "hidden_bias")
    given = dict(zip(names, [x, h0, None, *weights], strict=True)) | changes
    rest = (None, None, None, False, True, given.pop("mask", None), None, None)
    return torch.ops.ostinato.recurrence("gru", *given.values(), *rest)


@cases(
    "an operator",
    small_h0={"h0": torch.zeros(1, 20)},
    small_weight={"from_input": torch.zeros(6, 4)},
    wide_input={"from_input": torch.zeros(60, 400)},
    small_bias={"hidden_bias": torch.zeros(5)},
    small_mask={"mask": torch.ones(1, 1)},
    doubles={"x": torch.zeros(3, 9, 4).double()},
)
def operators(changes):
    operator(**changes)


@case
def an_operator_of_a_small_record():
    x, h0, weights = (
        torch.zeros(3, 9, 4),
        torch.zeros(3, 20),
        (torch.zeros(60, 4), torch.zeros(60, 20)),
    )
    torch.ops.ostinato.recurrence_backward(
        *("gru", x, h0, None, *weights, None, None, None, None, None, False, None, None, None),
        *(
            torch.zeros(1, 80),
            torch.zeros(27, 20),
            torch.zeros(0),
            torch.zeros(3, 9, 20),
            None,
            None,
        ),
    )


@cases(
    "a product",
    small_out=(torch.zeros(5, 4), torch.zeros(6, 4), torch.zeros(5, 6).expand(5, 6)[:2], None),
    small_b=(torch.zeros(5, 40), torch.zeros(6, 4), torch.zeros(5, 6), None),
    small_bias=(torch.zeros(5, 4), torch.zeros(6, 4), torch.zeros(5, 6), torch.zeros(2)),
)
def products(given):
    a, b, out, bias = given
    result = bindings.product(a, b, out, bias, form="a bT")
    return str(list(result.shape))  # fewer rows than a has are fewer rows


EMISSIONS, TAGS = torch.zeros(2, 5, 3), torch.zeros(2, 5, dtype=torch.int64)
POTENTIALS = torch.zeros(3), torch.zeros(3, 3), torch.zeros(3)


@cases(
    "a random field with",
    few_lengths=(EMISSIONS, torch.tensor([5]), TAGS, POTENTIALS),
    long_lengths=(EMISSIONS, torch.tensor([5, 500]), TAGS, POTENTIALS),
    int32_lengths=(EMISSIONS, torch.tensor([5, 5]).int(), TAGS, POTENTIALS),
    few_labels=(EMISSIONS, torch.tensor([5, 5]), TAGS[:1], POTENTIALS),
    small_potentials=(EMISSIONS, torch.tensor([5, 5]), TAGS, (torch.zeros(1),) * 3),
)
def random_fields(given):
    crf.log_likelihood(*given)


@cases(
    "characters with",
    long_lengths=(
        torch.ones(2, 4).long(),
        torch.tensor([4, 40]),
        torch.zeros(3, 5, 8),
        torch.zeros(8),
    ),
    a_small_bias=(
        torch.ones(2, 4).long(),
        torch.tensor([4, 4]),
        torch.zeros(3, 5, 8),
        torch.zeros(2),
    ),
    int32_ids=(torch.ones(2, 4).int(), torch.tensor([4, 4]), torch.zeros(3, 5, 8), torch.zeros(8)),
)
def characters(given):
    char_features.strongest(*given)


@case
def affixes_of_long_words():
    ids, folded = torch.ones(2, 4).long(), torch.arange(5)
    char_features.affix_ids(ids, torch.tensor([4, 400]), folded, longest=3, buckets=7)


@case
def affixes_without_buckets():
    ids, folded = torch.ones(2, 4).long(), torch.arange(5)
    char_features.affix_ids(ids, torch.tensor([4, 4]), folded, longest=3, buckets=0)


@cases(
    "lazy adam with",
    small_moments={"mean": torch.zeros(1, 3)},
    few_rates={"rates": torch.zeros(1, 2)},
    old_rows={"last_step": torch.full((6,), -(2**40))},
    later_rows={"last_step": torch.full((6,), 2**40)},
    int32_steps={"last_step": torch.zeros(6, dtype=torch.int32)},
)
def lazy(changes):
    given = {"mean": torch.zeros(6, 3), "last_step": torch.zeros(6, dtype=torch.int64)}
    given["rates"] = torch.ones(4, 2)
    given |= changes
    table = torch.zeros(6, 3), given["mean"], torch.zeros(6, 3), given["last_step"]
    lazy_adam.adam_rows(table, given["rates"], (1, 4), (0.9, 0.99, 1e-8))


@cases("dropout of", doubles=(torch.zeros(3).double(), 0.5), everything=(torch.zeros(3), 1.0))
def dropouts(given):
    dropout.drop_units(*given)


@case
def a_field_there_is_not():
    bindings.fill("Dropout", cuont=1)


@case
def a_struct_of_another_size():
    bindings._native.dropout(0, b"short")


def main():
    for name, function in CASES.items():
        print(json.dumps({name: None}), flush=True)
        try:
            answer = str(function())
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps({name: answer}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
