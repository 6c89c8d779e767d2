"""Streaming for unidirectional classifiers: a prediction for the input so far after each item."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.batching.batch import Example, collate
from ostinato.errors import option_name, option_off
from ostinato.models.classifier import Classifier, FrameClassifier, RecurrentBody
from ostinato.models.ensemble import ClassifierEnsemble
from ostinato.tasks.shared.streamer import Streamer

POOLED_STEP_BY_STEP = ("last", "both-ends", "mean", "max", "ensemble")


class Pooled(NamedTuple):
    """The state of one classifier.

    Attributes:
        recurrent: The recurrent state.
        pooled: The sum, maximum or last of the outputs so far [1, P].
        first: The output of the first step [1, P], for pooling `both-ends`; else [1, 0].
    """

    recurrent: State
    pooled: Tensor
    first: Tensor


def why_not_step_by_step(network: nn.Module) -> str:
    """Why a network cannot predict step by step; "" if it can."""
    for member in members_of(network):
        body = getattr(member, "body", None)
        if not isinstance(member, Classifier) or not isinstance(body, RecurrentBody):
            return "the network is not a single recurrent one"
        if member.contextual is not None:
            return f"the language models of {option_name('embeddings')} read the whole text"
        if body.recurrent.directions == 2:
            return (
                "the network reads in both directions: it needs the whole "
                f"({option_off('bidirectional')})"
            )
        if body.pooling not in POOLED_STEP_BY_STEP:
            return (
                f"pooling {body.pooling} needs the whole ({option_name('pooling')} last, mean "
                "or max)"
            )
    return ""


def members_of(network: nn.Module) -> list[nn.Module]:
    """The classifiers of an ensemble, or a single one as a list."""
    return network.members if isinstance(network, ClassifierEnsemble) else [network]


class ClassifierStreamer(Streamer):
    """Classifies step by step; the state holds the recurrent and pooled state of each member.

    Only for networks without a reason in `why_not_step_by_step`.

    Args:
        network: A unidirectional Classifier, FrameClassifier or ClassifierEnsemble.
        choose: Probabilities, [C] of the input so far or [T, C] of its new steps -> Prediction.
        nothing: A function that gives the probabilities before the first step.
    """

    def __init__(
        self,
        network: nn.Module,
        choose: Callable[[np.ndarray], Any],
        nothing: Callable[[], np.ndarray],
    ):
        self.network, self.choose, self.nothing = network, choose, nothing
        self.members: list[Any] = members_of(network)
        self.per_step = isinstance(self.members[0], FrameClassifier)

    @abstractmethod
    def parse(self, item: Any) -> Example | None:
        """Encodes the new steps of an item; None if it has none."""

    def start(self) -> State:
        count = torch.zeros(1, 1, dtype=torch.int64)
        return (count, tuple(map(start_member, self.members)))

    @torch.inference_mode()
    def feed(self, item: Example | None, state: State) -> tuple[Any, State]:
        count, parts = state
        if item is None:
            rows = self.nothing() if not int(count) else self.so_far(parts, int(count))
            return self.choose(rows), state
        count = count + len(item.inputs)
        found = [
            self.advance(member, part, item, first=int(count) == len(item.inputs))
            for member, part in zip(self.members, parts, strict=True)
        ]
        parts = tuple(part for part, _ in found)
        if self.per_step:
            steps = [
                member.head.probabilities(out)
                for member, (_, out) in zip(self.members, found, strict=True)
            ]
            rows = torch.stack(steps).mean(0)[0].double().cpu().numpy()  # [T, C]
        else:
            rows = self.so_far(parts, int(count))
        return self.choose(rows), (count, parts)

    def advance(
        self, member: Any, part: Pooled, item: Example, *, first: bool
    ) -> tuple[Pooled, Tensor]:
        """Runs a member over new steps; returns its new state and its outputs [1, T, P]."""
        outputs, recurrent = member.body.recurrent(embed(member, item), None, part.recurrent)
        pooling, pooled = member.body.pooling, part.pooled
        if pooling == "max":
            most = outputs.amax(1)
            pooled = most if first else torch.maximum(pooled, most)
        elif pooling == "mean":
            pooled = pooled + outputs.sum(1)
        elif pooling == "ensemble":
            pooled = pooled + member.head.probabilities(outputs).sum(1)
        else:
            pooled = outputs[:, -1].clone()
        start = outputs[:, 0].clone() if first and pooling == "both-ends" else part.first
        return Pooled(recurrent, pooled, start), outputs

    def so_far(self, parts: Sequence[Pooled], count: int) -> np.ndarray:
        """The probabilities for the input so far [C]; [0, C] for frame labels, as no frame is
        new.
        """
        if self.per_step:
            return np.zeros((0, parts[0].pooled.shape[1]))
        rows = []
        for member, part in zip(self.members, parts, strict=True):
            pooling = member.body.pooling
            if pooling == "ensemble":
                rows.append(part.pooled / count)
                continue
            pooled = part.pooled / count if pooling == "mean" else part.pooled
            if pooling == "both-ends":
                pooled = torch.cat([part.first, pooled], 1)
            rows.append(member.head.probabilities(pooled))
        return torch.stack(rows).mean(0)[0].double().cpu().numpy()


def start_member(member: Any) -> Pooled:
    """The state of a classifier before the first step."""
    recurrent = member.body.recurrent
    width = recurrent.output_size
    if member.body.pooling == "ensemble":
        width = member.head.probabilities(torch.zeros(1, width)).shape[1]
    first = recurrent.output_size if member.body.pooling == "both-ends" else 0
    with torch.no_grad():
        return Pooled(recurrent.initial_state(1), torch.zeros(1, width), torch.zeros(1, first))


def embed(member: Any, item: Example) -> Tensor:
    """Embeds new steps as the inputs [1, T, E] of the classifier's body."""
    batch = collate([item._replace(targets=None)])
    vectors = batch.inputs if member.embedding is None else member.embedding(batch.inputs)
    if member.speller is not None:
        vectors = torch.cat([vectors, member.speller(batch.spellings)], -1)
    return vectors
