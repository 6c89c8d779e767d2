"""A recurrent encoder: a source of tokens or features -> outputs and final state.

B sources, S source steps, H hidden units.
"""

from __future__ import annotations

from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.layers.convolutional_networks import FeatureProjection, FrameNetwork
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import MERGES, Recurrent, bidirectional_hidden_size


class Encoder(nn.Module):
    """Tokens [B, S] -> outputs [B, S, H] and the final state of each row.

    Args:
        embedding: The source embedding, or a module that projects features.
        cell: The recurrent cell.
        hidden_size: Units of a layer, of both directions together.
        layers: Stacked layers.
        bidirectional: Whether to read in both directions.
        merge: How the outputs, and final states, of the two directions become one; see Recurrent.
        dropout: On the embedding and between layers.
    """

    def __init__(
        self,
        embedding: Embedding | FeatureProjection | FrameNetwork,
        cell: CellType,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = True,
        merge: str = "concat",
        dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = embedding
        self.dropout = Dropout(dropout)
        self.recurrent = Recurrent(
            cell,
            embedding.embedding_dim,
            bidirectional_hidden_size(hidden_size, bidirectional=bidirectional, merge=merge),
            layers=layers,
            bidirectional=bidirectional,
            merge=merge,
            dropout=dropout,
        )

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Tokens [B, S] and lengths [B] -> outputs [B, S, H] and the state, one part per layer."""
        outputs, state = self.recurrent(self.dropout(self.embedding(tokens)), lengths)
        if self.recurrent.directions == 1:
            return outputs, state
        return outputs, merge_directions(state, self.recurrent.merge)


def merge_directions(state: State, merge: str) -> State:
    """Merges the states of both directions of each layer as the outputs are merged.

    (layer 1 forward, layer 1 backward, layer 2 forward, ...) -> (layer 1, layer 2, ...)
    """
    return tuple(
        tuple(MERGES[merge](*parts) for parts in zip(forward, backward, strict=True))
        for forward, backward in zip(state[::2], state[1::2], strict=True)
    )
