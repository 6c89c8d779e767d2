"""Regularisation of the recurrence: recurrent dropout, DropConnect, zoneout, on a copy of the cell.

Why a copy, and not an argument of `step`: the formula stays free of regularisation, and the
reference loop, the kernels and traces all see the same cell with other weights or a mask. The copy
is made for each batch, because masks belong to the batch and no module keeps state between calls.
"""

from __future__ import annotations

import copy
from typing import TypedDict

from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import Cell


class Regularisation(TypedDict):
    """The arguments of `regularise` by which it changes a cell."""

    recurrent_dropout: float
    weight_drop: float
    zoneout: tuple[float, ...]


class FromHidden(nn.Linear):
    """A Linear that can mask its input and compute some of its rows: the product with h_{t-1}.

    FromHidden(4, 12)(h, slice(0, 8)) -> the first eight of the twelve
    """

    mask: Tensor | None = None  # [B, O], set on a copy: the same at each step (variational dropout)

    def forward(self, h: Tensor, rows: slice = slice(None)) -> Tensor:
        """h [B, O] -> [B, number of `rows`]"""
        h = h if self.mask is None else h * self.mask
        return functional.linear(
            h, self.weight[rows], None if self.bias is None else self.bias[rows]
        )


def regularise(
    cell: Cell,
    rows: int,
    *,
    recurrent_dropout: float = 0.0,
    weight_drop: float = 0.0,
    zoneout: tuple[float, ...] = (),
) -> Cell:
    """The cell as it runs over one batch: a copy that shares its parameters, or the cell itself.

    Where a mask is needed, the copy of a plain nn.Linear becomes a FromHidden by exchanging its
    class. A new module would register the parameters a second time; this is the same module with
    another `forward`, and the original is not touched.

    Args:
        cell: The cell.
        rows: The number of sequences B.
        recurrent_dropout: Variational dropout: the probability with which a unit of h_{t-1} is
            hidden from the product, the same units at every step (Gal and Ghahramani, 2016).
        weight_drop: DropConnect: the probability with which an entry of the recurrent weights is
            zero, the same entries at every step (Merity et al., 2017).
        zoneout: For each part of the state, the probability with which a unit keeps its old value
            (Krueger et al., 2017); in evaluation the two values are mixed in that proportion.
    """
    if not cell.training:
        recurrent_dropout = weight_drop = 0.0
    if not (recurrent_dropout or weight_drop or any(zoneout)):
        return cell
    new = copy.copy(cell)
    new.zoneout = tuple(zoneout) if any(zoneout) else ()
    if recurrent_dropout or weight_drop:
        new._modules = dict(cell._modules)
        new.from_hidden = product = copy.copy(cell.from_hidden)
    if weight_drop:
        weight = functional.dropout(cell.from_hidden.weight, weight_drop)
        product._parameters = {
            name: value for name, value in product._parameters.items() if name != "weight"
        }
        product.weight = weight
    if recurrent_dropout:
        if type(product) is nn.Linear:
            product.__class__ = FromHidden
        product.mask = functional.dropout(
            product.weight.new_ones(rows, cell.output_size), recurrent_dropout
        )
    return new
