"""A translator in plain torch.nn, as tutorials write it: what benchmarks/translation_speed.py
measures Ostinato against.

A packed bidirectional nn.GRU or nn.LSTM reads the source; the decoder takes one step at a time
through another one, looks at the source (Luong's general attention), and hands the result to
the next step (input feeding); nn.Linear over the whole vocabulary and nn.CrossEntropyLoss
follow. Greedy search runs on whole batches, beam search on one sentence after the other. The
output layer shares the target embedding's weights, and the network is the same function as
Ostinato's of the same sizes: `load_ostinato` takes its weights.

Imports nothing but torch, and is run by benchmarks/translation_worker.py."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

PAD, UNK, BOS, EOS, IGNORE = 0, 1, 2, 3, -100


class Seq2Seq(nn.Module):
    """input_feeding   attention's result is an input of the next step
    whole_target    without input feeding: one call of the decoder's nn.GRU or nn.LSTM for the
                    whole target while training
    """

    def __init__(
        self,
        cell: str,
        source_size: int,
        target_size: int,
        embedding_size: int,
        hidden_size: int,
        *,
        dropout: float,
        input_feeding: bool,
        whole_target: bool = False,
    ):
        super().__init__()
        recurrent = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
        self.input_feeding, self.whole_target = input_feeding, whole_target
        self.source_embedding = nn.Embedding(source_size, embedding_size, padding_idx=PAD)
        self.target_embedding = nn.Embedding(target_size, embedding_size, padding_idx=PAD)
        for embedding in (self.source_embedding, self.target_embedding):
            nn.init.normal_(embedding.weight, 0.0, embedding_size**-0.5)
        self.encoder = recurrent(
            embedding_size, hidden_size // 2, batch_first=True, bidirectional=True
        )
        self.decoder = recurrent(
            embedding_size * (1 + input_feeding), hidden_size, batch_first=True
        )
        self.attention = nn.Linear(hidden_size, hidden_size, bias=False)
        self.combine = nn.Linear(2 * hidden_size, embedding_size)
        self.output = nn.Linear(embedding_size, target_size)
        self.output.weight = self.target_embedding.weight
        self.dropout = nn.Dropout(dropout)

    def encode(self, source: Tensor, lengths: Tensor):
        """[B, S] -> outputs [B, S, H], attention's keys [B, S, H], mask [B, S], first decoder
        state.
        """
        embedded = self.dropout(self.source_embedding(source))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        outputs, state = self.encoder(packed)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True)
        join = lambda part: torch.cat([part[0], part[1]], dim=-1).unsqueeze(0)  # noqa: E731 (both directions side by side)
        state = tuple(join(part) for part in state) if isinstance(state, tuple) else join(state)
        memory = self.dropout(outputs)
        return memory, self.attention(memory), source != PAD, state

    def step(self, tokens: Tensor, feed: Tensor, state, memory: Tensor, keys: Tensor, mask: Tensor):
        """tokens [B, U] (U = 1 with input feeding) -> what predicts the next ones [B, U, E],
        and the state.
        """
        embedded = self.dropout(self.target_embedding(tokens))
        inputs = torch.cat([embedded, feed], dim=-1) if self.input_feeding else embedded
        hidden, state = self.decoder(inputs, state)
        scores = torch.bmm(self.dropout(hidden), keys.transpose(1, 2)).masked_fill(
            ~mask.unsqueeze(1), float("-inf")
        )
        context = torch.bmm(scores.softmax(-1), memory)
        return torch.tanh(self.combine(torch.cat([context, hidden], dim=-1))), state

    def first_feed(self, rows: int) -> Tensor:
        return torch.zeros(rows, 1, self.target_embedding.embedding_dim)

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """source [B, S], target [B, U] -> logits [B, U, V], the true previous token given at
        each step.
        """
        memory, keys, mask, state = self.encode(source, lengths)
        if self.whole_target:
            attended, _ = self.step(target, None, state, memory, keys, mask)
            return self.output(self.dropout(attended))
        feed, steps = self.first_feed(len(source)), []
        for time in range(target.shape[1]):
            feed, state = self.step(target[:, time : time + 1], feed, state, memory, keys, mask)
            steps.append(feed)
        return self.output(self.dropout(torch.cat(steps, dim=1)))

    @torch.no_grad()
    def greedy(self, source: Tensor, lengths: Tensor, longest: int) -> list[list[int]]:
        memory, keys, mask, state = self.encode(source, lengths)
        tokens, feed = torch.full((len(source), 1), BOS), self.first_feed(len(source))
        ended, found = torch.zeros(len(source), dtype=torch.bool), []
        for _ in range(longest):
            feed, state = self.step(tokens, feed, state, memory, keys, mask)
            logits = self.output(feed)
            logits[:, :, [PAD, BOS]] = float("-inf")
            tokens = logits.argmax(-1)
            found.append(tokens)
            ended |= tokens[:, 0] == EOS
            if ended.all():
                break
        return [until_end(row) for row in torch.cat(found, dim=1).tolist()]

    @torch.no_grad()
    def beam(self, source: Tensor, width: int, longest: int) -> list[int]:
        """The best translation of one sentence [1, S]; hypotheses ranked by their
        log-probability / ((5 + length) / 6).
        """
        memory, keys, mask, state = self.encode(source, torch.tensor([source.shape[1]]))
        hypotheses, scores, finished = [[BOS]], torch.zeros(1), []
        feed = self.first_feed(1)
        for length in range(1, longest + 1):
            rows = len(hypotheses)
            tokens = torch.tensor([hypothesis[-1:] for hypothesis in hypotheses])
            expanded = memory.expand(rows, -1, -1), keys.expand(rows, -1, -1), mask.expand(rows, -1)
            feed, state = self.step(tokens, feed, state, *expanded)
            log_probabilities = self.output(feed)[:, 0].log_softmax(-1)
            log_probabilities[:, [PAD, BOS]] = float("-inf")
            total = scores.unsqueeze(1) + log_probabilities
            best, places = total.flatten().topk(width)
            kept, kept_scores, parents = [], [], []
            for score, place in zip(best.tolist(), places.tolist(), strict=True):
                parent, token = divmod(place, log_probabilities.shape[1])
                hypothesis = [*hypotheses[parent], token]
                if token == EOS or length == longest:
                    finished.append((score / ((5 + length) / 6), hypothesis))
                else:
                    kept.append(hypothesis)
                    kept_scores.append(score)
                    parents.append(parent)
            if len(finished) >= width or not kept:
                break
            hypotheses, scores, index = kept, torch.tensor(kept_scores), torch.tensor(parents)
            feed = feed[index]
            state = (
                tuple(part[:, index] for part in state)
                if isinstance(state, tuple)
                else state[:, index]
            )
        return until_end(max(finished)[1][1:])

    def load_ostinato(self, weights: dict[str, Tensor]) -> None:
        """Takes the weights of an Ostinato EncoderDecoder of the same sizes."""
        cells = {
            "encoder.recurrent.cells.0": ("encoder", "l0"),
            "encoder.recurrent.cells.1": ("encoder", "l0_reverse"),
            "decoder.recurrent.cells.0": ("decoder", "l0"),
        }
        renamed = {
            "source_embedding.weight": weights["encoder.embedding.weight"],
            "target_embedding.weight": weights["decoder.embedding.weight"],
            "attention.weight": weights["decoder.attention.key.weight"],
            "combine.weight": weights["decoder.readout.weight"],
            "combine.bias": weights["decoder.readout.bias"],
            "output.weight": weights["decoder.embedding.weight"],
            "output.bias": weights["decoder.output.bias"],
        }
        for ours, (layer, ending) in cells.items():
            bias = weights[f"{ours}.from_input.bias"]
            renamed |= {
                f"{layer}.weight_ih_{ending}": weights[f"{ours}.from_input.weight"],
                f"{layer}.bias_ih_{ending}": bias,
                f"{layer}.weight_hh_{ending}": weights[f"{ours}.from_hidden.weight"],
                f"{layer}.bias_hh_{ending}": weights.get(
                    f"{ours}.from_hidden.bias", torch.zeros_like(bias)
                ),
            }
        self.load_state_dict(renamed)


def until_end(tokens: list[int]) -> list[int]:
    """until_end([7, 8, EOS, 7]) -> [7, 8]"""
    return tokens[: tokens.index(EOS)] if EOS in tokens else tokens


class Plain:
    """The network with its training loop and its searches, as translation_worker.py drives
    every contender.
    """

    def __init__(self, spec: dict):
        sizes = (
            spec["cell"],
            spec["source_size"],
            spec["target_size"],
            spec["embedding_size"],
            spec["hidden_size"],
        )
        self.network = Seq2Seq(
            *sizes,
            dropout=spec["dropout"],
            input_feeding=spec["input_feeding"],
            whole_target=spec.get("whole_target", False),
        )
        self.criterion = nn.CrossEntropyLoss(
            ignore_index=IGNORE, label_smoothing=spec["label_smoothing"]
        )
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=spec["learning_rate"], fused=True
        )
        self.clip_norm = spec["clip_norm"]

    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    def load(self, weights: dict[str, Tensor]) -> None:
        self.network.load_ostinato(weights)

    def train(self, batches: list) -> None:
        self.network.train()
        for sources, targets in batches:
            self.optimizer.zero_grad()
            self.batch_loss(sources, targets).backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_norm)
            self.optimizer.step()

    def batch_loss(self, sources: list[list[int]], targets: list[list[int]]) -> Tensor:
        source, lengths = padded(sources, PAD)
        wanted, _ = padded(targets, IGNORE)
        given, _ = padded([[BOS, *target[:-1]] for target in targets], PAD)
        logits = self.network(source, lengths, given)
        return self.criterion(logits.flatten(0, 1), wanted.flatten())

    @torch.no_grad()
    def loss(self, batch: list) -> float:
        self.network.eval()
        smoothing, self.criterion.label_smoothing = self.criterion.label_smoothing, 0.0
        loss = float(self.batch_loss(*batch))
        self.criterion.label_smoothing = smoothing
        return loss

    def decode(self, sources: list[list[int]], width: int) -> list[list[int]]:
        self.network.eval()
        if width > 1:
            return [
                self.network.beam(torch.tensor([source]), width, 10 + 2 * len(source))
                for source in sources
            ]
        found = []
        for start in range(0, len(sources), 64):
            source, lengths = padded(sources[start : start + 64], PAD)
            found += self.network.greedy(source, lengths, 10 + 2 * int(lengths.max()))
        return found


def padded(rows: list[list[int]], value: int) -> tuple[Tensor, Tensor]:
    tensors = [torch.tensor(row) for row in rows]
    return pad_sequence(tensors, batch_first=True, padding_value=value), torch.tensor(
        [len(row) for row in rows]
    )
