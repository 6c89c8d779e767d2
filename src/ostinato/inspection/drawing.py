"""Views as pictures, by matplotlib: one panel below the other."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from ostinato.inspection.panels import (
    ColouredText,
    Graph,
    Heatmap,
    Lines,
    Panel,
    Scatter,
    Sheet,
    Table,
)

# Okabe and Ito's colours, which colour-blind people tell apart
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
LABELLED = 60  # steps up to which each has its label
NAMED_ROWS = 40  # of a heat map up to which each row has its name
TICKS = 10  # labels below a longer axis
WIDTH = 9.0  # inches
LEFT, RIGHT, TITLE = 0.9, 0.9, 0.35  # inches around and above a panel
MOST_ROWS = 30  # of a table in a picture
NODE_COLOURS = {
    "plain": "#ffffff",
    "input": "#dbe9f6",
    "output": "#fde8cd",
    "best": "#b9e3c6",
    "finished": "#dbe9f6",
    "pruned": "#eeeeee",
}


def draw_views(views: Sequence[Sheet], file: IO[bytes], kind: str) -> None:
    """Writes the views to a file of this kind: png, svg or pdf.

    Panels are placed by hand: matplotlib's layout engines take seconds for a dozen of them.
    """
    from matplotlib.figure import Figure

    panels = [panel for view in views for panel in view.panels]
    width = max(WIDTH, *(find_width(panel) for panel in panels))
    left = max(LEFT, *(find_space_beside(panel) for panel in panels))
    first = views[0]
    heading = f"{first.title}: {first.text}" if first.text else first.title
    notes = [line for view in views for note in view.notes for line in textwrap.wrap(note, 110)]
    lines = [*textwrap.wrap(heading, 80)[:2], *notes[:8]]
    top = 0.3 + 0.19 * len(lines)
    spaces = [(find_height(panel), find_space_below(panel)) for panel in panels]
    height = top + sum(TITLE + high + below for high, below in spaces)
    figure = Figure(figsize=(width, height))
    figure.text(0.02, 1 - 0.12 / height, plain("\n".join(lines)), fontsize=9, va="top")
    y = height - top
    for panel, (high, below) in zip(panels, spaces, strict=True):
        y -= TITLE + high
        inside = (left / width, y / height, (width - left - RIGHT) / width, high / height)
        axes = figure.add_axes(inside)
        axes.set_title(plain(panel.title), fontsize=9, loc="left")
        DRAW[type(panel)](panel, axes)
        y -= below
    figure.savefig(file, format=kind, dpi=130)


def find_space_below(panel: Panel) -> float:
    """The space for labels below a panel, in inches."""
    if isinstance(panel, Heatmap | Lines):
        if len(panel.columns) > LABELLED:
            return 0.5
        return 0.25 + 0.075 * max((len(str(name)) for name in panel.columns), default=0)
    return 0.5 if isinstance(panel, Graph) else 0.2


def find_space_beside(panel: Panel) -> float:
    """The space for the names of rows to the left of a panel, in inches."""
    if isinstance(panel, Heatmap) and len(panel.rows) <= NAMED_ROWS:
        return 0.35 + 0.068 * max((len(str(name)) for name in panel.rows), default=0)
    return 0.0


def plain(text: str) -> str:
    """Text that matplotlib prints as it is: "$" would begin a formula."""
    return text.replace("$", r"\$")


def find_height(panel: Panel) -> float:
    """The height of a panel in inches."""
    if isinstance(panel, Heatmap):
        return min(5.0, max(0.5, 0.13 * len(panel.rows)))
    if isinstance(panel, Table):
        return 0.4 + 0.2 * min(len(panel.rows), MOST_ROWS)
    if isinstance(panel, Graph):
        return 0.3 + 0.65 * (1 + max((node.y for node in panel.nodes), default=0))
    if isinstance(panel, ColouredText):
        return 0.8 + 0.3 * len(break_lines(panel.tokens))
    return 5.0 if isinstance(panel, Scatter) else 1.8


def find_width(panel: Panel) -> float:
    """The width that a panel needs in inches."""
    if isinstance(panel, Heatmap) and len(panel.columns) <= LABELLED:
        return min(18.0, 2.5 + 0.24 * len(panel.columns))
    if isinstance(panel, Graph):
        return min(24.0, 1.5 + 1.25 * (1 + max((node.x for node in panel.nodes), default=0)))
    return WIDTH


def draw_heatmap(panel: Heatmap, axes: Any) -> None:
    low, high = panel.limits
    image = axes.imshow(
        panel.values,
        aspect="auto",
        interpolation="nearest",
        cmap="PuOr" if panel.scale == "signed" else "cividis",
        vmin=low,
        vmax=high,
    )
    beside = axes.inset_axes((1.01, 0, 0.012, 1))
    axes.figure.colorbar(image, cax=beside).ax.tick_params(labelsize=7)
    label_steps(axes, panel.columns)
    axes.set_ylabel(panel.row_name)
    if len(panel.rows) <= NAMED_ROWS:
        axes.set_yticks(range(len(panel.rows)), [plain(row) for row in panel.rows], fontsize=7)


def label_steps(axes: Any, columns: Sequence[str]) -> None:
    """Labels below an axis of steps: of each where there is room, else of some."""
    if len(columns) <= LABELLED:
        axes.set_xticks(
            range(len(columns)), [plain(column) for column in columns], rotation=90, fontsize=7
        )
        return
    every = -(-len(columns) // TICKS)
    shown = range(every - 1, len(columns), every)
    axes.set_xticks(shown, [plain(columns[place])[:12] for place in shown], fontsize=7)


def draw_lines(panel: Lines, axes: Any) -> None:
    for number, (name, values) in enumerate(panel.series.items()):
        axes.plot(
            range(len(values)),
            [np.nan if value is None else value for value in values],
            label=plain(name),
            color=COLOURS[number % len(COLOURS)],
            linestyle=("-", "--", ":", "-.")[number // len(COLOURS) % 4],
            marker="." if len(values) <= LABELLED else "",
        )
    positive = any(value for values in panel.series.values() for value in values if value)
    if panel.log and positive:
        axes.set_yscale("log")
    label_steps(axes, panel.columns)
    if len(panel.columns) > LABELLED:
        axes.set_xlabel(panel.column_name)
    axes.set_ylabel(panel.value_name, fontsize=8)
    axes.grid(alpha=0.3)
    if panel.series:
        axes.legend(fontsize=7, ncols=2)


def format_cell(value: Any) -> str:
    """A value as a table shows it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return plain(str(value))


