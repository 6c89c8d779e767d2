"""The probability that CTC's label sequence begins with a prefix, for joint decoding.

Watanabe et al. 2017, algorithm 2. T frames, C labels of which number 0 is the blank, N prefixes,
L labels tried after each.
"""

from __future__ import annotations

import numpy as np

from ostinato.decoding.ctc import BLANK, NEVER

NONE = -1  # the last label of the empty prefix


class CtcPrefixes:
    """Prefix probabilities over a recording's log-probabilities [T, C], T > 0.

    A prefix's state [T, 2] has log P of the paths of the first t + 1 frames that stand for it:
    those that end with its last label, and those that end with a blank.
    """

    def __init__(self, log_probabilities: np.ndarray):
        self.rows = np.asarray(log_probabilities, np.float64)

    def start(self) -> np.ndarray:
        """The state of the empty prefix [1, T, 2]."""
        blanks = np.cumsum(self.rows[:, BLANK])
        return np.stack([np.full(len(blanks), NEVER), blanks], -1)[None]

    def extend(
        self, states: np.ndarray, last: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The prefixes with one label more.

        Args:
            states: [N, T, 2].
            last: The last label of each prefix [N]; NONE for the empty one.
            labels: The labels that are tried [N, L].

        Returns:
            log P that the sequence begins with each of them [N, L], and their states [N, L, T, 2].
        """
        frames = len(self.rows)
        emitted = self.rows[:, labels]  # [T, N, L]
        total = np.logaddexp(states[..., 0], states[..., 1])  # [N, T]
        same = (labels == last[:, None])[..., None]
        # after the same label, only paths through a blank make a new one
        before = np.where(same, states[:, None, :, 1], total[:, None])  # [N, L, T]
        label = np.where((last == NONE)[:, None], emitted[0], NEVER)  # [N, L]
        blank = np.full_like(label, NEVER)
        found = np.empty((*labels.shape, frames, 2))
        found[:, :, 0, 0], found[:, :, 0, 1] = label, blank
        score = label
        for frame in range(1, frames):
            entered = before[:, :, frame - 1] + emitted[frame]
            score = np.logaddexp(score, entered)
            blank = np.logaddexp(blank, label) + self.rows[frame, BLANK]
            label = np.logaddexp(label + emitted[frame], entered)
            found[:, :, frame, 0], found[:, :, frame, 1] = label, blank
        return score, found

    @staticmethod
    def finish(states: np.ndarray) -> np.ndarray:
        """log P of exactly these prefixes [N], of states [N, T, 2]."""
        return np.logaddexp(states[:, -1, 0], states[:, -1, 1])
