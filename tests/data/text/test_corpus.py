"""Long texts: the same lines in memory and on disk, whole and in pieces, packed or not."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.files.lines import read_lines
from ostinato.data.text.corpus import Corpus, Line
from ostinato.errors import InputError


@given(
    lines=st.lists(
        st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=40),
        max_size=200,
    ),
    end=st.sampled_from(["", "\n", "\r\n"]),
    longest=st.sampled_from([8, 20, 4000]),
)
def test_lines_are_those_of_the_file(tmp_path_factory, lines, end, longest):
    path = tmp_path_factory.getbasetemp() / "text.txt"
    path.write_bytes(("\n".join(lines) + end).encode())
    for in_memory in (1 << 20, 1):
        corpus = Corpus.read([path], in_memory=in_memory, longest=longest)
        assert list(corpus.whole_lines()) == read_lines(path)
        assert [corpus[place] for place in range(len(corpus))] == list(corpus)


def test_many_lines_by_number_and_by_slice(tmp_path):
    path = tmp_path / "text.txt.gz"
    path.write_bytes(
        gzip.compress("".join(f"line {number} ä\n" for number in range(1000)).encode())
    )
    corpus = Corpus.read([path, path], in_memory=100)
    assert len(corpus) == 2000
    assert corpus[1063].text == "line 63 ä"
    assert corpus[-1] == Line("line 999 ä")
    part = corpus[900:1100][50:150]
    assert [line.text for line in part] == [
        f"line {number % 1000} ä" for number in range(950, 1050)
    ]
    assert [line.text for line in corpus[::500]] == ["line 0 ä", "line 500 ä"] * 2
    assert len(corpus[5:3]) == 0
    with pytest.raises(IndexError):
        corpus[2000]


def test_a_long_line_is_cut_behind_spaces_and_between_characters(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("so long a line äääää€€€\nshort".encode())
    corpus = Corpus.read([path], longest=10)
    assert corpus[0] == Line("so long a ", ended=False)
    assert "".join(line.text for line in corpus) == "so long a line äääää€€€short"
    assert [line.ended for line in corpus].count(True) == 2


def test_an_endless_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("ostinato.data.text.corpus.LONGEST_LINE", 10_000)
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"x" * 10_000 + b"\n" + b"y" * 9_999 + b"\n"))
    with pytest.raises(InputError, match=r"a\.txt\.gz:1: a line of more than 10,000 bytes"):
        Corpus.read([path])
    path.write_bytes(gzip.compress(b"x" * 9_999 + b"\n" + b"y" * 9_999 + b"\n"))
    assert [len(line) for line in Corpus.read([path]).whole_lines()] == [9_999] * 2


def test_old_line_ends_and_marks_inside(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\rb\r" * 2000)
    assert [line.text for line in Corpus.read([path])] == ["a", "b"] * 2000
    path.write_bytes(b"a\n\xef\xbb\xbfb\n")
    assert list(Corpus.read([path])) == [Line("a"), Line("b")]


def test_texts_in_memory():
    assert list(Corpus.from_lines(["a", Line("b ", ended=False), "c"])) == [
        Line("a"),
        Line("b ", ended=False),
        Line("c"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"good\nb\xe4d\n", r"text.txt:2:2: byte 0xe4 is not UTF-8; convert the file"),
        (b"a" * 50 + b" \xff\n", r"text.txt:1:52: byte 0xff is not UTF-8"),
        (
            gzip.compress(b"abc" * 1000, mtime=0)[:30],
            r"text.txt: the gzip data is cut short or damaged",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path, content, message):
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        Corpus.read([tmp_path / "text.txt"], longest=20)


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Corpus.read([tmp_path / "none.txt"])


def test_no_room_for_the_copy(tmp_path, monkeypatch):
    (tmp_path / "text.txt").write_text("some text\n" * 100)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    with pytest.raises(
        InputError, match="no space left for a temporary copy of the text; make room, or set TMPDIR"
    ):
        Corpus.read([tmp_path / "text.txt"])
