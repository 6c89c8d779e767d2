"""JSON by its own rules."""

import json

import pytest

from ostinato.data.files.json_lines import json_rows, parse_json
from ostinato.errors import InputError


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "^x:1:2: not JSON: "),
        ("NaN", "^x:1: NaN is not a finite number|^x:1: nan is not a finite number"),
        ("1e999", "^x:1: 1e999 is not a finite number"),
        ("9" * 5000, "^x:1: a whole number of 5,000 digits"),
        ('{"a": 1, "a": 2}', "^x:1: the key 'a' appears twice"),
        (f'{{"{"k" * 999}": 1, "{"k" * 999}": 2}}', "^x:1: the key 'k{60}…' appears twice"),
        ("[" * 100_000, "^x:1: nested too deep"),
        (r'"\ud800"', "^x:1: half of a surrogate pair"),
    ],
)
def test_what_is_no_json(text, message):
    with pytest.raises(InputError, match=message):
        parse_json(text, "x:1")


def test_objects_a_line():
    assert list(json_rows(['{"a": 1}', "", '{"b": []}'], "x")) == [
        (1, {"a": 1}),
        (2, None),
        (3, {"b": []}),
    ]
    with pytest.raises(InputError, match=r"x:1: one object a line .* jq -c \.$"):
        list(json_rows(["{ \n", '"a": 1,\n'], "x"))
    with pytest.raises(InputError, match=r"x:2: list where an object \{...\} belongs"):
        list(json_rows(['{"a": 1}', "[]"], "x"))


def test_an_array_of_objects():
    """As pandas writes with orient="records", on one line or over several."""
    wanted = [{"a": "]"}, {"a": [1, {"b": 2}]}, {"a": "\n"}]
    for indent in (None, 0, 2):
        text = json.dumps(wanted, indent=indent) + "\n\n"
        assert [row for _, row in json_rows(text.split("\n"), "x")] == wanted
    text = '\n[\n {"a": 1},\n {"a":\n 2},\n\n {"a": 3}\n]'
    assert [number for number, row in json_rows(text.split("\n"), "x") if row] == [3, 4, 7]
    assert list(json_rows(["[]"], "x")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[\n{"a": 1},\n2]', r"x:3: int where an object \{...\} belongs"),
        ('[\n{"a": 1}\n{"a": 1}]', "x:3: not JSON: expected , or ] after an object"),
        ('[{"a": 1},\n{"a" 1}]', "x:2:6: not JSON: Expecting ':' delimiter"),
        ('[{"a": 1},\n\n{"a": NaN}]', "x:3: NaN is not a finite number"),
        ('[{"a": 1}', "x:1: not JSON: expected , or ] after an object"),
        ('[{"a": 1},', "x:1:11: not JSON: Expecting value"),
        ('[{"a": 1}]\n[]', "x:2: not JSON: more after the end of the array"),
        ("[" * 100_000, "x:1: nested too deep"),
        ('["\\ud800"]', "x:1: half of a surrogate pair"),
    ],
)
def test_what_is_no_array_of_objects(text, message):
    with pytest.raises(InputError, match=message):
        list(json_rows(text.split("\n"), "x"))
