"""Streaming: models that are fed item by item. The caller holds the state of a sequence, passes it
in with each item and gets it back with the prediction.

    streamer = task.predictor.streamer(network)
    state = streamer.start()
    answer, state = streamer.feed(streamer.parse("a"), state)

A state is a tuple of tensors, nested or not, whose first dimension is 1; its structure is private
to the streamer. `to_tensors` stores it, `from_tensors` restores it. A streamer whose state is not
only tensors, such as a beam, overrides both.
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
        carries_state: Whether a prediction depends on the items before it.
        item: A phrase that describes an item.
        why_not: Why no state is carried; "" if one is.
        listens: Whether items are chunks of sound, so that `listen` is supported.
    """

    carries_state: ClassVar[bool] = True
    listens: ClassVar[bool] = False
    item: str = "an item"
    why_not: str = ""

    @abstractmethod
    def start(self) -> State:
        """The state before the first item."""

    def listen(self, rate: int) -> State:
        """The state before the first chunk of a recording of `rate` samples per second.

        Raises:
            InputError: The items are not chunks of sound, or the rate is out of range.
        """
        raise InputError(
            self.why_not or "a rate is for chunks of sound, which this model does not read"
        )

    @abstractmethod
    def parse(self, item: Any) -> Any:
        """Checks and encodes an item for `feed`.

        Raises:
            InputError: The model does not read such items.
        """

    @abstractmethod
    def feed(self, item: Any, state: State) -> tuple[Any, State]:
        """The Prediction after a parsed item, and the new state."""

    def finish(self, state: State) -> tuple[Any, State]:
        """Ends the sequence: the prediction for all of it, and the state before the next one.

        Raises:
            InputError: The predictions of this model do not depend on the end of a sequence.
        """
        raise InputError("the end of a sequence changes nothing for this model")

    def to_tensors(self, state: State) -> dict[str, Tensor]:
        """Converts a state to named tensors, for storing."""
        return flatten_state(state)

    def from_tensors(self, tensors: dict[str, Tensor]) -> State:
        """The inverse of `to_tensors`. Raises InputError for what is not a state of the model."""
        return restore_state(tensors, self.start())

    def feed_all(self, items: Sequence[Any], states: Sequence[State]) -> list[tuple[Any, State]]:
        """Feeds an item to each of several sequences; the results equal those of `feed` bit for
        bit.
        """
        return [self.feed(*pair) for pair in zip(items, states, strict=True)]


class WholeInputs(Streamer):
    """Predicts each item by itself, for models that need a whole sequence at once.

    Args:
        predictor: The task's predictor.
        network: The trained network.
        as_record: A value from Python -> a record.
        why_not: The reason why no state is carried.
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
    """Whether a state consists of tensors only, so that it can be stored."""
    if isinstance(state, tuple):
        return all(map(is_plain, state))
    return state is None or isinstance(state, Tensor)


def join_states(states: Sequence[State]) -> State:
    """Joins the states of N sequences to one state of N rows."""
    first = states[0]
    if first is None:
        return None
    if isinstance(first, Tensor):
        return torch.cat(list(states))
    parts = [join_states(each) for each in zip(*states, strict=True)]
    return rebuild(first, parts)


def split_state(state: State, rows: int) -> list[State]:
    """Splits a state of N rows into N states of one row, copied."""
    if state is None:
        return [None] * rows
    if isinstance(state, Tensor):
        return [row.clone() for row in state.split(1)]
    parts = [split_state(part, rows) for part in state]
    if not parts:
        return [state] * rows
    return [rebuild(state, list(row)) for row in zip(*parts, strict=True)]


def flatten_state(state: State) -> dict[str, Tensor]:
    """Names the tensors of a state by their position: (h, (c, d)) -> {"0": h, "1.0": c, "1.1":
    d}.
    """
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

    Tensors of bytes hold text and may differ from `like` in length.

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
