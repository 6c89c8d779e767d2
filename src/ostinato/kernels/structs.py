"""The structs of the compiled module, filled by name: a tensor becomes an address and a count.

The module describes its structs itself (`native/structs_module.h`), so that their fields are stated
in one place. `fill` checks the dtype, device and layout of every tensor that goes into native code;
the module compares the counts with what the call needs (`native/checks.h`)."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

SPANS = {
    "float32": torch.float32,
    "float64": torch.float64,
    "int64": torch.int64,
    "int32": torch.int32,
    "uint8": torch.uint8,
}  # a field that takes a tensor: the field's type -> the tensor's dtype
STRIDED = {"outputs", "d_outputs", "a", "b", "c"}  # fields whose rows may lie apart: with a stride


class FilledStruct(NamedTuple):
    """A filled struct: its bytes, its values, and the tensors that must outlive the call."""

    data: bytes
    values: list[Any]
    held: Mapping[str, Any]


class Layout:
    """The fields of one struct, in order, and how they become bytes."""

    def __init__(
        self, size: int, fields: Mapping[str, tuple[str, int]], known: Mapping[str, Layout]
    ):
        """Args:
            size: bytes of the whole struct, as the compiler laid it out
            fields: {name: (type, offset)}, as the compiled module describes them
            known: the layouts of the structs that may be nested in this one

        Raises:
            ImportError: the compiler has laid out the struct in another way.
        """
        self.format = ""
        self.defaults: list[Any] = []
        self.positions: dict[str, tuple[int, torch.dtype | None, int]] = {}
        for name, (kind, offset) in fields.items():
            if struct.calcsize(f"={self.format}") != offset:
                raise ImportError(f"the field {name} of the compiled module lies elsewhere")
            format, defaults = self.describe(kind, known)
            self.positions[name] = (len(self.defaults), SPANS.get(kind), len(defaults))
            self.format += format
            self.defaults += defaults
        self.pack = struct.Struct(f"={self.format}").pack
        if struct.calcsize(f"={self.format}") != size:
            raise ImportError("a struct of the compiled module has another size")
        self.size = size

    @staticmethod
    def describe(kind: str, known: Mapping[str, Layout]) -> tuple[str, list[Any]]:
        """The format and the defaults of one field."""
        if kind in SPANS:
            return "qq", [0, 0]
        if kind in known:
            return known[kind].format, known[kind].defaults
        if kind.endswith("s"):
            return kind, [b""]
        return {"q": "q", "P": "q", "d": "d"}[kind], [0]


def read_layouts(described: Mapping[str, tuple[int, dict]]) -> dict[str, Layout]:
    """{struct: (bytes, {field: (type, offset)})}, each struct after those it contains."""
    layouts: dict[str, Layout] = {}
    for name, (size, fields) in described.items():
        layouts[name] = Layout(size, fields, layouts)
    return layouts


def fill(layout: Layout, fields: Mapping[str, Any]) -> FilledStruct:
    """A struct for the compiled module. Fields that are missing or None are 0 (null).

    Args:
        layout: of the struct
        fields: numbers, tensors, and `FilledStruct` structs for nested ones, by name

    Raises:
        AttributeError: the struct has no such field.
        TypeError: a tensor of another dtype, or on another device.
        ValueError: a tensor whose numbers lie apart, where they must lie together.
    """
    values, positions = layout.defaults.copy(), layout.positions
    try:
        for field, value in fields.items():
            if value is None:
                continue
            at, dtype, width = positions[field]
            if dtype is not None:
                if value.dtype is not dtype or not value.is_cpu:
                    raise TypeError(f"{field} must be {dtype} on the CPU; got {kind_of(value)}")
                values[at] = value.data_ptr()
                values[at + 1] = value.numel() if value.is_contiguous() else reach(field, value)
            elif width == 1:
                values[at] = value
            else:
                values[at : at + width] = value.values
    except KeyError:
        raise AttributeError(f"the struct has no field {field!r}") from None
    return FilledStruct(layout.pack(*values), values, fields)


def kind_of(value: Tensor) -> str:
    return f"{value.dtype} on {value.device}"


def reach(field: str, tensor: Tensor) -> int:
    """How many numbers lie from a strided tensor's first one to the end of its memory."""
    if field not in STRIDED or tensor.stride(-1) != 1:
        raise ValueError(f"{field} must be contiguous; got strides {tensor.stride()}")
    whole = tensor.untyped_storage().nbytes() // tensor.element_size()
    return whole - int(tensor.storage_offset())


class Table:
    """Structs of one kind that stay in memory, one after another, at `address`."""

    def __init__(self, layout: Layout, rows: Sequence[Mapping[str, Any]]):
        self.count, self.held = len(rows), rows
        data = b"".join(fill(layout, row).data for row in rows)
        self.memory = ctypes.create_string_buffer(data, len(data))
        self.address = ctypes.addressof(self.memory)

    def __reduce__(self):
        raise TypeError("a table of addresses cannot be copied or pickled")
