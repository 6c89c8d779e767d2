"""Multinomial logistic regression on all frames of a sequence, flattened to one vector.

A baseline without memory: longer sequences are truncated, shorter ones padded with the mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

MOST_WEIGHTS = 50_000_000  # length of the vector x classes


class FlattenedRegression:
    """FlattenedRegression.fit(sequences, labels, classes=3, length=30).answer(sequences) -> labels

    T frames, D features of a frame, C classes.
    """

    def __init__(self, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor):
        """mean and scale [T, D]; weight [C, T * D]; bias [C]"""
        self.mean, self.scale, self.weight, self.bias = mean, scale, weight, bias

    @classmethod
    def fit(
        cls,
        sequences: Sequence[np.ndarray],
        labels: Sequence[int],
        *,
        classes: int,
        length: int,
        decay: float = 0.01,
        steps: int = 100,
    ) -> FlattenedRegression | None:
        """Minimises the mean of -log P(label) + decay / 2 |w|^2, a convex function, by L-BFGS.

        Args:
            sequences: N arrays [T, ...].
            labels: Label ids [N].
            classes: C.
            length: Frames of the vector.
            decay: L2 regularisation.
            steps: Iterations of L-BFGS at most.

        Returns:
            The fitted model; None where it would have more than MOST_WEIGHTS weights.
        """
        size = int(np.prod(sequences[0].shape[1:]))
        if size * length * classes > MOST_WEIGHTS:
            return None
        all_steps = torch.from_numpy(
            np.concatenate([one.reshape(len(one), -1) for one in sequences])
        ).float()
        mean, scale = all_steps.mean(0), all_steps.std(0, unbiased=False).clamp_min(1e-6)
        model = cls(
            mean.expand(length, -1),
            scale.expand(length, -1),
            torch.zeros(classes, length * size),
            torch.zeros(classes),
        )
        x, wanted = model.vectors(sequences), torch.tensor(labels)
        weight, bias = model.weight.requires_grad_(), model.bias.requires_grad_()
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            value = (
                functional.cross_entropy(functional.linear(x, weight, bias), wanted)
                + decay / 2 * weight.square().sum()
            )
            value.backward()
            return value

        optimizer.step(loss)
        return cls(model.mean.clone(), model.scale.clone(), weight.detach(), bias.detach())

    def vectors(self, sequences: Sequence[np.ndarray]) -> Tensor:
        """Standardised features [N, T * D], zero in the padding."""
        length, size = self.mean.shape
        x = torch.zeros(len(sequences), length, size)
        for row, one in enumerate(sequences):
            steps = torch.from_numpy(np.ascontiguousarray(one[:length])).float().view(-1, size)
            x[row, : len(steps)] = (steps - self.mean[: len(steps)]) / self.scale[: len(steps)]
        return x.flatten(1) / size**0.5

    def answer(self, sequences: Sequence[np.ndarray]) -> list[int]:
        """The most probable label id of each sequence."""
        return (
            functional.linear(self.vectors(sequences), self.weight, self.bias).argmax(-1).tolist()
        )

    def probabilities(self, sequences: Sequence[np.ndarray]) -> np.ndarray:
        """The probability of each label for each sequence [N, C]."""
        logits = functional.linear(self.vectors(sequences), self.weight, self.bias)
        return logits.double().softmax(-1).numpy()

    def tensors(self) -> dict[str, Tensor]:
        """The constructor's arguments by name."""
        return {"mean": self.mean, "scale": self.scale, "weight": self.weight, "bias": self.bias}
