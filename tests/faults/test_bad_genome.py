"""What genome says to files that it cannot learn from or be asked about: exit status 2, one
line, nothing left behind.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TINY = ["--hidden-size", "4", "--motifs", "4", "--epochs", "1", "--no-tensorboard"]
FASTA = ">chr1\n" + "ACGTTGCAAC\n" * 20 + ">chr2\n" + "GGATTTACCA\n" * 20
BED = "chr1\t20\t60\tgene\nchr2\t100\t150\tgene\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with genome.fa and genes.bed, a run of bases, and a run of whole sequences."""
    from ostinato.cli import main

    folder = tmp_path_factory.mktemp("dna")
    (folder / "genome.fa").write_text(FASTA)
    (folder / "genes.bed").write_text(BED)
    (folder / "whole.tsv").write_text(
        "sequence\tlabel\n"
        + "".join(f"ACGT{'ACGT'[n % 4]}{'ACGT'[n // 4 % 4]}\t{'ab'[n % 2]}\n" for n in range(16))
    )
    assert (
        main(
            [
                "train",
                "genome",
                "--train",
                str(folder / "genome.fa"),
                str(folder / "genes.bed"),
                "--out",
                str(folder / "run"),
                *TINY,
            ]
        )
        == 0
    )
    assert (
        main(
            [
                "train",
                "genome",
                "--train",
                str(folder / "whole.tsv"),
                "--out",
                str(folder / "whole"),
                *TINY,
            ]
        )
        == 0
    )
    return folder


TRAIN = "train genome --out new --train"
ROWS = [
    (
        "BED outside its sequence",
        "chr1\t150\t201\tx\n",
        f"{TRAIN} genome.fa bad.bed",
        "bad.bed:1: the segment ends at 201, but chr1 has 200 bases",
    ),
    (
        "BED of an unknown sequence",
        "# x\nchr9\t1\t2\tx\n",
        f"{TRAIN} genome.fa bad.bed",
        "bad.bed:2: there is no sequence 'chr9' in the FASTA",
    ),
    (
        "BED that overlaps",
        "chr1 0 9 a\nchr1 5 12 b\n",
        f"{TRAIN} genome.fa bad.bed",
        "bad.bed:2: 'b' overlaps 'a'",
    ),
    (
        "BED without an end",
        "chr1 5\n",
        f"{TRAIN} genome.fa bad.bed",
        "bad.bed:1: expected at least 3 columns",
    ),
    (
        "an end before its start",
        "chr1 5 5\n",
        f"{TRAIN} genome.fa bad.bed",
        "bad.bed:1: the segment ends at 5, not behind its start at 5",
    ),
    ("an empty BED", "", f"{TRAIN} genome.fa bad.bed", r"bad.bed: no segments \(0 lines\)"),
    (
        "BED alone",
        BED,
        f"{TRAIN} bad.bed",
        "bad.bed: segments of which sequences\\? give the FASTA file, too",
    ),
    (
        "one label only",
        "chr1 0 200 a\nchr2 0 200 a\n",
        f"{TRAIN} genome.fa bad.bed",
        "all bases have the label 'a'; two labels or more",
    ),
    (
        "no header",
        "ACGT\n",
        f"{TRAIN} bad.fa genes.bed",
        "bad.fa:1: expected a FASTA header such as '>chr1', got 'ACGT'",
    ),
    (
        "no nucleotide",
        ">a\nACGT\nACQT\n",
        f"{TRAIN} bad.fa genes.bed",
        r"bad.fa:3: 'Q' \(letter 3 of the line\) is not a nucleotide",
    ),
    (
        "an empty sequence",
        ">a\n>chr1\n" + "A" * 99 + "\n>chr2\n" + "A" * 200,
        f"{TRAIN} bad.fa genes.bed",
        "bad.fa:1: the sequence 'a' is empty",
    ),
    (
        "a name twice",
        ">a\nAC\n>a\nAC\n",
        f"{TRAIN} bad.fa genes.bed",
        "bad.fa:3: the sequence 'a' stands on line 1, too; names must differ",
    ),
    (
        "sequences without labels",
        ">a\nAC\n",
        f"{TRAIN} bad.fa",
        "bad.fa:1: no label; give a FASTA file a class, headers with label=",
    ),
    ("an empty file", "", f"{TRAIN} bad.fa genome.fa", r"bad.fa: no examples \(no sequence\)"),
    (
        "one class",
        "sequence\tlabel\nAC\tx\nGT\tx\n",
        f"{TRAIN} bad.tsv",
        "bad.tsv: all examples have the label 'x'; two labels or more",
    ),
    (
        "labels of another length",
        "sequence\tlabels\nACGT\t..E\n",
        f"{TRAIN} bad.tsv",
        "bad.tsv:2: 3 labels for 4 bases; expected one for each",
    ),
    (
        "a row without its label",
        "sequence\tlabel\nAC\tx\nGT\t\n",
        f"{TRAIN} bad.tsv",
        "bad.tsv:3: no label; complete the row or remove it",
    ),
    (
        "a row of more fields",
        "sequence\tlabel\nAC\tx\ty\n",
        f"{TRAIN} bad.tsv",
        "bad.tsv:2: 3 fields, expected 2",
    ),
    (
        "no column",
        "dna\tlabel\nAC\tx\n",
        f"{TRAIN} bad.tsv",
        "bad.tsv:1: no column 'sequence' or 'seq' among 'dna', 'label'; name it with --sequence",
    ),
    (
        "an odd size",
        "",
        f"{TRAIN} genome.fa genes.bed --hidden-size 5",
        "--hidden-size must be even with --bidirectional; got 5",
    ),
    (
        "an even width",
        "",
        f"{TRAIN} genome.fa genes.bed --motif-width 4",
        "--motif-width must be odd, for as many bases on either side; got 4",
    ),
    (
        "no such positive",
        "",
        f"{TRAIN} whole.tsv --positive c",
        "--positive c: no such label; known: a, b",
    ),
    (
        "the other kind",
        "",
        "evaluate run whole.tsv",
        "whole.tsv:2: has one label a sequence, but the model is for a label for each base",
    ),
    (
        "the other kind, too",
        "",
        "evaluate whole genome.fa genes.bed",
        "has a label for each base, but the model is for one label a sequence",
    ),
    (
        "a dev set of the other kind",
        "",
        f"{TRAIN} whole.tsv --dev genome.fa genes.bed",
        "genome.fa:1: has a label for each base, but the model is for",
    ),
    (
        "a test set of the other kind",
        "",
        f"{TRAIN} genome.fa genes.bed --test whole.tsv",
        "whole.tsv:2: has one label a sequence, but the model is for",
    ),
    (
        "predicting protein",
        ">p\nMKL\n",
        "predict run bad.fa",
        r"bad.fa:2: 'L' \(letter 3 of the line\) is not a nucleotide",
    ),
    (
        "predicting without a header",
        "ACGT\n",
        "predict whole bad.fa",
        "bad.fa:1: expected a FASTA header",
    ),
    (
        "predicting names twice",
        ">p\nAC\n>p\nAC\n",
        "predict whole bad.fa",
        "bad.fa:3: the sequence 'p' stands on line 1, too",
    ),
    (
        "predicting letters",
        "ACGT\nhello\n",
        "predict whole bad.txt",
        r"bad.txt:2: 'e' \(letter 2 of the line\) is not a nucleotide",
    ),
    (
        "a flag that is none",
        "",
        "predict run genome.fa --highlights",
        "unknown flag --highlights; did you mean '--highlight'",
    ),
]


