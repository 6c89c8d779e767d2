"""Data on disk equals data in memory: arrays, records, examples; and stale or full caches."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.batching.batch import Example
from ostinato.data.batching.buckets import BucketedBatches
from ostinato.data.batching.held_out import hold_out, hold_out_rows
from ostinato.data.stored import array_file
from ostinato.data.stored.array_file import ArrayFile, ArrayWriter
from ostinato.data.stored.cached_folder import CachedFolder
from ostinato.data.stored.indexed_records import IndexedFiles, index_records
from ostinato.data.stored.ragged_file import RaggedFile, RaggedWriter
from ostinato.data.stored.stored_examples import StoredExamples, write_examples
from ostinato.data.stored.stored_records import (
    StoredRecords,
    map_records,
    select_records,
    write_records,
)
from ostinato.data.text.vocabulary import count_tokens
from ostinato.errors import InputError
from ostinato.notices import collect_notices


@pytest.mark.parametrize("buffer", [1, 40, 1 << 20])
def test_an_array_is_what_was_appended_and_widens_as_it_must(tmp_path, monkeypatch, buffer):
    monkeypatch.setattr(array_file, "BUFFER", buffer)
    parts = [np.array(each) for each in ([1, 2], [], [-40_000], [7] * 30, [1 << 40])]
    parts[1] = np.zeros(0, np.int64)
    with ArrayWriter(tmp_path / "a.npy") as writer:
        for part in parts:
            writer.append(part)
    read = ArrayFile(tmp_path / "a.npy")
    whole = np.concatenate(parts)
    assert np.array_equal(read.read(0, len(whole)), whole) and len(read) == len(whole)
    assert np.array_equal(read.read(2, 5), whole[2:5])
    assert np.array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), whole)
    assert not (tmp_path / "a.wider").exists()


def test_small_integers_take_two_bytes_and_numbers_stay_as_they_are(tmp_path):
    with ArrayWriter(tmp_path / "a.npy") as writer:
        writer.append(np.arange(5))
    assert np.load(tmp_path / "a.npy").dtype == np.int16
    series = np.random.default_rng(0).random((6, 3), np.float32)
    with ArrayWriter(tmp_path / "b.npy") as writer:
        writer.append(series[:4])
        writer.append(series[4:])
    assert np.array_equal(ArrayFile(tmp_path / "b.npy").read(1, 6), series[1:])


def test_an_array_that_is_cut_short_is_no_crash(tmp_path):
    with ArrayWriter(tmp_path / "a.npy") as writer:
        writer.append(np.arange(1000))
    os.truncate(tmp_path / "a.npy", 600)
    with pytest.raises(InputError, match="cut short"):
        ArrayFile(tmp_path / "a.npy").read(0, 1000)


def test_rows_of_different_lengths(tmp_path):
    rows = [np.arange(n) for n in (3, 0, 1, 5)]
    with RaggedWriter(tmp_path, "r") as writer:
        for row in rows:
            writer.append(row)
    read = RaggedFile(tmp_path, "r")
    assert [read.read(n).tolist() for n in range(4)] == [row.tolist() for row in rows]
    assert [row.tolist() for row in read.read_rows(1, 4)] == [row.tolist() for row in rows[1:]]
    assert read.lengths().tolist() == [3, 0, 1, 5]


RECORDS = [(f"text {n} é\ud800"[: 5 + n % 4], f"l{n % 3}") for n in range(50)]


@pytest.fixture
def stored(tmp_path):
    write_records(tmp_path, RECORDS)
    return StoredRecords(tmp_path, tuple)


def test_records_are_a_sequence_as_a_list_is(stored):
    assert len(stored) == 50 and list(stored) == RECORDS
    assert stored[7] == RECORDS[7] and stored[-1] == RECORDS[-1]
    for part in (slice(3, 9), slice(None, None, 7), slice(-4, None), slice(40, 2, -3), slice(0, 0)):
        assert list(stored[part]) == RECORDS[part]
        assert list(stored[part][1:3]) == RECORDS[part][1:3]
    with pytest.raises(IndexError):
        stored[50]
    assert list(stored.spread(5)) == [RECORDS[n * 10] for n in range(5)]
    assert list(stored.spread(99)) == RECORDS


def test_rows_far_apart_are_read_one_by_one(stored, monkeypatch):
    monkeypatch.setattr("ostinato.data.stored.stored_records.SPREAD", 0)
    assert list(stored[::-7]) == RECORDS[::-7]


def test_mapped_and_selected_records_equal_those_of_a_list(stored):
    mapped = map_records(lambda record: record[0], stored)
    assert list(mapped) == map_records(lambda record: record[0], RECORDS)
    assert mapped[3] == RECORDS[3][0] and list(mapped[::9]) == [r[0] for r in RECORDS[::9]]
    keep = lambda record: record[1] != "l1"  # noqa: E731
    assert list(select_records(keep, stored)) == select_records(keep, RECORDS)
    assert select_records(lambda record: True, stored) is stored


@given(st.lists(st.integers(0, 12), min_size=2, max_size=60), st.integers(1, 20), st.integers(0, 9))
def test_the_same_records_are_held_out_by_their_hashes(keys, number, seed):
    if len(set(keys)) < 2:
        with pytest.raises(InputError, match="none can be held out"):
            hold_out_rows(np.array(keys), number=number, seed=seed)
        return
    held = hold_out_rows(np.array(keys), number=number, seed=seed)
    rest, dev = hold_out(list(enumerate(keys)), number=number, seed=seed, key=lambda pair: pair[1])
    assert np.flatnonzero(held).tolist() == [place for place, _ in dev]
    assert np.flatnonzero(~held).tolist() == [place for place, _ in rest]


def make_examples(kind: str) -> list[Example]:
    generator = torch.Generator().manual_seed(3)
    found = []
    for n in range(40):
        length = 1 + n % 7
        ids = torch.randint(0, 70_000, (length,), generator=generator)
        if kind == "labels":
            spellings = [tuple(range(2, 3 + (n + k) % 4)) for k in range(length)]
            found.append(Example(ids, torch.tensor(n % 5), spellings))
        elif kind == "pairs":
            found.append(Example(ids, torch.randint(-100, 9, (n % 5,), generator=generator)))
        elif kind == "series":
            numbers = torch.randn(length, 3, generator=generator)
            found.append(Example(numbers, torch.tensor([0.0, 1.0])))
        else:
            found.append(Example(ids))
    return found


@pytest.mark.parametrize("kind", ["labels", "pairs", "series", "inputs"])
def test_stored_examples_give_the_same_batches(tmp_path, kind):
    examples = make_examples(kind)
    assert write_examples(tmp_path, examples) == 40
    stored = StoredExamples(tmp_path)
    assert len(stored) == 40 and len(stored[3:9]) == 6
    for settings in ({"batch_size": 6}, {"tokens": 30}, {"tokens": 30, "pool": 9}):
        one, other = (BucketedBatches(each, seed=2, **settings) for each in (examples, stored))
        assert len(one) == len(other)
        for first, second in zip(one.epoch(3, start=1), other.epoch(3, start=1), strict=True):
            for name in ("inputs", "lengths", "targets", "target_lengths"):
                a, b = getattr(first, name), getattr(second, name)
                assert (a is b is None) or (a.dtype == b.dtype and torch.equal(a, b)), name
            if kind == "labels":
                assert torch.equal(first.spellings.characters, second.spellings.characters)
                assert torch.equal(first.spellings.places, second.spellings.places)


def test_an_example_without_targets_among_others(tmp_path):
    with pytest.raises(ValueError, match="without targets"):
        write_examples(tmp_path, [*make_examples("pairs")[:2], *make_examples("inputs")[:1]])


# the cache


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "train.txt"
    file.write_text("a\nb\nc\n")
    return file


def read_source(source: Path, settings: object = "x") -> tuple[list, list[str]]:
    """The records by the cache, and what was noted."""
    given = IndexedFiles(str(source.parent / "cache"), "test", [str(source)], {"x": settings})

    def read():
        from ostinato.notices import notify

        notify("read")
        return ((line,) for line in source.read_text().split())

    with collect_notices() as notices:
        records = list(index_records(given, read, lambda fields: fields[0]))
    return records, notices


def test_an_index_is_made_once(source):
    records, notices = read_source(source)
    assert records == ["a", "b", "c"] and notices[0] == "read"
    assert "3 examples, read from" in notices[-1]
    before = {path: path.stat().st_ino for path in (source.parent / "cache").rglob("*.npy")}
    assert before
    assert read_source(source) == (records, notices)  # what was noted is noted again
    assert before == {path: path.stat().st_ino for path in (source.parent / "cache").rglob("*.npy")}


def test_a_change_of_size_time_or_content_is_noticed(source):
    read_source(source)
    source.write_text("a\nb\nc\nd\n")
    records, notices = read_source(source)
    assert records == ["a", "b", "c", "d"]
    assert any("indexed anew" in each and "has another size" in each for each in notices)
    source.write_text("a\nb\nx\nd\n")
    os.utime(source, (1, 1))
    records, notices = read_source(source)
    assert records == ["a", "b", "x", "d"] and any("has changed" in each for each in notices)


def test_a_file_of_another_time_and_the_same_content_is_not_read_again(source):
    _, notices = read_source(source)
    os.utime(source, (time.time() + 100, time.time() + 100))
    assert read_source(source)[1] == notices


def test_other_settings_and_other_formats_are_other_indexes(source, monkeypatch):
    read_source(source)
    assert read_source(source, "y")[1][0] == "read"
    assert len(list((source.parent / "cache").glob("test-*/index.json"))) == 2
    monkeypatch.setattr("ostinato.data.stored.cached_folder.FORMAT", 99)
    assert any("made otherwise" in each for each in read_source(source)[1])


@pytest.mark.parametrize("damage", ["cut", "missing", "no index", "bad index"])
def test_a_damaged_index_is_made_anew(source, damage):
    read_source(source)
    folder = next((source.parent / "cache").glob("test-*/"))
    if damage == "cut":
        os.truncate(folder / "records.npy", 90)
    elif damage == "missing":
        (folder / "records-bounds.npy").unlink()
    elif damage == "no index":
        (folder / "index.json").unlink()
    else:
        (folder / "index.json").write_text("[1")
    records, notices = read_source(source)
    assert records == ["a", "b", "c"] and any("indexed anew" in each for each in notices)


def test_a_failure_leaves_what_was_there(source):
    read_source(source)
    folder = next((source.parent / "cache").glob("test-*/"))
    before = json.loads((folder / "index.json").read_bytes())

    def fail(place: Path) -> dict:
        (place / "half.npy").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match="no space left for the index.*make room"):
        CachedFolder(folder, [str(source)]).make(fail)
    assert json.loads((folder / "index.json").read_bytes()) == before
    assert sorted(each.name for each in folder.parent.iterdir()) == [
        folder.name,
        f"{folder.name}.lock",
    ]


def test_another_error_while_writing_is_named(source):
    def fail(place: Path) -> dict:
        raise OSError(errno.EIO, "Input/output error")

    (source.parent / "cache").mkdir()
    with pytest.raises(InputError, match="cannot be written: Input/output error"):
        CachedFolder(source.parent / "cache" / "x", [str(source)]).make(fail)


def test_a_source_that_changes_while_it_is_read_is_refused(source):
    (source.parent / "cache").mkdir()
    folder = CachedFolder(source.parent / "cache" / "x", [str(source)])

    def write(place: Path) -> dict:
        source.write_text("more than before\n")
        return {}

    with pytest.raises(InputError, match="changed while being indexed"):
        folder.make(write)
    assert not folder.path.exists()


def test_what_cannot_be_read_again_is_refused(source):
    for file, message in (
        ("-", "standard input cannot be read again"),
        (str(source.parent), "a folder"),
        (str(source.parent / "trein.txt"), "no such file"),
    ):
        given = IndexedFiles(str(source.parent / "cache"), "test", [file], {})
        with pytest.raises(InputError, match=message):
            index_records(given, list, tuple)


def test_a_cache_that_is_a_file_is_refused(source):
    given = IndexedFiles(str(source), "test", [str(source)], {})
    with pytest.raises(InputError, match="choose another"):
        index_records(given, list, tuple)


def test_counts_of_very_many_tokens_are_bounded():
    texts = [["often", "seldom", f"once{n}"] for n in range(5000)]
    with collect_notices() as notices:
        counts = count_tokens(texts, most=100)
    assert counts["often"] == 5000 == counts["seldom"] and len(counts) <= 1002
    assert any("different tokens" in each for each in notices)
    assert count_tokens(texts)["once4999"] == 1


def test_what_language_models_read_is_not_indexed(tmp_path):
    examples = [each._replace(readings=[]) for each in make_examples("inputs")]
    with pytest.raises(InputError, match="cache: what the language models of embeddings read"):
        write_examples(tmp_path, examples)
