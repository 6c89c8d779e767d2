"""The report of a training run as lines for the terminal, and as a table for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ostinato.commands.tables import format_interval, number, table

MOST_CLASSES = 15  # maximum rows of the table of classes; all are in report.json
LONGEST_EXAMPLE = 200  # maximum characters of a line of an example


class Report(dict):
    """The report.json of a run: a dictionary whose string is the table that `ostinato train`
    prints.

    A notebook shows it as an HTML table.
    """

    def __repr__(self) -> str:
        return "\n".join(score_lines(self))

    def _repr_html_(self) -> str:
        return score_html(self)


def report_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The lines that `ostinato train` prints."""
    yield from score_lines(report)
    for example in report["examples"]:
        yield ""
        for name, text in example.items():
            first, *more = [shorten_line(line) for line in text.split("\n")]
            yield f"  {name:<10} {first}"
            yield from (f"{'':<13}{line}" for line in more)
    yield ""
    yield "Next:"
    yield from (f"  {command}" for command in report["next"])


def score_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The verdict, the table of scores, their details, and what they were measured on."""
    if report.get("verdict"):
        yield report["verdict"]
        yield ""
    columns = ["task", "metric", "score", "95 % interval", "baseline", "seconds", "tokens/s"]
    yield from table(columns, [format_row(each) for each in report.get("table", [])])
    for metric, details in report.get("details", {}).items():
        yield from detail_lines(metric, details)
    yield from class_lines(report.get("classes", {}))
    baseline = report.get("baseline")
    if baseline is not None:
        yield f"measured on {report['tested_on']}; baseline: {baseline['name']}"
        for each in baseline.get("simpler", []):
            yield f"  beside it {each['name']}: {shown_metrics(each)}"
    if "alone" in report:
        yield f"the network alone: {shown_metrics({'metrics': report['alone']})}"
    if report.get("tokens_are"):
        yield f"a token is {report['tokens_are']}"
    if "alarms" in report:
        yield "alarms: " + ", ".join(f"{name} {value}" for name, value in report["alarms"].items())


def detail_lines(metric: str, details: Mapping[str, Any]) -> Iterator[str]:
    """The details of a metric: numbers on one line, lists of equal length as a table."""
    lists = {name: each for name, each in details.items() if isinstance(each, (list, tuple))}
    single = {name: each for name, each in details.items() if name not in lists}
    if single:
        yield f"{metric}: " + ", ".join(
            f"{name} {format_value(value)}" for name, value in single.items()
        )
    if not lists:
        return
    lengths = {len(each) for each in lists.values()}
    if lengths == {1}:
        yield f"{metric}: " + ", ".join(
            f"{name} {format_value(each[0])}" for name, each in lists.items()
        )
    elif len(lengths) == 1 and len(lists) > 1:
        yield f"{metric}:"
        yield from table(list(lists), list(zip(*lists.values(), strict=True)))
    else:
        for name, each in lists.items():
            yield f"{metric}, {name}: {' '.join(map(format_value, each))}"


def format_value(value: Any) -> str:
    """A number of a detail; format_value({"a": 0.5}) -> "a 0.5" """
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {format_value(each)}" for name, each in value.items())
    return number(value)


def class_lines(classes: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """The scores of each class; of many classes, the most frequent ones."""
    if not classes:
        return
    shown = list(classes)
    if len(shown) > MOST_CLASSES:
        shown.sort(key=lambda name: -classes[name]["number"])
        shown = shown[:MOST_CLASSES]
    columns = list(next(iter(classes.values())))
    yield from table(
        ["class", *columns], [[name, *(classes[name][each] for each in columns)] for name in shown]
    )
    if len(classes) > len(shown):
        yield f"and {len(classes) - len(shown):,} rarer ones, in report.json"


def shown_metrics(baseline: Mapping[str, Any]) -> str:
    """{"metrics": {"perplexity": 642.1}} -> "perplexity 642.1" """
    return ", ".join(
        f"{name} {number(float(value))}" for name, value in baseline["metrics"].items()
    )


def format_row(row: Mapping[str, Any]) -> list[Any]:
    """A row of the table of scores."""
    baseline = "" if row["baseline"] is None else number(float(row["baseline"]))
    seconds = float(row["seconds"])
    return [
        row["task"],
        row["metric"],
        float(row["score"]),
        format_interval(row["low"], row["high"]),
        baseline,
        round(seconds) if seconds >= 10 else round(seconds, 1),
        round(float(row["tokens_per_second"])),
    ]


def shorten_line(line: str) -> str:
    """Shortens a line of an example to LONGEST_EXAMPLE characters."""
    return line if len(line) <= LONGEST_EXAMPLE else line[: LONGEST_EXAMPLE - 1] + "…"


def score_html(report: Mapping[str, Any]) -> str:
    """The verdict and the scores as an HTML table, with those of the classes."""
    rows = [format_row(each) for each in report.get("table", [])]
    columns = ["task", "metric", "score", "95 % interval", "baseline", "seconds", "tokens/s"]
    parts = [f"<p>{html.escape(report['verdict'])}</p>"] if report.get("verdict") else []
    parts.append(html_table(columns, rows))
    classes = report.get("classes", {})
    if classes:
        names = list(next(iter(classes.values())))
        parts.append(
            html_table(
                ["class", *names], [[name, *each.values()] for name, each in classes.items()]
            )
        )
    return "".join(parts)


def html_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table whose cells are escaped."""
    head = "".join(f"<th>{html.escape(each)}</th>" for each in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(number(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
