"""Recognition: runs the network on encoded recordings and decodes its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ostinato.data.batching.batch import Batch, Example
from ostinato.errors import InputError, option_name
from ostinato.models.attention_transcriber import AttentionTranscriber, JointTranscriber
from ostinato.models.transcriber import Transcriber, TranscriberEnsemble, TranscriberStream
from ostinato.models.transducer import TransducerTranscriber
from ostinato.models.transducer_head import JoinedHeads
from ostinato.tasks.shared.inference import answer_in_batches
from ostinato.tasks.transcription.decoder import Decoder
from ostinato.tasks.transcription.label_search import Heard, LabelSearch
from ostinato.tasks.transcription.line import CtcLine, Line
from ostinato.tasks.transcription.transcript import Transcript
from ostinato.tasks.transcription.transducer_search import TransducerLine, TransducerSearch

FRAMES_IN_A_BATCH = 16_384


@dataclass(frozen=True)
class Recogniser:
    """Runs a network on recordings, and decodes its outputs as the options say: frame by frame by
    CTC or a transducer, or label by label by an attention decoder.

    Args:
        decoder: The settings of decoding, with the language model.
    """

    decoder: Decoder

    def score_frames(self, network: Any, examples: Sequence[Example]) -> list[Heard]:
        """The network's outputs for every example, as decoding needs them."""
        if self.decoder.options.by_ctc:
            return [Heard(rows) for rows in self.score_labels(network, examples)]
        members = list_members(network)
        if len(members) > 1 and not self.decoder.options.transduces:
            raise InputError(
                f"attention decoders of several runs do not decode together: add "
                f"{option_name('ctc_weight')} 1"
            )

        def encode(batch: Batch) -> list[Heard]:
            heard = [each.encoder(batch.inputs, batch.lengths) for each in members]
            outputs, lengths = torch.cat([each for each, _ in heard], -1), heard[0][1]
            found: list[Any] = [None] * len(outputs)
            if isinstance(network, JointTranscriber):
                found = list(network.label_log_probabilities(outputs).cpu().numpy())
            return [
                Heard(None if rows is None else rows[:length], own[:length])
                for rows, own, length in zip(found, outputs, lengths.tolist(), strict=True)
            ]

        return answer_in_batches(
            network, examples, encode, empty=Heard(None), tokens=FRAMES_IN_A_BATCH
        )

    def transcribe(
        self, network: Any, heard: Heard, *, name: str = "", seconds: float = 0.0
    ) -> Transcript:
        """Decodes the network's outputs for a recording."""
        if self.decoder.options.searches_by_label:
            search = LabelSearch(network.head, self.decoder)
            return search.transcribe(heard, name=name, seconds=seconds)
        if self.decoder.options.transduces:
            outputs = torch.zeros(0) if heard.outputs is None else heard.outputs
            heads = [each.head for each in list_members(network)]
            head = heads[0] if len(heads) == 1 else JoinedHeads(heads)
            transducer = TransducerSearch(head, self.decoder)
            return transducer.transcribe(outputs, name=name, seconds=seconds)
        assert heard.rows is not None
        return self.decoder.transcribe(heard.rows, name=name, seconds=seconds)

    def score_labels(self, network: Any, examples: Sequence[Example]) -> list[np.ndarray]:
        """log p of each label at each frame [T', C] for every example, of a model with CTC."""
        check_ctc(network)

        def rows(batch: Batch) -> list[np.ndarray]:
            found, lengths = network.log_probabilities_by_frame(batch)
            given = found.cpu().numpy()
            return [row[:length] for row, length in zip(given, lengths.tolist(), strict=True)]

        empty = np.zeros((0, len(self.decoder.preprocessing.labels)), np.float32)
        return answer_in_batches(network, examples, rows, empty=empty, tokens=FRAMES_IN_A_BATCH)

    def start_stream(self, network: Transcriber) -> TranscriberStream:
        """A stream of the network's outputs, as `start_line` reads them."""
        if self.decoder.options.transduces:
            return TranscriberStream(network.encoder, give_output)
        check_ctc(network)
        return network.start_stream()

    def start_line(self, network: Transcriber) -> Line:
        """A line before its first output."""
        if isinstance(network, TransducerTranscriber) and self.decoder.options.transduces:
            return TransducerLine(TransducerSearch(network.head, self.decoder))
        return CtcLine(self.decoder)


def give_output(output: Tensor) -> Tensor:
    """An output of the encoder as it is."""
    return output


def list_members(network: Any) -> list[Any]:
    """The networks of an ensemble, or the one."""
    return network.members if isinstance(network, TranscriberEnsemble) else [network]


def check_ctc(network: Any) -> None:
    """InputError for a network without a trained CTC output."""
    for member in list_members(network):
        if isinstance(member, AttentionTranscriber):
            raise InputError(
                f"the model has no CTC output: it was trained with {option_name('decoder')} "
                "attention"
            )
        if isinstance(member, TransducerTranscriber) and not member.has_ctc:
            raise InputError(
                f"the model has no CTC output: it was trained with {option_name('ctc_weight')} 0"
            )
