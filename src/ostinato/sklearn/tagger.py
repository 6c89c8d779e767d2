"""Many to many, aligned: a tag for each word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ostinato.sklearn.estimator import RecurrentEstimator


class Tagger(RecurrentEstimator):
    """Tags sentences with the network of the tagging task (with a CRF if the tags are spans).

    X is a list of sentences, each a list of words; y a list of tags for each. For the parameters
    see `RecurrentEstimator`.

    Attributes:
        classes_: The tags.
        task_: The fitted task.
        network_: The network.
    """

    task_name = "tagging"

    def fit(self, X: Sequence[Sequence[str]], y: Sequence[Sequence[str]]) -> Tagger:
        """Trains on sentences and their tags."""
        sentences, tags = check_sentences(X), [list(map(str, each)) for each in y]
        check_consistent_length(sentences, tags)
        for number, (words, row) in enumerate(zip(sentences, tags, strict=True)):
            if len(words) != len(row):
                raise ValueError(f"y[{number}]: {len(row)} tags for {len(words)} words")
        self.classes_ = sorted({tag for row in tags for tag in row})
        rows = [(words, row) for words, row in zip(sentences, tags, strict=True) if words]
        self.task_, self.network_ = self.fit_task(rows)
        return self

    def predict(self, X: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence."""
        check_is_fitted(self, "network_")
        records = [self.task_.reader.as_record(words) for words in check_sentences(X)]
        return [list(each.tags) for each in self.task_.predictor.predict(self.network_, records)]

    def score(self, X: Sequence[Sequence[str]], y: Sequence[Sequence[str]]) -> float:
        """The accuracy: the fraction of words with the right tag."""
        pairs = [
            (found, wanted)
            for row, truth in zip(self.predict(X), y, strict=True)
            for found, wanted in zip(row, truth, strict=True)
        ]
        return sum(found == wanted for found, wanted in pairs) / max(1, len(pairs))


def check_sentences(X: Any) -> list[list[str]]:
    """The sentences as lists of words; ValueError for anything else."""
    sentences = list(X) if hasattr(X, "__iter__") and not isinstance(X, str) else None
    if not sentences:
        raise ValueError("X: expected a list of sentences, each a list of words")
    for number, words in enumerate(sentences):
        if isinstance(words, str) or not all(isinstance(word, str) for word in words):
            raise ValueError(f"X[{number}]: expected a list of words; got {words!r:.60}")
    return [list(words) for words in sentences]
