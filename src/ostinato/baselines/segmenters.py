"""Segmentation without recurrence: a hidden Markov model, dilated convolutions, label frequencies.

They have the interface of models.segmenter.Segmenter: answers(batch, state) -> (probabilities
[B, T, K], labels [B, T], state). A letters, K labels.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells.cell import real
from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.decoding.viterbi import viterbi
from ostinato.layers.crf import CRF

# label transitions [K, K]; letter contexts emitted by each label [A ** order, K]
Counts = tuple[np.ndarray, np.ndarray]


def encode_contexts(inputs: np.ndarray | Tensor, order: int, letters: int) -> np.ndarray | Tensor:
    """The index of the last `order` letters at each step; letter 0 precedes the sequence.

    encode_contexts([1, 2, 1], 2, 5) -> [0 * 5 + 1, 1 * 5 + 2, 2 * 5 + 1], shapes [..., T] -> [...,
    T]
    """
    ids = torch.as_tensor(inputs).long()
    found = ids.clone()
    for back in range(1, order):
        shifted = torch.zeros_like(ids)
        shifted[..., back:] = ids[..., : max(0, ids.shape[-1] - back)]
        found = found + shifted * letters**back
    return found.numpy() if isinstance(inputs, np.ndarray) else found


def count_segments(
    sequences: Iterable[tuple[np.ndarray, np.ndarray]], labels: int, *, order: int, letters: int
) -> Counts:
    """Counts label transitions, and the letter contexts emitted by each label.

    Args:
        sequences: Letters [T] and their labels [T].
        labels: K.
        order: Letters of a context.
        letters: A.
    """
    steps, runs = np.zeros((labels, labels)), np.zeros((letters**order, labels))
    for inputs, given in sequences:
        steps += np.bincount(given[:-1] * labels + given[1:], minlength=labels * labels).reshape(
            labels, labels
        )
        runs += np.bincount(
            encode_contexts(inputs, order, letters) * labels + given, minlength=runs.size
        ).reshape(runs.shape)
    return steps, runs


class HmmSegmenter(nn.Module):
    """A hidden Markov model with labels as states and emissions of order `order` - 1.

        P(x, y) = prod_t P(y_t | y_t-1) P(x_t | x_t-1 ... x_t-order+1, y_t)

    Estimated by add-one smoothed counts, decoded by the Viterbi algorithm, with marginals by the
    forward-backward algorithm (Rabiner 1989).

    Args:
        labels: K.
        table: Maps input ids to the letters 0 to A - 1.
        order: Letters of a context, the emitted one included.
    """

    table: Tensor

    def __init__(self, labels: int, *, table: Tensor, order: int = 5):
        super().__init__()
        self.letters, self.order = int(table.max()) + 1, order
        self.register_buffer("table", table, persistent=False)
        size = self.letters**order
        self.emissions = nn.Parameter(torch.zeros(size, labels), requires_grad=False)
        self.transitions = nn.Parameter(torch.zeros(labels, labels), requires_grad=False)
        self.start = nn.Parameter(torch.zeros(labels), requires_grad=False)

    def put(self, steps: np.ndarray, runs: np.ndarray) -> None:
        """Sets the probabilities from the counts of count_segments()."""
        # [preceding letters, letter, label]: the last letter varies fastest
        given = (runs + 1).reshape(-1, self.letters, runs.shape[1])
        emissions = np.log(given / given.sum(1, keepdims=True)).reshape(runs.shape)
        self.emissions.copy_(torch.from_numpy(emissions))
        self.transitions.copy_(
            torch.from_numpy(np.log((steps + 1) / (steps + 1).sum(1, keepdims=True)))
        )
        self.start.copy_(torch.from_numpy(np.log((runs.sum(0) + 1) / (runs.sum() + runs.shape[1]))))

    def answers(self, batch: Batch, state: State = None) -> tuple[Tensor, Tensor, State]:
        """Marginals [B, T, K], the labels of the best path [B, T], and no state."""
        scores = self.emissions[encode_contexts(self.table[batch.inputs], self.order, self.letters)]
        paths = viterbi(scores, batch.lengths, transitions=self.transitions, start=self.start)
        best = torch.nn.utils.rnn.pad_sequence(
            [torch.tensor(path.labels) for path in paths], batch_first=True
        ).to(scores.device)
        # marginals are gradients, which inference tensors do not have
        with torch.inference_mode(False):
            chain = CRF(scores.shape[-1]).to(scores.device, scores.dtype)
            with torch.no_grad():
                chain.start.copy_(self.start)
                chain.transitions.copy_(self.transitions)
                chain.end.zero_()
            marginals = chain.marginals(scores.clone(), batch.lengths.clone())
        return marginals, best, None


class DilatedConvolution(nn.Module):
    """Residual convolutions with exponentially growing dilation (Yu and Koltun 2016).

    (vectors [B, T, D], lengths, state) -> (outputs [B, T, H], None): the interface of Recurrent.
    """

    def __init__(self, input_size: int, hidden_size: int, *, layers: int = 6, width: int = 5):
        super().__init__()
        self.first = nn.Conv1d(input_size, hidden_size, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(hidden_size, hidden_size, width, padding="same", dilation=2**layer)
            for layer in range(layers)
        )
        self.output_size = hidden_size

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> tuple[Tensor, None]:
        """Vectors [B, T, D], lengths [B] -> outputs [B, T, H], zero in the padding, and None."""
        mask = real(lengths, x.shape[1], x.device).unsqueeze(1)
        h = self.first(x.transpose(1, 2))
        for layer in self.layers:
            h = h + layer(h.relu().masked_fill(~mask, 0))
        return h.relu().masked_fill(~mask, 0).transpose(1, 2), None


class LabelFrequencies(nn.Module):
    """Predicts the training frequency of each label at every step."""

    def __init__(self, labels: int):
        super().__init__()
        self.shares = nn.Parameter(torch.zeros(labels), requires_grad=False)

    def put(self, shares: np.ndarray) -> None:
        """Copies the frequencies [K] into the parameters."""
        self.shares.copy_(torch.from_numpy(shares))

    def answers(self, batch: Batch, state: State = None) -> tuple[Tensor, Tensor, State]:
        """The frequencies [B, T, K], the most frequent label [B, T], and no state."""
        probabilities = self.shares.expand(*batch.inputs.shape, -1)
        return probabilities, probabilities.argmax(-1), None
