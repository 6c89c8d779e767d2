"""Bag of words: logistic regression on the frequencies of words and n-grams, without their order.

The weights are fitted by scikit-learn; a saved model needs only this module.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.batching.batch import Batch

# of L-BFGS at most; on 18 labels of 16,000 names further ones double the time and change nothing
STEPS = 100


def available() -> bool:
    """Whether scikit-learn is installed."""
    return importlib.util.find_spec("sklearn") is not None


class BagOfWords:
    """Token lists -> sparse feature vectors of n-grams.

    Args:
        ngrams: The n-grams of features 1, 2, ...; feature 0 is padding, always with value 0.
        idf: The inverse document frequency of each n-gram.
        order: The longest n-grams, in tokens.
        weighting: `counts`, or `tf-idf`: counts times 1 + ln((1 + N) / (1 + n)), where n of the N
            texts contain the n-gram, normalised to length 1 (as in scikit-learn); or
            `log-tf-idf`: likewise of 1 + ln(count), for texts in which words recur.
    """

    def __init__(
        self,
        ngrams: Sequence[str],
        idf: Sequence[float] | np.ndarray,
        *,
        order: int = 2,
        weighting: str = "tf-idf",
    ):
        self.ngrams, self.order, self.weighting = list(ngrams), order, weighting
        self.ids = {ngram: index for index, ngram in enumerate(self.ngrams, start=1)}
        self.idf = np.concatenate([[0.0], np.asarray(idf, dtype=np.float64)])

    @classmethod
    def fit(
        cls,
        texts: Iterable[Sequence[str]],
        *,
        order: int = 2,
        weighting: str = "tf-idf",
        minimum: int = 2,
        most: int = 50_000,
    ) -> BagOfWords:
        """The most frequent n-grams of tokenised texts.

        Args:
            texts: Token lists.
            order: The longest n-grams, in tokens.
            weighting: See the class.
            minimum: The least number of texts that must contain an n-gram.
            most: The maximum number of n-grams.
        """
        counts: Counter[str] = Counter()
        documents = 0
        for tokens in texts:
            documents += 1
            counts.update(set(extract_ngrams(tokens, order)))
        kept = sorted(
            (item for item in counts.items() if item[1] >= minimum),
            key=lambda item: (-item[1], item[0]),
        )[:most]
        frequencies = np.array([count for _, count in kept], dtype=np.float64)
        return cls(
            [ngram for ngram, _ in kept],
            np.log((1 + documents) / (1 + frequencies)) + 1,
            order=order,
            weighting=weighting,
        )

    def vector(self, tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Feature ids [K] and values [K] of a text's known n-grams; ([0], [0.0]) if it has none."""
        counts = Counter(
            number
            for ngram in extract_ngrams(tokens, self.order)
            if (number := self.ids.get(ngram))
        )
        if not counts:
            return np.zeros(1, dtype=np.int64), np.zeros(1)
        indices = np.array(list(counts), dtype=np.int64)
        values = np.array(list(counts.values()), dtype=np.float64)
        if self.weighting == "log-tf-idf":
            values = 1 + np.log(values)
        if self.weighting != "counts":
            values *= self.idf[indices]
            values /= np.linalg.norm(values)
        return indices, values

    def __len__(self) -> int:
        return len(self.ngrams)

    def to_dict(self) -> dict[str, Any]:
        """Contents for JSON, read by from_dict."""
        return {
            "ngrams": self.ngrams,
            "idf": self.idf[1:].tolist(),
            "order": self.order,
            "weighting": self.weighting,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> BagOfWords:
        """Raises ValueError if `content` does not come from to_dict."""
        try:
            return cls(
                content["ngrams"],
                content["idf"],
                order=int(content["order"]),
                weighting=str(content["weighting"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"bag of words: not what was saved: {error!r}") from None


def extract_ngrams(tokens: Sequence[str], order: int) -> Iterator[str]:
    """extract_ngrams(["a", "b", "c"], 2) -> "a", "b", "c", "a b", "b c" """
    for size in range(1, order + 1):
        yield from (
            " ".join(tokens[start : start + size]) for start in range(len(tokens) - size + 1)
        )


def ngrams_of_words(text: str, order: int) -> list[str]:
    """The n-grams of characters within each word, with a space before and after the word.

    ngrams_of_words("an", 2) -> [" ", "a", "n", " ", " a", "an", "n "]
    """
    words = [f" {word} " for word in text.split()]
    return [
        word[start : start + size]
        for word in words
        for size in range(1, order + 1)
        for start in range(len(word) - size + 1)
    ]


def fit_logistic_regression(
    vectors: Sequence[tuple[np.ndarray, np.ndarray]],
    labels: np.ndarray,
    features: int,
    classes: int,
    *,
    strength: float = 10.0,
    weights: Mapping[int, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression by scikit-learn.

    Args:
        vectors: Feature ids and values of each of N examples, as from `BagOfWords.vector`.
        labels: Class ids [N], each class at least once; or [N, classes] of 0 and 1 for one
            independent regression per class.
        features: The number of features, without feature 0.
        classes: The number of classes.
        strength: scikit-learn's C, the inverse of the L2 regularisation.
        weights: The weight of each class in the loss, by class id; 1 if None.

    Returns:
        Coefficients [features + 1, classes] and intercepts [classes].
    """
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    rows = np.cumsum([0, *(len(indices) for indices, _ in vectors)])
    matrix = csr_matrix(
        (
            np.concatenate([values for _, values in vectors]).astype(np.float32),
            np.concatenate([indices for indices, _ in vectors]),
            rows,
        ),
        shape=(len(vectors), features + 1),
    )
    if labels.ndim == 2:
        return fit_each_label(matrix, labels, strength)
    model = LogisticRegression(
        C=strength, max_iter=STEPS, class_weight=None if weights is None else dict(weights)
    )
    fit_quietly(model, matrix, labels)
    if classes == 2:  # scikit-learn has one column: the second class against the first
        return np.concatenate([-model.coef_, model.coef_]).T / 2, np.concatenate(
            [-model.intercept_, model.intercept_]
        ) / 2
    return model.coef_.T, model.intercept_


def fit_quietly(model: Any, matrix: Any, labels: np.ndarray) -> None:
    """Fits a model, without a warning where its last step is the last that it may take."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix, labels)


def fit_each_label(
    matrix: Any, labels: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """One regression per label; a label of all or of no examples gets a constant.

    matrix [N, F], labels [N, C] of 0 and 1 -> coefficients [F, C], intercepts [C].
    """
    from sklearn.linear_model import LogisticRegression

    coefficients = np.zeros((matrix.shape[1], labels.shape[1]))
    intercepts = np.zeros(labels.shape[1])
    for column, wanted in enumerate(labels.T):
        if len(np.unique(wanted)) < 2:
            intercepts[column] = 10.0 if wanted[0] else -10.0
            continue
        model = LogisticRegression(C=strength, max_iter=STEPS)
        fit_quietly(model, matrix, wanted)
        coefficients[:, column], intercepts[column] = model.coef_[0], model.intercept_[0]
    return coefficients, intercepts


class LinearClassifier(nn.Module):
    """The fitted regression as a module: inputs [B, T, 2] of (feature id, value) -> [B, C].

    Args:
        features: The number of features, without feature 0.
        classes: C.
        many: Multi-label: independent labels (sigmoid) instead of exclusive classes (softmax).
    """

    def __init__(self, features: int, classes: int, *, many: bool = False):
        super().__init__()
        self.many = many
        self.coefficients = nn.Parameter(torch.zeros(features + 1, classes), requires_grad=False)
        self.intercepts = nn.Parameter(torch.zeros(classes), requires_grad=False)

    def put(self, coefficients: np.ndarray, intercepts: np.ndarray) -> None:
        """Copies the result of fit_logistic_regression into the parameters."""
        self.coefficients.copy_(torch.from_numpy(coefficients))
        self.intercepts.copy_(torch.from_numpy(intercepts))

    def probabilities(self, batch: Batch) -> Tensor:
        """The probability of each class, [B, C]."""
        indices, values = batch.inputs[..., 0].long(), batch.inputs[..., 1:]
        logits = (self.coefficients[indices] * values).sum(1) + self.intercepts
        return logits.sigmoid() if self.many else logits.softmax(-1)


class ClassFrequencies(nn.Module):
    """Predicts the training frequency of each class for every input."""

    def __init__(self, classes: int):
        super().__init__()
        self.shares = nn.Parameter(torch.zeros(classes), requires_grad=False)

    def put(self, shares: np.ndarray) -> None:
        """Copies the frequencies [C] into the parameters."""
        self.shares.copy_(torch.from_numpy(shares))

    def probabilities(self, batch: Batch) -> Tensor:
        """The frequencies, [B, C]."""
        return self.shares.expand(len(batch), -1)
