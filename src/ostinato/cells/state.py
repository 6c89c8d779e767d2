"""The state of recurrent models: nested tuples, lists and dicts of tensors [batch, ...].

A leaf that is not a tensor, such as the memory of attention, which several rows share, has methods
`map(function)` and `select(index)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

# a Tensor, an object with `map` and `select`, or a (named) tuple, list or dict of States
State = Any


def rebuild(state: tuple, parts: list) -> tuple:
    """A tuple of the same type with other contents: a NamedTuple stays one."""
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def map_parts(function: Callable[[State], State], state: tuple | list | dict) -> State:
    """A container of the same type with each of its parts replaced."""
    if isinstance(state, dict):
        return {name: function(part) for name, part in state.items()}
    parts = [function(part) for part in state]
    return rebuild(state, parts) if isinstance(state, tuple) else parts


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """map_state(f, (h, (c, None))) -> (f(h), (f(c), None))"""
    if state is None:
        return None
    if isinstance(state, Tensor):
        return function(state)
    if isinstance(state, (tuple, list, dict)):
        return map_parts(lambda part: map_state(function, part), state)
    return state.map(function)


def select(state: State, index: Tensor) -> State:
    """The state of the rows `index` [N'] of N rows, as beam search reorders its hypotheses."""
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.index_select(0, index)
    if isinstance(state, (tuple, list, dict)):
        return map_parts(lambda part: select(part, index), state)
    return state.select(index)


def detach(state: State) -> State:
    """The state without its graph: truncated BPTT stops gradients here."""
    return map_state(Tensor.detach, state)
