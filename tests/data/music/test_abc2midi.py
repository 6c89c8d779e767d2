"""ABC as abc2midi plays it: the program that symusic carries reads the same text."""

import re

import pytest

from ostinato.data.music.abc import read_tune
from ostinato.data.music.abc_text import abc_text
from ostinato.data.music.music_files import Reading
from ostinato.data.music.tunes import Note, Tune

HEAD = "X:1\nT:Test\nM:4/4\nL:1/4\n%%MIDI chordattack 0\n"
TOLERANCE = 0.01  # of a quarter: it rounds to ticks of 1/480, and begins one late


def play_by_abc2midi(text):
    """[(start, end, pitch), ...] in quarters"""
    symusic = pytest.importorskip("symusic")
    score = symusic.Score.from_abc(text)
    notes = [note for track in score.tracks for note in track.notes]
    return sorted((note.pitch, note.time / score.tpq, note.end / score.tpq) for note in notes)


def play(text):
    notes = read_tune(text.strip().split("\n"), repeats=True).notes
    return sorted((pitch, float(start), float(end)) for start, end, pitch in notes)


@pytest.mark.parametrize(
    "music",
    [
        "K:C\nC D E F & C, D, E, F, | G4 |]",
        "K:C\n|: C D E F |1 G A B c :|2 d e f g :|3 a b c' d' |]",
        "K:C\n|: C D |1,3 E :|2 F :|4 G |]",
        "K:C\nC D :| E F || G A :|",
        "K:C\n|: C | D || E :| F |]",
        "K:C\n|: C D :|: E F :: G A :|",
        "P:A(AB)2\nK:C\nP:A\nC D |\nP:B\nE F |",
        "P:ABA\nK:C\nP:A\nV:1\nC|\nV:2\nE|\nP:B\nV:1\nD|\nV:2\nF|",
        "K:C\nV:1 treble\nL:1/16\nV:2 bass\nV:1\nCDEF GABc |]\nV:2\nC, D, |]",
        "K:C\nV:1\n^C D E F | [K:D] D E F G |]\nV:2\nC D E F | [K:D] D E F G |]",
        "K:C\nV:1\nC D|E F|\nV:2\nz C|[M:3/4]Z|C",
        "K:C\nV:1 octave=-1\nC|\nV:2 transpose=2\nC|\nV:3 clef=treble-8\nC|",
        "K:Gm octave=1\nG A B c | ^c C _B =B |",
        "K:C\nA>B c<d e>>f A>B>c d<e3 |",
        "K:C\n(3ABc (3A>Bc (2AB (4ABcd (3:2:2A2B c |",
        "K:C\n[CEG]2 [C-E][CF] C-C z C |",
        "K:C\n^c C c | c [|] _B B |",
        "L:1/8\nK:Edor\nE2BE dEBE|E2BE AFDF:|",
    ],
)
def test_the_same_notes_at_the_same_times(music):
    theirs = play_by_abc2midi(f"{HEAD}{music}\n")
    ours = play(f"{HEAD}{music}")
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, abs=TOLERANCE)


def test_what_is_written_is_played():
    notes = (Note(0, 2, 67), Note(2, 1, 66), Note(4, 14, 65), Note(6, 4, 78), Note(20, 2, 77))
    tune = Tune(notes, 24, title="Test", metre="3/4", sharps=1)
    text = re.sub("(?m)^K:", "%%MIDI chordattack 0\nK:", abc_text(tune, 4))
    (read,) = Reading().read_abc(text, "x.abc")
    assert read.notes == notes
    assert [
        (round(start * 4), round(end * 4), pitch) for pitch, start, end in play_by_abc2midi(text)
    ] == sorted(
        ((note.start, note.start + note.length, note.pitch) for note in notes),
        key=lambda note: (note[2], note[0]),
    )
