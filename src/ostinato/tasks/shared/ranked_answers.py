"""Predictions that are texts with their log-probabilities, the best first."""

from __future__ import annotations

from typing import Any

from ostinato.tasks.prediction import Prediction


class RankedAnswers(Prediction):
    """The best answers to one input; a base for frozen dataclasses with these two fields.

    Attributes:
        answers: (text, log-probability) of each, the best first.
        n_best: Whether several answers were asked for.
    """

    answers: list[tuple[str, float]]
    n_best: bool

    @property
    def text(self) -> str:
        return self.answers[0][0]

    @property
    def candidates(self) -> list[tuple[str, float]]:
        return self.answers

    @property
    def n_best_details(self) -> dict[str, Any]:
        """All answers for the JSON output; empty if only the best was asked for."""
        if not self.n_best:
            return {}
        return {
            "n_best": [
                {"prediction": text, "log_probability": value} for text, value in self.answers
            ]
        }
