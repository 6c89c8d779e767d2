"""Tensors that keep their numbers elsewhere, or none at all: their addresses are never followed."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_map

from ostinato import CELLS, Recurrent, kernels
from ostinato.kernels import bindings, dispatch

pytestmark = pytest.mark.skipif(
    bindings.missing is not None, reason=f"not built: {bindings.missing}"
)
NAMES = ["rnn", "lstm", "lstm-layer-norm", "gru", "gru-reset-before", "gru-layer-norm"]


class Wrapper(torch.Tensor):
    """Has a shape, but no memory: everything is done to the tensor inside."""

    @staticmethod
    def __new__(cls, inside):
        like = {"dtype": inside.dtype, "device": inside.device, "strides": inside.stride()}
        return torch.Tensor._make_wrapper_subclass(cls, inside.shape, **like)

    def __init__(self, inside):
        self.inside = inside

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        args, kwargs = tree_map(
            lambda each: each.inside if isinstance(each, Wrapper) else each, (args, kwargs or {})
        )
        return tree_map(
            lambda each: Wrapper(each) if isinstance(each, torch.Tensor) else each,
            function(*args, **kwargs),
        )


def example(name):
    torch.manual_seed(0)
    return Recurrent(CELLS[name], 4, 8, bidirectional=True), torch.randn(3, 70, 4)


@pytest.mark.parametrize("name", NAMES)
def test_a_subclass_without_memory_takes_the_reference(name):
    layer, x = example(name)
    cell = layer.cells[0]
    assert "a Wrapper may keep its numbers elsewhere" in dispatch.why_not(
        cell, Wrapper(x), cell.initial_state(3, x), None
    )
    with torch.no_grad():
        found = layer(Wrapper(x), torch.tensor([70, 3, 0]))[0]
        torch.testing.assert_close(found.inside, layer(x, torch.tensor([70, 3, 0]))[0])
    torch.testing.assert_close(
        kernels.linear(Wrapper(x), torch.ones(5, 4)).inside, x @ torch.ones(4, 5)
    )


class Named(torch.Tensor):
    """With memory of its own, and a name."""


def test_a_subclass_with_memory_is_read():
    layer, x = example("gru")
    cell = layer.cells[0]
    assert kernels.usable(cell, x.as_subclass(Named), cell.initial_state(3, x))
    torch.testing.assert_close(
        layer(x.as_subclass(Named))[0].as_subclass(torch.Tensor), layer(x)[0]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_sign_that_waits_is_not_forgotten(name):
    layer, x = example(name)
    cell = layer.cells[0]
    assert (
        dispatch.why_not(cell, torch._neg_view(x), cell.initial_state(3, x), None)
        == "the tensor has its lazy negative bit set"
    )
    for context in (torch.no_grad(), torch.enable_grad()):
        with context:
            torch.testing.assert_close(layer(torch._neg_view(x))[0], layer(-x)[0])


@pytest.mark.parametrize("name", NAMES)
def test_shapes_alone(name):
    with FakeTensorMode():
        layer, x = example(name)
        outputs, _ = layer(x)
        assert outputs.shape == (3, 70, 16)
        outputs.sum().backward()
        assert kernels.linear(x, torch.ones(5, 4)).shape == (3, 70, 5)
    meta = Recurrent(CELLS[name], 4, 8).to("meta")
    assert meta(torch.empty(3, 70, 4, device="meta"))[0].shape == (3, 70, 8)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_operation_by_operation(name):
    layer, x = example(name)
    with torch.no_grad():
        program = make_fx(lambda x: layer(x)[0])(x)
        torch.testing.assert_close(program(x + 1), layer(x + 1)[0])
