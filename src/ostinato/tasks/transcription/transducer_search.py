"""Decodes a recording's encoding by a transducer, whole or as it arrives.

T' frames, M size of the encoder's outputs, J size of the joiner.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ostinato.decoding.ctc import NEVER
from ostinato.decoding.transducer import (
    GreedyTransducer,
    TransducerBeam,
    TransducerHypothesis,
)
from ostinato.models.transducer_head import TransducerLattice, TransducerSteps
from ostinato.tasks.transcription.decoder import LEAST, PICTURED, Decoder
from ostinato.tasks.transcription.transcript import Transcript


class TransducerSearch:
    """Greedy or beam search through a transducer, with a language model or phrases.

    Args:
        head: The transducer.
        decoder: The settings of decoding, with the language model.
    """

    def __init__(self, head: TransducerLattice, decoder: Decoder):
        self.head, self.decoder = head, decoder
        self.steps = TransducerSteps(head)

    def start(self) -> GreedyTransducer | TransducerBeam:
        """The search before the first frame."""
        if self.decoder.is_greedy:
            return GreedyTransducer(self.steps)
        options = self.decoder.options
        listed = options.phrases is not None or options.words is not None
        return TransducerBeam(
            self.steps,
            options.width,
            scorer=self.decoder.scorer,
            least=NEVER if listed else LEAST,  # what is not in the list may be all that is probable
        )

    @torch.inference_mode()
    def search(self, outputs: Tensor) -> list[TransducerHypothesis]:
        """The n best label sequences of encoder outputs [T', M]."""
        found = self.start()
        for frame in self.head.frames(outputs):
            found.advance(frame)
        return found.hypotheses(self.decoder.options.n_best)

    def transcribe(
        self,
        outputs: Tensor,
        *,
        name: str = "",
        seconds: float = 0.0,
        found: Sequence[TransducerHypothesis] | None = None,
    ) -> Transcript:
        """Transcribes encoder outputs [T', M]; `found`: what a search made of them already."""
        several = self.decoder.options.n_best > 1
        if found is None:
            found = self.search(outputs) if len(outputs) else []
        if not found:  # no frames, or none of the allowed words or phrases is possible
            return Transcript([], [("", 0.0)], name, seconds, several)
        posteriors = None
        if 0 < len(outputs) <= PICTURED:
            posteriors, found = self.look_again(outputs, found)
        return Transcript(
            self.decoder.words(found[0].spans),
            self.decoder.texts(found),
            name,
            seconds,
            several,
            posteriors,
        )

    @torch.inference_mode()
    def look_again(
        self, outputs: Tensor, found: Sequence[TransducerHypothesis]
    ) -> tuple[np.ndarray, Sequence[TransducerHypothesis]]:
        """The posteriors along the best alignment [T', C]; and log P over all alignments where the
        search, being greedy, followed only one.
        """
        best = found[0]
        if self.decoder.is_greedy:
            labels = torch.tensor([best.labels], dtype=torch.int64, device=outputs.device)
            value = -float(self.head.losses(outputs[None], torch.tensor([len(outputs)]), labels))
            found = [best._replace(log_probability=value, score=value)]
        return self.head.along(outputs, best.spans).cpu().numpy(), found


class TransducerLine:
    """A line decoded by a transducer while it is spoken; see `Line`."""

    def __init__(self, search: TransducerSearch):
        self.search = search
        self.progress = search.start()
        self.rows = 0

    @property
    def best(self) -> TransducerHypothesis | None:
        found = self.progress.hypotheses(1)
        return found[0] if found else None

    @property
    def begun(self) -> bool:
        return bool(self.labels)

    @property
    def labels(self) -> Sequence[int]:
        return self.best.labels if self.best else ()

    @property
    def silent(self) -> int:
        best = self.best
        return self.rows - (best.spans[-1].end if best and best.spans else 0)

    @torch.inference_mode()
    def advance(self, row: np.ndarray) -> None:
        """Reads an output [M] of the encoder."""
        self.progress.advance(self.search.head.frames(torch.from_numpy(row)[None])[0])
        self.rows += 1

    def transcribe(self, rows: np.ndarray, *, name: str, seconds: float) -> Transcript:
        found = self.progress.hypotheses(self.search.decoder.options.n_best)
        outputs = torch.from_numpy(np.ascontiguousarray(rows))
        return self.search.transcribe(outputs, name=name, seconds=seconds, found=found)

    def copy(self) -> Self:
        other = copy.copy(self)
        other.progress = copy.copy(self.progress)  # `advance` replaces what a search holds
        return other
