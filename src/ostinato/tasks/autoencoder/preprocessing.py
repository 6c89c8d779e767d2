"""Means and scales of the values, and their principal components; vectors as examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch

from ostinato.baselines.principal_components import PrincipalComponents
from ostinato.data.batching.batch import Example
from ostinato.data.vectors import Vector
from ostinato.errors import InputError, option_name
from ostinato.models.autoencoder import fit_linear_autoencoder, principal_angles
from ostinato.notices import notify
from ostinato.tasks.autoencoder.options import AutoencoderOptions
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.unsuitable import Unsuitable

MOST_VALUES = 4096  # the largest input size for which a covariance is computed
SEED = 1  # the seed of the linear autoencoder's first weights: the optimum does not depend on it


@dataclass(frozen=True)
class AutoencoderPreprocessing(Preprocessing):
    """Statistics of the training inputs, of D values each, and the models fitted in closed form.

    Args:
        options: The options, with the model chosen.
        mean, scale: The mean and scale of each value, [D].
        sequences: Whether inputs are sequences.
        steps: The length of the longest training sequence.
        shape: The shape of images, otherwise empty.
        eigenvalues: The eigenvalues [steps * D] of the covariance of the training inputs (sequences
            are flattened), in descending order; empty if inputs have too many values.
        optimum: The error of the linear autoencoder on the training inputs, and that of PCA.
        weight: The weights [K, D] of a closed-form model, for initialisation only.
        components: The principal components of the training inputs, for the baseline only.
    """

    options: AutoencoderOptions
    mean: np.ndarray
    scale: np.ndarray
    sequences: bool
    steps: int
    shape: tuple[int, ...]
    eigenvalues: np.ndarray
    optimum: dict[str, float] = field(default_factory=dict)
    weight: np.ndarray | None = field(default=None, repr=False, compare=False)
    components: PrincipalComponents | None = field(default=None, repr=False, compare=False)

    @classmethod
    def fit(
        cls, options: AutoencoderOptions, records: Sequence[Vector]
    ) -> tuple[AutoencoderOptions, Self]:
        sequences, size = records[0].sequence, records[0].values.shape[1]
        options = decide_model(options, sequences, size)
        rows = np.concatenate([record.values for record in records]).astype(np.float64)
        mean, scale = rows.mean(0), np.ones(size)
        if options.scaling == "standard":
            deviation = rows.std(0)
            scale = np.where(deviation > 1e-12, deviation, 1.0)
        steps = max(len(record.values) for record in records)
        kind = f"sequences of up to {steps:,} steps of" if sequences else "rows of"
        notify(f"{len(records):,} {kind} {size:,} values, codes of {options.code_size}")
        shape = records[0].shape
        fitted = cls(options, mean, scale, sequences, steps, shape, np.zeros(0))
        return options, fitted.find_components(records)

    def find_components(self, records: Sequence[Vector]) -> Self:
        """Adds the principal components and, with --model linear, the linear optimum."""
        if self.steps * self.size > MOST_VALUES:
            if self.options.closed_form:
                raise InputError(
                    f"{option_name('model')} {self.options.model}: inputs of {self.size:,} "
                    "values are too large; "
                    f"at most {MOST_VALUES:,}"
                )
            return self
        flat = self.flatten(records)
        covariance = flat.T @ flat / len(flat)
        components = PrincipalComponents.fit(covariance, self.options.code_size)
        found = replace(self, eigenvalues=components.eigenvalues, components=components)
        if self.options.model == "components":
            return replace(found, weight=components.basis)
        if self.options.model != "linear":
            return found
        weight = fit_linear_autoencoder(covariance, self.options.code_size, seed=SEED)
        error = np.square(flat - flat @ weight.T @ weight).sum(1).mean()
        optimum = {
            "squared_error": float(error),
            "discarded_eigenvalues": components.discarded,
            "largest_principal_angle": float(principal_angles(weight, components.basis).max()),
            "distance_from_orthonormal": float(
                np.abs(weight @ weight.T - np.eye(len(weight))).max()
            ),
        }
        return replace(found, weight=weight, optimum=optimum)

    def flatten(self, records: Sequence[Vector]) -> np.ndarray:
        """The scaled inputs, sequences padded with zeros or cut to `steps`, [N, steps * D]."""
        flat = np.zeros((len(records), self.steps, self.size))
        for row, record in zip(flat, records, strict=True):
            values = self.apply(record.values)[: self.steps]
            row[: len(values)] = values
        return flat.reshape(len(records), -1)

    @property
    def size(self) -> int:
        """D, the number of values of an input or of a time step."""
        return len(self.mean)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Scales values [T, D] for the network."""
        return (values - self.mean) / self.scale

    def invert(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `apply`."""
        return values * self.scale + self.mean

    def to_dict(self) -> dict[str, Any]:
        return {
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "sequences": self.sequences,
            "steps": self.steps,
            "shape": list(self.shape),
            "eigenvalues": self.eigenvalues.tolist(),
            "optimum": self.optimum,
        }

    @classmethod
    def from_dict(cls, options: AutoencoderOptions, state: dict[str, Any]) -> Self:
        return cls(
            options,
            np.array(state["mean"], np.float64),
            np.array(state["scale"], np.float64),
            bool(state["sequences"]),
            int(state["steps"]),
            tuple(map(int, state["shape"])),
            np.array(state["eigenvalues"], np.float64),
            {str(name): float(value) for name, value in state["optimum"].items()},
        )

    def encode(self, record: Vector, *, draw: int | None = None) -> Example:
        return Example(torch.from_numpy(self.apply(record.values).astype(np.float32)))


def decide_model(options: AutoencoderOptions, sequences: bool, size: int) -> AutoencoderOptions:
    """The options with the model for this kind of input.

    Raises:
        Unsuitable: A sequence model for rows, or vice versa; a linear model with a code larger
            than the input.
    """
    if options.model is None:
        return replace(options, model="recurrent" if sequences else "deep")
    if (options.model == "recurrent") != sequences:
        kind = "sequences" if sequences else "single rows or images"
        wanted = (
            f"{option_name('model')} recurrent"
            if sequences
            else f"{option_name('model')} deep or linear"
        )
        raise Unsuitable(
            f"{option_name('model')} {options.model}: the inputs are {kind}; give {wanted}"
        )
    if options.closed_form and options.code_size > size:
        raise Unsuitable(
            f"{option_name('code_size')} must be at most {size}, the values of an input; got "
            f"{options.code_size}"
        )
    return options
