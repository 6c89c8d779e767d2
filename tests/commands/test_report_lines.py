"""Reports as people read them: integers, tables in place of lists, HTML that is escaped."""

from __future__ import annotations

import pytest

from ostinato.commands.report_lines import (
    Report,
    class_lines,
    detail_lines,
    format_row,
    report_lines,
)
from ostinato.commands.tables import number

ROW = {
    "task": "tagging",
    "metric": "f1",
    "score": 0.91234567,
    "low": 0.9,
    "high": 0.92,
    "baseline": 0.5,
    "seconds": 27.7,
    "tokens_per_second": 8504.3,
}
REPORT = {
    "verdict": "91 % right",
    "table": [ROW],
    "details": {"calibration_error": {"answers": [3, 12], "right": [0.5, 0.912]}},
    "classes": {"<PER>": {"number": 12, "precision": 0.5, "recall": 0.75, "f1": 0.6}},
    "baseline": {
        "name": "hidden Markov model",
        "metrics": {"f1": 0.5},
        "simpler": [{"name": "most frequent tag", "metrics": {"f1": 0.25}}],
    },
    "tested_on": "test.conll",
    "tokens_are": "a word",
    "examples": [{"tagged": "a" * 300}],
    "next": ["ostinato verify run"],
}


@pytest.mark.parametrize(
    "value, shown",
    [
        (0.123456, "0.1235"),
        (31.417, "31.42"),
        (642.13, "642.1"),
        (8504.3, "8,504"),
        (12, "12"),
        (-1234.5, "-1,234"),
        (0.0, "0"),
    ],
)
def test_digits_that_tell_something(value, shown):
    assert number(value) == shown


def test_the_printed_report():
    shown = list(report_lines(REPORT))
    assert shown[0] == "91 % right"
    text = "\n".join(shown)
    assert "28" in text and "8,504" in text and "27.7" not in text  # integers as integers
    assert "[" not in text  # no lists in the middle of a line
    assert "measured on test.conll; baseline: hidden Markov model" in text
    assert "  beside it most frequent tag: f1 0.25" in text
    assert "a token is a word" in text
    assert max(map(len, shown)) < 230 and "…" in text  # examples are cut
    assert shown[-1] == "  ostinato verify run"
    assert format_row({**ROW, "seconds": 3.14159})[5] == 3.1


def test_details_as_tables():
    assert list(detail_lines("bleu", {"precisions": [56.1, 30.25], "bp": 1.0})) == [
        "bleu: bp 1",
        "bleu, precisions: 56.10 30.25",
    ]
    assert list(detail_lines("calibration_error", {"answers": [150], "right": [0.493]})) == [
        "calibration_error: answers 150, right 0.493"
    ]
    rows = list(detail_lines("calibration_error", REPORT["details"]["calibration_error"]))
    assert rows[0] == "calibration_error:" and len(rows) == 5


def test_many_classes_are_cut_to_the_frequent_ones():
    classes = {f"c{each}": {"number": each, "f1": 0.5} for each in range(40)}
    shown = list(class_lines(classes))
    assert shown[-1] == "and 25 rarer ones, in report.json" and "c39" in shown[2]
    assert list(class_lines({})) == []


def test_a_report_in_python_and_in_a_notebook():
    report = Report(REPORT)
    assert report["table"][0]["score"] == ROW["score"] and isinstance(report, dict)
    assert "hidden Markov model" in repr(report)
    page = report._repr_html_()
    assert "<td>tagging</td>" in page and "&lt;PER&gt;" in page and "<PER>" not in page