def draw_table(panel: Table, axes: Any) -> None:
    axes.axis("off")
    rows = [[format_cell(value) for value in row] for row in panel.rows[:MOST_ROWS]]
    if len(panel.rows) > MOST_ROWS:
        rows[-1] = [f"... {len(panel.rows) - MOST_ROWS + 1} more"] + [""] * (len(rows[-1]) - 1)
    if not rows:
        rows = [["none"] + [""] * (len(panel.columns) - 1)]
    table = axes.table(rows, colLabels=list(map(plain, panel.columns)), loc="upper left")
    table.auto_set_font_size(False)
    table.set_fontsize(7)
    table.auto_set_column_width(range(len(panel.columns)))
    for cell in table.get_celld().values():
        cell.set_linewidth(0.3)


def break_lines(tokens: Sequence[str], width: int = 88) -> list[list[int]]:
    """The numbers of the tokens on each line of a text."""
    lines: list[list[int]] = [[]]
    used = 0
    for number, token in enumerate(tokens):
        if used and used + len(token) + 1 > width:
            lines.append([])
            used = 0
        lines[-1].append(number)
        used += len(token) + 1
        if token == "\n":
            lines.append([])
            used = 0
    return lines


def draw_text(panel: ColouredText, axes: Any) -> None:
    from matplotlib import colormaps

    axes.axis("off")
    axes.set(xlim=(0, 90), ylim=(len(break_lines(panel.tokens)), -0.5))
    largest = max(map(abs, panel.values), default=1.0) or 1.0
    colours = colormaps["PuOr"]
    for y, line in enumerate(break_lines(panel.tokens)):
        x = 0.0
        for number in line:
            colour = colours(0.5 + 0.5 * panel.values[number] / largest)
            dark = sum(colour[:3]) < 1.3
            text = panel.tokens[number].replace("\n", "⏎").replace(" ", "␣")
            axes.text(
                x,
                y,
                plain(text),
                fontsize=8,
                family="monospace",
                color="white" if dark else "black",
                bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.2},
            )
            x += len(text) + 1


def draw_graph(panel: Graph, axes: Any) -> None:
    axes.axis("off")
    kinds = list(dict.fromkeys(edge.kind for edge in panel.edges))
    for edge in panel.edges:
        start, end = panel.nodes[edge.start], panel.nodes[edge.end]
        axes.annotate(
            "",
            (end.x, end.y),
            (start.x, start.y),
            arrowprops={
                "arrowstyle": "->",
                "color": COLOURS[kinds.index(edge.kind) % len(COLOURS)],
                "shrinkA": 14,
                "shrinkB": 14,
            },
        )
    for node in panel.nodes:
        text = plain(node.text if not node.detail else f"{node.text}\n{node.detail}")
        axes.text(
            node.x,
            node.y,
            text,
            ha="center",
            va="center",
            fontsize=6.5,
            bbox={
                "boxstyle": "round",
                "facecolor": NODE_COLOURS.get(node.kind, "#ffffff"),
                "edgecolor": "#009e73" if node.kind == "best" else "#777777",
                "linewidth": 1.6 if node.kind == "best" else 0.6,
            },
        )
    for number, kind in enumerate(kinds):
        if kind:
            axes.plot([], [], color=COLOURS[number % len(COLOURS)], label=plain(kind))
    if any(kinds):
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(0, -0.02), ncols=4)
    axes.set(
        xlim=(-0.7, max(node.x for node in panel.nodes) + 0.7),
        ylim=(max(node.y for node in panel.nodes) + 0.6, -0.6),
    )


def draw_scatter(panel: Scatter, axes: Any) -> None:
    marked = np.array(panel.marked, bool)
    x, y = np.array(panel.x), np.array(panel.y)
    axes.scatter(x[~marked], y[~marked], s=8, color=COLOURS[0])
    axes.scatter(x[marked], y[marked], s=24, color=COLOURS[1], marker="s")
    for name, a, b, bold in zip(panel.names, x, y, marked, strict=True):
        weight = "bold" if bold else "normal"
        axes.annotate(
            plain(name),
            (a, b),
            fontsize=7,
            weight=weight,
            xytext=(3, 3),
            textcoords="offset points",
        )
    axes.set_xticks([])
    axes.set_yticks([])


DRAW: dict[type, Any] = {
    Heatmap: draw_heatmap,
    Lines: draw_lines,
    Table: draw_table,
    ColouredText: draw_text,
    Graph: draw_graph,
    Scatter: draw_scatter,
}
