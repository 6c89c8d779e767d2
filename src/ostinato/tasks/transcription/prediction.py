"""Transcripts of recordings, whole, in segments or live, and their metric counts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import nn

from ostinato.data.audio.recordings import Recording
from ostinato.data.audio.standard_input import LiveAudio
from ostinato.data.batching.batch import Example
from ostinato.errors import InputError, option_name, option_off
from ostinato.metrics import METRICS
from ostinato.models.transcriber import Transcriber
from ostinato.notices import notify
from ostinato.tasks.prediction import Counts
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.shared.inference import answer_in_batches
from ostinato.tasks.transcription.decoder import Decoder
from ostinato.tasks.transcription.error_analysis import (
    analyse_errors,
    judge_transcripts,
    notify_nothing_written,
)
from ostinato.tasks.transcription.live import LiveTranscription
from ostinato.tasks.transcription.options import TranscriptionOptions
from ostinato.tasks.transcription.pictures import draw_attention, draw_posteriors
from ostinato.tasks.transcription.preprocessing import TranscriptionPreprocessing, normalise_text
from ostinato.tasks.transcription.raw_features import read_samples
from ostinato.tasks.transcription.recogniser import FRAMES_IN_A_BATCH, Recogniser
from ostinato.tasks.transcription.segments import SegmentedRecording, cut_segments
from ostinato.tasks.transcription.streaming import TranscriptionStreamer
from ostinato.tasks.transcription.transcript import (
    Transcript,
    write_ctm,
    write_subtitles,
    write_table,
)
from ostinato.terminal import escape_controls

FRAMES_IN_MEMORY = 100_000  # of recordings that are transcribed as one batch


class TranscriptionPredictor(Predictor):
    options: TranscriptionOptions
    preprocessing: TranscriptionPreprocessing

    @cached_property
    def decoder(self) -> Decoder:
        return Decoder(self.options, self.preprocessing)

    @cached_property
    def recogniser(self) -> Recogniser:
        """The recogniser with the task's options."""
        return Recogniser(self.decoder)

    def predict(self, network: nn.Module, records: Sequence[Recording]) -> list[Transcript]:
        return list(self.stream(network, iter(records)))

    def stream(
        self, network: nn.Module, inputs: Iterator[Recording], *, ahead: int = 1
    ) -> Iterator[Transcript]:
        """Yields a transcript for each recording, or for each line spoken of a live one."""
        if self.options.streams and isinstance(network, Transcriber):
            for record in inputs:
                yield from self.listen(network, record)
            return
        waiting, frames = list[SegmentedRecording](), 0
        for record in inputs:
            full = False
            waiting.append(SegmentedRecording(record.name))
            for start, segment in self.segments(record):
                waiting[-1].add(start, segment)
                frames += len(segment)
                if frames > FRAMES_IN_MEMORY:
                    self.answer_segments(network, waiting)
                    full, frames = True, 0
            if full or len(waiting) >= ahead:
                self.answer_segments(network, waiting)
                yield from (each.transcript for each in waiting)
                waiting, frames = [], 0
        self.answer_segments(network, waiting)
        yield from (each.transcript for each in waiting)

    def segments(self, record: Recording) -> Iterator[tuple[float, np.ndarray]]:
        """Yields (start in seconds, raw features) of each segment of a recording, at least one."""
        if isinstance(record.audio, str) and not record.audio:
            yield 0.0, np.zeros((0, len(self.preprocessing.statistics.mean)), np.float32)
            return
        hop = self.preprocessing.seconds_per_frame / self.options.subsampling
        most = max(1, round(self.options.segment_seconds / hop))
        for start, frames in cut_segments(self.preprocessing.read(record), most):
            yield start * hop, frames

    def answer_segments(self, network: nn.Module, waiting: Sequence[SegmentedRecording]) -> None:
        """Transcribes the segments that wait, and forgets their features."""
        hop = self.preprocessing.seconds_per_frame / self.options.subsampling
        pieces = [(each, segment) for each in waiting for segment in each.pending]
        examples = [
            Example(torch.from_numpy(self.preprocessing.normalise(segment)))
            for _, segment in pieces
        ]
        heard = self.recogniser.score_frames(network, examples)
        for (each, segment), scores in zip(pieces, heard, strict=True):
            seconds = len(segment) * hop
            each.keep(self.recogniser.transcribe(network, scores, name=each.name, seconds=seconds))
        for each in waiting:
            each.pending.clear()

    def streamer(
        self, network: nn.Module, as_record: Callable[[Any], Recording]
    ) -> TranscriptionStreamer | None:
        """A streamer of chunks of samples, for unidirectional models."""
        if not isinstance(network, Transcriber) or self.why_no_streamer(network):
            return None
        return TranscriptionStreamer(network, self.decoder)

    def why_no_streamer(self, network: nn.Module) -> str:
        if self.options.searches_by_label:
            return "an attention decoder needs the whole recording"
        if not isinstance(network, Transcriber):
            return "an ensemble needs the whole recording"
        if self.options.bidirectional:
            return (
                "the network reads in both directions: it needs the whole "
                f"({option_off('bidirectional')})"
            )
        if not self.options.streams:
            return (
                "features are normalised over the whole recording "
                f"({option_name('normalise_features')} running)"
            )
        return ""

    def listen(self, network: Transcriber, record: Recording) -> Iterator[Transcript]:
        """Transcribes a recording incrementally; shows the partial text of a live one."""
        live = LiveTranscription(network, self.decoder, name=record.name)
        if not isinstance(record.audio, LiveAudio):
            if not (isinstance(record.audio, str) and not record.audio):
                for frames in self.preprocessing.read(record):
                    live.accept_features(frames)
            yield live.finish()
            return
        front_end = self.preprocessing.front_end
        if front_end is None:
            self.preprocessing.check(record)
            return
        show = show_partial if sys.stderr.isatty() else None
        lines, interrupt = 0, None
        chunks = read_samples(record, front_end.rate)
        while True:
            try:
                chunk = next(chunks, None)
            except KeyboardInterrupt as error:  # the text so far is printed before stopping
                chunk, interrupt = None, error
            if chunk is None:
                break
            live.accept(chunk)
            if show:
                show(live.text)
            if live.paused:
                lines += 1
                if show:
                    show("")
                yield live.end_line()
        last = live.finish()
        if show:
            show("")
        if last.text or not lines:
            yield last
        if interrupt is not None:
            raise interrupt

    def log_probabilities(self, network: Any, records: Sequence[Recording]) -> list[float]:
        """log P(transcript | recording) of each record; -inf for unknown labels."""
        for record in records:
            if not record.text:
                raise InputError(f"{record.where}: no transcript to compute the probability of")
        values: list[float] = answer_in_batches(
            network,
            [self.preprocessing.encode(record) for record in records],
            lambda batch: network.log_probabilities(batch).tolist(),
            empty=-float("inf"),
            tokens=FRAMES_IN_A_BATCH,
            with_targets=True,
        )
        return [
            -float("inf") if self.preprocessing.unknown_tokens(record.text) else value
            for record, value in zip(records, values, strict=True)
        ]

    def reference(self, record: Recording) -> str:
        """The reference transcript, normalised like the model's output."""
        return normalise_text(record.text, self.options)

    def count(
        self, network: nn.Module, records: Sequence[Recording], predictions: Sequence[Transcript]
    ) -> dict[str, list[Counts]]:
        self.notify_known_sentences(records)
        texts = [prediction.text for prediction in predictions]
        notify_nothing_written(texts, self.options.decoder)
        return {name: self.count_texts(texts, records, name) for name in ("wer", "cer")}

    def count_texts(
        self, texts: Sequence[str], records: Sequence[Recording], metric: str
    ) -> list[Counts]:
        return [
            METRICS[metric].count(text, self.reference(record))
            for text, record in zip(texts, records, strict=True)
        ]

    def notify_known_sentences(self, records: Sequence[Recording]) -> None:
        """Warns where the language model was estimated from sentences of the test set."""
        model = self.decoder.language_model
        if model is None or self.options.lm in ("none", "transcripts"):
            return
        sentences = model.sentences
        known = sum(self.reference(record) in sentences for record in records)
        if known:
            notify(
                f"{option_name('lm')}: its text contains {known:,} of the {len(records):,} "
                "transcripts of the test set; its scores are too optimistic"
            )

    def count_quickly(
        self, network: nn.Module, records: Sequence[Recording], metric: str
    ) -> list[Counts]:
        quick = TranscriptionPredictor(self.options.greedy(), self.preprocessing).recogniser
        examples = [self.preprocessing.encode(record) for record in records]
        heard = quick.score_frames(network, examples)
        texts = [quick.transcribe(network, each).text for each in heard]
        notify_nothing_written(texts, self.options.decoder, training=True)
        return self.count_texts(texts, records, metric)

    def analyse(
        self,
        records: Sequence[Recording],
        predictions: Sequence[Transcript],
        counts: Any,
        *,
        seed: int = 1,
    ) -> dict[str, Any]:
        references = [self.reference(record) for record in records]
        texts = [prediction.text for prediction in predictions]
        speakers = [record.speaker for record in records]
        return {"details": analyse_errors(texts, references, speakers, counts["wer"], seed=seed)}

    def verdict(self, result: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
        return judge_transcripts(result, baseline)

    def format_lines(
        self, predictions: Iterator[Transcript], output: str | None = None
    ) -> Iterator[str]:
        kind = self.options.format
        if kind in ("srt", "vtt"):
            return write_subtitles(predictions, kind)
        if kind == "tsv":
            return write_table(predictions)
        if kind == "ctm":
            return write_ctm(predictions)
        return super().format_lines(predictions, output)

    def pictures(
        self, records: Sequence[Recording], predictions: Sequence[Transcript]
    ) -> dict[str, Callable[[BinaryIO], object]]:
        """Plots of the first recording with words: features and CTC's posteriors, attention."""
        found: dict[str, Callable[[BinaryIO], object]] = {}
        step = self.preprocessing.seconds_per_frame
        for record, prediction in zip(records, predictions, strict=True):
            if not prediction.words:
                continue
            if prediction.posteriors is not None and "posteriors.png" not in found:
                found["posteriors.png"] = partial(
                    draw_posteriors,
                    frames=np.concatenate(list(self.preprocessing.read(record))),
                    transcript=prediction,
                    labels=self.preprocessing.labels.tokens,
                    step=step,
                    factor=self.options.subsampling,
                )
            if prediction.attention is not None and "attention.png" not in found:
                found["attention.png"] = partial(draw_attention, transcript=prediction, step=step)
        return found

    def show(self, record: Recording, prediction: Transcript) -> dict[str, str]:
        return {
            "recording": record.name,
            "reference": self.reference(record),
            "prediction": prediction.text,
        }


def show_partial(text: str) -> None:
    """Shows the end of the text so far on the last line of the terminal."""
    sys.stderr.write("\r\033[K" + escape_controls(text[-78:]))
    sys.stderr.flush()
