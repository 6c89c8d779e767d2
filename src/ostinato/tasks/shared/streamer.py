"""Models fed item by item: the state of a sequence goes in with each item and comes out with
its answer.

    streamer = task.predictor.streamer(network)
    state = streamer.start()
    answer, state = streamer.feed(streamer.parse("a"), state)

A state is a tuple of tensors, nested or not, whose first dimension is 1. What a state is made of is
up to the streamer; nobody else looks into it. `to_tensors` stores it, `from_tensors` restores it. A
streamer whose state is more than tensors, such as a beam, has both of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ostinato.cells.state import State, rebuild
from ostinato.errors import InputError


class Streamer(ABC):
    """Feeds a model item by item.

    Attributes:
        carries_state: Whether an answer depends on the items before it.
        item: What an item is, in a phrase.
        why_not: Why no state is carried; empty where one is.
        listens: Whether items are chunks of sound, and `listen` is there.
    """

    carries_state: ClassVar[bool] = True
    listens: ClassVar[bool] = False
    item: str = "an item"
    why_not: str = ""

    @abstractmethod
    def start(self) -> State:
        """The state before the first item."""

    def listen(self, rate: int) -> State:
        """The state before the first chunk of a sound of `rate` samples a second.

        Raises:
            InputError: The model does not listen, or no sound has this rate.
        """
        raise InputError(self.why_not or "a rate is for chunks of sound; this model hears none")

    @abstractmethod
    def parse(self, item: Any) -> Any:
        """An item, checked and encoded, as `feed` takes it.

        Raises:
            InputError: It is not what the model reads.
        """

    @abstractmethod
    def feed(self, item: Any, state: State) -> tuple[Any, State]:
        """The answer (a Prediction) to a parsed item, and the state after it."""

    def finish(self, state: State) -> tuple[Any, State]:
        """The sequence has ended: the answer to all of it, and the state before the next one.

        Raises:
            InputError: An answer of this model does not depend on where a sequence ends.
        """
        raise InputError("the end of a sequence changes nothing for this model")

    def to_tensors(self, state: State) -> dict[str, Tensor]:
        """A state as named tensors, to be stored."""
        return flatten_state(state)

    def from_tensors(self, tensors: dict[str, Tensor]) -> State:
        """The inverse of `to_tensors`. Raises InputError for what is not a state of the model."""
        return restore_state(tensors, self.start())

    def feed_all(self, items: Sequence[Any], states: Sequence[State]) -> list[tuple[Any, State]]:
        """An item of each of several sequences; the answers are those of `feed`, bit for bit."""
        return [self.feed(*pair) for pair in zip(items, states, strict=True)]


class WholeInputs(Streamer):
    """Answers each item on its own: for models that need the whole of a sequence at once.

    Args:
        predictor: Of the task.
        network: The trained network.
        as_record: A value from Python -> a record.
        why_not: Why no state is carried.
    """

    carries_state = False
    item = "a whole input"

    def __init__(self, predictor: Any, network: nn.Module, as_record: Any, why_not: str):
        self.predictor, self.network, self.as_record = predictor, network, as_record
        self.why_not = why_not

    def start(self) -> State:
        return ()

    def parse(self, item: Any) -> Any:
        return self.as_record(item)

    def feed(self, item: Any, state: State) -> tuple[Any, State]:
        (answer,) = self.predictor.predict(self.network, [item])
        return answer, state


def leaves(state: State) -> Iterator[Tensor]:
    """The tensors of a state, in order."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, tuple):
        for part in state:
            yield from leaves(part)


def is_plain(state: State) -> bool:
    """Whether a state has nothing but tensors, so that it can be stored."""
    if isinstance(state, tuple):
        return all(map(is_plain, state))
    return state is None or isinstance(state, Tensor)


def join_states(states: Sequence[State]) -> State:
    """The states of N sequences as one of N rows."""
    first = states[0]
    if first is None:
        return None
    if isinstance(first, Tensor):
        return torch.cat(list(states))
    parts = [join_states(each) for each in zip(*states, strict=True)]
    return rebuild(first, parts)


def split_state(state: State, rows: int) -> list[State]:
    """The state of N rows as N states of one row, each in memory of its own."""
    if state is None:
        return [None] * rows
    if isinstance(state, Tensor):
        return [row.clone() for row in state.split(1)]
    parts = [split_state(part, rows) for part in state]
    if not parts:
        return [state] * rows
    return [rebuild(state, list(row)) for row in zip(*parts, strict=True)]


def flatten_state(state: State) -> dict[str, Tensor]:
    """The tensors of a state by their position: (h, (c, d)) -> {"0": h, "1.0": c, "1.1": d}."""
    found: dict[str, Tensor] = {}

    def visit(part: State, name: str) -> None:
        if isinstance(part, Tensor):
            found[name.removeprefix(".")] = part
        elif isinstance(part, tuple):
            for number, each in enumerate(part):
                visit(each, f"{name}.{number}")

    visit(state, "")
    return found


def restore_state(tensors: dict[str, Tensor], like: State) -> State:
    """The inverse of `flatten_state`, given a state of the same model.

    Tensors of bytes may have another length than in `like`: they hold text.

    Raises:
        InputError: Tensors are missing, too many, of another shape or type, or not finite.
    """
    wanted = flatten_state(like)
    if tensors.keys() != wanted.keys():
        raise InputError("the state is not of this model: it has other tensors")
    for name, tensor in tensors.items():
        text = wanted[name].dtype == torch.uint8 and tensor.dim() == 2 and len(tensor) == 1
        if tensor.dtype != wanted[name].dtype or not (text or tensor.shape == wanted[name].shape):
            raise InputError("the state is not of this model: a tensor has another shape or type")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError("the state has numbers that are not finite")

    def visit(part: State, name: str) -> State:
        if isinstance(part, Tensor):
            return tensors[name.removeprefix(".")].clone()
        if isinstance(part, tuple):
            each = [visit(inner, f"{name}.{number}") for number, inner in enumerate(part)]
            return rebuild(part, each)
        return part

    return visit(like, "")
