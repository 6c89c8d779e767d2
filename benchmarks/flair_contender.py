"""Flair's SequenceTagger (Akbik et al. 2019), as benchmarks/tagging_speed.py measures it: a
process of its own, in an environment of its own, that imports nothing of Ostinato.

    # JSON lines in and out: see `main`; -I, since accelerate.py stands beside it
    VENV/bin/python -I benchmarks/flair_contender.py

A BiLSTM with a conditional random field over trainable one-hot embeddings of words and
CharacterEmbeddings (an LSTM both ways, Lample et al. 2016), of the sizes that the other
contenders have, but that a word's characters are read by a recurrent network: Flair has no
convolution over them. It trains as flair.trainers.ModelTrainer does (forward_loss, clipping, a
step, embeddings let go), without what that writes and logs, by the Adam of the other
contenders.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from typing import Any

import flair
import torch
from flair.data import Dictionary, Sentence
from flair.embeddings import CharacterEmbeddings, OneHotEmbeddings, StackedEmbeddings
from flair.models import SequenceTagger
from flair.training_utils import store_embeddings


class Contender:
    """sentences: [words, tags] of each, which `train` names by number."""

    def __init__(
        self,
        *,
        sentences: list[list[list[str]]],
        threads: int,
        learning_rate: float,
        clip_norm: float,
        embedding_size: int,
        character_size: int,
        hidden_size: int,
        dropout: float,
    ):
        torch.set_num_threads(threads)
        logging.getLogger("flair").setLevel(logging.ERROR)
        flair.device = torch.device("cpu")
        torch.manual_seed(1)
        words, letters, tags = (
            Dictionary(add_unk=True),
            Dictionary(add_unk=True),
            Dictionary(add_unk=False),
        )
        self.sentences = []
        for tokens, labels in sentences:
            sentence = Sentence(tokens)
            for token, label in zip(sentence.tokens, labels, strict=True):
                token.add_label("tag", label)
                words.add_item(token.text), tags.add_item(label)
                for letter in token.text:
                    letters.add_item(letter)
            self.sentences.append(sentence)
        embeddings = StackedEmbeddings(
            [
                OneHotEmbeddings(words, embedding_length=embedding_size),
                CharacterEmbeddings(
                    letters, char_embedding_dim=30, hidden_size_char=character_size // 2
                ),
            ]
        )
        self.model = SequenceTagger(
            embeddings,
            tags,
            "tag",
            hidden_size=hidden_size // 2,
            rnn_layers=1,
            dropout=dropout,
            word_dropout=0.0,
            locked_dropout=0.0,
            reproject_embeddings=False,
            use_crf=True,
        )
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=learning_rate, fused=True)
        self.clip_norm = clip_norm

    def train(self, *, rows: list[list[int]]) -> float:
        """Seconds of learning from these batches."""
        self.model.train()
        began = time.perf_counter()
        for each in rows:
            batch = [self.sentences[row] for row in each]
            self.optimizer.zero_grad()
            loss, count = self.model.forward_loss(batch)
            (loss / count).backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
            self.optimizer.step()
            store_embeddings(batch, "none")
        return time.perf_counter() - began

    def tag(self, *, words: list[list[str]]) -> float:
        """Seconds from words to tags."""
        began = time.perf_counter()
        self.model.predict([Sentence(each) for each in words], mini_batch_size=32)
        return time.perf_counter() - began


def main() -> None:
    """The first line makes the contender; each further one is {"do": "train" | "tag", ...},
    answered by the seconds that it took.
    """
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        contender = Contender(**json.loads(sys.stdin.readline()))
        answer(answers, {"version": flair.__version__, "torch": torch.__version__})
        for line in sys.stdin:
            wanted: dict[str, Any] = json.loads(line)
            answer(answers, {"seconds": getattr(contender, wanted.pop("do"))(**wanted)})


def answer(stream: Any, value: dict[str, Any]) -> None:
    print(json.dumps(value), file=stream, flush=True)


if __name__ == "__main__":
    main()
