"""Random convolutions and a linear classifier: the fast, strong baseline for series of numbers.

Kernels of length 9 with six weights of -1 and three of 2, dilated by powers of two; of each kernel,
the share of steps at which its output exceeds a threshold (a quantile of its output on a training
series). A ridge regression on these shares classifies. Source: Dempster, Schmidt and Webb,
MiniRocket, 2021; of several dimensions, each kernel reads a random few.

B batch, T steps, D dimensions, R dilations, K = 84 kernels, Q thresholds, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.baselines.class_sample import sample_classes
from ostinato.baselines.fitted_module import FittedModule
from ostinato.baselines.ridge import choose_sharpness, fit_ridge
from ostinato.data.batching.batch import Batch
from ostinato.padding import padding_mask

LENGTH = 9
KERNELS = list(combinations(range(LENGTH), 3))  # where the weights of 2 are
MOST_FEATURES = 9996  # as published
MOST_DILATIONS = 8
COMPARISONS = 3e9  # steps x features of all training series; of more, there are fewer features
PRODUCTS = 2e10  # of the convolutions; of more series, a sample is used
MOST_SERIES = 4000  # of more, a sample is used
MOST_BOTH = 2500  # the smaller of series and features: an eigendecomposition of its size
PIECE = 20_000_000  # numbers that are compared at a time
GOLDEN = (5**0.5 + 1) / 2  # its multiples spread the quantiles evenly


class Fitted(NamedTuple):
    """What was drawn and fitted, in the order of the module's buffers."""

    dilations: np.ndarray  # [R]
    channels: np.ndarray  # [R, K, D] of 0 and 1
    thresholds: np.ndarray  # [R, K, Q]
    coefficients: np.ndarray  # [R * K * Q, C]
    intercepts: np.ndarray  # [C]
    right: np.ndarray  # [] share of training series that are classified right when left out


class RandomConvolutions(FittedModule):
    """Inputs [B, T, D] -> probabilities [B, C].

    Args:
        shapes: The shapes of the parts of `Fitted`.
    """

    dilations: Tensor
    channels: Tensor
    thresholds: Tensor
    coefficients: Tensor
    intercepts: Tensor
    right: Tensor

    def __init__(self, shapes: Sequence[Sequence[int]]):
        super().__init__(Fitted._fields, shapes)

    def probabilities(self, batch: Batch) -> Tensor:
        """The probability of each class, [B, C]."""
        shares = compute_shares(
            batch.inputs, batch.lengths, self.dilations, self.channels, self.thresholds
        )
        return (shares @ self.coefficients + self.intercepts).softmax(-1)


def compute_outputs(inputs: Tensor, dilation: int, channels: Tensor) -> Tensor:
    """The outputs of all kernels with one dilation: [B, T, D] -> [B, K, T]."""
    kernels = torch.full((len(KERNELS), LENGTH), -1.0, device=inputs.device)
    for row, places in zip(kernels, KERNELS, strict=True):
        row[list(places)] = 2.0
    weight = channels.unsqueeze(2) * kernels.unsqueeze(1)  # [K, D, 9]
    padding = LENGTH // 2 * dilation
    return functional.conv1d(inputs.transpose(1, 2), weight, padding=padding, dilation=dilation)


def compute_shares(
    inputs: Tensor, lengths: Tensor, dilations: Tensor, channels: Tensor, thresholds: Tensor
) -> Tensor:
    """The share of steps at which each kernel exceeds each of its thresholds [B, R * K * Q]."""
    inside = padding_mask(lengths, inputs.shape[1], inputs.device).unsqueeze(1)  # [B, 1, T]
    steps = lengths.to(inputs.device).clamp(min=1).view(-1, 1, 1)
    found = []
    for row, dilation in enumerate(dilations.tolist()):
        outputs = compute_outputs(inputs, int(dilation), channels[row])
        outputs = outputs.masked_fill(~inside, -torch.inf)
        shares = [
            (outputs > thresholds[row, :, each].view(1, -1, 1)).sum(-1, keepdim=True) / steps
            for each in range(thresholds.shape[2])
        ]
        found.append(torch.cat(shares, 2).flatten(1))
    return torch.cat(found, 1)


