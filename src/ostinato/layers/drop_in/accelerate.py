"""`accelerate`: equal, faster layers for every torch.nn.RNN, GRU and LSTM inside a module.

Why modules keep their identity and only their class is exchanged (`module.__class__ = ...`): a new
module in their place would break whatever refers to the old one: optimizers by its parameters,
hooks, weights shared between modules, parametrizations, the user's own attributes. Our classes are
subclasses of torch's with the same fields, so that nothing but `forward` changes, and `undo` is the
same exchange in the other direction.
"""

from __future__ import annotations

import copy as copying
from dataclasses import dataclass, field

from torch import nn

from ostinato.layers.drop_in import torch_cells, torch_style

FASTER: dict[type, type] = {
    nn.RNN: torch_style.RNN,
    nn.GRU: torch_style.GRU,
    nn.LSTM: torch_style.LSTM,
    nn.RNNCell: torch_cells.RNNCell,
    nn.GRUCell: torch_cells.GRUCell,
    nn.LSTMCell: torch_cells.LSTMCell,
}
RECURRENT = (*FASTER, nn.RNNBase, nn.RNNCellBase)


@dataclass(frozen=True)
class Row:
    """One recurrent module.

    Attributes:
        path: Where it is in the user's module.
        kind: Its class.
        replaced: Whether it was replaced.
        note: What to know about it, or why it was not replaced.
    """

    path: str
    kind: str
    replaced: bool
    note: str


@dataclass
class Report:
    """What `accelerate` did; `print(report)` is a table.

    Attributes:
        module: The result.
        rows: One for each path to a recurrent module.
        changed: The replaced modules.
    """

    module: nn.Module
    rows: list[Row]
    changed: list[nn.Module] = field(repr=False)

    @property
    def replaced(self) -> int:
        """The number of paths that lead to a replaced module."""
        return sum(row.replaced for row in self.rows)

    def undo(self) -> nn.Module:
        """Gives every replaced module its torch class back; returns the module."""
        back = {ours: theirs for theirs, ours in FASTER.items()}
        for module in self.changed:
            module.__class__ = exchange_base(type(module), back)
        self.changed.clear()
        return self.module

    def __str__(self) -> str:
        if not self.rows:
            return f"{type(self.module).__name__} has no recurrent layers."
        table = [("path", "kind", "replaced", "")]
        table += [
            (row.path, row.kind, "yes" if row.replaced else "no", row.note) for row in self.rows
        ]
        widths = [max(len(row[column]) for row in table) for column in range(3)]
        return "\n".join(
            "  ".join(
                [*(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)), row[3]]
            ).rstrip()
            for row in table
        )


def accelerate(module: nn.Module, *, copy: bool = False) -> Report:
    """Replaces torch.nn's RNN, GRU, LSTM, RNNCell, GRUCell and LSTMCell by equal, faster ones.

        print(ostinato.accelerate(model))              # in place: the very same Parameters
        faster = ostinato.accelerate(model, copy=True).module

    A replaced module stays the same object with the same parameters, buffers, hooks, name and
    training flag; its class becomes the one of the same name in `ostinato.nn`, a subclass of
    torch's. Cells, which run one step a call, gain torch.func and keep torch's speed. Anything
    whose `forward` may not be torch's is left alone, and the report says why.

    Args:
        module: Any module; it may itself be a recurrent layer.
        copy: Whether to change a copy.

    Raises:
        ValueError: `module` is not a torch.nn.Module.
    """
    if not isinstance(module, nn.Module):
        raise ValueError(f"module must be a torch.nn.Module; got {type(module).__name__}")
    if copy:
        module = copying.deepcopy(module)
    rows: list[Row] = []
    changed: list[nn.Module] = []
    first: dict[nn.Module, Row | None] = {}
    for path, child in module.named_modules(remove_duplicate=False):
        path = path or "(the module itself)"
        if child in first:
            if (row := first[child]) is not None:
                rows.append(Row(path, row.kind, row.replaced, f"the same module as {row.path}"))
            continue
        first[child] = row = examine(path, child)
        if row is None:
            continue
        rows.append(row)
        if row.replaced:
            changed.append(child)
            child.__class__ = exchange_base(type(child), FASTER)
    return Report(module, rows, changed)


def examine(path: str, module: nn.Module) -> Row | None:
    """The row of a module before anything is changed; None if it is not recurrent."""
    kind = f"{type(module).__module__.removesuffix('.modules.rnn')}.{type(module).__qualname__}"
    refusal = explain_refusal(module)
    if refusal is not None:
        return Row(path, kind, False, refusal)
    if not isinstance(module, RECURRENT):
        return None
    notes = []
    parametrizations = getattr(module, "parametrizations", {})
    if is_parametrized(module):
        notes.append("parametrizations kept: " + ", ".join(dict(parametrizations)))
    hooks = (
        len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
    )
    hooks += len(module._backward_pre_hooks)
    if hooks:
        notes.append(f"{hooks} hook{'s' * (hooks > 1)} kept")
    return Row(path, kind, True, "; ".join(notes))


def explain_refusal(module: nn.Module) -> str | None:
    """Why a recurrent module is not replaced; None if it can be, or is not recurrent."""
    cls = type(module)
    base = cls.__bases__[0] if is_parametrized(module) else cls
    if (
        base.__module__.startswith(("torch.ao.nn.", "torch.nn.quant"))
        and base.__name__ in QUANTIZED
    ):
        return (
            "quantized: its weights are not floating point; "
            "accelerate before quantizing, or not at all"
        )
    if getattr(module, "original_name", None) in QUANTIZED and base.__module__.startswith(
        "torch.jit"
    ):
        return "compiled by torch.jit; accelerate the module it was made from"
    if not isinstance(module, RECURRENT):
        return None
    if base in FASTER.values():
        return "already ours"
    if base not in FASTER:
        return (
            f"a subclass, {base.__qualname__}, that may compute something else; "
            "derive it from ostinato.nn"
        )
    if "forward" in vars(module):
        return "its forward was replaced by another one"
    return None


QUANTIZED = {cls.__name__ for cls in FASTER}


def is_parametrized(module: nn.Module) -> bool:
    """Whether torch.nn.utils.parametrize has given the module a class of its own."""
    return nn.utils.parametrize.is_parametrized(module) and type(module).__name__.startswith(
        "Parametrized"
    )


def exchange_base(cls: type, table: dict[type, type]) -> type:
    """The counterpart of `cls` in `table`; of a parametrized class, with its base exchanged."""
    if cls in table:
        return table[cls]
    namespace = {
        name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")
    }
    return type(cls.__name__, (table[cls.__bases__[0]],), namespace)
