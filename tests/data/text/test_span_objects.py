"""Texts with spans, as annotation tools write them."""

import json

import pytest

from ostinato.data.text.conll import read_conll
from ostinato.data.text.span_objects import Span, tag_words
from ostinato.errors import InputError
from ostinato.notices import collect_notices

TEXT = "Ada Holt left Oslo."
WANTED = [("Ada", "B-PER"), ("Holt", "I-PER"), ("left", "O"), ("Oslo", "B-LOC"), (".", "O")]


def read(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with collect_notices() as notices:
        found = [list(zip(one.words, one.tags, strict=True)) for one in read_conll(path)]
    return found, notices


@pytest.mark.parametrize(
    "spans",
    [
        {"label": [[14, 18, "LOC"], [0, 8, "PER"]], "id": 1, "Comments": []},
        {"labels": [[0, 8, "PER"], [14, 18, "LOC"]]},
        {
            "entities": [
                {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 8},
                {"id": 2, "label": "LOC", "start_offset": 14, "end_offset": 18},
            ],
            "relations": [],
        },
        {
            "spans": [
                {"start": 0, "end": 8, "label": "PER", "token_start": 0},
                {"start": 14, "end": 18, "label": "LOC"},
            ]
        },
    ],
)
def test_forms(tmp_path, spans):
    path = tmp_path / "a.jsonl"
    found, notices = read(path, {"text": TEXT, **spans}, {"text": "No names", "label": []})
    assert found == [WANTED, [("No", "O"), ("names", "O")]]
    assert notices == [f"{path}: texts with spans, split into words and punctuation"]


def test_overlapping_spans_are_counted(tmp_path):
    spans = [[0, 3, "PER"], [0, 8, "PER"], [14, 18, "LOC"], [14, 19, "X"]]
    found, notices = read(tmp_path / "a.jsonl", {"text": TEXT, "label": spans})
    assert found[0][:2] == WANTED[:2] and found[0][3:] == [("Oslo", "B-X"), (".", "I-X")]
    assert notices[1].endswith("a.jsonl: 2 spans left out that overlap others")


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([[0, 99, "PER"]], "a.jsonl:1: the span 'PER' from '0' to '99' is not inside its text of"),
        ([[5, 5, "PER"]], "is not inside its text"),
        ([[0, 3, ""]], "a.jsonl:1: a span without a label; expected \\[start, end, label\\]"),
    ],
)
def test_refused(tmp_path, spans, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.jsonl", {"text": TEXT, "label": spans})


def test_words_end_where_spans_do():
    assert tag_words("Oslo-based", [Span(0, 4, "LOC")]) == (["Oslo", "-based"], ["B-LOC", "O"])
    assert tag_words("OsloRome", [Span(0, 4, "L"), Span(4, 8, "L")])[1] == ["B-L", "B-L"]
    assert tag_words("我在北京", [Span(2, 4, "LOC")]) == (
        ["我", "在", "北", "京"],
        ["O", "O", "B-LOC", "I-LOC"],
    )
    assert tag_words("can't stop, don’t", []) == (["can't", "stop", ",", "don’t"], ["O"] * 4)
