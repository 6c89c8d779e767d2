"""Gradients as a whole: their norm, and clipping.

Sparse gradients (of embeddings) included."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def collect_gradients(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """The gradient of each parameter that has one, as dense tensors to be changed in place.

    A sparse gradient may list a row several times; it is coalesced first, so that the contributions
    to a row are added before anything is measured, and is in the list as the values of its rows."""
    found = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            found.append(parameter.grad._values())
        else:
            found.append(parameter.grad)
    return found


def gradient_norm(gradients: list[Tensor]) -> float:
    """The Euclidean norm of all gradients as one vector.

    gradient_norm([tensor([3.0]), tensor([4.0])]) -> 5.0"""
    if not gradients:
        return 0.0
    device = gradients[0].device
    norms = [norm.to(device) for norm in torch._foreach_norm(gradients)]
    return torch.linalg.vector_norm(torch.stack(norms)).item()


def clip_gradients(
    parameters: Iterable[nn.Parameter],
    *,
    scale: float = 1.0,
    norm: float | None = None,
    value: float | None = None,
) -> float:
    """Scales all gradients, then clips them by value, then by norm.

    Clipping by norm: g <- g * norm / ||g|| if ||g|| > norm (Pascanu, Mikolov and Bengio 2013,
    algorithm 1).

    Args:
        parameters: whose gradients are changed in place
        scale: factor on all gradients
        norm: maximum norm, or None
        value: each component is limited to [-value, value], or None

    Returns:
        The norm after scaling and before clipping; where it is not finite, the gradients are left
        as they are.
    """
    gradients = collect_gradients(parameters)
    measured = gradient_norm(gradients) * scale
    if not math.isfinite(measured):
        return measured
    remaining = measured
    if value is not None:
        if scale != 1.0:
            torch._foreach_mul_(gradients, scale)
            scale = 1.0
        for gradient in gradients:
            gradient.clamp_(-value, value)
        if norm is not None:
            remaining = gradient_norm(gradients)
    if norm is not None and remaining > norm:
        scale *= norm / remaining
    if scale != 1.0 and gradients:
        torch._foreach_mul_(gradients, scale)
    return measured
