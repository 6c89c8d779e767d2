"""One rule for lines: as many as there are \\n, plus a last one that is not terminated."""

import gzip
import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.files.lines import iterate_lines, read_lines
from ostinato.errors import InputError


def saved(folder, content, name="text.txt"):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content, lines",
    [
        (b"", []),
        (b"\n", [""]),
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\r\nb\r", ["a", "b"]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        (b"\xef\xbb\xbf", [""]),
        (b"a\rb\n", ["a\rb"]),
        (b"a\r", ["a"]),
        (b"a\n\xef\xbb\xbfb\n", ["a", "b"]),  # two files joined
        ("a \ufeffb\n".encode(), ["a \ufeffb"]),
        ("a\u2028b\x85c\x0bd\x0ce\x1cf\n".encode(), ["a\u2028b\x85c\x0bd\x0ce\x1cf"]),
        ("\u200b\u202etext\x00\x07\n".encode(), ["\u200b\u202etext\x00\x07"]),
        ("e\u0301\n".encode(), ["e\u0301"]),  # reading does not normalise
    ],
)
def test_lines(tmp_path, content, lines):
    assert read_lines(saved(tmp_path, content)) == lines
    assert read_lines(saved(tmp_path, gzip.compress(content), "packed.gz")) == lines
    assert (
        read_lines(saved(tmp_path, gzip.compress(content), "packed without the name.txt")) == lines
    )
    assert read_lines(saved(tmp_path, content, "plain text named.gz")) == lines


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_the_count_is_that_of_wc(tmp_path_factory, text):
    content = text.encode()
    path = saved(tmp_path_factory.mktemp("lines"), b"start\n" + content)
    expected = 1 + content.count(b"\n") + (not content.endswith(b"\n") and content != b"")
    assert len(read_lines(path)) == expected


TEXT = "Où est l'école ?\nLà-bas, près de la forêt — 3 km.\r\n".encode()


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
def test_any_corrupt_byte_is_named_or_harmless(tmp_path_factory, place, byte):
    content = TEXT[:place] + bytes([byte]) + TEXT[place + 1 :]
    path = saved(tmp_path_factory.mktemp("corrupt"), content)
    try:
        assert len(read_lines(path)) == content.count(b"\n") + (not content.endswith(b"\n"))
    except InputError as error:
        assert str(error).startswith(f"{path}:") and "\n" not in str(error)


PACKED = gzip.compress(b"one\ntwo\nthree\n" * 50, mtime=0)


@given(st.integers(0, len(PACKED) - 1), st.integers(0, 255), st.booleans())
def test_any_damage_to_gzip_is_named_or_harmless(tmp_path_factory, place, byte, truncated):
    content = PACKED[:place] if truncated else PACKED[:place] + bytes([byte]) + PACKED[place + 1 :]
    path = saved(tmp_path_factory.mktemp("gzip"), content, "x.gz")
    try:
        read_lines(path)
    except InputError as error:
        assert str(error).startswith(f"{path}:") and "\n" not in str(error)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"good\nbad \x85 line\n", "text.txt:2:5: byte 0x85 is not UTF-8; convert the file"),
        ("é\n".encode() + "é".encode() + b"\xff\n", "text.txt:2:2: byte 0xff is not UTF-8"),
        (b"\xed\xa0\x80\n", "text.txt:1:1: byte 0xed is not UTF-8"),
        ("text".encode("utf-32"), "text.txt: looks like UTF-32 text; convert it: iconv -f UTF-32"),
        (b"\xff\xfea", "text.txt: begins as UTF-16 text does, but has bytes that are none"),
        (
            "text\n".encode("utf-16-le"),
            "text.txt: looks like UTF-16 text; convert it: iconv -f UTF-16LE",
        ),
        (
            "text\n".encode("utf-16-be"),
            "text.txt: looks like UTF-16 text; convert it: iconv -f UTF-16BE",
        ),
        (b"PK\x03\x04rest", "text.txt: looks like a zip archive; unpack it first"),
        (b"\xfd7zXZ\x00rest", "looks like xz data"),
        (PACKED[:-12], "text.txt: the gzip data is cut short or damaged"),
        (PACKED[:4], "text.txt: the gzip data is cut short or damaged ("),
        (
            b"\x93NUMPY\x01\x00v",
            "text.txt: looks like a single NumPy array; name several in an .npz",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "looks like a file of Microsoft Office; save it as CSV",
        ),
        (b"%PDF-1.7", "looks like a PDF; save its text as a text file"),
        (PACKED + b"garbage", "the gzip data is cut short or damaged after line 150"),
    ],
)
def test_what_is_no_text(tmp_path, content, message):
    with pytest.raises(InputError) as error:
        read_lines(saved(tmp_path, content))
    assert message in str(error.value)


