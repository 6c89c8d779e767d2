"""Sequences on disk, whole and in parts, are those in memory."""

from __future__ import annotations

import numpy as np
import pytest

from ostinato.data.dna import stored_sequences
from ostinato.data.dna.sequences import read_labelled
from ostinato.data.dna.stored_sequences import StoredSequences, open_sequences, write_sequences
from ostinato.errors import InputError

FASTA = ">one\nACGTA\nCGTn\n>two rest\nGGGGCCCC\n"
BED = "two\t0\t3\texon\none\t2\t6\texon\none\t6\t9\tgene\n"
SETTINGS = {"columns": {}, "one_label": False}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.fa").write_text(FASTA)
    (tmp_path / "a.bed").write_text(BED)
    return [str(tmp_path / "a.fa"), str(tmp_path / "a.bed")]


def store(files, folder):
    folder.mkdir()
    write_sequences(folder, files, **SETTINGS)
    return open_sequences(folder)


def test_sequences_and_parts_of_them(files, tmp_path, monkeypatch):
    monkeypatch.setattr(stored_sequences, "BLOCK", 2)
    wanted = read_labelled(files)
    found = store(files, tmp_path / "stored")
    assert list(found) == wanted and isinstance(found, StoredSequences)
    assert found.lengths.tolist() == [9, 8] and found.bases == 17
    assert found.count_labels() == ({"exon": 7, "gene": 3}, 7, 3)
    for size, margin in ((4, 0), (4, 1), (3, 100)):
        parts = [
            each.slice(start, min(start + size, len(each.bases)), margin)
            for each in wanted
            for start in range(0, len(each.bases), size)
        ]
        assert list(found.split(size, margin)) == parts
    ends = np.array([5, 0])
    assert list(found.until(ends)) == [wanted[0].slice(0, 5)]
    assert list(found.after(ends)) == [wanted[0].slice(5, 9), wanted[1].slice(0, 8)]
    assert found[1:][0] == wanted[1] and found.cut(0, 1, 4).bases == "CGT"


def test_a_long_genome_is_sampled(files, tmp_path, monkeypatch):
    found = store(files, tmp_path / "stored")
    assert found.sample(10) == (read_labelled(files), None)
    monkeypatch.setattr(stored_sequences, "MOST_SAMPLED", 8)
    monkeypatch.setattr(stored_sequences, "SAMPLED_PART", 2)
    some, part = found.sample(10)
    bases = sum(len(each.bases) for each in some)  # the last part of a sequence may be shorter
    assert part == f"{bases} of 17 bases" and 6 <= bases <= 8


def test_sequences_with_a_label_each(tmp_path):
    (tmp_path / "a.tsv").write_text("sequence\tlabel\nACG\tx\nGG\ty\n")
    found = store([str(tmp_path / "a.tsv")], tmp_path / "stored")
    assert list(found) == read_labelled([tmp_path / "a.tsv"])


def test_an_empty_sequence_beside_segments(tmp_path):
    (tmp_path / "a.fa").write_text(">one\nACGTACGTA\n>two\n\n")
    (tmp_path / "a.bed").write_text("one\t0\t3\texon\n")
    (tmp_path / "stored").mkdir()
    with pytest.raises(InputError, match=r"a\.fa:3: the sequence 'two' is empty; remove it"):
        files = [str(tmp_path / "a.fa"), str(tmp_path / "a.bed")]
        write_sequences(tmp_path / "stored", files, **SETTINGS)
