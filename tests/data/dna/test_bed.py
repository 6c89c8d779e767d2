"""Segments: read, put in order, joined, refused, written."""

from __future__ import annotations

import pytest

from ostinato.data.dna.bed import Segment, format_bed_line, group_segments, read_bed
from ostinato.errors import InputError
from ostinato.notices import collect_notices

LENGTHS = {"chr1": 100, "chr2": 50}


def read(path, content: str):
    path.write_bytes(content.encode())
    return group_segments(read_bed(path), LENGTHS)


def test_any_order_any_line_end_and_comments(tmp_path):
    rows = [
        "track name=x",
        "browser position chr1:1-9",
        "# a comment",
        "",
        "chr2\t0\t50",
        "chr1\t40\t60\texon\t0\t+",
        "chr1 10 20 gene",
    ]
    for end in ("\n", "\r\n"):
        assert read(tmp_path / "x.bed", end.join(rows)) == {
            "chr1": (Segment(10, 20, "gene"), Segment(40, 60, "exon")),
            "chr2": (Segment(0, 50, "segment"),),
        }


def test_segments_of_one_label_join(tmp_path):
    assert read(
        tmp_path / "x.bed", "chr1 5 9 a\nchr1 0 5 a\nchr1 3 7 a\nchr1 9 12 b\nchr1 20 30 a\n"
    )["chr1"] == (Segment(0, 9, "a"), Segment(9, 12, "b"), Segment(20, 30, "a"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "chr1 5\n",
            r"x.bed:1: expected at least 3 columns \(name, start, end, perhaps a label\), got 2",
        ),
        ("chr1 5 9\nchr1 a 9\n", "x.bed:2: start and end must be whole numbers; got 'a' and '9'"),
        ("chr1 -5 9\n", "x.bed:1: start and end must be whole numbers"),
        ("chr1 9 9\n", "x.bed:1: the segment ends at 9, not behind its start at 9"),
        (
            "\nchr3 1 9\n",
            "x.bed:2: there is no sequence 'chr3' in the FASTA files; did you mean 'chr",
        ),
        ("chr2 40 51\n", "x.bed:1: the segment ends at 51, but chr2 has 50 bases"),
        (
            "chr1 0 9 a\nchr1 20 30 a\nchr1 8 12 b\n",
            r"x.bed:3: 'b' overlaps 'a' \(.*x.bed:1\); a base has one label only",
        ),
    ],
)
def test_what_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path / "x.bed", content)


def test_a_line():
    assert (
        format_bed_line("chr1", Segment(100, 250, "exon"), 0.9344) == "chr1\t100\t250\texon\t934\t."
    )


def test_names_of_segments_are_asked_about_and_one_label_ends_it(tmp_path):
    rows = [f"chr1 {place} {place + 1} gene{place}" for place in range(30)]
    rows += [f"chr1 {place} {place + 1} exon" for place in range(30, 60)]
    path = tmp_path / "x.bed"
    path.write_text("\n".join(rows))
    with collect_notices() as notices:
        assert len({line.segment.label for line in read_bed(path)}) == 31
    assert "30 labels occur once, as names of segments do; one class? one_label" in notices[0]
    with collect_notices() as notices:
        assert {line.segment.label for line in read_bed(path, one_label=True)} == {"segment"}
    assert not notices
