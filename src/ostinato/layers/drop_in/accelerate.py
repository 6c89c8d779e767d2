"""Every torch.nn.RNN, GRU and LSTM inside a user's own module, made faster in one line."""

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
    """One recurrent module: its path and class, whether it was replaced, and a note, or why not."""

    path: str
    kind: str
    replaced: bool
    note: str


@dataclass
class Report:
    """What `accelerate` did: `print(report)` is a table, `report.undo()` goes back.

    Attributes:
        module: the result
        rows: one for each recurrent module
        changed: the modules whose class was replaced
    """

    module: nn.Module
    rows: list[Row]
    changed: list[nn.Module] = field(repr=False)

    @property
    def replaced(self) -> int:
        """How many paths lead to a replaced module."""
        return sum(row.replaced for row in self.rows)

    def undo(self) -> nn.Module:
        """Gives every replaced module its torch class back, with its weights as they are now.

        Returns:
            The whole module.
        """
        back = {ours: theirs for theirs, ours in FASTER.items()}
        for module in self.changed:
            module.__class__ = with_base(type(module), back)
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
    """Replaces every torch.nn.RNN, GRU, LSTM and cell in `module` by an equal, faster one.

        print(ostinato.accelerate(model))  # in place: the same Parameters, optimizers keep working
        faster = ostinato.accelerate(model, copy=True).module

    A replaced module stays the same object with the same parameters, buffers, hooks, name and
    training flag; only its class changes, to the class of the same name in `ostinato.nn`, a
    subclass of torch's. The cells, which run one step a call, gain torch.func and keep torch's
    speed. Modules whose `forward` may not be torch's are not replaced, and the report says why.

    Args:
        module: any module; it may itself be a recurrent layer
        copy: replace the layers of a deep copy

    Returns:
        A `Report` with the result.

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
        first[child] = row = consider(path, child)
        if row is None:
            continue
        rows.append(row)
        if row.replaced:
            changed.append(child)
            child.__class__ = with_base(type(child), FASTER)
    return Report(module, rows, changed)


def consider(path: str, module: nn.Module) -> Row | None:
    """The row of one module before anything is changed, or None if it is not recurrent."""
    kind = f"{type(module).__module__.removesuffix('.modules.rnn')}.{type(module).__qualname__}"
    refusal = why_not(module)
    if refusal is not None:
        return Row(path, kind, False, refusal)
    if not isinstance(module, RECURRENT):
        return None
    notes = []
    if is_parametrized(module):
        parametrized = module.parametrizations
        assert isinstance(parametrized, nn.ModuleDict)
        notes.append("parametrizations kept: " + ", ".join(parametrized))
    hooks = (
        len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
    )
    hooks += len(module._backward_pre_hooks)
    if hooks:
        notes.append(f"{hooks} hook{'s' * (hooks > 1)} kept")
    return Row(path, kind, True, "; ".join(notes))


def why_not(module: nn.Module) -> str | None:
    """Why a recurrent module is not replaced; None if it can be, or is not recurrent at all."""
    cls = type(module)
    base = cls.__bases__[0] if is_parametrized(module) else cls
    if (
        base.__module__.startswith(("torch.ao.nn.", "torch.nn.quant"))
        and base.__name__ in QUANTIZED
    ):
        return "quantized: its weights are not floating point; accelerate it before, or not at all"
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


def with_base(cls: type, table: dict[type, type]) -> type:
    """The counterpart of `cls`, or of its base if parametrize has derived `cls` from it."""
    if cls in table:
        return table[cls]
    namespace = {
        name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")
    }
    return type(cls.__name__, (table[cls.__bases__[0]],), namespace)
