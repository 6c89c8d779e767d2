"""The protocol of networks that give probabilities of labels."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from ostinato.data.batching.batch import Batch


@runtime_checkable
class ProbabilityNetwork(Protocol):
    """A network that gives the probability of every label."""

    def probabilities(self, batch: Batch) -> Tensor:
        """The probabilities of the labels: [B, C] for whole sequences, or [B, T, C] for each
        step.
        """
        ...


def require_probabilities(network: nn.Module) -> ProbabilityNetwork:
    """Narrows the type of a network that its task has built to give probabilities."""
    if not isinstance(network, ProbabilityNetwork):
        raise TypeError(f"a {type(network).__name__} does not give probabilities")
    return network
