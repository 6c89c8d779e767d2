"""A tagger in plain torch.nn, as tutorials write it: what benchmarks/tagging_speed.py measures
Ostinato against.

Words and a convolution over their characters (Ma and Hovy 2016) run through a packed
bidirectional nn.LSTM to a conditional random field, whose forward algorithm and Viterbi go step
by step over [B, K, K] as in pytorch-crf. Each word of a batch is spelled as often as it stands
there, padded to the longest. It is the same function as Ostinato's tagger without affixes:
`load_ostinato` takes its weights.

Imports nothing but torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

PAD = 0
Row = tuple[
    list[int], list[list[int]], list[int]
]  # numbers of the words, of each one's characters, and of the tags


class PlainTagger(nn.Module):
    def __init__(
        self,
        words: int,
        characters: int,
        tags: int,
        *,
        embedding_size: int,
        character_size: int,
        hidden_size: int,
        dropout: float,
        letters: int = 30,
    ):
        super().__init__()
        self.words = nn.Embedding(words, embedding_size, padding_idx=PAD)
        self.characters = nn.Embedding(characters, letters, padding_idx=PAD)
        self.filters = nn.Conv1d(letters, character_size, 3, padding=1)
        self.lstm = nn.LSTM(
            embedding_size + character_size, hidden_size // 2, batch_first=True, bidirectional=True
        )
        self.output = nn.Linear(hidden_size, tags)
        self.start, self.end = nn.Parameter(torch.zeros(tags)), nn.Parameter(torch.zeros(tags))
        self.transitions = nn.Parameter(torch.empty(tags, tags).uniform_(-0.1, 0.1))
        self.dropout = nn.Dropout(dropout)

    def emissions(self, words: Tensor, characters: Tensor, lengths: Tensor) -> Tensor:
        """words [B, T], characters [B, T, C] -> [B, T, K]"""
        rows, steps, longest = characters.shape
        letters = self.characters(characters.view(rows * steps, longest)).transpose(1, 2)
        outside = characters.view(rows * steps, 1, longest) == PAD
        spelled = (
            self.filters(letters).masked_fill(outside, -1e9).amax(2).tanh().view(rows, steps, -1)
        )
        packed = pack_padded_sequence(
            self.dropout(torch.cat([self.words(words), spelled], -1)),
            lengths,
            batch_first=True,
            enforce_sorted=False,
        )
        outputs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.output(self.dropout(outputs))

    def loss(self, words: Tensor, characters: Tensor, lengths: Tensor, tags: Tensor) -> Tensor:
        """The sum of -log p(tags | words) over the batch."""
        emissions, mask = self.emissions(words, characters, lengths), words != PAD
        return (self.normaliser(emissions, mask) - self.path(emissions, tags, mask)).sum()

    def path(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        rows = torch.arange(len(tags))
        score = self.start[tags[:, 0]] + emissions[rows, 0, tags[:, 0]]
        for step in range(1, tags.shape[1]):
            more = (
                self.transitions[tags[:, step - 1], tags[:, step]]
                + emissions[rows, step, tags[:, step]]
            )
            score = score + more * mask[:, step]
        return score + self.end[tags[rows, mask.sum(1) - 1]]

    def normaliser(self, emissions: Tensor, mask: Tensor) -> Tensor:
        score = self.start + emissions[:, 0]
        for step in range(1, emissions.shape[1]):
            following = torch.logsumexp(
                score.unsqueeze(2) + self.transitions + emissions[:, step].unsqueeze(1), 1
            )
            score = torch.where(mask[:, step].unsqueeze(1), following, score)
        return torch.logsumexp(score + self.end, 1)

    @torch.no_grad()
    def decode(self, words: Tensor, characters: Tensor, lengths: Tensor) -> list[list[int]]:
        """The best tags of each row, by Viterbi."""
        emissions, mask = self.emissions(words, characters, lengths), words != PAD
        score, came = self.start + emissions[:, 0], []
        for step in range(1, emissions.shape[1]):
            best, index = (
                score.unsqueeze(2) + self.transitions + emissions[:, step].unsqueeze(1)
            ).max(1)
            score = torch.where(mask[:, step].unsqueeze(1), best, score)
            came.append(index)
        score = score + self.end
        found = []
        for row, length in enumerate(lengths.tolist()):
            tags = [int(score[row].argmax())]
            for index in reversed(came[: length - 1]):
                tags.append(int(index[row][tags[-1]]))
            found.append(tags[::-1])
        return found

    def load_ostinato(self, weights: dict[str, Tensor]) -> None:
        """Weights of an Ostinato tagger of the same sizes (an nn.LSTM's gates stand in the
        same order, with two biases in place of one).
        """
        plain = {
            "words.weight": "words.weight",
            "characters.weight": "speller.embedding.weight",
            "output.weight": "output.weight",
            "output.bias": "output.bias",
            "start": "crf.start",
            "end": "crf.end",
            "transitions": "crf.transitions",
            "filters.bias": "speller.filters.bias",
        }
        state = {name: weights[theirs] for name, theirs in plain.items()}
        size = self.filters.weight.shape
        state["filters.weight"] = weights["speller.filters.weight"].view(size)
        for number, suffix in enumerate(("", "_reverse")):
            cell = f"recurrent.cells.{number}"
            state[f"lstm.weight_ih_l0{suffix}"] = weights[f"{cell}.from_input.weight"]
            state[f"lstm.weight_hh_l0{suffix}"] = weights[f"{cell}.from_hidden.weight"]
            state[f"lstm.bias_ih_l0{suffix}"] = weights[f"{cell}.from_input.bias"]
            state[f"lstm.bias_hh_l0{suffix}"] = torch.zeros_like(weights[f"{cell}.from_input.bias"])
        self.load_state_dict(state)


def batch(rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rows -> words [B, T], characters [B, T, C], lengths [B], tags [B, T]"""
    lengths = torch.tensor([len(words) for words, _, _ in rows])
    words, tags = (
        pad_sequence([torch.tensor(row[part]) for row in rows], batch_first=True) for part in (0, 2)
    )
    longest = max(len(word) for _, spelled, _ in rows for word in spelled)
    characters = torch.zeros(*words.shape, longest, dtype=torch.int64)
    for number, (_, spelled, _) in enumerate(rows):
        for place, word in enumerate(spelled):
            characters[number, place, : len(word)] = torch.tensor(word)
    return words, characters, lengths, tags
