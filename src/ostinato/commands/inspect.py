"""ostinato inspect"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from ostinato.commands.run.config import check_seed
from ostinato.commands.run.decoding_start import MOST_PAIRS
from ostinato.commands.run.default_files import tested_files
from ostinato.commands.run.inspected_records import names_file, read_corpus, read_records
from ostinato.commands.run.progress import hold_notices, show_working
from ostinato.commands.run.remedies import REMEDY_VIEW, compare_remedies
from ostinato.commands.run.subject import build_subject
from ostinato.commands.tables import as_json, table
from ostinato.errors import InputError, nearest
from ostinato.inspection import view as views_of
from ostinato.inspection.panels import Table, to_plain
from ostinato.inspection.recording import Clamp
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject, describe_module
from ostinato.inspection.view import View, place_side_by_side
from ostinato.inspection.views import VIEWS, build_view, list_views
from ostinato.inspection.views.words import look_up
from ostinato.tasks.run_folder import Trained, load

ALL = "all"
WITHOUT_INPUT = ("parameters", "learning", "words")  # views of a model alone
MOST_STEPS = {"gradients": 1000, "lags": 500, "connectivity": 500, "beam": 500, "suggestions": 500}
STEPS = 5000  # of every other view
FILES_GONE = "give a text or a file after the run: the files that it was tested on are gone"

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
    """What happens inside a model, as pictures, numbers and a page.

    Args:
        view: what to look at, several joined by commas, or all
        run: the folder that `ostinato train` made; of remedies a task, or none for the built-in
            problem with long lags
        inputs: a text, a file, or - for standard input; a tab separates an input from its target;
            several are placed side by side (default: an example of the run's test set)
        part: of the model, such as encoder or decoder
        layer: from 0 (default: all, or the last)
        direction: 0 forward, 1 backward
        unit: from 0: this one alone
        step: from 1: the step to look from (default: the last)
        count: number of whatever is ranked
        example: number of the example in a file, from 1
        clamp: what if a unit were held at a value: LAYER.UNIT=VALUE, such as 0.17=0
        against: other runs on the same input, side by side
        beam: width of the beam
        length_penalty: of the beam search
        force: words that the beam search must begin with
        corpus: files whose states are searched (default: the run's test set)
        seed: of remedies: the same for all of them
        time_limit: of remedies on a task: for each of them (default: 8s)
    """
    check_at_least_one(count=count, example=example)
    if view == REMEDY_VIEW:
        check_seed(seed)
        return [compare_remedies(run, inputs, seed=seed, time_limit=time_limit)]
    if not run:
        raise InputError(f"name the folder of a run after the view: ostinato inspect {view} RUN")
    changes: dict[str, Any] = {"beam": beam, "length_penalty": length_penalty}
    changes = {name: value for name, value in changes.items() if value is not None}
    selection = Selection(part, layer, direction, unit, step, count, parse_clamps(clamp), force)
    models = [load(name, changes) for name in [run, *against]]
    with show_working("looking inside"):
        return [
            compare_models(name, models, inputs, selection, corpus, example)
            for name in choose_views(view, models[0], inputs, corpus, example)
        ]


def check_at_least_one(**numbers: int) -> None:
    """Raises InputError for an option below 1."""
    for name, value in numbers.items():
        if value < 1:
            raise InputError(f"--{name} must be at least 1; got {value}")


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
    """The names of the views; "all" are those that the model has.

    Raises:
        InputError: No such view.
    """
    if view != ALL:
        names = view.split(",")
        for name in names:
            if name not in VIEWS:
                raise InputError(f"no view {name!r}{nearest(name, [*VIEWS, REMEDY_VIEW, ALL])}")
        return names
    subject = next(iter(subjects("gates", trained, inputs, corpus, example)))
    tokens = subject.vocabularies.get("inputs") or subject.vocabularies.get("targets", ())
    unsuited = {"states"} if not corpus else set()
    text = join_texts(inputs)
    if text and not look_up(text, tokens):
        unsuited.add("words")
    return [name for name in list_views(subject) if name not in unsuited]


def join_texts(inputs: list[str]) -> str:
    """The inputs that are texts, for the views of words."""
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


def parse_clamps(texts: list[str]) -> list[Clamp]:
    """["0.17=0.5"] -> [Clamp(layer=0, unit=17, value=0.5)]

    Raises:
        InputError: Not of this form.
    """
    found = []
    for text in texts:
        place, _, value = text.partition("=")
        layer, _, unit = place.partition(".")
        try:
            found.append(Clamp(int(layer), int(unit), float(value)))
        except ValueError:
            raise InputError(f"--clamp {text}: expected LAYER.UNIT=VALUE, such as 0.17=0") from None
    return found


def inspect_input(
    model: Any,
    x: Any,
    view: str,
    *,
    loss: Any = None,
    labels: Sequence[str] = (),
    row: int = 0,
    corpus: Sequence[str] = (),
    **choices: Any,
) -> View:
    """A view of a model or module on an input from Python: `ostinato.inspect`."""
    known = set(Selection.__dataclass_fields__)
    for name in choices:
        if name not in known:
            raise InputError(f"{name}: no such setting{nearest(name, known)}")
    selection = Selection(**choices)
    if isinstance(model, nn.Module):
        subject = describe_module(model, x, loss=loss, labels=labels, row=row)
        return build_view(subject, view, selection)
    if not isinstance(model, Trained):
        raise InputError(
            "expected a model that ostinato.load returns, or a torch.nn.Module; "
            f"got {type(model).__name__}"
        )
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


def inspect_record(model: Trained, record: Any, view: str) -> View:
    """A view of a model on a record that its reader has made."""
    records = [] if view in WITHOUT_INPUT else [record]
    steps = MOST_STEPS.get(view, STEPS)
    return build_view(build_subject(model, records, steps=steps), view, Selection())


def lines(result: list[View], *, json: bool = False) -> Iterator[str]:
    """Notes and tables; as JSON all numbers."""
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
    """Writes the views to a file, whose suffix says how."""
    views_of.save(result, output)
