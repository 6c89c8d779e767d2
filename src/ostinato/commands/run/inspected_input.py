"""Inspection from Python and over HTTP: a view of a model or module on an input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from ostinato.commands.run.default_files import tested_files
from ostinato.commands.run.inspected_records import read_corpus
from ostinato.commands.run.subject import build_subject
from ostinato.errors import InputError, nearest, option_name
from ostinato.inspection.recording import Clamp
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import describe_module
from ostinato.inspection.view import View
from ostinato.inspection.views import VIEWS, build_view, check_options
from ostinato.tasks.run_folder import Trained

WITHOUT_INPUT = ("parameters", "learning", "words")  # views of a model alone
MOST_STEPS = {"gradients": 1000, "lags": 500, "connectivity": 500, "beam": 500, "suggestions": 500}
STEPS = 5000  # of every other view
CHOICES = (*Selection.__dataclass_fields__, "clamp", "corpus")
FILES_GONE = "give a text or a file after the run: the files that it was tested on are gone"


def inspect_input(
    model: Any,
    x: Any,
    view: str,
    *,
    loss: Any = None,
    labels: Sequence[str] = (),
    row: int = 0,
    corpus: Sequence[str] = (),
    clamp: Sequence[str] = (),
    **choices: Any,
) -> View:
    """A view of a model or module on an input from Python: `ostinato.inspect`."""
    known = set(Selection.__dataclass_fields__)
    for name in choices:
        if name not in known:
            raise InputError(f"{name}: no such setting{nearest(name, [*known, *CHOICES])}")
    if clamp:
        choices["clamps"] = parse_clamps([clamp] if isinstance(clamp, str) else clamp)
    selection = Selection(**choices)
    if view in VIEWS:
        check_options([view], [*selection.given, *["corpus"] * bool(corpus)], CHOICES)
    if isinstance(model, nn.Module):
        subject = describe_module(model, x, loss=loss, labels=labels, row=row)
        return build_view(subject, view, selection)
    if not isinstance(model, Trained):
        raise InputError(
            "expected a model that ostinato.load returns, or a torch.nn.Module; "
            f"got {type(model).__name__}"
        )
    for name, given in (("loss", loss is not None), ("labels", len(labels) > 0), ("row", row != 0)):
        if given:
            raise InputError(f"{name}: only for a torch.nn.Module; a trained model has its own")
    return inspect_value(model, x, view, selection, corpus)


def inspect_value(
    model: Trained, x: Any, view: str, selection: Selection, corpus: Sequence[str]
) -> View:
    """A view of a trained model on one input, or on a list of them."""
    steps = MOST_STEPS.get(view, STEPS)
    if view in WITHOUT_INPUT:
        words = [x] if isinstance(x, str) else x if isinstance(x, list | tuple) else []
        text = " ".join(word for word in words if isinstance(word, str))
        return build_view(build_subject(model, [], steps=steps, text=text), view, selection)
    values = x if isinstance(x, list) else [x]
    records = [model.task.reader.as_record(value) for value in values]

    def read() -> Sequence[Any]:
        files = list(corpus) or tested_files(model, FILES_GONE, any_examples=True)
        return read_corpus(model.task, files)

    return build_view(build_subject(model, records, steps=steps, corpus=read), view, selection)


def inspect_record(model: Trained, record: Any, view: str, **choices: Any) -> View:
    """A view of a model on a record that its reader has made."""
    selection = Selection(**choices)
    check_options([view], selection.given, CHOICES)
    records = [] if view in WITHOUT_INPUT else [record]
    steps = MOST_STEPS.get(view, STEPS)
    return build_view(build_subject(model, records, steps=steps), view, selection)


def parse_clamps(texts: Sequence[str]) -> list[Clamp]:
    """["0.17=0.5"] -> [Clamp(layer=0, unit=17, value=0.5)]

    Raises:
        InputError: Not of this form.
    """
    found = []
    for text in texts:
        place, _, value = text.partition("=")
        layer, _, unit = place.partition(".")
        try:
            clamp = Clamp(int(layer), int(unit), float(value))
            if not math.isfinite(clamp.value):
                raise ValueError
            found.append(clamp)
        except ValueError:
            raise InputError(
                f"{option_name('clamp')} {text}: expected LAYER.UNIT=VALUE with a finite value, "
                "such as 0.17=0"
            ) from None
    return found
