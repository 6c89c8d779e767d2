"""Span tags: what conlleval reads in them, and every scheme from every other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.text.tag_schemes import (
    SCHEMES,
    Span,
    allowed_transitions,
    convert_tags,
    detect_format,
    is_allowed,
    is_span_tag,
    read_spans,
    write_tags,
)

# tags -> (type, start, end) as conlleval.pl finds them
READ = {
    "O O": [],
    "B-PER I-PER O": [("PER", 0, 2)],
    "I-PER I-PER O I-LOC": [("PER", 0, 2), ("LOC", 3, 4)],
    "B-PER B-PER I-PER": [("PER", 0, 1), ("PER", 1, 3)],
    "I-PER B-PER": [("PER", 0, 1), ("PER", 1, 2)],
    "B-PER I-LOC": [("PER", 0, 1), ("LOC", 1, 2)],  # another type ends a span
    "O I-PER": [("PER", 1, 2)],  # an I- that continues nothing opens one
    "B-PER E-PER S-LOC O": [("PER", 0, 2), ("LOC", 2, 3)],
    "B-PER I-PER E-PER I-PER": [("PER", 0, 3), ("PER", 3, 4)],
    "S-PER I-PER": [("PER", 0, 1), ("PER", 1, 2)],
    "E-PER E-PER": [("PER", 0, 1), ("PER", 1, 2)],
    "B-PER L-PER U-LOC": [("PER", 0, 2), ("LOC", 2, 3)],
    "B-A-B I-A-B": [("A-B", 0, 2)],
    "B-PER M-PER E-PER W-LOC": [("PER", 0, 3), ("LOC", 3, 4)],
    "I-PER E-PER E-PER I-PER": [("PER", 0, 2), ("PER", 2, 3), ("PER", 3, 4)],
    "B I O B B": [("", 0, 2), ("", 3, 4), ("", 4, 5)],
    "B M E S": [("", 0, 3), ("", 3, 4)],
    "": [],
}
SCHEME_OF = [
    ("bio", ["B-PER I-PER O", "O B-LOC"]),
    ("bio", ["B-PER I-PER B-PER", "B-LOC", "O I-LOC"]),  # one broken tag does not make it IOB1
    ("iob1", ["I-PER I-PER O", "O I-LOC B-LOC"]),
    ("iob1", ["I-PER O"]),
    ("iobes", ["B-PER E-PER O", "S-LOC"]),
    ("bilou", ["B-PER L-PER O", "U-LOC"]),
    ("iobe", ["B-PER E-PER O B-LOC", "B-LOC I-LOC E-LOC"]),
    ("iobes", ["B-PER E-PER O", "B-LOC I-LOC E-LOC"]),
    ("bmes", ["B-PER M-PER E-PER O", "S-LOC"]),
    ("bmes", ["B M E S", "S B E"]),
    ("bmewo", ["B-PER M-PER E-PER O", "W-LOC"]),
    ("ioe1", ["I-PER I-PER O", "O E-LOC I-LOC", "I-LOC I-LOC"]),
    ("ioe2", ["I-PER E-PER O", "O E-LOC I-LOC E-LOC"]),
    ("ioe2", ["I-PER E-PER O", "E-LOC", "O I-LOC"]),  # one broken tag does not make it IOE1
    ("bio", ["B I O", "O B"]),
    ("iob1", ["I I O", "I B"]),
    (None, ["B-X I-X L-X E-X"]),
    (None, ["NOUN VERB", "O"]),
    (None, ["O O"]),
]


@pytest.mark.parametrize("tags", READ)
def test_spans_are_read_as_conlleval_reads_them(tags):
    assert read_spans(tags.split()) == READ[tags]


@pytest.mark.parametrize(("scheme", "sentences"), SCHEME_OF)
def test_schemes_are_told_apart(scheme, sentences):
    found = detect_format([sentence.split() for sentence in sentences])
    assert (found and found.scheme) == scheme


def test_a_sentence_in_every_scheme():
    found = [Span("PER", 0, 2), Span("PER", 2, 3), Span("LOC", 4, 5)]
    assert write_tags(found, 5, "bio") == ["B-PER", "I-PER", "B-PER", "O", "B-LOC"]
    assert write_tags(found, 5, "iob1") == ["I-PER", "I-PER", "B-PER", "O", "I-LOC"]
    assert write_tags(found, 5, "iobes") == ["B-PER", "E-PER", "S-PER", "O", "S-LOC"]
    assert write_tags(found, 5, "bilou") == ["B-PER", "L-PER", "U-PER", "O", "U-LOC"]
    assert write_tags(found, 5, "ioe1") == ["I-PER", "E-PER", "I-PER", "O", "I-LOC"]
    assert write_tags(found, 5, "ioe2") == ["I-PER", "E-PER", "E-PER", "O", "E-LOC"]
    assert write_tags(found, 5, "iobe") == ["B-PER", "E-PER", "B-PER", "O", "B-LOC"]
    assert write_tags(found, 5, "bmes") == ["B-PER", "E-PER", "S-PER", "O", "S-LOC"]
    assert write_tags(found, 5, "bmewo") == ["B-PER", "E-PER", "W-PER", "O", "W-LOC"]
    assert write_tags([Span("", 0, 3), Span("", 3, 4)], 4, "bmes") == ["B", "M", "E", "S"]


TAGS = st.lists(
    st.sampled_from(["O", *(f"{letter}-{kind}" for letter in "BIES" for kind in ("X", "Y"))]),
    max_size=8,
)


@given(TAGS, st.sampled_from(SCHEMES), st.sampled_from(SCHEMES))
def test_no_conversion_changes_a_span(tags, one, other):
    """However wrong the tags, those written for their spans have the same spans and are allowed."""
    first = convert_tags(tags, one)
    assert read_spans(convert_tags(first, other)) == read_spans(tags)
    assert convert_tags(convert_tags(first, other), one) == first
    path = ["O", *first, "O"]
    assert all(is_allowed(before, tag, one) for before, tag in zip(path, path[1:], strict=False))


@given(TAGS)
def test_legal_iobes_reads_as_it_stands(tags):
    path = ["O", *tags, "O"]
    if all(is_allowed(before, tag, "iobes") for before, tag in zip(path, path[1:], strict=False)):
        assert convert_tags(tags, "iobes") == tags


def test_what_may_stand_where():
    tags = ["O", "B-X", "I-X", "B-Y", "I-Y"]
    start, transitions, end = allowed_transitions(tags, "bio")
    assert [tag for tag, may in zip(tags, start, strict=True) if may] == ["O", "B-X", "B-Y"]
    assert [tag for tag, may in zip(tags, transitions[2], strict=True) if may] == [
        "O",
        "B-X",
        "I-X",
        "B-Y",
    ]
    assert all(end)
    start, transitions, end = allowed_transitions(["O", "B-X", "I-X", "E-X", "S-X"], "iobes")
    assert start == [True, True, False, False, True] and end == [True, False, False, True, True]
    assert transitions[1] == [False, False, True, True, False]
    assert all(map(all, allowed_transitions(["NOUN", "VERB"], None)[1]))


def test_what_is_a_span_tag():
    assert all(map(is_span_tag, ("O", "B-PER", "S-A-B", "M-X", "W-X"))) and not any(
        map(is_span_tag, ("B", "NOUN", "B-", "X-PER", "_"))
    )
