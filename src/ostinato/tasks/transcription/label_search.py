"""Decodes a recording's encoding by an attention decoder, alone or jointly with CTC.

T' frames, M size of the encoder's outputs, C labels, U labels of a hypothesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.decoding.ctc import Span, align, least_frames
from ostinato.decoding.ctc_prefix import CtcPrefixes
from ostinato.decoding.joint_beam import JointBeam, JointHypothesis
from ostinato.models.attention_transcriber import AttentionHead
from ostinato.tasks.transcription.decoder import PICTURED, Decoder
from ostinato.tasks.transcription.transcript import Transcript


class Heard(NamedTuple):
    """The outputs of the network for a recording.

    Attributes:
        rows: CTC's log-probabilities [T', C]; None without CTC.
        outputs: The encoder's outputs [T', M], for an attention decoder.
    """

    rows: np.ndarray | None
    outputs: Tensor | None = None


class LabelSearch:
    """Joint decoding by attention and CTC (Watanabe et al. 2017).

    Args:
        head: The attention decoder.
        decoder: The settings of decoding, with the language model.
    """

    def __init__(self, head: AttentionHead, decoder: Decoder):
        self.head, self.decoder = head, decoder

    def search(self, heard: Heard) -> list[JointHypothesis]:
        """The n best label sequences of a recording with at least one frame."""
        options, outputs = self.decoder.options, heard.outputs
        assert outputs is not None
        by_ctc = options.decoder == "joint" and heard.rows is not None
        beam = JointBeam(
            self.head.step,
            options.width,
            ctc=CtcPrefixes(heard.rows) if by_ctc and heard.rows is not None else None,
            ctc_weight=options.ctc_weight,
            scorer=self.decoder.scorer,
            look=lambda state: state.weights,
        )
        with torch.inference_mode():
            state = self.head.start(outputs[None], torch.tensor([len(outputs)]))
        return beam.search(state, most=len(outputs), number=options.n_best, device=outputs.device)

    def transcribe(self, heard: Heard, *, name: str = "", seconds: float = 0.0) -> Transcript:
        several = self.decoder.options.n_best > 1
        if heard.outputs is None or not len(heard.outputs):
            return Transcript([], [("", 0.0)], name, seconds, several)
        found = self.search(heard)
        if not found:  # none of the allowed words or phrases is possible
            return Transcript([], [("", 0.0)], name, seconds, several)
        best, rows = found[0], heard.rows
        if rows is not None and least_frames(best.labels) <= len(rows):
            spans = align(rows, best.labels)
        else:
            spans = attended(best)
        return Transcript(
            self.decoder.words(spans),
            self.decoder.texts(found),
            name,
            seconds,
            several,
            rows if rows is not None and len(rows) <= PICTURED else None,
            np.stack(best.attention) if best.attention else None,
        )


def attended(found: JointHypothesis) -> list[Span]:
    """Aligns labels with the frames where their attention is highest, in increasing order."""
    peaks = np.maximum.accumulate([int(view.argmax()) for view in found.attention] or [0])
    together: Sequence[tuple[int, float, int]] = list(
        zip(found.labels, found.label_scores, peaks.tolist(), strict=False)
    )
    return [Span(label, peak, peak + 1, score) for label, score, peak in together]
