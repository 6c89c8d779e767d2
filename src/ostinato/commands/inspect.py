"""ostinato inspect"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from ostinato import options
from ostinato.commands.run.config import check_seed
from ostinato.commands.run.decoding_start import MOST_PAIRS
from ostinato.commands.run.default_files import tested_files
from ostinato.commands.run.inspected_input import (
    CHOICES,
    FILES_GONE,
    MOST_STEPS,
    STEPS,
    WITHOUT_INPUT,
    parse_clamps,
)
from ostinato.commands.run.inspected_records import names_file, read_corpus, read_records
from ostinato.commands.run.progress import hold_notices, show_working
from ostinato.commands.run.remedies import REMEDY_VIEW, compare_remedies
from ostinato.commands.run.subject import build_subject
from ostinato.commands.tables import as_json, table
from ostinato.errors import InputError, nearest, option_name
from ostinato.inspection import view as views_of
from ostinato.inspection.panels import Table, to_plain
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View, place_side_by_side
from ostinato.inspection.views import (
    VIEWS,
    build_view,
    check_options,
    list_views,
)
from ostinato.inspection.views.words import look_up
from ostinato.notices import silence_notices
from ostinato.tasks import find_task
from ostinato.tasks.run_folder import Trained, describe, load

ALL = "all"
# of the command, for messages that list what a view reads
OPTIONS = (*CHOICES, "example")

EXAMPLES = (
    'ostinato inspect gates runs/language "To be or not to be" --output gates.png',
    'ostinato inspect all runs/de-en "Ein Hund läuft." --output page.html',
    'ostinato inspect attention runs/de-en "Ein Hund läuft." --output attention.svg',
    "ostinato inspect gradients runs/language book.txt --against runs/gru --output page.html",
    'ostinato inspect words runs/sentiment "good bad great" --json',
    "ostinato inspect learning runs/language --output learning.png",
    "ostinato inspect remedies --output remedies.png     # clipping, LSTM, GRU: what helps?",
    "ostinato inspect --help          # the views: all, " + ", ".join([*VIEWS, REMEDY_VIEW]),
)


def inspect(
    view: str,
    run: str = "",
    inputs: list[str] = [],  # noqa: B006
    *,
    part: str | None = None,
    layer: int | None = None,
    direction: int | None = None,
    unit: int | None = None,
    step: int | None = None,
    count: int = 10,
    example: int = 1,
    clamp: list[str] = [],  # noqa: B006
    against: list[str] = [],  # noqa: B006
    beam: int | None = None,
    length_penalty: float | None = None,
    force: str = "",
    corpus: list[str] = [],  # noqa: B006
    seed: int = 1,
    time_limit: str | None = None,
) -> list[View]:
    """Shows what happens inside a model, as pictures, numbers and a page.

    Args:
        view: what to look at, several separated by commas, or all
        run: the folder that `ostinato train` made; for the view remedies a task, or nothing for
            the built-in problem with long lags
        inputs: a text, a file, or - for standard input; a tab separates an input from its target;
            several are placed side by side (default: an example of the run's test set)
        part: part of the model, such as encoder or decoder
        layer: number of the layer, from 0 (default: all, or the last)
        direction: 0 forward, 1 backward
        unit: number of a single unit, from 0
        step: the time step to look at, from 1 (default: the last)
        count: number of items in rankings
        example: number of the example in a file, from 1
        clamp: what if a unit were held at a value, such as 0.17=0
        against: other runs on the same input, side by side
        beam: width of the beam
        length_penalty: length penalty of the beam search
        force: words that the hypotheses of the beam search begin with
        corpus: files whose states are searched (default: the run's test set)
        seed: for remedies: the same seed for all
        time_limit: for remedies on a task: training time of each (default: 8s)
    """
    check_at_least_one(count=count, example=example)
    places = (part, layer, direction, unit, step, count)
    selection = Selection(*places, tuple(parse_clamps(clamp)), force, beam, length_penalty)
    given = [*selection.given, *["corpus"] * bool(corpus), *["example"] * (example != 1)]
    if view == REMEDY_VIEW:
        refuse_of_remedies([*given, *["against"] * bool(against)])
        check_seed(seed)
        return [compare_remedies(run, inputs, seed=seed, time_limit=time_limit)]
    check_for_run(view, run, inputs, given, seed != 1, time_limit is not None)
    with hold_notices(), show_working("looking inside"):
        models, changed = load_models([run, *against], selection)
        given = [name for name in given if name not in changed]
        return look_inside(view, models, inputs, selection, corpus, example, given)


def look_inside(
    view: str,
    models: list[Trained],
    inputs: list[str],
    selection: Selection,
    corpus: list[str],
    example: int,
    given: Sequence[str],
) -> list[View]:
    """The views that are named, each of all models.

    Raises:
        InputError: No such view, or a given option that none of them reads.
    """
    names = choose_views(view, models[0], inputs, corpus, example)
    check_options(names, given, OPTIONS)
    return [
        note_unread(compare_models(name, models, inputs, selection, corpus, example), given)
        for name in names
    ]


def check_for_run(
    view: str, run: str, inputs: list[str], given: list[str], seed: bool, time_limit: bool
) -> None:
    """Refuses what does not go with a trained model.

    Raises:
        InputError: No run, an option of the remedies, or --example of a text.
    """
    if seed or time_limit:
        name = option_name("time_limit" if time_limit else "seed")
        raise InputError(f"{name} is for the view {REMEDY_VIEW}, the only one that trains")
    if not run:
        raise InputError(f"name the folder of a run after the view: ostinato inspect {view} RUN")
    files = not inputs or any(each == "-" or names_file(each) for each in inputs)
    if "example" in given and not files:
        raise InputError(
            f"{option_name('example')} is for a file or the test set; a text is one example"
        )


def load_models(runs: Sequence[str], selection: Selection) -> tuple[list[Trained], list[str]]:
    """The networks of runs, without their baselines, and the names of the options of the beam
    search that changed the first one's answer.
    """
    asked = {"beam": selection.beam, "length_penalty": selection.length_penalty}
    changes = [
        {
            name: value
            for name, value in asked.items()
            if value is not None and changes_run(run, name)
        }
        for run in runs
    ]
    loaded = [load(run, change) for run, change in zip(runs, changes, strict=True)]
    models: list[Trained] = []
    for model in loaded:
        told = any(each.joint is not None for each in loaded[: len(models)])
        with silence_notices() if told else nullcontext():
            models.append(model.without_baseline("inspection"))
    return models, [*changes[0]]


def changes_run(run: str, option: str) -> bool:
    """Whether an option can be changed on a trained model."""
    known = options.fields(find_task(describe(run.split(",")[0])["task"]).options)
    return option in known and bool(known[option].metadata.get("when_predicting"))


def refuse_of_remedies(given: Sequence[str]) -> None:
    """Raises InputError for an option of the other views."""
    for name in given:
        raise InputError(
            f"{option_name(name)}: the view {REMEDY_VIEW} does not read it; it reads "
            f"{option_name('seed')} and {option_name('time_limit')}"
        )


def note_unread(view: View, given: Sequence[str]) -> View:
    """A view of several, with a note on the options that only others of them read."""
    unread = [option for option in given if option not in VIEWS[view.name].reads]
    if not unread:
        return view
    names = ", ".join(map(option_name, unread))
    return replace(view, notes=[*view.notes, f"The view {view.name} does not read {names}."])


def check_at_least_one(**numbers: int) -> None:
    """Raises InputError for an option below 1."""
    for name, value in numbers.items():
        if value < 1:
            raise InputError(f"{option_name(name)} must be at least 1; got {value}")


def compare_models(
    name: str,
    models: list[Trained],
    inputs: list[str],
    selection: Selection,
    corpus: list[str],
    example: int,
) -> View:
    """A view of every model on every input; of several, side by side."""
    found, titles = [], []
    folders = [model.folder.name for model in models]
    if len(set(folders)) < len(folders):
        folders = [str(model.folder) for model in models]
    for model, folder in zip(models, folders, strict=True):
        views = view_inputs(name, model, inputs, selection, corpus, example)
        found += views
        for view in views:
            parts = [folder] * (len(models) > 1) + [view.text] * (len(views) > 1)
            titles.append(" ".join(parts))
    return place_side_by_side(found, titles) if len(found) > 1 else found[0]


def choose_views(
    view: str, trained: Trained, inputs: list[str], corpus: list[str], example: int
) -> list[str]:
    """The names of the views to show; "all" stands for every view that the model has.

    Raises:
        InputError: There is no view of this name.
    """
    if view != ALL:
        return split_views(view)
    subject = next(iter(subjects("gates", trained, inputs, corpus, example)))
    tokens = subject.vocabularies.get("inputs") or subject.vocabularies.get("targets", ())
    unsuited = {"states"} if not corpus else set()
    text = join_texts(inputs)
    if text and not look_up(text, tokens):
        unsuited.add("words")
    return [name for name in list_views(subject) if name not in unsuited]


def split_views(view: str) -> list[str]:
    """ "gates,lags" -> ["gates", "lags"]. Raises InputError: no such view."""
    names = view.split(",")
    for name in names:
        if name not in VIEWS:
            raise InputError(f"no view {name!r}{nearest(name, [*VIEWS, REMEDY_VIEW, ALL])}")
    return names


def join_texts(inputs: list[str]) -> str:
    """Joins the inputs that are texts, for the views of words."""
    return " ".join(each for each in inputs if each != "-" and not names_file(each))


def view_inputs(
    name: str,
    trained: Trained,
    inputs: list[str],
    selection: Selection,
    corpus: list[str],
    example: int,
) -> list[View]:
    """A view of each input."""
    return [
        build_view(subject, name, selection)
        for subject in subjects(name, trained, inputs, corpus, example)
    ]


def subjects(
    name: str, trained: Trained, inputs: list[str], corpus: list[str], example: int
) -> Iterator[Subject]:
    """The model with each of the inputs; the view `encoding` looks at all of them as one batch."""
    steps = MOST_STEPS.get(name, STEPS)
    if name in WITHOUT_INPUT:
        yield build_subject(trained, [], steps=steps, text=join_texts(inputs))
        return

    def read() -> Sequence[Any]:
        files = corpus or tested_files(trained, FILES_GONE, any_examples=True)
        return read_corpus(trained.task, files)

    if inputs:
        records = read_records(trained.task, inputs, example)
        groups = [records]
        if name != "encoding" and not any(each == "-" or names_file(each) for each in inputs):
            groups = [[record] for record in records]
    else:
        with hold_notices():
            found = trained.task.reader.read(tested_files(trained, FILES_GONE, any_examples=True))
        number = MOST_PAIRS if name == "forcing" else 8
        groups = [list(found[example - 1 : example - 1 + number])]
        if not groups[0]:
            raise InputError(f"--example {example}: the test set has {len(found)} examples")
    for records in groups:
        yield build_subject(trained, records, steps=steps, corpus=read)


def lines(result: list[View], *, json: bool = False) -> Iterator[str]:
    """Notes and tables; as JSON, all numbers."""
    if json:
        found = [
            {
                "view": view.name,
                "title": view.title,
                "input": view.text,
                "answer": view.answer,
                "notes": list(view.notes),
                "data": to_plain(view.data),
            }
            for view in result
        ]
        yield as_json(found[0] if len(found) == 1 else {"views": found})
        return
    for view in result:
        yield f"{view.title}: {view.text[:100]}" if view.text else view.title
        yield from view.notes
        for panel in view.panels:
            if isinstance(panel, Table) and panel.rows:
                yield ""
                yield panel.title
                yield from table(list(panel.columns), [list(map(show, row)) for row in panel.rows])
        drawn = sum(not isinstance(panel, Table) for panel in view.panels)
        if drawn:
            yield ""
            pictures = "1 picture" if drawn == 1 else f"{drawn} pictures"
            yield f"({pictures}: add --output FILE.png, .svg or .html)"


def show(value: Any) -> str:
    """A value in a table."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value).replace("\n", "⏎")


def pieces(result: list[View]) -> Iterator[str]:
    """The lines with their ends."""
    return (f"{line}\n" for line in lines(result))


def save(result: list[View], output: str) -> None:
    """Writes the views to a file in the format of its suffix."""
    views_of.save(result, output)
