"""Vectors on disk: found again, bounded, and computed again where a file is damaged."""

import torch

from ostinato.data.files import vector_cache
from ostinato.data.files.atomic import NotWritten
from ostinato.data.files.vector_cache import VectorCache
from ostinato.notices import collect_notices

LARGE = 1 << 30


def fill(folder, count=5, bound=LARGE):
    cache = VectorCache(folder, bound=bound)
    vectors = {f"key{n}": torch.randn(n + 1, 4) for n in range(count)}
    for key, value in vectors.items():
        cache.put(key, value)
    return cache, vectors


def test_what_is_put_is_found_now_and_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_cache, "FILE_BYTES", 64)
    cache, vectors = fill(tmp_path / "made")
    cache.flush()
    cache.flush()  # nothing waits
    assert len(list((tmp_path / "made").iterdir())) > 1
    for each in (cache, VectorCache(tmp_path / "made", bound=LARGE)):
        assert all(torch.equal(each.get(key), value) for key, value in vectors.items())
        assert each.get("other") is None


def test_it_has_a_bound_that_holds_for_the_next_too(tmp_path):
    with collect_notices() as notices:
        cache, vectors = fill(tmp_path, count=20, bound=400)
    assert 0 < sum(cache.get(key) is not None for key in vectors) < len(vectors)
    assert [f"{tmp_path}: full; further sentences are computed whenever they come"] == notices
    cache.flush()
    later = VectorCache(tmp_path, bound=400)
    later.put("later", torch.randn(9, 9))
    assert later.get("later") is None


def test_a_damaged_file_is_removed_and_said(tmp_path):
    cache, _ = fill(tmp_path)
    cache.flush()
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    for damaged in (bytes(content), bytes(content[:40]), b""):
        path.write_bytes(damaged)
        with collect_notices() as notices:
            again = VectorCache(tmp_path, bound=LARGE)
        assert again.get("key1") is None
        assert not path.exists()
        assert notices == [f"{path}: damaged, and removed: its vectors are computed again"]


def test_a_full_disk_ends_the_keeping_and_nothing_else(tmp_path, monkeypatch):
    def fail(path, tensors):
        raise NotWritten(f"{path}: no space left")

    cache, vectors = fill(tmp_path)
    monkeypatch.setattr(vector_cache, "save_weights", fail)
    with collect_notices() as notices:
        cache.flush()
    assert "no space left" in notices[0]
    assert cache.get("key1") is None
    cache.put("key1", vectors["key1"])
    assert cache.get("key1") is None


def test_removing_leaves_other_files(tmp_path):
    cache, _ = fill(tmp_path / "one")
    cache.flush()
    cache.remove()
    assert not (tmp_path / "one").exists()
    cache, _ = fill(tmp_path / "two")
    cache.flush()
    (tmp_path / "two" / "mine.txt").write_text("mine")
    cache.remove()
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["mine.txt"]
