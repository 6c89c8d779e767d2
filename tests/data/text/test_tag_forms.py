"""How tags are spelled: every form read and written, and what only looks like one."""

import pytest

from ostinato.data.text.tag_forms import FORMS, find_forms, look_like_spans
from ostinato.data.text.tag_schemes import detect_format

SPELLED = {  # form -> the tags B, I of PER and O
    "B-PER": "B-PER I-PER O",
    "B_PER": "B_PER I_PER O",
    "B:PER": "B:PER I:PER O",
    "PER-B": "PER-B PER-I O",
    "PER_B": "PER_B PER_I O",
    "B": "B I O",
    "b-per": "b-PER i-PER o",
    "per_b": "PER_b PER_i o",
    "b": "b i o",
}


@pytest.mark.parametrize("name", SPELLED)
def test_each_form_is_found_read_and_written(name):
    tags = SPELLED[name].split()
    found = detect_format([tags])
    assert (found.scheme, found.form.name) == ("bio", name)
    standard = found.form.to_standard(tags)
    assert standard == (["B-PER", "I-PER", "O"] if found.form.separator else ["B", "I", "O"])
    assert found.form.from_standard(standard) == tags


def test_types_may_hold_the_separator():
    assert FORMS["B-PER"].parse("B-work-of-art") == ("B", "work-of-art")
    assert FORMS["PER-B"].parse("work-of-art-B") == ("B", "work-of-art")
    assert FORMS["B-PER"].parse("B-") is None and FORMS["B"].parse("B-X") is None
    assert FORMS["PER-B"].to_standard(["X", "O"]) == ["X", "O"]


@pytest.mark.parametrize("tags", ["S M L", "N_S V_S", "NOUN VERB", "N V A B I", "O", "1 0", "E S"])
def test_what_is_there_by_chance_is_no_form(tags):
    assert not find_forms(set(tags.split())) and not look_like_spans(set(tags.split()))


ALIKE = [  # tags, and those that show it
    ("O B-PER I-PER PER", ["PER"]),
    ("0 B-PER I-PER", ["0"]),
    ("O BEGIN-X INSIDE-X", ["BEGIN-X", "INSIDE-X"]),
    ("* (PER* *) (LOC)", ["(LOC)", "(PER*", "*", "*)"]),
    ("O X-PER Y-PER", ["X-PER", "Y-PER"]),
    ("O B-X I-X L-X E-X", ["B-X", "E-X", "I-X", "L-X"]),
]


@pytest.mark.parametrize(("tags", "shown"), ALIKE)
def test_what_looks_like_spans_in_no_known_scheme(tags, shown):
    assert detect_format([tags.split()]) is None
    assert look_like_spans(set(tags.split())) == shown
