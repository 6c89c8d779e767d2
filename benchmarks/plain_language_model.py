"""A language model as tutorials write it on torch.nn: what benchmarks/language.py compares with.

The training loop is that of pytorch's examples/word_language_model (main.py): chunks of a
batchified text, the state detached between them, gradients clipped, plain SGD. Generating is a
loop over torch.nn.LSTMCell with torch.multinomial.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn


class PlainLanguageModel(nn.Module):
    """nn.Embedding, nn.LSTM, nn.Linear; time first, as in the example."""

    def __init__(self, words: int, size: int, *, layers: int):
        super().__init__()
        self.encoder = nn.Embedding(words, size)
        self.rnn = nn.LSTM(size, size, layers)
        self.decoder = nn.Linear(size, words)

    def forward(
        self, tokens: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        output, state = self.rnn(self.encoder(tokens), state)
        return nn.functional.log_softmax(self.decoder(output).flatten(0, 1), dim=1), state

    def start(self, rows: int) -> tuple[Tensor, Tensor]:
        zeros = torch.zeros(self.rnn.num_layers, rows, self.rnn.hidden_size)
        return zeros, zeros


def train_plainly(model: PlainLanguageModel, numbers: Tensor, steps: int) -> int:
    """One pass over numbers [B, N] in chunks; how many tokens that was."""
    text, count = numbers.t().contiguous(), 0
    state = model.start(numbers.shape[0])
    for start in range(0, len(text) - 1, steps):
        data, targets = text[start : start + steps], text[start + 1 : start + 1 + steps].flatten()
        model.zero_grad()
        state = tuple(part.detach() for part in state)
        output, state = model(data, state)
        loss = nn.functional.nll_loss(output, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for parameter in model.parameters():
            parameter.data.add_(parameter.grad, alpha=-0.1)
        loss.item()
        count += len(targets)
    return count


@functools.cache
def parts(
    words: int, embedding: int, size: int, layers: int
) -> tuple[nn.Embedding, list[nn.LSTMCell], nn.Linear]:
    cells = [nn.LSTMCell(size if layer else embedding, size) for layer in range(layers)]
    return nn.Embedding(words, embedding), cells, nn.Linear(size, words)


@torch.no_grad()
def generate_plainly(
    words: int, embedding: int, size: int, layers: int, samples: int, steps: int = 200
) -> int:
    """So many tokens of so many samples; how many that was."""
    table, cells, output = parts(words, embedding, size, layers)
    tokens = torch.zeros(samples, dtype=torch.int64)
    states = [(torch.zeros(samples, size), torch.zeros(samples, size)) for _ in cells]
    for _ in range(steps):
        x = table(tokens)
        for layer, cell in enumerate(cells):
            states[layer] = cell(x, states[layer])
            x = states[layer][0]
        tokens = torch.multinomial(output(x).softmax(-1), 1)[:, 0]
    return samples * steps
