"""Beam search label by label, by a decoder's step, CTC's prefixes and a language model together.

weight log P_ctc(prefix) + (1 - weight) log P_decoder(prefix) + log P_lm
(Watanabe et al. 2017, equation 15). N hypotheses, C labels; number 0, CTC's blank, is the decoder's
beginning and end of the sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.cells.state import State, select
from ostinato.decoding.ctc import BLANK, NEVER, LabelScorer
from ostinato.decoding.ctc_prefix import NONE, CtcPrefixes

MARGIN = 5.0  # the search ends when what goes on scores so much less than what has ended
Step = Callable[[Tensor, State], tuple[Tensor, State]]


class JointHypothesis(NamedTuple):
    """A label sequence.

    Attributes:
        labels: Its labels.
        log_probability: By CTC and the decoder, weighted.
        score: With the language model; what it is ranked by.
        label_scores: The decoder's log P of each label.
        attention: What `look` saw at each label.
    """

    labels: tuple[int, ...]
    log_probability: float
    score: float
    label_scores: tuple[float, ...]
    attention: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Growing:
    """A hypothesis that has not ended; log P by decoder, CTC (its prefix), language model."""

    labels: tuple[int, ...] = ()
    label_scores: tuple[float, ...] = ()
    attention: tuple[np.ndarray, ...] = ()
    decoder: float = 0.0
    ctc: float = 0.0
    lm: float = 0.0
    lm_state: Hashable = None


class JointBeam:
    """The search.

    Args:
        step: tokens [N] and state -> logits [N, C] of the next label, state; 0 begins and ends.
        width: Hypotheses kept at each label.
        ctc: CTC's prefixes; None for the decoder alone.
        ctc_weight: Their share of the score.
        scorer: A language model or grammar, or None.
        look: What to remember of the decoder's state after a step, [N, ...] (its attention).
    """

    def __init__(
        self,
        step: Step,
        width: int,
        *,
        ctc: CtcPrefixes | None = None,
        ctc_weight: float = 0.0,
        scorer: LabelScorer | None = None,
        look: Callable[[State], Any] | None = None,
    ):
        self.step, self.width, self.ctc = step, width, ctc
        self.weight = ctc_weight if ctc is not None else 0.0
        self.scorer, self.look = scorer, look

    @torch.inference_mode()
    def search(
        self, state: State, *, most: int, number: int = 1, device: str | torch.device = "cpu"
    ) -> list[JointHypothesis]:
        """The `number` best sequences of at most `most` labels; `state` has one row."""
        start = self.scorer.start() if self.scorer else None
        beam, ended = [Growing(lm_state=start)], list[JointHypothesis]()
        prefixes = None if self.ctc is None else self.ctc.start()
        for length in range(most + 1):
            last = [each.labels[-1] if each.labels else BLANK for each in beam]
            logits, state = self.step(torch.tensor(last, device=device), state)
            found = logits.double().log_softmax(-1).cpu().numpy()  # [N, C]
            seen = self.look(state) if self.look else None
            ended += self.end(beam, found, prefixes)
            ended = sorted(ended, key=lambda each: -each.score)[: max(number, self.width)]
            if length == most:
                break
            beam, parents, prefixes = self.grow(beam, found, prefixes, seen)
            best = max(map(self.rank, beam), default=NEVER)
            if not beam or (len(ended) >= number and best < ended[number - 1].score - MARGIN):
                break
            state = select(state, torch.tensor(parents, device=device))
        return ended[:number]

    def rank(self, each: Growing) -> float:
        ctc = self.weight * each.ctc if self.weight else 0.0
        return (1 - self.weight) * each.decoder + ctc + each.lm

    def end(
        self, beam: list[Growing], found: np.ndarray, prefixes: np.ndarray | None
    ) -> list[JointHypothesis]:
        """The hypotheses, ended here."""
        whole = np.zeros(len(beam)) if prefixes is None else CtcPrefixes.finish(prefixes)
        answers = []
        for each, row, ctc in zip(beam, found, whole.tolist(), strict=True):
            own = (1 - self.weight) * (each.decoder + float(row[BLANK]))
            own += self.weight * ctc if self.weight else 0.0
            score = own + each.lm + (self.scorer.finish(each.lm_state) if self.scorer else 0.0)
            if score > NEVER:
                answers.append(
                    JointHypothesis(each.labels, own, score, each.label_scores, each.attention)
                )
        return answers

    def grow(
        self, beam: list[Growing], found: np.ndarray, prefixes: np.ndarray | None, seen: Any
    ) -> tuple[list[Growing], list[int], np.ndarray | None]:
        """The best continuations, the row of each one's parent, and their prefixes' states."""
        tried = min(found.shape[1] - 1, 2 * self.width)
        labels = np.argsort(-found[:, 1:], axis=1, kind="stable")[:, :tried] + 1  # [N, L]
        scores, states = np.zeros(labels.shape), None
        if self.ctc is not None and prefixes is not None:
            last = np.array([each.labels[-1] if each.labels else NONE for each in beam])
            scores, states = self.ctc.extend(prefixes, last, labels)
        candidates = []
        for row, each in enumerate(beam):
            for place, label in enumerate(labels[row].tolist()):
                lm_state, lm = each.lm_state, 0.0
                if self.scorer is not None:
                    lm_state, lm = self.scorer.extend(each.lm_state, label)
                value = float(found[row, label])
                grown = replace(
                    each,
                    labels=(*each.labels, label),
                    label_scores=(*each.label_scores, value),
                    decoder=each.decoder + value,
                    ctc=float(scores[row, place]),
                    lm=each.lm + lm,
                    lm_state=lm_state,
                )
                if self.rank(grown) > NEVER:
                    candidates.append((self.rank(grown), row, place, grown))
        candidates.sort(key=lambda each: -each[0])
        best = candidates[: self.width]
        rows, places = [each[1] for each in best], [each[2] for each in best]
        kept = [remember(each[3], seen, each[1]) for each in best]
        return kept, rows, None if states is None else states[rows, places]


def remember(each: Growing, seen: Any, row: int) -> Growing:
    """A hypothesis with what was seen at its last label."""
    if seen is None:
        return each
    view = np.asarray(seen[row].cpu(), np.float32)
    return replace(each, attention=(*each.attention, view))
