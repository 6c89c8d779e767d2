"""Incremental labelling of DNA by a unidirectional network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ostinato.cells.state import State, map_state
from ostinato.data.batching.batch import Example, collate
from ostinato.tasks.genome.preprocessing import GenomePreprocessing, encode_ids
from ostinato.tasks.prediction import Prediction
from ostinato.tasks.shared.classifier_streamer import ClassifierStreamer
from ostinato.tasks.shared.streamer import Streamer


@dataclass(frozen=True)
class BasesSoFar(Prediction):
    """The labels of new bases, and the probability of each of these labels."""

    start: int
    labels: list[str]
    probabilities: list[float]

    @property
    def text(self) -> str:
        return " ".join(self.labels)

    @property
    def details(self) -> dict[str, Any]:
        end = self.start + len(self.labels)
        return {
            "start": self.start,
            "end": end,
            "labels": self.labels,
            "probabilities": self.probabilities,
        }


class BaseStreamer(Streamer):
    """Labels each base; the state holds the number of bases so far and the network's state.

    Args:
        preprocessing: The task's preprocessing.
        as_record: A value -> a DnaSequence.
        network: A segmenter that carries its state.
    """

    item = "one base, or several"

    def __init__(self, preprocessing: GenomePreprocessing, as_record: Any, network: Any):
        self.preprocessing, self.as_record, self.network = preprocessing, as_record, network

    @torch.inference_mode()
    def start(self) -> State:
        # run on an empty sequence, for a state of the right shapes
        example = Example(encode_ids("N"))
        _, _, state = self.network.answers(collate([example]))
        return torch.zeros(1, 1, dtype=torch.int64), map_state(torch.zeros_like, state)

    def parse(self, item: Any) -> str:
        return self.as_record(item).bases

    @torch.inference_mode()
    def feed(self, item: str, state: State) -> tuple[BasesSoFar, State]:
        position, inner = state
        if not item:
            return BasesSoFar(int(position), [], []), state
        batch = collate([Example(encode_ids(item))])
        given, best, inner = self.network.answers(batch, inner)
        names = self.preprocessing.labels.decode(best[0].tolist())
        chosen = given[0].gather(1, best[0].unsqueeze(1)).squeeze(1).tolist()
        answer = BasesSoFar(int(position), names, [round(value, 6) for value in chosen])
        return answer, (position + len(item), inner)


class SequenceStreamer(ClassifierStreamer):
    """Labels the sequence so far.

    Args:
        predictor: The task's predictor.
        as_record: A value -> a DnaSequence.
        network: A unidirectional recurrent network without motif detectors.
    """

    item = "one base, or several"

    def __init__(self, predictor: Any, as_record: Any, network: nn.Module):
        self.as_record = as_record

        def nothing() -> Any:
            return predictor.probabilities(network, [as_record("")])[0]

        super().__init__(network, predictor.choose, nothing)

    def parse(self, item: Any) -> Example | None:
        bases = self.as_record(item).bases
        return Example(encode_ids(bases)) if bases else None
