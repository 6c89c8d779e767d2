"""The precision of a call's products: float32, or bfloat16 by autocast or by the weights' dtype."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.kernels import bindings
from ostinato.kernels.bindings import Precision


def autocast_dtype() -> torch.dtype | None:
    """What `torch.autocast("cpu", ...)` casts the factors of products to; None outside of it."""
    if torch._C._is_any_autocast_enabled() and torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu")
    return None


def why_not_autocast() -> str | None:
    """Why kernels do not run under the autocast that is active, or None if they do."""
    dtype = autocast_dtype()
    if dtype is None:
        return None
    if dtype is not torch.bfloat16:
        return f"autocast to {str(dtype)[6:]} is active"
    if bindings.operations_are_recorded():
        return "the call is compiled under autocast"
    return None


def precision_of(weight: Tensor) -> Precision:
    """Of the products with this weight, where the processor has them (`why_not_bfloat16`)."""
    narrow = weight.dtype is torch.bfloat16 or autocast_dtype() is torch.bfloat16
    return "bfloat16" if narrow else "float32"


def wide_precision(weight: Tensor) -> Precision:
    """Of products with this weight in float32 on the CPU whose results are to be float32, too."""
    narrow = autocast_dtype() is torch.bfloat16 and weight.is_cpu
    return "bfloat16" if narrow and weight.dtype is torch.float32 else "float32"


def accepted_dtypes(weight: Tensor) -> tuple[torch.dtype, ...]:
    """The dtypes that a call's tensors may have: those of the weight, under autocast both."""
    if autocast_dtype() is torch.bfloat16:
        return torch.float32, torch.bfloat16
    # compiled programs run torch's own layers in bfloat16
    narrow = weight.dtype is torch.bfloat16 and not bindings.operations_are_recorded()
    return (torch.bfloat16,) if narrow else bindings.FLOAT32
