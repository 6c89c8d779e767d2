"""Labelled sequences from FASTA, BED and tables."""

from __future__ import annotations

import pytest

from ostinato.data.dna.bed import Segment
from ostinato.data.dna.sequences import DnaSequence, encode_segments, read_labelled, read_unlabelled
from ostinato.errors import InputError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "oct4.fa": ">a\nACGT\n>b\nTTTT\n",
        "train_mafk.fasta": ">a\nGGGG\n",
        "oct4_test.fa": ">c\nAAAA\n",
        "said.fa": ">a x label=one y\nAC\n>b class=two\nGT\n",
        "genome.fa": ">chr1\nACGTACGTAC\n>chr2\nGGGG\n",
        "genes.bed": "chr1 2 5 gene\n",
        "whole.tsv": "class\tseq\nx\tACGT\ny\tGG\n",
        "bases.csv": "sequence,labels,name\nACGT,..EE,s1\nGGA,I I E,s2\n",
    }.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_a_file_a_class():
    found = read_labelled(["oct4.fa", "train_mafk.fasta"])
    assert [(each.bases, each.label, each.name) for each in found] == [
        ("ACGT", "oct4", "a"),
        ("TTTT", "oct4", "b"),
        ("GGGG", "mafk", "a"),
    ]
    assert read_labelled(["oct4_test.fa"], known=["mafk", "oct4", "oct"])[0].label == "oct4"


def test_a_folder_of_classes(folder):
    (folder / "classes").mkdir()
    for name in ("one.fa", "two.fa.gz", "notes.txt"):
        (folder / "classes" / name).write_text(">a\nAC\n")
    assert [each.label for each in read_labelled(["classes"])] == ["one", "two"]


def test_labels_in_headers():
    assert [each.label for each in read_labelled(["said.fa"])] == ["one", "two"]


def test_segments():
    one, two = read_labelled(["genes.bed", "genome.fa"])
    assert one.segments == (Segment(2, 5, "gene"),) and two.segments == ()
    assert encode_segments(one, {"background": 0, "gene": 1}, 0).tolist() == [
        0,
        0,
        1,
        1,
        1,
        0,
        0,
        0,
        0,
        0,
    ]
    assert encode_segments(one, {"background": 0}, 0).tolist()[2:5] == [
        1,
        1,
        1,
    ]  # what is not known is no label's number


def test_tables():
    assert [(each.bases, each.label) for each in read_labelled(["whole.tsv"])] == [
        ("ACGT", "x"),
        ("GG", "y"),
    ]
    one, two = read_labelled(["bases.csv"])
    assert one.segments == (Segment(0, 2, "."), Segment(2, 4, "E")) and one.name == "s1"
    assert two.segments == (Segment(0, 2, "I"), Segment(2, 3, "E"))


def test_a_part_with_its_margins():
    sequence = DnaSequence("ACGTACGTAC", segments=(Segment(2, 5, "g"), Segment(8, 10, "h")))
    part = sequence.slice(4, 8, 3)
    assert (part.bases, part.margins) == ("CGTACGTAC", (3, 2))
    assert part.segments == (Segment(1, 4, "g"), Segment(7, 9, "h"))
    assert sequence.slice(0, 10, 3).margins == (0, 0)


def test_to_be_labelled(folder):
    (folder / "lines.txt").write_text("ACGT\n\nGG\n")
    (folder / "odd.txt").write_text("\n>x y\nAC\nGT\n")
    found = [
        (each.name, "".join(each.pieces))
        for each in read_unlabelled(["lines.txt", "odd.txt", "whole.tsv", "oct4.fa", "bases.csv"])
    ]
    assert found == [
        ("seq1", "ACGT"),
        ("seq2", ""),
        ("seq3", "GG"),
        ("x", "ACGT"),
        ("seq1", "ACGT"),
        ("seq2", "GG"),
        ("a", "ACGT"),
        ("b", "TTTT"),
        ("s1", "ACGT"),
        ("s2", "GGA"),
    ]


@pytest.mark.parametrize(
    ("files", "content", "message"),
    [
        (
            ["oct4.fa"],
            "",
            r"oct4.fa:1: no label; give a FASTA file a class, headers with label=..., a BED "
            r"file of segments, or a table",
        ),
        (["genes.bed"], "", "genes.bed: segments of which sequences\\? give the FASTA file, too"),
        (
            ["whole.tsv", "oct4.fa"],
            "",
            "whole.tsv oct4.fa: tables and FASTA cannot be mixed; give files of one kind",
        ),
        (["whole.tsv", "bases.csv"], "", "labels of sequences and of bases cannot be mixed"),
        (["x.fa", "genes.bed"], "", "x.fa: no such file"),
        (["new.fa", "oct4.fa"], ">a\n", "new.fa:1: the sequence 'a' is empty; remove it"),
        (["new.fa"], "", "new.fa: no examples \\(no sequence\\)"),
        (["genome.fa", "new.bed"], "# nothing\n", "new.bed: no segments \\(0 lines\\)"),
        (
            ["genome.fa", "new.fa", "genes.bed"],
            ">chr2\nA\n",
            "new.fa:1: the sequence 'chr2' stands in genome.fa:3, too; names must differ",
        ),
        (
            ["new.tsv"],
            "sequence\tlabel\nACGT\t\n",
            "new.tsv:2: no label; complete the row or remove it",
        ),
        (
            ["new.tsv"],
            "sequence\tkind\nACGT\tx\n",
            "new.tsv:1: no column 'label', 'class' or 'labels' among 'sequence', 'kind'",
        ),
        (
            ["new.tsv"],
            "dna\tlabel\nACGT\tx\n",
            "new.tsv:1: no column 'sequence' or 'seq' among 'dna', 'label'; name it with "
            "sequence_column",
        ),
        (
            ["new.tsv"],
            "sequence\tlabels\nACGT\t...\n",
            "new.tsv:2: 3 labels for 4 bases; expected one for each",
        ),
        (
            ["new.tsv"],
            "sequence\tlabel\nACGT\tx\nACJT\ty\n",
            "new.tsv:3: 'J' \\(letter 3 of the line\\) is not a nucleotide",
        ),
        (["empty"], "", "empty: a folder without FASTA files"),
    ],
)
def test_what_is_refused(folder, files, content, message):
    (folder / "empty").mkdir()
    new = next((file for file in files if file.startswith("new")), "new")
    (folder / new).write_text(content)
    with pytest.raises(InputError, match=message):
        read_labelled(files)


def test_a_column_of_another_name(folder):
    (folder / "new.tsv").write_text("dna\tkind\nACGT\tx\n")
    found = read_labelled(["new.tsv"], columns={"sequence": "dna", "label": "kind"})
    assert (found[0].bases, found[0].label) == ("ACGT", "x")
    with pytest.raises(InputError, match="no column 'sort' among"):
        read_labelled(["new.tsv"], columns={"sequence": "dna", "label": "sort"})
