"""PyTorch's own cases of nn.RNN, GRU, LSTM and their cells, with our layers in place of theirs."""

from __future__ import annotations

import copy

import pytest
import torch

import ostinato.nn as ours

modules = pytest.importorskip("torch.testing._internal.common_modules")
NAMES = ("RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell")


def collect_cases():
    """(name, constructor input, forward input, description) of each case that PyTorch ships."""
    for info in modules.module_db:
        name = info.module_cls.__name__
        if name not in NAMES or not hasattr(ours, name):
            continue
        for training in (False, True):
            inputs = info.module_inputs_func(
                info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
            )
            for number, case in enumerate(inputs):
                yield pytest.param(name, case, training, id=f"{name}-{number}-{training}")


def flatten(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return [value.data]
    return [each for part in value or () for each in flatten(part)]


@pytest.mark.parametrize(("name", "case", "training"), list(collect_cases()))
def test_as_torch(name, case, training):
    made, called = case.constructor_input, case.forward_input
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*made.args, **made.kwargs).double().train(training)
    layer = getattr(ours, name)(*made.args, **made.kwargs).double().train(training)
    layer.load_state_dict(theirs.state_dict())
    if called is None:
        return
    results = []
    for module in (theirs, layer):
        arguments, keywords = copy.deepcopy(called.args), copy.deepcopy(called.kwargs)
        torch.manual_seed(1)
        outputs = flatten(module(*arguments, **keywords))
        sum((each**2).sum() for each in outputs).backward()
        gradients = [parameter.grad for parameter in module.parameters()]
        of_inputs = [each.grad for each in flatten(arguments) if each.requires_grad]
        results.append(
            ([each.detach() for each in outputs], gradients, of_inputs, module.state_dict())
        )
    assert list(results[0][3]) == list(results[1][3])
    for one, other in zip(results[0][:3], results[1][:3], strict=True):
        torch.testing.assert_close(one, other)


def test_there_are_cases():
    assert len(list(collect_cases())) > 20