def test_missing_files_name_the_nearest(tmp_path):
    saved(tmp_path, b"", "train.de")
    with pytest.raises(InputError, match=r"train.dee: no such file; did you mean '.*train.de'\?"):
        read_lines(tmp_path / "train.dee")
    with pytest.raises(InputError, match="elsewhere: no such file; looked in "):
        read_lines(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"there is no folder .*nowhere \(looked from "):
        read_lines(tmp_path / "nowhere" / "train.de")
    with pytest.raises(InputError, match="a folder; name a file in it"):
        read_lines(tmp_path)
    with pytest.raises(InputError, match="not a file name"):
        read_lines("a\0b")
    with pytest.raises(InputError, match="cannot be opened: "):
        read_lines(tmp_path / ("long" * 500))


def test_unreadable(tmp_path, monkeypatch):
    path = saved(tmp_path, b"x")
    monkeypatch.setattr("pathlib.Path.open", raises(PermissionError(13, "Permission denied")))
    with pytest.raises(InputError, match="not readable by you; change its permissions"):
        read_lines(path)


def test_a_disk_that_fails_while_reading(tmp_path):
    class Failing(io.BytesIO):
        def readline(self, size=-1):
            raise OSError(5, "Input/output error")

        __next__ = readline

    from ostinato.data.files.lines import raw_lines

    with pytest.raises(InputError, match="x: cannot be read after line 0: Input/output error"):
        list(raw_lines(Failing(b"a\n"), "x"))


def raises(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input(monkeypatch, pack):
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(b"\xef\xbb\xbfa\r\n\nb"))))
    monkeypatch.setattr(sys, "stdin", stream)
    assert list(iterate_lines("-")) == ["a", "", "b"]


def test_standard_input_is_named(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"\xff"))))
    with pytest.raises(InputError, match="standard input:1:1: byte 0xff"):
        read_lines("-")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_endless_line_is_refused_after_a_bounded_read(tmp_path, monkeypatch, pack):
    monkeypatch.setattr("ostinato.data.files.lines.LONGEST_LINE", 1000)
    assert read_lines(saved(tmp_path, pack(b"a\n" + b"x" * 999 + b"\n")))[1] == "x" * 999
    path = saved(tmp_path, pack(b"a\n" + b"x" * 1_000_000 + b"\xff"))
    with pytest.raises(
        InputError, match=r"text.txt:2: a line of more than 1,000 bytes; is it text"
    ):
        read_lines(path)


def test_what_a_bounded_read_reads():
    """Three megabytes of gzip that expand to three gigabytes."""
    from ostinato.data.files.lines import raw_lines

    class Endless(io.BytesIO):
        asked = 0

        def readline(self, size=-1):
            self.asked = size
            return b"x" * size

    stream = Endless()
    with pytest.raises(InputError, match="^x.gz:1: a line of more than 1,000 bytes"):
        next(raw_lines(stream, "x.gz", longest=1000))
    assert stream.asked == 1001


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lambda text: text.decode().encode("utf-16")]
)
def test_lines_that_end_in_returns_alone(tmp_path, pack):
    """As the old Macintosh and Excel for it write; beside a line feed they are no line ends."""
    assert read_lines(saved(tmp_path, pack(b"a\rb b\r\rc\r"))) == ["a", "b b", "", "c"]
    assert read_lines(saved(tmp_path, pack(b"a\r" * 9000))) == ["a"] * 9000
    assert read_lines(saved(tmp_path, pack(b"a\rb\nc\r"))) == ["a\rb", "c"]
    assert read_lines(saved(tmp_path, pack(b"a\r"))) == ["a"]


def test_a_late_line_feed_is_found(tmp_path):
    for pack in (bytes, gzip.compress):
        path = saved(tmp_path, pack(b"a\r" * 9000 + b"\nb"))
        assert len(read_lines(path)) == 2


def test_a_workbook_is_named_as_such(tmp_path):
    with pytest.raises(InputError, match="x.xlsx: looks like a workbook of a spreadsheet; save it"):
        read_lines(saved(tmp_path, b"PK\x03\x04rest", "x.xlsx"))