@pytest.mark.parametrize(
    ("content", "command", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_one_line_says_what_is_wrong(made, refused, content, command, message):
    bad = re.search(r"bad\.\w+", command)
    refused(made, command, re.compile(message), lambda: bad and Path(bad[0]).write_text(content))


def test_line_ends_do_not_matter(made, tmp_path, ostinato):
    for name in ("genome.fa", "genes.bed"):
        (tmp_path / name).write_bytes((made / name).read_bytes().replace(b"\n", b"\r\n"))
    plain = ostinato("evaluate", made / "run", made / "genome.fa", made / "genes.bed", "--json")
    assert plain.status == 0
    other = ostinato(
        "evaluate", made / "run", tmp_path / "genome.fa", tmp_path / "genes.bed", "--json"
    )
    assert (
        other.out.split('"metrics"')[1].split('"seconds"')[0]
        == plain.out.split('"metrics"')[1].split('"seconds"')[0]
    )


def test_python_callers_are_told_too(made):
    import ostinato
    from ostinato import InputError

    model = ostinato.load(made / "whole")
    with pytest.raises(InputError, match="letter 3, 'E', is not a nucleotide"):
        model.predict(["ACEG"])
    with pytest.raises(
        InputError, match=r"expected a sequence of bases, or \(bases, label\); got 7"
    ):
        model.predict([7])
    bases = ostinato.load(made / "run")
    with pytest.raises(InputError, match="2 labels for 4 bases; expected one for each"):
        bases.score([("ACGT", "..")])
