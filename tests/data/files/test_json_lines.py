"""JSON by its own rules."""

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
    for first, program in (("[", "'\\.\\[\\]'"), ("{ ", r"\.")):
        with pytest.raises(InputError, match=f"x:1: one object a line .* jq -c {program}$"):
            list(json_rows([f"{first}\n", '{"a": 1},\n'], "x"))
    with pytest.raises(InputError, match=r"x:1: list where an object .* jq -c '\.\[\]'"):
        list(json_rows(["[]"], "x"))
