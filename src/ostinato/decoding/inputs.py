"""Inputs of every decoder: first tokens, maximum lengths, the mask of forbidden tokens.

Letters: B rows to decode, N rows of logits, V vocabulary."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from ostinato.cells.state import State, map_state
from ostinato.errors import InputError


def device_of(state: State) -> torch.device:
    """The device of a state's tensors; the CPU if it has none."""
    devices = []

    def look(leaf: Tensor) -> Tensor:  # map_state needs a result
        devices.append(leaf.device)
        return leaf

    map_state(look, state)
    return devices[0] if devices else torch.device("cpu")


def per_row(value: int | Tensor, name: str, *, rows: int, device: torch.device) -> Tensor:
    """per_row(7, "bos", rows=2) -> [7, 7]; a tensor [rows] is returned unchanged.

    ValueError for anything else."""
    if isinstance(value, Tensor):
        if value.shape != (rows,) or value.is_floating_point():
            raise ValueError(
                f"{name} must be an int or an int tensor of shape [{rows}], one for each row; "
                f"got {value.dtype} of shape {list(value.shape)}"
            )
        return value.to(device=device, dtype=torch.int64)
    return torch.full((rows,), value, dtype=torch.int64, device=device)


def first_tokens(
    state: State, *, rows: int, bos: int | Tensor, maximum_length: int | Tensor
) -> tuple[Tensor, Tensor]:
    """The first token of each row [B] and its maximum number of steps [B]."""
    if rows < 0:
        raise ValueError(f"rows must not be negative; got {rows}")
    device = device_of(state)
    limits = per_row(maximum_length, "maximum_length", rows=rows, device=device)
    if rows and int(limits.min()) < 0:
        raise ValueError(f"maximum_length must not be negative; got {int(limits.min())}")
    return per_row(bos, "bos", rows=rows, device=device), limits


def forbidden_mask(forbidden: Sequence[int], scores: Tensor, *, size: int) -> Tensor:
    """forbidden_mask((0,), scores [N, 3], size=4) -> [-inf, 0, 0, -inf], to be added to scores."""
    return build_forbidden_mask(
        tuple(forbidden), scores.shape[1], size, scores.dtype, scores.device
    )


@functools.lru_cache(maxsize=16)  # needed at every step, and always the same
def build_forbidden_mask(
    forbidden: tuple[int, ...], vocabulary: int, size: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """The mask [size] for a vocabulary; see `forbidden_mask`."""
    wrong = [token for token in forbidden if not 0 <= token < vocabulary]
    if wrong:
        raise ValueError(
            f"forbidden holds token {wrong[0]}, but the model has the tokens 0 to {vocabulary - 1}"
        )
    added = torch.zeros(size, dtype=dtype, device=device)
    added[vocabulary:] = -torch.inf
    if forbidden:
        added[list(forbidden)] = -torch.inf
    return added


def log_probabilities(logits: Tensor) -> Tensor:
    """Logits [N, V] of any floating type -> their log-softmax, in single precision at least."""
    return logits.log_softmax(-1, dtype=torch.promote_types(logits.dtype, torch.float32))


class BrokenLogits(InputError):
    """Logits from which nothing can be decoded."""


def refuse_broken(broken: bool | Tensor, step: int) -> None:
    """Raises BrokenLogits if logits are NaN, +inf or all -inf: NaN would spread to every score."""
    if bool(broken):
        raise BrokenLogits(
            f"at step {step} the model gave logits that are NaN, +inf or nothing but -inf: "
            "its weights are probably damaged (a training that diverged?)"
        )


def impossible(row: int, step: int) -> ValueError:
    """The error for a row that no token may continue."""
    return ValueError(
        f"row {row}, step {step}: every token that may be produced has probability 0; "
        "check `forbidden` and the -inf among the model's logits"
    )
