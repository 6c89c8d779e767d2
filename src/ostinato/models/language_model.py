"""Language model: predicts each next token from all previous ones.

An embedding, a recurrent network, a softmax over the vocabulary (Mikolov et al. 2010; Zaremba,
Sutskever and Vinyals 2014), with the regularisation of Gal and Ghahramani 2016 and of Merity,
Keskar and Socher 2018. B rows, T steps, E embedding size, H hidden units, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State, map_state
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.decoding.step import StepFunction
from ostinato.kernels import linear_cross_entropy
from ostinato.kernels.steps.streaming import current_format
from ostinato.layers.dropout import dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.token_step import TokenStep
from ostinato.models.inspectable import RecurrentPart, score_targets
from ostinato.models.loss import Loss, require_targets, token_losses


class DropoutRates(NamedTuple):
    """Dropout probabilities.

    Attributes:
        inputs: Of the embedded inputs.
        layers: Between the layers.
        outputs: Of the last layer's outputs.
        locked: Variational dropout: one mask per row for all steps of a chunk.
    """

    inputs: float = 0.0
    layers: float = 0.0
    outputs: float = 0.0
    locked: bool = False


NO_DROPOUT = DropoutRates()


class LanguageModel(nn.Module):
    """Tokens [B, T] -> the distribution of each next token.

    Args:
        embedding: The token embedding.
        cell: The recurrent cell.
        hidden_size: Units of a layer: one number, or one for each layer.
        layers: Stacked layers.
        residual, pre_norm: Of the layers; see Recurrent.
        tied: Whether the output layer shares the embedding's weights (Press and Wolf 2017; Inan,
            Khosravi and Socher 2017). A linear layer adapts the size of the last layer if
            necessary.
        rates: Dropout probabilities.
        activation: alpha, activation regularisation of the outputs after dropout (Merity, McCann
            and Socher 2017, equation 1).
        temporal: beta, temporal activation regularisation of the change of the outputs before
            dropout from step to step (equation 2).
        recurrent_dropout, weight_drop, zoneout: Inside the recurrence; see Recurrent.
        state_reset: The probability with which each row's carried state is reset in training.
            Without it the model sees the beginning of a stream once an epoch only, and an LSTM may
            reach states in a new text from which it does not recover.
        output_precision: `bfloat16` rounds the factors of the output layer's products in training
            (linear_cross_entropy).
    """

    def __init__(
        self,
        embedding: Embedding,
        cell: CellType,
        hidden_size: int | Sequence[int],
        *,
        layers: int = 1,
        residual: bool = False,
        pre_norm: bool = False,
        tied: bool = False,
        rates: DropoutRates = NO_DROPOUT,
        activation: float = 0.0,
        temporal: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
        zoneout: float = 0.0,
        state_reset: float = 0.0,
        output_precision: str = "float32",
    ):
        super().__init__()
        self.output_precision, self.state_reset = output_precision, state_reset
        self.embedding, self.rates = embedding, rates
        self.activation, self.temporal = activation, temporal
        self.recurrent = Recurrent(
            cell,
            embedding.embedding_dim,
            hidden_size,
            layers=layers,
            dropout=rates.layers,
            locked=rates.locked,
            recurrent_dropout=recurrent_dropout,
            weight_drop=weight_drop,
            zoneout=zoneout,
            residual=residual,
            pre_norm=pre_norm,
        )
        width = self.recurrent.output_size
        self.readout = (
            nn.Linear(width, embedding.embedding_dim)
            if tied and width != embedding.embedding_dim
            else None
        )
        self.output = nn.Linear(
            embedding.embedding_dim if tied else width, embedding.num_embeddings
        )
        if tied:
            self.output.weight = embedding.weight
            nn.init.zeros_(self.output.bias)

    def initial_state(self, rows: int) -> State:
        """The state before a text begins, for `rows` rows."""
        return self.recurrent.initial_state(rows)

    def hidden(self, tokens: Tensor, state: State) -> tuple[Tensor, tuple[Tensor, Tensor], State]:
        """Runs embedding and recurrence.

        Args:
            tokens: [B, T].
            state: The state before them.

        Returns:
            The output layer's input [B, T, E]; the outputs of the recurrence [B, T, H] before and
            after dropout; the new state.
        """
        rates, training = self.rates, self.training
        x = dropout(self.embedding(tokens), rates.inputs, training=training, locked=rates.locked)
        raw, state = self.recurrent(x, None, state)  # [B, T, H]
        outputs = dropout(raw, rates.outputs, training=training, locked=rates.locked)
        return (outputs if self.readout is None else self.readout(outputs)), (raw, outputs), state

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum of -log p over all targets, with the activation regularisers in training.

        Rows are full, or padded on the right; the state of a padded row must not be carried on.
        """
        if self.training and self.state_reset and state is not None:
            rows = batch.inputs.new_empty(batch.inputs.shape[0], dtype=torch.bool)
            state = reset_rows(state, rows.bernoulli_(self.state_reset))
        hidden, (raw, outputs), state = self.hidden(batch.inputs, state)
        targets = require_targets(batch).flatten()
        total = linear_cross_entropy(
            hidden.flatten(0, 1),
            self.output.weight,
            self.output.bias,
            targets,
            precision=self.output_precision if self.training else "float32",
        )
        count = int((targets != IGNORE).sum())
        if self.training and self.activation:
            total = total + self.activation * count * outputs.square().mean()
        if self.training and self.temporal and raw.shape[1] > 1:
            total = total + self.temporal * count * (raw[:, 1:] - raw[:, :-1]).square().mean()
        return Loss(total, count, state)

    @torch.no_grad()
    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        """-log p of each target [B, T], zero where it is -100, and the new state."""
        hidden, _, state = self.hidden(tokens, state)
        return token_losses(hidden, self.output.weight, self.output.bias, targets), state

    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N, T] -> logits [N, V] of the next token, and the new state."""
        hidden, _, state = self.hidden(tokens, state)
        return self.output(hidden[:, -1]), state

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N] -> logits [N, V] of the next token, and the new state."""
        return self.read(tokens.unsqueeze(1), state)

    def compiled_step(self, weights: str = "float32") -> StepFunction | None:
        """A compiled replacement for step() (TokenStep); None if the model has no compiled form.

        Args:
            weights: Format of the weights: `float32`, `bfloat16` or `int8`. For `float32` the
                format set by kernels.weights_as applies.
        """
        weights = current_format() if weights == "float32" else weights
        dense = [self.output] if self.readout is None else [self.readout, self.output]
        if not TokenStep.usable(self.embedding, self.recurrent, dense, weights=weights):
            return None
        return TokenStep(self.embedding, self.recurrent, dense, weights=weights)

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The recurrent layers."""
        return [RecurrentPart("recurrent", self.recurrent)]

    def own_targets(self, batch: Batch) -> Tensor:
        """The most probable next token at each step, [B, T]."""
        return self.output(self.hidden(batch.inputs, None)[0]).argmax(-1)

    def step_scores(self, batch: Batch) -> Tensor:
        """log p of each next token [B, T]."""
        hidden, _, _ = self.hidden(batch.inputs, None)
        return score_targets(self.output(hidden), require_targets(batch))


def reset_rows(state: State, rows: Tensor) -> State:
    """The state with zeros in the rows [B] that are true, as at the beginning of a text."""
    return map_state(
        lambda part: part.masked_fill(rows.view(-1, *[1] * (part.dim() - 1)), 0), state
    )
