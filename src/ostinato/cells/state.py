"""The state that goes in and comes out: nested tuples of tensors whose first dimension is the batch.

A leaf that is not a tensor (a shared attention memory, say) says itself how it is mapped and selected,
by methods `map(function)` and `select(index)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

State = Any  # a Tensor, an object with `map` and `select`, or a (named) tuple of States


def rebuild(state: tuple, parts: list) -> tuple:
    """The same kind of tuple with other contents: a NamedTuple stays one."""
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """map_state(f, (h, (c, None))) -> (f(h), (f(c), None))"""
    if state is None:
        return None
    if isinstance(state, Tensor):
        return function(state)
    if isinstance(state, tuple):
        return rebuild(state, [map_state(function, part) for part in state])
    return state.map(function)


def select(state: State, index: Tensor) -> State:
    """The state of rows `index` [N'] of a state of N rows: what a beam search does when hypotheses change places."""
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.index_select(0, index)
    if isinstance(state, tuple):
        return rebuild(state, [select(part, index) for part in state])
    return state.select(index)


def detach(state: State) -> State:
    """The state without its history: where truncated backpropagation through time is cut."""
    return map_state(Tensor.detach, state)
