import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.text.nbest_format import (
    Candidate,
    format_nbest,
    parse_candidate,
    read_nbest,
)
from ostinato.errors import InputError

LINES = """4 ||| a dog ||| LM0= -2.5 TM0= -1 ||| -5.25
0 ||| ein Straßenhund |||  ||| -1e-05
4 ||| the dog ||| LM0= -2 ||| -6 ||| 0-0 1-1
"""


def test_reading(tmp_path):
    """Numbers with gaps and out of order, empty features, and a fifth field."""
    path = tmp_path / "list"
    path.write_text(LINES)
    assert read_nbest(path) == [
        Candidate(4, "a dog", "LM0= -2.5 TM0= -1", -5.25),
        Candidate(0, "ein Straßenhund", "", -1e-05),
        Candidate(4, "the dog", "LM0= -2", -6.0, ("0-0 1-1",)),
    ]


def test_gzip_crlf_and_blank_lines(tmp_path):
    plain, packed = tmp_path / "list", tmp_path / "list.gz"
    plain.write_text(LINES)
    packed.write_bytes(
        gzip.compress(("\ufeff" + LINES.replace("\n", "\r\n") + "\r\n\r\n").encode())
    )
    assert read_nbest(packed) == read_nbest(plain)


texts = st.lists(st.sampled_from(["a", "Hund", "é", "|", "||", "1", "\u2028"]), max_size=4).map(
    " ".join
)


scores = st.floats(-1e9, 1e9).map(lambda score: float(f"{score:.10g}"))
candidates = st.builds(
    Candidate, st.integers(0, 10**6), texts, texts, scores, st.lists(texts, max_size=2).map(tuple)
)


@given(st.lists(candidates, min_size=1, max_size=4))
def test_written_and_read_back(candidates):
    cleaned = [
        one._replace(
            text=one.text.strip(),
            features=one.features.strip(),
            rest=tuple(field.strip() for field in one.rest),
        )
        for one in candidates
    ]
    assert [parse_candidate(line, "list:1") for line in format_nbest(cleaned)] == cleaned


def test_a_text_cannot_pass_for_fields():
    [line] = format_nbest([Candidate(0, "a ||| b", "", -1.0)])
    assert parse_candidate(line, "list:1") == Candidate(0, "a | | | b", "", -1.0)


def test_writing(tmp_path):
    path = tmp_path / "list"
    path.write_text(LINES)
    lines = format_nbest(read_nbest(path))
    (tmp_path / "again").write_text("".join(f"{line}\n" for line in lines))
    assert read_nbest(tmp_path / "again") == read_nbest(path)
    assert (tmp_path / "again").read_text().splitlines()[0] == LINES.splitlines()[0]


@pytest.mark.parametrize(
    "line, message",
    [
        (
            "0 ||| a dog ||| -5",
            r"list:2: 3 of the 4 fields 'number \|\|\| translation \|\|\| features \|\|\| score'",
        ),
        ("a dog", "list:2: 1 of the 4 fields"),
        (
            "one ||| a ||| f ||| -5",
            "list:2: 'one' is no sentence number; the first field counts sentences from 0",
        ),
        ("-1 ||| a ||| f ||| -5", "list:2: '-1' is no sentence number"),
        ("² ||| a ||| f ||| -5", "list:2: '²' is no sentence number"),
        (
            "0 ||| a ||| f ||| good",
            "list:2: 'good' is no score; the fourth field must be a finite number",
        ),
        ("0 ||| a ||| f ||| nan", "list:2: 'nan' is no score"),
        ("0 ||| a ||| f ||| ", "list:2: '' is no score"),
    ],
)
def test_malformed_lines(tmp_path, line, message):
    path = tmp_path / "list"
    path.write_text(f"0 ||| a ||| f ||| -1\n{line}\n")
    with pytest.raises(InputError, match=message) as caught:
        read_nbest(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_no_candidates(tmp_path, content):
    path = tmp_path / "list"
    path.write_text(content)
    with pytest.raises(InputError, match="list: no candidates; expected lines of 'number"):
        read_nbest(path)
