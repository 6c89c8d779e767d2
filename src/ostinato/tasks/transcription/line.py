"""A line of text while it is spoken: its labels so far, output by output of the network."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np

from ostinato.decoding.ctc import BLANK, PrefixBeam
from ostinato.tasks.transcription.decoder import Decoder
from ostinato.tasks.transcription.transcript import Transcript


class Line(Protocol):
    """Decodes the network's outputs of a line as they arrive.

    Attributes:
        begun: Whether there is a label.
        silent: Outputs since the last label.
    """

    @property
    def begun(self) -> bool: ...

    @property
    def silent(self) -> int: ...

    @property
    def labels(self) -> Sequence[int]:
        """The labels so far."""
        ...

    def advance(self, row: np.ndarray) -> None:
        """Reads one output of the network."""
        ...

    def transcribe(self, rows: np.ndarray, *, name: str, seconds: float) -> Transcript:
        """The transcript of the line, all of whose outputs are `rows`."""
        ...

    def copy(self) -> Self:
        """A copy that goes on from here, independent of this one."""
        ...


class CtcLine:
    """A line decoded by CTC, greedily or with a beam.

    Args:
        decoder: The settings of decoding.
    """

    def __init__(self, decoder: Decoder):
        self.decoder = decoder
        self.greedy: list[int] = []
        self.last, self.silent = BLANK, 0
        self.beam: PrefixBeam | None = None
        if not decoder.is_greedy and decoder.phrases is None:
            self.beam = decoder.start_beam()

    @property
    def begun(self) -> bool:
        return bool(self.greedy)

    @property
    def labels(self) -> Sequence[int]:
        found = self.beam.hypotheses(1) if self.beam is not None else []
        return found[0].labels if found else self.greedy

    def advance(self, row: np.ndarray) -> None:
        """Reads log-probabilities [C]."""
        label = int(row.argmax())
        if label not in (BLANK, self.last):
            self.greedy.append(label)
        self.silent = self.silent + 1 if label == BLANK else 0
        self.last = label
        if self.beam is not None:
            self.beam.advance(row)

    def transcribe(self, rows: np.ndarray, *, name: str, seconds: float) -> Transcript:
        return self.decoder.transcribe(rows, name=name, seconds=seconds, beam=self.beam)

    def copy(self) -> Self:
        other = copy.copy(self)
        other.greedy = list(self.greedy)
        other.beam = copy.copy(self.beam)  # `advance` replaces what a beam holds
        return other
