"""The selection that a view shows more closely: a part, a layer, a direction, a unit, a step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from ostinato.errors import ChoiceError, nearest
from ostinato.inspection.recording import (
    Clamp,
    Edits,
    LayerRun,
    PartRun,
    Recording,
    check_clamps,
    view_as_recurrent,
)
from ostinato.models.inspectable import RecurrentPart


@dataclass(frozen=True)
class Selection:
    """What was chosen; None leaves it to the view.

    Attributes:
        part: Such as "encoder".
        layer: From 0.
        direction: 0 forward, 1 backward.
        unit: From 0.
        step: From 1.
        count: How many of anything that is ranked.
        clamps: Units held at a value while the network runs.
        force: Text with which a beam search must begin.
        beam: Width of the beam search; None: the model's.
        length_penalty: Of the beam search; None: the model's.
    """

    part: str | None = None
    layer: int | None = None
    direction: int | None = None
    unit: int | None = None
    step: int | None = None
    count: int = 10
    clamps: Sequence[Clamp] = ()
    force: str = ""
    beam: int | None = None
    length_penalty: float | None = None

    @property
    def given(self) -> list[str]:
        """The names of the options that were chosen, as the command has them."""
        chosen = [
            each.name for each in fields(self) if getattr(self, each.name) not in (each.default, [])
        ]
        return ["clamp" if name == "clamps" else name for name in chosen]

    @property
    def edits(self) -> Edits:
        return Edits(clamps=tuple(self.clamps))

    def check(self, parts: Sequence[RecurrentPart]) -> None:
        """Refuses what no part of the model has, whether or not a view reads it.

        Raises:
            InputError: No such part, layer, direction, unit or clamped unit, with the range.
        """
        if self.step is not None and self.step < 1:
            raise ChoiceError(
                f"step must be at least 1; got {self.step}", "step must be at least 1"
            )
        if self.count < 1:
            raise ChoiceError(f"count must be at least 1; got {self.count}")
        if self.beam is not None and self.beam < 1:
            raise ChoiceError(f"beam must be at least 1; got {self.beam}")
        if not parts:
            return
        chosen = [part for part in parts if self.part in (None, part.name)]
        if not chosen:
            known = [part.name for part in parts]
            raise refuse_part(str(self.part), known)
        layers = [view_as_recurrent(part.module) for part in chosen]
        for name, value, size in (
            ("layer", self.layer, max(each.layers for each in layers)),
            ("direction", self.direction, max(each.directions for each in layers)),
            ("unit", self.unit, max(cell.sizes[0] for each in layers for cell in each.typed_cells)),
        ):
            if value is not None:
                check_range(name, value, 0, size - 1)
        check_clamps(parts, self.clamps)

    def choose_parts(self, recording: Recording) -> list[PartRun]:
        """The parts that were chosen; by default all but the characters of words.

        Raises:
            InputError: No such part.
        """
        known = recording.parts
        if self.part is not None:
            if self.part not in known:
                raise refuse_part(self.part, known)
            return [known[self.part]]
        return [part for part in known.values() if part.reads != "characters"] or [*known.values()]

    def choose_runs(self, part: PartRun) -> list[LayerRun]:
        """The layers and directions of a part that were chosen.

        Raises:
            InputError: No such layer or direction, with the range.
        """
        if self.layer is not None:
            check_range("layer", self.layer, 0, part.layers - 1)
        if self.direction is not None:
            check_range("direction", self.direction, 0, part.directions - 1)
        return [
            run
            for run in part.runs
            if self.layer in (None, run.layer) and self.direction in (None, run.direction)
        ]

    def choose_run(self, part: PartRun) -> LayerRun:
        """The one layer and direction that was chosen; by default the last layer, forward."""
        layer = part.layers - 1 if self.layer is None else self.layer
        check_range("layer", layer, 0, part.layers - 1)
        direction = self.direction or 0
        check_range("direction", direction, 0, part.directions - 1)
        return part.run(layer, direction)

    def choose_step(self, last: int) -> int:
        """The step that was chosen, from 1; by default the last.

        Raises:
            InputError: No such step, with the range.
        """
        if self.step is None:
            return last
        return check_range("step", self.step, 1, last)

    def choose_unit(self, units: int) -> int | None:
        """The unit that was chosen. Raises InputError: no such unit, with the range."""
        return None if self.unit is None else check_range("unit", self.unit, 0, units - 1)


def refuse_part(part: str, known: Iterable[str]) -> ChoiceError:
    """The error of a part that the model has not."""
    names = list(known)
    public = f"no such part; known: {', '.join(names)}"
    return ChoiceError(f"part {part!r}: no such part{nearest(part, names)}", public)


def check_range(name: str, value: int, low: int, high: int) -> int:
    """The value. Raises InputError unless low <= value <= high."""
    if not low <= value <= high:
        wanted = f"from {low} to {high}" if high > low else f"{low}: there is no other"
        raise ChoiceError(f"{name} must be {wanted}; got {value}", f"{name} must be {wanted}")
    return value


def name_run(part: PartRun, run: LayerRun, *, several: bool = True) -> str:
    """What to call a layer and direction: "encoder, layer 0, backward"."""
    direction = (", backward" if run.direction else ", forward") if part.directions == 2 else ""
    return f"{part.name}, layer {run.layer}{direction}"
