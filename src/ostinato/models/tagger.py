"""Many to many, aligned: one label for each word, from what stands on both sides of it.

Words and their characters through a bidirectional recurrent network to a softmax, or to a conditional random field
(Huang, Xu and Yu 2015; Lample et al. 2016; Ma and Hovy 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.decoding.viterbi import Path, k_best
from ostinato.layers.character_encoder import Speller
from ostinato.layers.crf import CRF, Potentials, log_partition, path_scores
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent
from ostinato.models.loss import Loss


class Tagger(nn.Module):
    """Words [B, T] and their spellings -> labels [B, T].

    words      the words' embedding; None if only their characters are read
    speller    their characters' encoder; None if only whole words are read
    crf        scores of neighbouring labels; None: each label by itself (softmax)
    legal      (start, transitions, end): masks of what labels may stand where; without a CRF they count when predicting
    features   embeddings of what else is known of each word: inputs are [B, T, 1 + F] then, the words first
    unknown    the token that stands for unknown words; while training, a word w takes its place with probability
               `unknown_rate[w]`, so that the network learns what to make of a word that it does not know
    """

    def __init__(
        self,
        words: Embedding | None,
        speller: Speller | None,
        cell: CellType,
        hidden_size: int,
        labels: int,
        *,
        layers: int = 1,
        legal: Sequence[Sequence] = (None, None, None),
        crf: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        locked: bool = False,
        unknown: int = 1,
        features: Sequence[Embedding] = (),
    ):
        super().__init__()
        if words is None and speller is None:
            raise ValueError("words or speller: one of them must be given")
        if hidden_size % 2:
            raise ValueError(
                f"hidden_size must be even, half of it for each direction; got {hidden_size}"
            )
        self.words, self.speller, self.unknown = words, speller, unknown
        self.features = nn.ModuleList(features)
        size = (words.embedding_dim if words is not None else 0) + (
            speller.output_size if speller is not None else 0
        )
        size += sum(each.embedding_dim for each in features)
        self.dropout = Dropout(dropout, locked=locked)
        self.recurrent = Recurrent(
            cell,
            size,
            hidden_size // 2,
            layers=layers,
            bidirectional=True,
            dropout=dropout,
            locked=locked,
            recurrent_dropout=recurrent_dropout,
        )
        self.output = nn.Linear(self.recurrent.output_size, labels)
        start, transitions, end = legal
        self.crf = CRF(labels, start=start, transitions=transitions, end=end)
        self.normalised = crf
        if not crf:  # the masks stay, for decoding
            with torch.no_grad():
                for parameter in self.crf.parameters():
                    parameter.zero_()
            self.crf.requires_grad_(False)
        if words is not None:  # a part of what is saved, so that a resumed training goes on with it
            self.register_buffer("unknown_rate", torch.zeros(words.num_embeddings))

    def emissions(self, batch: Batch) -> Tensor:
        """The score of each label at each step, [B, T, K]."""
        words, *further = batch.inputs.unbind(2) if batch.inputs.dim() == 3 else [batch.inputs]
        parts = [] if self.words is None else [self.words(self.some_unknown(words))]
        if self.speller is not None:
            parts.append(self.speller(batch.spellings))
        parts += [embed(values) for embed, values in zip(self.features, further, strict=True)]
        outputs, _ = self.recurrent(self.dropout(torch.cat(parts, -1)), batch.lengths)
        return self.output(self.dropout(outputs))

    def some_unknown(self, words: Tensor) -> Tensor:
        if not self.training:
            return words
        rates = self.unknown_rate[words]
        return words.masked_fill(torch.rand(words.shape, device=words.device) < rates, self.unknown)

    def forward(self, batch: Batch) -> tuple[Tensor, Potentials]:
        """All that decides which labels win: emissions, and scores of neighbours with what is forbidden at -inf."""
        emissions = self.emissions(batch)
        if not self.normalised:
            emissions = emissions.log_softmax(-1)
        return emissions, self.crf.potentials(-torch.inf)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        count = int(batch.lengths.sum())
        emissions = self.emissions(batch)
        if self.normalised:
            return Loss(-self.crf(emissions, batch.lengths, batch.targets).sum(), count)
        return Loss(
            functional.cross_entropy(
                emissions.flatten(0, 1),
                batch.targets.flatten(),
                ignore_index=IGNORE,
                reduction="sum",
            ),
            count,
        )

    def log_probabilities(self, batch: Batch) -> Tensor:
        """log P(labels | words) [B]."""
        emissions, potentials = self(batch)
        scores = path_scores(emissions, batch.lengths, batch.targets.clamp(min=0), potentials)
        return scores - normaliser(self, batch, emissions, potentials)


def normaliser(model: nn.Module, batch: Batch, emissions: Tensor, potentials: Potentials) -> Tensor:
    """What turns the score of a path into its log-probability [B]; labels that are chosen one by one need none."""
    if not model.normalised:
        return emissions.new_zeros(len(batch))
    finite = Potentials(*(part.clamp(min=-1e4) for part in potentials))
    return log_partition(emissions, batch.lengths, finite)


def best_labels(
    model: nn.Module, batch: Batch, *, k: int = 1, probabilities: bool = True
) -> list[list[Path]]:
    """The k likeliest sequences of labels of each row with their log-probabilities (or bare scores)."""
    emissions, potentials = model(batch)
    found = k_best(
        emissions,
        batch.lengths,
        k,
        transitions=potentials.transitions,
        start=potentials.start,
        end=potentials.end,
    )
    if not probabilities:
        return found
    totals = normaliser(model, batch, emissions, potentials).tolist()
    return [
        [Path(path.labels, path.score - total) for path in paths]
        for paths, total in zip(found, totals, strict=True)
    ]


class TaggerEnsemble(nn.Module):
    """Several taggers over the same words and labels: the mean of their scores, with the decoding of one."""

    def __init__(self, models: list[Tagger]):
        super().__init__()
        self.models = nn.ModuleList(models)
        self.normalised = any(model.normalised for model in models)

    def forward(self, batch: Batch) -> tuple[Tensor, Potentials]:
        emissions, potentials = zip(*(model(batch) for model in self.models), strict=True)
        return torch.stack(emissions).mean(0), Potentials(
            *(torch.stack(parts).mean(0) for parts in zip(*potentials, strict=True))
        )

    log_probabilities = Tagger.log_probabilities