def fit_random_convolutions(
    series: Sequence[np.ndarray], classes: np.ndarray, number: int
) -> Fitted:
    """Draws the convolutions and fits the regression.

    Args:
        series: Standardised series [T, D] of float32; at most MOST_SERIES of them are used.
        classes: The class id of each.
        number: C.
    """
    dilations = choose_dilations(int(np.median([len(each) for each in series])))
    products = sum(map(np.size, series)) * len(KERNELS) * LENGTH * len(dilations)
    affordable = int(len(series) * PRODUCTS / products)
    kept = sample_classes(classes, max(2 * number, min(MOST_SERIES, affordable)))
    series, classes = [series[row] for row in kept], classes[kept]
    steps = sum(map(len, series))
    most = min(MOST_FEATURES, int(COMPARISONS / steps))
    if len(series) > MOST_BOTH:
        most = min(most, MOST_BOTH)
    quantiles = max(1, round(most / (len(KERNELS) * len(dilations))))
    random = np.random.default_rng(0)
    channels = draw_channels(random, len(dilations), series[0].shape[1])
    thresholds = draw_thresholds(random, series, dilations, channels, quantiles)
    drawn = tuple(map(torch.from_numpy, (dilations, channels, thresholds)))
    longest = max(map(len, series))
    size = max(1, PIECE // (longest * len(KERNELS)))
    features = np.concatenate(
        [
            compute_shares(*pad(series[start : start + size]), *drawn).numpy()
            for start in range(0, len(series), size)
        ]
    )
    ridge = fit_ridge(features, classes, number)
    sharpness = choose_sharpness(ridge.left_out, classes)
    return Fitted(
        dilations,
        channels,
        thresholds,
        (sharpness * ridge.coefficients).astype(np.float32),
        (sharpness * ridge.intercepts).astype(np.float32),
        np.array((ridge.left_out.argmax(1) == classes).mean(), np.float32),
    )


def pad(series: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Series [T, D] as one tensor [B, T, D], and their lengths."""
    lengths = torch.tensor([len(each) for each in series])
    return nn.utils.rnn.pad_sequence(list(map(torch.from_numpy, series)), True), lengths


def choose_dilations(length: int) -> np.ndarray:
    """Powers of two, and between, up to where a kernel spans a series of this length."""
    highest = max(0.0, np.log2(max(1, length - 1) / (LENGTH - 1)))
    return np.unique(2 ** np.linspace(0, highest, MOST_DILATIONS) // 1).astype(np.float32)


def draw_channels(random: np.random.Generator, dilations: int, size: int) -> np.ndarray:
    """The dimensions that each kernel reads: a random few, fewer being likelier [R, K, D]."""
    channels = np.zeros((dilations, len(KERNELS), size), np.float32)
    for row in channels.reshape(-1, size):
        several = int(2 ** random.uniform(0, np.log2(min(size, LENGTH) + 1)))
        row[random.choice(size, several, replace=False)] = 1
    return channels


def draw_thresholds(
    random: np.random.Generator,
    series: Sequence[np.ndarray],
    dilations: np.ndarray,
    channels: np.ndarray,
    quantiles: int,
) -> np.ndarray:
    """Quantiles of each kernel's outputs on a random training series [R, K, Q]."""
    thresholds = np.zeros((len(dilations), len(KERNELS), quantiles), np.float32)
    number = 0
    for row, dilation in enumerate(dilations.astype(int).tolist()):
        drawn = [series[place] for place in random.integers(0, len(series), 12)]
        outputs = [
            compute_outputs(torch.from_numpy(each[None]), dilation, torch.from_numpy(channels[row]))
            for each in drawn
        ]
        for kernel in range(len(KERNELS)):
            shares = (np.arange(number + 1, number + 1 + quantiles) * GOLDEN) % 1
            number += quantiles
            chosen = outputs[kernel % len(outputs)][0, kernel].numpy()
            thresholds[row, kernel] = np.quantile(chosen, shares)
    return thresholds
