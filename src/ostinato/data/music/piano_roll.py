"""A piano roll: time from left to right, pitch from bottom to top."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from ostinato.data.music.tunes import Tune, steps_in_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
WIDEST = 40.0  # inches


def draw_piano_roll(tune: Tune, steps_per_quarter: int, *, given: int = 0) -> Figure:
    """A matplotlib figure; the first `given` steps, the prompt, in another colour."""
    from matplotlib.figure import Figure

    pitches = [note.pitch for note in tune.notes] or [60, 72]
    low, high = min(pitches) - 2, max(pitches) + 2
    figure = Figure(
        figsize=(min(WIDEST, max(6.0, tune.steps / 14)), max(2.0, (high - low) / 10)),
        layout="constrained",
    )
    axes = figure.add_subplot()
    for name, colour in (("made", "tab:blue"), ("given", "tab:gray")):
        notes = [note for note in tune.notes if (note.start < given) == (name == "given")]
        axes.barh(
            [note.pitch for note in notes],
            [note.length - 0.15 for note in notes],
            left=[note.start for note in notes],
            height=0.9,
            color=colour,
        )
    bar = steps_in_bar(tune.metre, steps_per_quarter) or 4 * steps_per_quarter
    axes.set_xticks(
        range(0, tune.steps + 1, bar),
        labels=[str(number + 1) for number in range(tune.steps // bar + 1)],
    )
    axes.set_yticks(
        octaves := [pitch for pitch in range(low, high + 1) if pitch % 12 in (0, 7)],
        labels=[f"{NAMES[pitch % 12]}{pitch // 12 - 1}" for pitch in octaves],
    )
    axes.set(xlim=(0, max(1, tune.steps)), ylim=(low, high), xlabel="bar", title=tune.title)
    axes.grid(axis="x", linewidth=0.4)
    axes.set_axisbelow(True)
    return figure


def write_piano_roll(tune: Tune, steps_per_quarter: int, file: BinaryIO, *, given: int = 0) -> None:
    """Writes the figure as PNG."""
    draw_piano_roll(tune, steps_per_quarter, given=given).savefig(file, format="png", dpi=80)
