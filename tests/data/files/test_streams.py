"""Bytes of files: gzip where libraries seek, and sizes that are bounded."""

import gzip
import io

import pytest

from ostinato.data.files.streams import open_binary, read_bytes
from ostinato.errors import InputError


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_to_seek_in(tmp_path, pack):
    path = tmp_path / "a.npz"
    path.write_bytes(pack(b"PK content"))
    with open_binary(path) as stream:
        assert stream.read(2) == b"PK"
        stream.seek(-7, io.SEEK_END)
        assert stream.read() == b"content"


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("ostinato.data.files.streams.LARGEST_UNPACKED", 1 << 20)
    path = tmp_path / "a.npz.gz"
    path.write_bytes(gzip.compress(bytes(3 << 20)))
    with (
        pytest.raises(InputError, match=r"a\.npz\.gz: unpacks to more than 0 GiB; unpack it first"),
        open_binary(path),
    ):
        pass


@pytest.mark.parametrize("content", [gzip.compress(b"x" * 999, mtime=0)[:-9], b"\x1f\x8b broken"])
def test_damaged_gzip(tmp_path, content):
    path = tmp_path / "a.npz.gz"
    path.write_bytes(content)
    with (
        pytest.raises(InputError, match=r"a\.npz\.gz: the gzip data is cut short or damaged"),
        open_binary(path),
    ):
        pass
    with pytest.raises(InputError, match="the gzip data is cut short or damaged"):
        read_bytes(path, text=False)


def test_a_whole_file(tmp_path, monkeypatch):
    path = tmp_path / "a.yml"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfcontent"))
    assert read_bytes(path) == b"content"
    monkeypatch.setattr("ostinato.data.files.streams.LARGEST_WHOLE", 5)
    with pytest.raises(InputError, match=r"a\.yml: more than 0 MB; split the file"):
        read_bytes(path)


@pytest.mark.parametrize("name, message", [("none.npz", "no such file"), ("", "a folder; name a")])
def test_what_cannot_be_opened(tmp_path, name, message):
    with pytest.raises(InputError, match=message), open_binary(tmp_path / name):
        pass
