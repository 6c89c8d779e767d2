"""The old file or the new one, whole: never a part, never a temporary file left behind."""

import errno
import os
from pathlib import Path

import pytest

from ostinato.data.files.atomic import sha256, write_atomically
from ostinato.errors import InputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def full(error=errno.ENOSPC):
    def write(file):
        file.write(b"half of it")
        file.flush()
        raise OSError(error, os.strerror(error))

    return write


def test_writes_bytes_and_functions(tmp_path):
    path = tmp_path / "name with spaces é.json"
    write_atomically(path, b"old")
    path.chmod(0o640)
    write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("content", [full(), full(errno.EDQUOT)])
def test_a_full_disk_keeps_the_old_file(tmp_path, content):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    with pytest.raises(
        InputError, match=r"model: no space left: more than 0.0 MB needed, .* MB free; nothing"
    ):
        write_atomically(path, content)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_noticed_late(tmp_path, monkeypatch, call):
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync" if call == "fsync" else "pathlib.Path.replace", fail)
    with pytest.raises(InputError, match=r"no space left: 2\.0 MB needed"):
        write_atomically(path, b"x" * 2_000_000)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, OSError("of the caller's own")])
def test_what_the_function_raises_comes_through(tmp_path, error):
    def fail(file):
        file.write(b"half")
        raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        write_atomically(tmp_path / "x", fail)
    assert names(tmp_path) == []


def test_the_order_is_write_sync_rename_sync(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, type(tmp_path).replace
    monkeypatch.setattr("os.fsync", lambda handle: (calls.append("sync"), fsync(handle)))
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda *paths: (calls.append("rename"), replace(*paths))
    )
    write_atomically(tmp_path / "x", b"content")
    assert calls == ["sync", "rename", "sync"]


def test_places_that_cannot_be_written(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="a folder; name a file"):
        write_atomically(tmp_path, b"")
    with pytest.raises(InputError, match="there is no folder .*nowhere; create it first"):
        write_atomically(tmp_path / "nowhere" / "x", b"")
    with pytest.raises(InputError, match="x: cannot be written: Read-only file system"):
        write_atomically(tmp_path / "x", full(errno.EROFS))


def test_links_and_devices_are_written_through(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    write_atomically(os.devnull, b"nothing")
    assert not Path(os.devnull).is_file()


def test_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert (
        sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
