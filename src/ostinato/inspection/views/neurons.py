"""neurons: the text coloured by the activation of one unit, and units that follow a property."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato.errors import InputError
from ostinato.inspection.panels import ColouredText, Lines, Panel, Table
from ostinato.inspection.selection import Selection, name_run
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View

OPENING, CLOSING, QUOTES = "([{<«“", ")]}>»”", "\"'`"
FEW_STEPS = 20  # below this a correlation says little


def view_neurons(subject: Subject, selection: Selection) -> View:
    """Units by how much they correlate with a position, a bracket, a quotation and the like.

    Of an LSTM the memory cell is looked at, otherwise the hidden state.

    Source: Karpathy, Johnson and Fei-Fei, Visualizing and understanding recurrent networks, 2015,
    section 4.1.
    """
    recording, _ = subject.record(gradients=False, edits=selection.edits)
    part = selection.choose_parts(recording)[0]
    run, tokens = selection.choose_run(part), subject.steps_of(part)
    values = run.values(subject.row)
    name = "cell" if "cell" in values else run.cell.part_names[0]
    states = values[name].numpy()  # [T, H]
    traits = {key: each for key, each in describe_tokens(tokens).items() if np.ptp(each) > 0}
    correlations = correlate(states, traits)  # {trait: [H]}
    ranked = sorted(
        (
            (unit, trait, float(found[unit]))
            for trait, found in correlations.items()
            for unit in range(states.shape[1])
        ),
        key=lambda each: -abs(each[2]),
    )
    unit = selection.choose_unit(states.shape[1])
    if unit is None:
        if not ranked:
            raise InputError("one step only: give a longer input, or choose a unit")
        unit = ranked[0][0]
    where = f"{name_run(part, run)}: {'memory cell' if name == 'cell' else 'state'}"
    found = {trait: float(each[unit]) for trait, each in correlations.items()}
    best = max(found, key=lambda trait: abs(found[trait]), default="")
    title = f"{where} of unit {unit}"
    if best:
        title += f", which follows {best} (correlation {found[best]:.2f})"
    panels: list[Panel] = [
        ColouredText(title, tokens, states[:, unit].tolist(), "state"),
        Lines(f"{where} of unit {unit}", tokens, {f"unit {unit}": states[:, unit].tolist()}),
        Table(
            "Units by what they follow",
            ["unit", "follows", "correlation"],
            [list(each) for each in ranked[: max(selection.count, 1)]],
        ),
    ]
    few = f"{len(tokens)} steps are few: among many units some correlate by chance."
    notes = [few] if len(tokens) < FEW_STEPS else []
    data = {
        "part": part.name,
        "layer": run.layer,
        "direction": run.direction,
        "state": name,
        "unit": unit,
        "steps": tokens,
        "values": states[:, unit],
        "ranking": [
            {"unit": unit, "follows": trait, "correlation": value}
            for unit, trait, value in ranked[: max(selection.count, 1)]
        ],
    }
    return View("neurons", "Units and what they follow", data, panels, notes=notes)


def describe_tokens(tokens: Sequence[str]) -> dict[str, np.ndarray]:
    """What can be said of each token: {trait: [T]}"""
    depth, quoted, since_space, since_line = 0, False, 0, 0
    rows = []
    for place, token in enumerate(tokens):
        text = token.replace("▁", " ")
        begins_word = text[:1].isspace() or not text.strip()
        since_space = 0 if begins_word else since_space + 1
        since_line = 0 if "\n" in text or token == "<eos>" else since_line + 1
        depth += sum(letter in OPENING for letter in text)
        rows.append(
            [
                place / max(1, len(tokens) - 1),
                since_line,
                since_space,
                float(depth > 0),
                float(quoted),
                float(text.strip()[:1].isupper()),
                float(any(letter.isdigit() for letter in text)),
                float(bool(text.strip()) and not any(letter.isalnum() for letter in text)),
                len(text.strip()),
            ]
        )
        depth = max(0, depth - sum(letter in CLOSING for letter in text))
        if sum(text.count(mark) for mark in '"“”') % 2:
            quoted = not quoted
    names = [
        "the position in the text",
        "the position in the line",
        "the position in the word",
        "an open bracket",
        "a quotation",
        "capital letters",
        "digits",
        "punctuation",
        "the token's length",
    ]
    return dict(zip(names, np.array(rows, float).reshape(-1, len(names)).T, strict=True))


def correlate(states: np.ndarray, traits: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Pearson's correlation of every unit with every trait: {trait: [H]}; 0 for a constant unit."""
    centred = states - states.mean(0)
    spread = np.sqrt((centred**2).sum(0))
    found = {}
    for name, values in traits.items():
        other = values - values.mean()
        scale = spread * np.sqrt((other**2).sum())
        found[name] = np.divide(
            other @ centred, scale, out=np.zeros_like(spread), where=scale > 1e-12
        )
    return found
