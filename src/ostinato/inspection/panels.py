"""The kinds of pictures that views are made of; `drawing` and `page` show each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Heatmap:
    """A matrix [R, C] as colours.

    Attributes:
        title: Above it.
        values: [R, C].
        rows, columns: What to call each.
        row_name, column_name: What rows and columns are: "unit", "step".
        scale: "fraction" from 0 to 1, "signed" around 0, "positive" from 0 to the largest.
    """

    kind: ClassVar[str] = "heatmap"
    title: str
    values: np.ndarray
    rows: Sequence[str]
    columns: Sequence[str]
    row_name: str = "unit"
    column_name: str = "step"
    scale: str = "signed"

    @property
    def limits(self) -> tuple[float, float]:
        """The values at the ends of the colour scale."""
        if self.scale == "fraction":
            return 0.0, 1.0
        largest = float(np.nanmax(np.abs(self.values))) if self.values.size else 1.0
        largest = largest if largest > 0 else 1.0
        return (0.0, largest) if self.scale == "positive" else (-largest, largest)


@dataclass(frozen=True)
class Lines:
    """Lines over common positions; None where a line has no value.

    Attributes:
        title: Above it.
        columns: What to call each position.
        series: {name: a value for each position}.
        column_name, value_name: What the axes are.
        log: Whether values are on a logarithmic scale.
    """

    kind: ClassVar[str] = "lines"
    title: str
    columns: Sequence[str]
    series: Mapping[str, Sequence[float | None]]
    column_name: str = "step"
    value_name: str = ""
    log: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of values under named columns."""

    kind: ClassVar[str] = "table"
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class ColouredText:
    """A text whose tokens are coloured by a value each."""

    kind: ClassVar[str] = "text"
    title: str
    tokens: Sequence[str]
    values: Sequence[float]
    value_name: str = "value"


class Node(NamedTuple):
    """A box at (x, y), with x to the right and y downwards in whole units.

    `kind` chooses its look: plain, input, output, best, pruned or finished.
    """

    x: float
    y: float
    text: str
    detail: str = ""
    kind: str = "plain"


class Edge(NamedTuple):
    """An arrow from one node to another, by their numbers; equal `kind`s share their weights."""

    start: int
    end: int
    kind: str = ""


@dataclass(frozen=True)
class Graph:
    """Boxes and arrows: a network through time, or a beam search as a tree."""

    kind: ClassVar[str] = "graph"
    title: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]


@dataclass(frozen=True)
class Scatter:
    """Names on a map; those in `marked` are what was asked for."""

    kind: ClassVar[str] = "scatter"
    title: str
    names: Sequence[str]
    x: Sequence[float]
    y: Sequence[float]
    marked: Sequence[bool]


Panel = Heatmap | Lines | Table | ColouredText | Graph | Scatter


@dataclass(frozen=True)
class Sheet:
    """Panels with what they are about.

    Attributes:
        name: Of the view, such as "gates".
        title: For people.
        data: The numbers, by name: arrays, lists and dictionaries.
        panels: The pictures.
        text: The input that was looked at.
        answer: The model's answer to it.
        notes: What to know about the numbers, warnings included.
    """

    name: str
    title: str
    data: Mapping[str, Any]
    panels: Sequence[Panel]
    text: str = ""
    answer: str = ""
    notes: Sequence[str] = ()


def to_plain(value: Any) -> Any:
    """Arrays as lists and what is not finite as None, all the way down, for JSON."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist())
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
