"""Many to many, aligned: one label for each word, from its context on both sides.

Words and their characters through a bidirectional recurrent network to a softmax, or to a
conditional random field (Huang, Xu and Yu 2015; Lample et al. 2016; Ma and Hovy 2016).
B sentences, T words, K labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch, pad
from ostinato.decoding.viterbi import Path, k_best
from ostinato.layers.character_encoder import CharacterEncoder
from ostinato.layers.crf import CRF, Potentials, log_partition, marginals, path_scores
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent, bidirectional_hidden_size
from ostinato.models.contextual_embedding import ContextualEmbedding
from ostinato.models.inspectable import RecurrentPart, name_parts, score_targets
from ostinato.models.loss import Loss, full_precision, require_targets


class Tagger(nn.Module):
    """Words [B, T] and their characters -> labels [B, T].

    Args:
        words: The word embedding; None for a model of characters only.
        character_encoder: Vectors of words by their characters; None for a model of whole words
            only.
        cell: The recurrent cell.
        hidden_size: Units of a layer, of both directions together; see bidirectional_hidden_size.
        labels: K.
        layers: Stacked layers.
        bidirectional: Whether to read in both directions; in one, words can be tagged as they come.
        merge: How the outputs of the two directions become one; see Recurrent.
        legal: (start, transitions, end): masks of the allowed labels and label pairs; without a CRF
            they only constrain decoding.
        crf: Whether label transitions are scored (CRF); otherwise each label is independent
            (softmax).
        dropout: On the embeddings, between layers and on the outputs.
        recurrent_dropout: Inside the recurrence.
        locked: Variational dropout: one mask for all steps.
        unknown: The id of the unknown word. During training a word w is replaced by it with
            probability `unknown_rate[w]`, so that its vector is trained.
        features: Embeddings of further features of each word; inputs are then [B, T, 1 + F], the
            words first.
        context: Instead of the recurrent network, another one (x [B, T, D], lengths) ->
            ([B, T, H], None) with an `output_size`: see models.word_windows.
        contextual: Language models, whose states at each word are read beside its own vector.
    """

    unknown_rate: Tensor

    def __init__(
        self,
        words: Embedding | None,
        character_encoder: CharacterEncoder | None,
        cell: CellType,
        hidden_size: int,
        labels: int,
        *,
        layers: int = 1,
        bidirectional: bool = True,
        merge: str = "concat",
        legal: Sequence[Sequence | None] = (None, None, None),
        crf: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        locked: bool = False,
        unknown: int = 1,
        features: Sequence[Embedding] = (),
        context: Callable[[int], nn.Module] | None = None,
        contextual: ContextualEmbedding | None = None,
    ):
        super().__init__()
        if words is None and character_encoder is None:
            raise ValueError("words and character_encoder are both None; one must be given")
        self.words, self.unknown = words, unknown
        self.speller = character_encoder  # the name in saved weights
        self.features, self.contextual = nn.ModuleList(features), contextual
        size = sum(each.embedding_dim for each in (words, *features) if each is not None)
        size += sum(each.output_size for each in (character_encoder, contextual) if each)
        if bidirectional:
            hidden_size = bidirectional_hidden_size(hidden_size, merge=merge)
        self.dropout = Dropout(dropout, locked=locked)
        self.recurrent = (
            context(size)
            if context is not None
            else Recurrent(
                cell,
                size,
                hidden_size,
                layers=layers,
                bidirectional=bidirectional,
                merge=merge,
                dropout=dropout,
                locked=locked,
                recurrent_dropout=recurrent_dropout,
            )
        )
        self.output = nn.Linear(cast(int, self.recurrent.output_size), labels)
        start, transitions, end = legal
        self.crf = CRF(labels, start=start, transitions=transitions, end=end)
        self.normalised = crf
        if not crf:  # its masks are still used in decoding
            self.crf.requires_grad_(False)
            for parameter in self.crf.parameters():
                parameter.zero_()
        if words is not None:  # saved with the weights: resumed training uses the same rates
            self.register_buffer("unknown_rate", torch.zeros(words.num_embeddings))

    def emissions(self, batch: Batch) -> Tensor:
        """The score of each label at each step, [B, T, K]."""
        return self.emissions_from(batch, None)[0]

    def emissions_from(
        self, batch: Batch, state: State, contextual: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """The score of each label at each step, [B, T, K], after a state; and the state after.

        Args:
            batch: The words.
            state: Of the recurrent network before them.
            contextual: The vectors of the language models [B, T, D], where they have been read.
        """
        words, *further = batch.inputs.unbind(2) if batch.inputs.dim() == 3 else [batch.inputs]
        parts = [] if self.words is None else [self.words(self.replace_by_unknown(words))]
        if self.speller is not None:
            parts.append(self.speller(batch.spellings))
        parts += [embed(values) for embed, values in zip(self.features, further, strict=True)]
        if self.contextual is not None:
            parts.append(self.contextual(batch.readings) if contextual is None else contextual)
        x = self.dropout(torch.cat(parts, -1))
        outputs, state = self.recurrent(x, batch.lengths, state)
        return full_precision(self.output(self.dropout(outputs))), state

    def replace_by_unknown(self, words: Tensor) -> Tensor:
        """Words [B, T] with some replaced by the unknown word in training, see `unknown_rate`."""
        if not self.training:
            return words
        rates = self.unknown_rate[words]
        return words.masked_fill(torch.rand(words.shape, device=words.device) < rates, self.unknown)

    def forward(self, batch: Batch) -> tuple[Tensor, Potentials]:
        """Emissions [B, T, K] and transition scores, with forbidden transitions at -inf."""
        emissions = self.emissions(batch)
        if not self.normalised:
            emissions = emissions.log_softmax(-1)
        return emissions, self.crf.potentials(-torch.inf)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The sum over the batch of -log P(labels | words); its count is the number of words."""
        count = int(batch.lengths.sum())
        emissions = self.emissions(batch)
        if self.normalised:
            return Loss(-self.crf(emissions, batch.lengths, batch.targets).sum(), count)
        return Loss(
            functional.cross_entropy(
                emissions.flatten(0, 1),
                require_targets(batch).flatten(),
                ignore_index=IGNORE,
                reduction="sum",
            ),
            count,
        )

    def log_probabilities(self, batch: Batch) -> Tensor:
        """log P(labels | words) [B]."""
        return score_labels(self, batch)

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The layers over the words, and those over their characters."""
        spelling = [] if self.speller is None else name_parts(self.speller, "characters")
        if not isinstance(self.recurrent, Recurrent):
            return spelling
        return [*spelling, RecurrentPart("recurrent", self.recurrent)]

    def own_targets(self, batch: Batch) -> Tensor:
        """The best label sequence of each sentence (Viterbi), [B, T]."""
        best = best_labels(self, batch, probabilities=False)
        return pad([torch.tensor(paths[0].labels) for paths in best], IGNORE)[0]

    def step_scores(self, batch: Batch) -> Tensor:
        """log softmax of the emission score of each label [B, T], without transition scores."""
        return score_targets(self.emissions(batch), require_targets(batch))


def score_labels(model: Tagger | TaggerEnsemble, batch: Batch) -> Tensor:
    """log P(labels | words) [B], of the batch's targets."""
    emissions, potentials = model(batch)
    scores = path_scores(emissions, batch.lengths, require_targets(batch).clamp(min=0), potentials)
    return scores - log_normaliser(model, batch, emissions, potentials)


