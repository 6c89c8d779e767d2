"""Several trained models that decode as one: the mean of their probabilities at every step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.decoding.ensemble import ensemble
from ostinato.models.encoder_decoder import EncoderDecoder, shift
from ostinato.models.loss import Loss


class Ensemble(nn.Module):
    """Encoder-decoders over the same vocabularies, with the start, step, loss and score of one."""

    def __init__(self, models: list[EncoderDecoder]):
        super().__init__()
        self.models = nn.ModuleList(models)
        self.bos, self.eos = models[0].bos, models[0].eos
        self.mean = ensemble([model.step for model in models])

    def start(self, batch: Batch) -> State:
        return tuple(model.start(batch) for model in self.models)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        return self.mean(tokens, state)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The mean of the members' losses, each by itself: to train them side by side."""
        losses = [model.loss(batch) for model in self.models]
        return Loss(torch.stack([each.total for each in losses]).mean(), losses[0].count)

    def log_probabilities(self, batch: Batch) -> Tensor:
        """log P(target | source) [B] under the mean of the models' next-word probabilities."""
        given, state, total = (
            shift(batch.targets, self.bos),
            self.start(batch),
            torch.zeros(len(batch), device=batch.inputs.device),
        )
        for step in range(given.shape[1]):
            logits, state = self.step(given[:, step], state)
            wanted = batch.targets[:, step]
            real = wanted != IGNORE
            taken = logits.log_softmax(-1).gather(1, wanted.clamp(min=0).unsqueeze(1)).squeeze(1)
            total = total + torch.where(real, taken, taken.new_zeros(()))
        return total

    def looked_at(self, state: State) -> Tensor | None:
        """Each model looks elsewhere: the first one's attention stands for all."""
        return self.models[0].looked_at(state[0])
