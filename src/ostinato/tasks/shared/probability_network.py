"""What a network offers that gives probabilities."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from ostinato.data.batching.batch import Batch


@runtime_checkable
class ProbabilityNetwork(Protocol):
    """A network that gives the probability of every label."""

    def probabilities(self, batch: Batch) -> Tensor:
        """[B, C] of whole sequences, or [B, T, C] of each step."""
        ...


def require_probabilities(network: nn.Module) -> ProbabilityNetwork:
    """The network, which its task has built as one that gives probabilities."""
    if not isinstance(network, ProbabilityNetwork):
        raise TypeError(f"a {type(network).__name__} gives no probabilities")
    return network
