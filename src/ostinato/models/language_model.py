"""Many to many, each step the next one's input: what comes after what came so far.

An embedding, a recurrent network, a softmax over the vocabulary (Mikolov et al. 2010; Zaremba, Sutskever and Vinyals 2014),
with the means against overfitting of Gal and Ghahramani 2016 and of Merity, Keskar and Socher 2018."""

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
from ostinato.models.loss import Loss, token_losses


class Rates(NamedTuple):
    """What is dropped, how often: of the embedded inputs, between layers, of the outputs.

    `locked`: a row's units are the same at each step of a chunk (variational dropout)."""

    inputs: float = 0.0
    layers: float = 0.0
    outputs: float = 0.0
    locked: bool = False


NOTHING = Rates()


class LanguageModel(nn.Module):
    """Tokens [B, T] -> what predicts each next one.

    hidden_size   units of a layer: one number, or one for each layer
    tied          the output layer's weights are the embedding's (Press and Wolf 2017; Inan, Khosravi and Socher 2017); where the
                  last layer is not as wide as the embedding, a linear layer stands between
    activation    alpha of the pull on the outputs' squares, `temporal` beta of that on their change from step to step (Merity,
                  McCann and Socher 2017, equations 1 and 2); both after and before dropout as there
    residual, pre_norm  of the layers; see Recurrent
    recurrent_dropout, weight_drop, zoneout   inside the recurrence; see cells.regularise
    state_reset   how likely each row of a batch forgets the state carried to it, while training: a stream begins but once an epoch, and
                  an LSTM that has seen few beginnings may come upon states in a new text from which it does not find back
    output_precision    "bfloat16" rounds the factors of the output layer's products while training (linear_cross_entropy)
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
        rates: Rates = NOTHING,
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
        self.embedding, self.rates, self.activation, self.temporal = (
            embedding,
            rates,
            activation,
            temporal,
        )
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

    def start(self, rows: int) -> State:
        """The state before a text begins."""
        return self.recurrent.start(rows)

    def hidden(self, tokens: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """(what the softmax sees [B, T, E], the recurrence's outputs [B, T, H] before and after dropout, the state behind)."""
        rates, training = self.rates, self.training
        x = dropout(self.embedding(tokens), rates.inputs, training=training, locked=rates.locked)
        raw, state = self.recurrent(x, None, state)
        outputs = dropout(raw, rates.outputs, training=training, locked=rates.locked)
        return (outputs if self.readout is None else self.readout(outputs)), (raw, outputs), state

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """Every row is full to its last step, or padded on the right (whose state then is of no use)."""
        if self.training and self.state_reset and state is not None:
            state = forget(
                state,
                batch.inputs.new_empty(batch.inputs.shape[0], dtype=torch.bool).bernoulli_(
                    self.state_reset
                ),
            )
        hidden, (raw, outputs), state = self.hidden(batch.inputs, state)
        wanted = batch.targets.flatten()
        total = linear_cross_entropy(
            hidden.flatten(0, 1),
            self.output.weight,
            self.output.bias,
            wanted,
            precision=self.output_precision if self.training else "float32",
        )
        count = int((wanted != IGNORE).sum())
        if self.training and self.activation:
            total = total + self.activation * count * outputs.square().mean()
        if self.training and self.temporal and raw.shape[1] > 1:
            total = total + self.temporal * count * (raw[:, 1:] - raw[:, :-1]).square().mean()
        return Loss(total, count, state)

    @torch.no_grad()
    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        """-log p of every target [B, T], zero where it is -100, and the state behind."""
        hidden, _, state = self.hidden(tokens, state)
        return token_losses(hidden, self.output.weight, self.output.bias, targets), state

    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N, T] -> logits [N, V] of what comes next, and the state behind."""
        hidden, _, state = self.hidden(tokens, state)
        return self.output(hidden[:, -1]), state

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N] -> logits [N, V] of what comes next, and the state behind."""
        return self.read(tokens.unsqueeze(1), state)

    def quick_step(self, weights: str = "float32") -> StepFunction | None:
        """As step(), by the compiled TokenStep, with weights in bfloat16, int8, or what kernels.weights_as says; None where there can be
        none."""
        weights = current_format() if weights == "float32" else weights
        dense = [self.output] if self.readout is None else [self.readout, self.output]
        if not TokenStep.usable(self.embedding, self.recurrent, dense, weights=weights):
            return None
        return TokenStep(self.embedding, self.recurrent, dense, weights=weights)


def forget(state: State, rows: Tensor) -> State:
    """The state, zero in the rows [B] that are true, as before a text begins."""
    return map_state(
        lambda part: part.masked_fill(rows.view(-1, *[1] * (part.dim() - 1)), 0), state
    )


class LanguageEnsemble(nn.Module):
    """Several language models over the same tokens: the mean of their probabilities. Its state is a tuple of theirs."""

    def __init__(self, models: list[nn.Module]):
        super().__init__()
        self.models = nn.ModuleList(models)

    def start(self, rows: int) -> State:
        return tuple(model.start(rows) for model in self.models)

    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        losses, states = zip(
            *(
                model.losses(tokens, targets, each)
                for model, each in zip(self.models, state, strict=True)
            ),
            strict=True,
        )
        mean = -torch.stack(losses).neg().logsumexp(0) + torch.tensor(float(len(losses))).log()
        return mean.masked_fill(targets == IGNORE, 0), tuple(states)

    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        logits, states = zip(
            *(model.read(tokens, each) for model, each in zip(self.models, state, strict=True)),
            strict=True,
        )
        return torch.stack([each.log_softmax(-1) for each in logits]).logsumexp(0), tuple(states)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        return self.read(tokens.unsqueeze(1), state)