def log_normaliser(
    model: Tagger | TaggerEnsemble, batch: Batch, emissions: Tensor, potentials: Potentials
) -> Tensor:
    """log Z [B], by which a path's score exceeds its log-probability; zero without a CRF."""
    if not model.normalised:
        return emissions.new_zeros(len(batch))
    return log_partition(emissions, batch.lengths, make_finite(potentials))


def make_finite(potentials: Potentials) -> Potentials:
    """Very low scores in place of -inf, of which there are no gradients."""
    return Potentials(*(part.clamp(min=-1e4) for part in potentials))


def label_probabilities(model: Tagger | TaggerEnsemble, batch: Batch) -> Tensor:
    """The probability of each label at each step [B, T, K], summed over all label sequences."""
    emissions, potentials = model(batch)
    if not model.normalised:
        return emissions.softmax(-1)
    return marginals(emissions, batch.lengths, make_finite(potentials))


def best_labels(
    model: Tagger | TaggerEnsemble, batch: Batch, *, k: int = 1, probabilities: bool = True
) -> list[list[Path]]:
    """The k best label sequences of each sentence (Viterbi).

    Args:
        model: A tagger or an ensemble of taggers.
        batch: The sentences.
        k: How many sequences.
        probabilities: Whether scores are normalised to log-probabilities.

    Returns:
        For each sentence at most k paths, best first.
    """
    emissions, potentials = model(batch)
    paths = k_best(
        emissions,
        batch.lengths,
        k,
        transitions=potentials.transitions,
        start=potentials.start,
        end=potentials.end,
    )
    if not probabilities:
        return paths
    totals = log_normaliser(model, batch, emissions, potentials).tolist()
    return [
        [Path(path.labels, path.score - total) for path in row]
        for row, total in zip(paths, totals, strict=True)
    ]


class TaggerEnsemble(nn.Module):
    """Taggers over the same words and labels: the mean of their scores, decoded as one."""

    def __init__(self, models: list[Tagger]):
        super().__init__()
        self.models = nn.ModuleList(models)
        self.normalised = any(model.normalised for model in models)

    def forward(self, batch: Batch) -> tuple[Tensor, Potentials]:
        """The means of the members' emissions [B, T, K] and of their transition scores."""
        emissions, potentials = zip(*(model(batch) for model in self.models), strict=True)
        return torch.stack(emissions).mean(0), Potentials(
            *(torch.stack(parts).mean(0) for parts in zip(*potentials, strict=True))
        )

    def log_probabilities(self, batch: Batch) -> Tensor:
        """log P(labels | words) [B]."""
        return score_labels(self, batch)
