"""Words of messages."""

from ostinato.data.files.wording import first_line, list_names, quote, truncate_text
from ostinato.errors import nearest


def test_a_quotation_is_cut():
    assert quote("B-PER") == "'B-PER'" and quote(7) == "'7'"
    assert quote("x" * 1_000_000) == "'" + "x" * 60 + "…'"
    assert quote("\x1b[31m") == r"'\x1b[31m'"


def test_the_first_line_of_an_error():
    assert first_line(ValueError("one\ntwo")) == "one" and first_line(KeyError()) == "KeyError"
    assert len(first_line(ValueError("x" * 1_000_000))) == 200


def test_truncated_at_a_space():
    assert truncate_text("one two three", 9) == "one two" and truncate_text("x" * 9, 3) == "xxx"


def test_a_suggestion_is_short():
    names = ["x" * 1_000_000, *map(str, range(1000))]
    assert len(nearest("y" * 1_000_000, names)) < 500
    assert nearest("a", names).endswith(" and 971 others")


def test_names_are_listed_on_one_line():
    assert list_names(["a", "b\nc", "d" * 50]) == f"a, b c, {'d' * 40}"
    assert list_names(map(str, range(30)), 3) == "0, 1, 2"
