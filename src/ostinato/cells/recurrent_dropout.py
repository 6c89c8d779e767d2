"""Dropout inside the recurrence: made once for a whole sequence, on a copy that shares the cell's parameters."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.cell import Cell


class FromHidden(nn.Linear):
    """The product with the previous output: a Linear that can mask its input and give only some of its rows.

    FromHidden(4, 12)(h, slice(0, 8)) -> the first eight of the twelve"""

    mask: Tensor | None = None  # [B, O], set on a copy: the same at each step (variational dropout)

    def forward(self, h: Tensor, rows: slice = slice(None)) -> Tensor:
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
    """The cell as it runs over one batch of `rows` sequences; the cell itself if nothing is to be dropped.

    recurrent_dropout  the same units of h_{t-1} are hidden from every step's product (Gal and Ghahramani, 2016)
    weight_drop        the same entries of the recurrent weights are zero at every step (Merity et al., 2017)
    zoneout            for each part of the state, how likely a unit keeps its old value (Krueger et al., 2017);
                       without training the two values are mixed in that proportion"""
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
