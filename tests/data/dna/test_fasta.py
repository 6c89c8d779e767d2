"""FASTA as it is found: line ends, case, empty sequences, and what is refused by line and
letter.
"""

from __future__ import annotations

import gzip

import pytest

from ostinato.data.dna.fasta import is_fasta, read_fasta, stem
from ostinato.errors import InputError


def read(path, content: bytes):
    path.write_bytes(content)
    return [(each.name, each.description, "".join(each.pieces)) for each in read_fasta(path)]


@pytest.mark.parametrize(
    "content",
    [
        b">a one two\nACGT\nac\n\n>b\nNN\n",
        b">a one two\r\nACGT\r\nac\r\n\r\n>b\r\nNN\r\n",
        b"\xef\xbb\xbf; made by hand\n>a one two\nAC GT\nac\n>b\nNN",
        gzip.compress(b">a one two\nACGTac\n>b\nNN\n", mtime=0),
    ],
)
def test_the_same_whatever_the_lines(tmp_path, content):
    assert read(tmp_path / "x.fa", content) == [("a", "one two", "ACGTac"), ("b", "", "NN")]


def test_empty_sequences_and_files(tmp_path):
    assert read(tmp_path / "x.fa", b">a\n>b\n\n>c\nA\n>d\n") == [
        ("a", "", ""),
        ("b", "", ""),
        ("c", "", "A"),
        ("d", "", ""),
    ]
    assert read(tmp_path / "x.fa", b"") == []


def test_sequences_may_be_left_unread(tmp_path):
    (tmp_path / "x.fa").write_text(">a\nAC\nGT\n>b\nTT\n")
    found = []
    for entry in read_fasta(tmp_path / "x.fa"):
        found.append((entry.name, entry.where.rsplit(":", 1)[1]))
        next(entry.pieces)
    assert found == [("a", "1"), ("b", "4")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ACGT\n", r"x.fa:1: expected a FASTA header such as '>chr1', got 'ACGT'"),
        (
            b">a\nACGT\nACXT\n",
            r"x.fa:3: 'X' \(letter 3 of the line\) is not a nucleotide; expected A, C, G, T, "
            r"U, N or another IUPAC code",
        ),
        (b">p\nMKLE\n", r"x.fa:2: 'L' \(letter 3 of the line\) is not a nucleotide"),
        (b">a\nAC-T\n", r"x.fa:2: '-' \(letter 3"),
        (b">\nACGT\n", r"x.fa:1: a header without a name; expected '>name'"),
        (
            b">a\nA\n>b\nA\n>a x\nA\n",
            r"x.fa:5: the sequence 'a' stands on line 1, too; names must differ",
        ),
        (b">a\nAC\xffT\n", r"x.fa:2:3: byte 0xff is not UTF-8"),
        (
            gzip.compress(b">a\n" + b"ACGTTGCA\n" * 5000, mtime=0)[:-20],
            r"x.fa: the gzip data is cut short or damaged",
        ),
    ],
)
def test_what_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path / "x.fa", content)


def test_names_of_files():
    assert (
        is_fasta("a/chr1.FA.gz")
        and is_fasta("x.fasta")
        and not is_fasta("x.bed")
        and not is_fasta("x.txt")
    )
    assert stem("a/oct4.fa.gz") == "oct4"
