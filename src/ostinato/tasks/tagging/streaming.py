"""Tagging word by word, by a unidirectional network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.batching.batch import collate
from ostinato.errors import option_name, option_off
from ostinato.layers.recurrent import Recurrent
from ostinato.tasks.prediction import Prediction
from ostinato.tasks.shared.streamer import Streamer
from ostinato.tasks.tagging.preprocessing import TaggingPreprocessing


@dataclass(frozen=True)
class TaggedWord(Prediction):
    """The most probable tags of new words, each given the words so far."""

    words: list[str]
    tags: list[str]
    probabilities: list[float]

    @property
    def text(self) -> str:
        return " ".join(self.tags)

    @property
    def details(self) -> dict[str, Any]:
        return {"words": self.words, "tags": self.tags, "probabilities": self.probabilities}


class TaggingStreamer(Streamer):
    """Filtering: P(tag_t | words 1 .. t) by the forward algorithm of the conditional random field.

    The state is (log-probabilities of the last word's tag [1, K], the number of words of the
    sentence so far [1, 1], its last tag [1, 1], the recurrent state, and with --embeddings RUN the
    states of the language models). An empty item ends the
    sentence. With a whole sentence in sight `predict` may choose other tags.

    Args:
        preprocessing: The task's preprocessing.
        as_record: A value -> a Sentence.
        network: A unidirectional Tagger.
    """

    item = "a word, or several; an empty item ends the sentence"

    def __init__(self, preprocessing: TaggingPreprocessing, as_record: Any, network: Any):
        self.preprocessing, self.as_record, self.network = preprocessing, as_record, network
        self.potentials = network.crf.potentials(-torch.inf)

    @torch.no_grad()
    def start(self) -> State:
        labels = len(self.preprocessing.tags)
        counter = torch.zeros(1, 1, dtype=torch.int64)
        contextual = self.network.contextual
        return (
            torch.zeros(1, labels),
            counter,
            counter.clone(),
            self.network.recurrent.initial_state(1),
            *(() if contextual is None else (contextual.start(),)),
        )

    def parse(self, item: Any) -> Any:
        return self.as_record(item)

    @torch.inference_mode()
    def feed(self, item: Any, state: State) -> tuple[TaggedWord, State]:
        words = list(item.words)
        if not words:
            return TaggedWord([], [], []), self.start()
        before, position, last, recurrent, *models = state
        last = last.clamp(0, before.shape[1] - 1)  # whatever a stored state has
        begins = int(position) == 0
        batch = collate([self.preprocessing.encode_inputs(item, begins=begins)])
        vectors = None
        if models:
            vectors, models[0] = self.network.contextual.advance(batch.readings, models[0])
        emissions, recurrent = self.network.emissions_from(batch, recurrent, vectors)  # [1, T, K]
        if not self.network.normalised:
            emissions = emissions.log_softmax(-1)
        tags, probabilities = [], []
        for row in emissions[0]:
            before = self.advance(before, row.unsqueeze(0), first=int(position) == 0)
            best = int(before[0].argmax())
            tags.append(self.file_tag(int(last) if int(position) else None, best))
            probabilities.append(round(float(before[0, best].exp()), 6))
            position, last = position + 1, torch.tensor([[best]])
        return TaggedWord(words, tags, probabilities), (
            before,
            position,
            last,
            recurrent,
            *models,
        )

    def finish(self, state: State) -> tuple[TaggedWord, State]:
        return TaggedWord([], [], []), self.start()

    def advance(self, before: Tensor, scores: Tensor, *, first: bool) -> Tensor:
        """One step of the forward algorithm, normalised: log P(tag_t | words 1 .. t) [1, K].

        Args:
            before: The same for the word before [1, K].
            scores: The emission scores of word t [1, K].
            first: Whether word t is the first of its sentence.
        """
        if first:
            total = self.potentials.start + scores
        else:
            pairs = before.unsqueeze(2) + self.potentials.transitions  # [1, K, K]
            total = pairs.logsumexp(1) + scores
        return total.log_softmax(-1).clamp(min=-1e4)  # finite, so that a state can be stored

    def file_tag(self, last: int | None, tag: int) -> str:
        """Converts a tag to the scheme of the files, which may depend on the tag before it."""
        ids = [tag] if last is None else [last, tag]
        return self.preprocessing.to_file_tags(self.preprocessing.tags.decode(ids))[-1]


def why_not_step_by_step(network: nn.Module) -> str:
    """Why a network cannot tag word by word; "" if it can."""
    recurrent = getattr(network, "recurrent", None)
    if recurrent is None:
        return "the model is not a single recurrent network"
    if not isinstance(recurrent, Recurrent):
        return "the network is not recurrent: it needs the whole sentence"
    contextual = getattr(network, "contextual", None)
    if contextual is not None and contextual.reads_backward:
        return (
            f"a language model of {option_name('embeddings')} reads backward: it needs the sentence"
        )
    if recurrent.directions == 2:
        return (
            "the network reads in both directions: it needs the sentence "
            f"({option_off('bidirectional')})"
        )
    return ""
