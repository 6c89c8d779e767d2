"""Decodes CTC's log-probabilities: greedily or by prefix beam, with a language model or phrases.

T' frames, C labels with the blank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ostinato.decoding.ctc import (
    BLANK,
    CtcHypothesis,
    LabelScorer,
    PrefixBeam,
    Span,
    align,
    greedy,
    least_frames,
)
from ostinato.decoding.joint_beam import JointHypothesis
from ostinato.decoding.transducer import TransducerHypothesis
from ostinato.errors import InputError
from ostinato.notices import notify
from ostinato.tasks.transcription.fusion import PhraseScorer, build_language_model, build_scorer
from ostinato.tasks.transcription.options import TranscriptionOptions
from ostinato.tasks.transcription.phrases import read_phrases
from ostinato.tasks.transcription.preprocessing import TranscriptionPreprocessing
from ostinato.tasks.transcription.transcript import Transcript, Word, join_transcripts

LEAST = -7.0  # log-probability below which a label is pruned at a frame
MOST_ROWS = 4000  # frames that are aligned at once
PICTURED = 3000  # maximum frames of a transcript that keeps its posteriors


class Decoder:
    """Decodes CTC's log-probabilities with the beam, language model and phrases of the options.

    The language model and the spelling serve the other decoders, too.
    """

    def __init__(
        self,
        options: TranscriptionOptions,
        preprocessing: TranscriptionPreprocessing,
        *,
        language_model: Any = None,
    ):
        self.options, self.preprocessing = options, preprocessing
        self.spellings = [preprocessing.units.spell(token) for token in preprocessing.labels.tokens]
        self.given_model = language_model

    @cached_property
    def language_model(self) -> Any:
        """The language model of the options `lm` or `words`; None without one."""
        if self.given_model is not None:
            return self.given_model
        return build_language_model(self.options, self.preprocessing.transcripts)

    @cached_property
    def scorer(self) -> LabelScorer | None:
        if self.phrases is not None and not self.options.by_ctc:
            return PhraseScorer(self.phrases)
        if self.language_model is None:
            return None
        return build_scorer(self.language_model, self.options, self.spellings)

    @cached_property
    def phrases(self) -> list[list[int]] | None:
        """The possible phrases as label ids; those with unknown labels are left out."""
        if self.options.phrases is None:
            return None
        phrases = read_phrases(self.options.phrases, lowercase=self.options.lowercase)
        known = [each for each in phrases if not self.preprocessing.unknown_tokens(each)]
        if not known:
            raise InputError(
                f"{self.options.phrases}: the model cannot write any of its "
                f"{len(phrases):,} phrases"
            )
        if len(known) < len(phrases):
            notify(
                f"{self.options.phrases}: {len(phrases) - len(known):,} of {len(phrases):,} "
                "phrases cannot be written: the model does not know all their characters"
            )
        return [self.preprocessing.targets(phrase).tolist() for phrase in known]

    @property
    def is_greedy(self) -> bool:
        return self.options.width == 1 and self.scorer is None and self.options.phrases is None

    def start_beam(self) -> PrefixBeam:
        return PrefixBeam(self.options.width, scorer=self.scorer, least=LEAST)

    def search(self, rows: np.ndarray) -> list[CtcHypothesis]:
        """The n best label sequences for log-probabilities [T', C]."""
        if self.phrases is not None:
            return self.rank_phrases(rows)
        beam = self.start_beam()
        for row in rows:
            beam.advance(row)
        return beam.hypotheses(self.options.n_best)

    def rank_phrases(self, rows: np.ndarray) -> list[CtcHypothesis]:
        """The most probable phrases, by their exact probabilities."""
        possible = [each for each in self.phrases or [] if least_frames(each) <= len(rows)]
        values = log_likelihoods(rows, possible)
        order = np.argsort([-value for value in values], kind="stable")[: self.options.n_best]
        return [CtcHypothesis(tuple(possible[k]), values[k], values[k]) for k in order]

    def transcribe(
        self,
        rows: np.ndarray,
        *,
        name: str = "",
        seconds: float = 0.0,
        beam: PrefixBeam | None = None,
    ) -> Transcript:
        """Transcribes log-probabilities [T', C].

        More than MOST_ROWS frames are split at silence, since the memory of the alignment and of
        log P grows with the square of a recording's length.

        Args:
            rows: The log-probabilities [T', C].
            name: The name of the recording.
            seconds: Its length.
            beam: A beam that has read the rows already; None decodes them here.
        """
        if len(rows) > MOST_ROWS:
            step = self.preprocessing.seconds_per_frame
            starts = split_at_silence(rows, MOST_ROWS)
            pieces = zip(starts, [*starts[1:], len(rows)], strict=True)
            parts = [
                self.transcribe(rows[start:end], name=name, seconds=(end - start) * step)
                for start, end in pieces
            ]
            return join_transcripts(parts, [start * step for start in starts])
        if not len(rows):
            return Transcript([], [("", 0.0)], name, seconds, self.options.n_best > 1)
        if self.is_greedy:
            spans = greedy(rows)
            labels = [span.label for span in spans]
            answers = [(self.preprocessing.join(labels), log_likelihoods(rows, [labels])[0])]
        else:
            found = self.search(rows) if beam is None else beam.hypotheses(self.options.n_best)
            found = found or [CtcHypothesis((), log_likelihoods(rows, [[]])[0], 0.0)]
            spans = align(rows, found[0].labels)
            answers = self.texts(found)
        kept = rows if len(rows) <= PICTURED else None
        return Transcript(self.words(spans), answers, name, seconds, self.options.n_best > 1, kept)

    def texts(
        self, found: Sequence[CtcHypothesis | JointHypothesis | TransducerHypothesis]
    ) -> list[tuple[str, float]]:
        """(text, log P) of hypotheses; those that differ only in spaces are merged."""
        texts: dict[str, float] = {}
        for each in found:
            texts.setdefault(self.preprocessing.join(each.labels), each.log_probability)
        return list(texts.items())

    def words(self, spans: Sequence[Span]) -> list[Word]:
        """Joins labels with their frames to words with their times."""
        step = self.preprocessing.seconds_per_frame
        groups: list[list[Span]] = [[]]
        for span in spans:
            begins, letters = self.spellings[span.label]
            if begins:
                groups.append([])
            if letters:
                groups[-1].append(span)
        return [
            Word(
                "".join(self.spellings[span.label].letters for span in group),
                group[0].start * step,
                group[-1].end * step,
                math.exp(min(0.0, sum(span.log_probability for span in group) / len(group))),
            )
            for group in groups
            if group
        ]


def split_at_silence(rows: np.ndarray, most: int) -> list[int]:
    """Splits log-probabilities [T', C] into pieces of at most `most` frames: the first frame of
    each.

    A piece ends in the middle of the longest run of blanks in its second half: greedy decoding
    gives the same labels as without the split."""
    blank = rows.argmax(1) == BLANK
    starts = [0]
    while len(rows) - starts[-1] > most:
        first, last = starts[-1] + most // 2, starts[-1] + most
        begin, end, at = last, last, first
        while at < last:
            run = at
            while run < last and blank[run]:
                run += 1
            if run - at > end - begin:
                begin, end = at, run
            at = run + 1
        starts.append((begin + end) // 2)
    return starts


def log_likelihoods(rows: np.ndarray, targets: Sequence[Sequence[int]]) -> list[float]:
    """log P of each label sequence given log-probabilities [T', C], over all paths."""
    if not targets:
        return []
    lengths = torch.tensor([len(each) for each in targets])
    padded = torch.zeros(len(targets), max(1, int(lengths.max())), dtype=torch.int64)
    for row, each in zip(padded, targets, strict=True):
        row[: len(each)] = torch.tensor(each, dtype=torch.int64)
    frames = torch.from_numpy(np.ascontiguousarray(rows, np.float64))
    losses = functional.ctc_loss(
        frames[:, None].expand(-1, len(targets), -1),
        padded,
        torch.full((len(targets),), len(rows)),
        lengths,
        blank=BLANK,
        reduction="none",
    )
    return [-value for value in losses.tolist()]
