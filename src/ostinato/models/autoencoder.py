"""One to one: autoencoders, linear, deep and recurrent, that answer with their own input.

Letters: B batch, T time, D input, H hidden, K the size of the code, N examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells.cell import CellType
from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.layers.recurrent import Recurrent
from ostinato.models.inspectable import TARGETS, RecurrentPart
from ostinato.models.loss import Loss, full_precision
from ostinato.padding import padding_mask


class Autoencoder(nn.Module):
    """The base of all autoencoders: a code of each input, a reconstruction, and their loss.

    Subclasses define `encode` and `decode`. Inputs are [B, T, D]; an example that is no sequence
    has one step.
    """

    def encode(self, batch: Batch) -> Tensor:
        """The code of each input, [B, K]."""
        raise NotImplementedError

    def decode(self, codes: Tensor, lengths: Tensor) -> Tensor:
        """Codes [B, K] and lengths [B] -> reconstructions [B, T, D]."""
        raise NotImplementedError

    def reconstruct(self, batch: Batch) -> Tensor:
        """The reconstruction of each input, [B, T, D], zero beyond each length."""
        found = self.decode(self.encode(batch), batch.lengths)
        return found * padding_mask(batch.lengths, found.shape[1], found.device)[..., None]

    def squared_errors(self, batch: Batch) -> Tensor:
        """The squared error of each step, summed over its D values, [B, T]."""
        return (self.reconstruct(batch) - batch.inputs).square().sum(-1)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The squared error, by the number of values."""
        values = int(batch.lengths.sum()) * batch.inputs.shape[-1]
        return Loss(self.squared_errors(batch).sum(), values)

    def own_targets(self, batch: Batch) -> Tensor:
        """An input is its own target."""
        return batch.inputs

    def step_scores(self, batch: Batch) -> Tensor:
        """log p of each step under a Gaussian of variance 1 around its reconstruction, [B, T]."""
        constant = 0.5 * batch.inputs.shape[-1] * math.log(2 * math.pi)
        mask = padding_mask(batch.lengths, batch.inputs.shape[1], batch.inputs.device)
        return -(0.5 * self.squared_errors(batch) + constant) * mask

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The recurrent layers: none, but in a RecurrentAutoencoder."""
        return []


class LinearAutoencoder(Autoencoder):
    """z = W x, x' = W^T z: a linear autoencoder whose decoder V is the encoder transposed, V = W^T.

    At the optimum of the squared error the rows of W are an orthonormal basis of the subspace of
    the first K principal components, if the inputs have mean 0; which basis of it is left open.

    Source: Baldi and Hornik, Neural networks and principal component analysis, 1989.

    Args:
        size: D.
        code: K.
    """

    def __init__(self, size: int, code: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(code, size))
        nn.init.orthogonal_(self.weight)

    def encode(self, batch: Batch) -> Tensor:
        return batch.inputs[:, 0] @ self.weight.T

    def decode(self, codes: Tensor, lengths: Tensor) -> Tensor:
        return (codes @ self.weight)[:, None]


class DeepAutoencoder(Autoencoder):
    """Hidden layers with ReLU on both sides of the code.

    Source: Hinton and Salakhutdinov, Reducing the dimensionality of data with neural networks,
    2006, without their pretraining.

    Args:
        size: D.
        hidden: The width of each hidden layer of the encoder; the decoder has them in reverse.
        code: K.
    """

    def __init__(self, size: int, hidden: Sequence[int], code: int):
        super().__init__()
        self.encoder = stack_layers([size, *hidden, code])
        self.decoder = stack_layers([code, *reversed(hidden), size])

    def encode(self, batch: Batch) -> Tensor:
        return self.encoder(batch.inputs[:, 0])

    def decode(self, codes: Tensor, lengths: Tensor) -> Tensor:
        return self.decoder(codes)[:, None]


def stack_layers(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers of these widths with ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class RecurrentAutoencoder(Autoencoder):
    """A sequence becomes a code by one recurrent network, and a sequence again by another.

    The code is a linear map of the last output. The decoder reads the code at every step, and
    neither the true nor its own values before it, so that all that it knows went through the code.

    Source: Srivastava, Mansimov and Salakhutdinov, Unsupervised learning of video representations
    using LSTMs, 2015, section 2.2, the unconditional decoder, here in the order of the input.

    Args:
        cell: The recurrent cell.
        size: D.
        hidden_size: Units of each layer.
        code: K.
        layers: Recurrent layers on each side.
        dropout: Between layers.
    """

    def __init__(
        self,
        cell: CellType,
        size: int,
        hidden_size: int,
        code: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.encoder = Recurrent(cell, size, hidden_size, layers=layers, dropout=dropout)
        self.to_code = nn.Linear(self.encoder.output_size, code)
        self.decoder = Recurrent(cell, code, hidden_size, layers=layers, dropout=dropout)
        self.output = nn.Linear(self.decoder.output_size, size)

    def encode(self, batch: Batch) -> Tensor:
        outputs, _ = self.encoder(batch.inputs, batch.lengths)
        last = (batch.lengths - 1).clamp(min=0).to(outputs.device)
        return self.to_code(outputs[torch.arange(len(outputs), device=outputs.device), last])

    def decode(self, codes: Tensor, lengths: Tensor) -> Tensor:
        steps = int(lengths.max())
        outputs, _ = self.decoder(codes[:, None].expand(-1, steps, -1), lengths)
        return full_precision(self.output(outputs))

    def recurrent_parts(self) -> list[RecurrentPart]:
        """Encoder and decoder."""
        return [
            RecurrentPart("encoder", self.encoder),
            RecurrentPart("decoder", self.decoder, TARGETS),
        ]


class AutoencoderEnsemble(Autoencoder):
    """The mean of the reconstructions of several autoencoders, and their codes side by side."""

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        self.models = nn.ModuleList(models)

    def encode(self, batch: Batch) -> Tensor:
        return torch.cat([model.encode(batch) for model in self.models], -1)  # type: ignore[operator]

    def reconstruct(self, batch: Batch) -> Tensor:
        found = [model.reconstruct(batch) for model in self.models]  # type: ignore[operator]
        return torch.stack(found).mean(0)


def fit_linear_autoencoder(covariance: np.ndarray, code: int, *, seed: int) -> np.ndarray:
    """The weight W [K, D] of a LinearAutoencoder that has the least squared error.

    By gradients of the error E|x - W^T W x|^2 = tr C - 2 tr(W C W^T) + tr(W C W^T W W^T), which
    needs the covariance C alone: L-BFGS on all data at once, in float64. It knows nothing of
    eigenvectors: that it finds their subspace is the theorem. There are no local minima but the
    global one (Baldi and Hornik, 1989).

    Args:
        covariance: [D, D], of inputs with mean 0.
        code: K.
        seed: Of the first weights.
    """
    scale = float(np.trace(covariance)) or 1.0
    c = torch.from_numpy(covariance / scale)  # so that tolerances do not depend on the units
    generator = torch.Generator().manual_seed(seed)
    draft = torch.randn(code, len(c), generator=generator, dtype=torch.float64)
    weight = torch.linalg.qr(draft.T)[0].T.contiguous().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight],
        max_iter=5000,
        max_eval=10_000,
        history_size=30,
        tolerance_grad=1e-13,
        tolerance_change=1e-18,
        line_search_fn="strong_wolfe",
    )

    def evaluate() -> Tensor:
        optimizer.zero_grad()
        inner = weight @ c @ weight.T
        error = c.trace() - 2 * inner.trace() + (inner * (weight @ weight.T)).sum()
        error.backward()
        return error

    optimizer.step(evaluate)  # type: ignore[arg-type]
    return weight.detach().numpy()


def principal_angles(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The angles between the subspaces that the rows of two matrices [K, D] span, [K].

    The largest comes first.

    By sines for small angles, as the arc cosine of nearly 1 has only half of the digits.

    Source: Bjorck and Golub, Numerical methods for computing angles between linear subspaces, 1973.
    """
    a, b = np.linalg.qr(one.T)[0], np.linalg.qr(other.T)[0]  # [D, K]
    outside = b - a @ (a.T @ b)
    sines = np.linalg.svd(outside, compute_uv=False)
    cosines = np.linalg.svd(a.T @ b, compute_uv=False)[::-1]
    small = np.arcsin(np.clip(sines, 0, 1))
    large = np.arccos(np.clip(cosines, 0, 1))
    return np.where(sines < 0.5, small, large)
