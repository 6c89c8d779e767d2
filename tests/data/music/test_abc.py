"""ABC notation: what a player would play, and what cannot be read, named."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data.music.abc import Unreadable, read_tune, split_tunes
from ostinato.data.music.abc_text import AbcWriter, abc_text, key_name, notes_text, steps_of
from ostinato.data.music.music_files import Reading
from ostinato.data.music.tunes import Note, Tune

HEAD = ["X:1", "T:Test", "M:4/4", "L:1/8"]


def played(music, key="C", **options):
    """[(start, length, pitch), ...] in eighths"""
    read = read_tune([*HEAD, f"K:{key}", *music.split("\n")], **options)
    return [(float(start * 2), float((end - start) * 2), pitch) for start, end, pitch in read.notes]


def pitches(music, key="C", **options):
    return [pitch for _, _, pitch in played(music, key, **options)]


@pytest.mark.parametrize(
    ("music", "key", "expected"),
    [
        ("CDEFGABc", "C", [60, 62, 64, 65, 67, 69, 71, 72]),
        ("C,,C,Ccc'", "C", [36, 48, 60, 72, 84]),
        ("FCGc", "D", [66, 61, 67, 73]),
        ("BEA", "Eb", [70, 63, 68]),
        ("FGA", "Dmix", [66, 67, 69]),
        ("CF", "Ddor", [60, 65]),
        ("FG", "Em", [66, 67]),
        ("^F G _A =B ^^c", "C", [66, 67, 68, 71, 74]),
        (
            "^FFf|F",
            "C",
            [66, 66, 78, 65],
        ),  # an accidental counts up to the bar line, in every octave
        ("F=FF|F", "G", [66, 65, 65, 66]),
        ("FC", "HP", [66, 61]),
        ("Bc", "none", [71, 72]),
        ("FB", "D exp ^f_b", [66, 70]),
        ("C [K:D] C", "C", [60, 61]),
        ('"Am"A !trill!B {cd}c .d ~e Tf (gf)', "C", [69, 71, 72, 74, 76, 77, 79, 77]),
    ],
)
def test_pitches(music, key, expected):
    assert pitches(music, key) == expected


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        (
            "A2B3/2c/d/4e//",
            [(0, 2, 69), (2, 1.5, 71), (3.5, 0.5, 72), (4, 0.25, 74), (4.25, 0.25, 76)],
        ),
        ("A>B c<d", [(0, 1.5, 69), (1.5, 0.5, 71), (2, 0.5, 72), (2.5, 1.5, 74)]),
        ("A>>B", [(0, 1.75, 69), (1.75, 0.25, 71)]),
        ("(3ABc d", [(0, 2 / 3, 69), (2 / 3, 2 / 3, 71), (4 / 3, 2 / 3, 72), (2, 1, 74)]),
        ("(3:2:2A2B c", [(0, 4 / 3, 69), (4 / 3, 2 / 3, 71), (2, 1, 72)]),
        ("A2-A B", [(0, 3, 69), (3, 1, 71)]),
        ("A4-|A4", [(0, 8, 69)]),
        ("A z B Z c", [(0, 1, 69), (2, 1, 71), (11, 1, 72)]),
        ("[CEG]2 A", [(0, 2, 60), (0, 2, 64), (0, 2, 67), (2, 1, 69)]),
        ("[C-E]2 [CF]2", [(0, 4, 60), (0, 2, 64), (2, 2, 65)]),
        ("[C2E2] A", [(0, 2, 60), (0, 2, 64), (2, 1, 69)]),
    ],
)
def test_times(music, expected):
    assert sorted(played(music)) == [pytest.approx(note) for note in sorted(expected)]


@pytest.mark.parametrize(
    ("music", "once", "twice"),
    [
        ("|:AB:|c", "ABc", "ABABc"),
        ("AB:|c", "ABc", "ABABc"),
        ("|:A|1B:|2c||d", "Acd", "ABAcd"),
        ("|:A:|:B:|", "AB", "AABB"),
        ("|:A::B:|", "AB", "AABB"),
        ("|:A [1 B :|[2 c |]", "Ac", "ABAc"),
        ("|:A|1 B:|2 c|:d|1 e:|2 f|]", "Acdf", "ABAcdedf"),
    ],
)
def test_repeats(music, once, twice):
    names = dict(zip("ABcdef", (69, 71, 72, 74, 76, 77), strict=True))
    assert pitches(music) == [names[letter] for letter in once]
    assert pitches(music, repeats=True) == [names[letter] for letter in twice]


def test_voices_sound_together():
    for music in ("[V:1] A4\n[V:2] C2 D2", "V:1\nA4\nV:2\nC2 D2"):
        assert sorted(played(music)) == [(0, 2, 60), (0, 4, 69), (2, 2, 62)]


def test_an_upbeat_is_counted_back_from_the_first_whole_bar():
    assert read_tune([*HEAD, "K:C", "GA|B8|"]).upbeat == 3
    assert read_tune([*HEAD, "K:C", "B8|"]).upbeat == 0
    tune = next(Reading().abc("X:1\nM:4/4\nL:1/8\nR: Slip  Jig\nK:C\nGA|B8|", "x.abc"))
    assert tune.notes[0] == Note(12, 2, 67)
    assert tune.label == "slip jig"


def test_without_a_length_the_metre_decides():
    assert read_tune(["X:1", "M:2/4", "K:C", "A"]).notes[0][1] == Fraction(1, 4)
    assert read_tune(["X:1", "M:6/8", "K:C", "A"]).notes[0][1] == Fraction(1, 2)


@pytest.mark.parametrize(
    ("lines", "line", "why"),
    [
        (["X:1", "ABc"], 1, "has no K: line"),
        (["X:1", "K:C", "z4"], 1, "has no notes"),
        (["X:1", "K:H"], 2, "K:H is no key"),
        (["X:1", "K:Cfoo"], 2, "'foo' is no mode"),
        (["X:1", "L:quick", "K:C", "A"], 2, "L:quick is no length"),
        (["X:1", "K:C", "ABC", "[CEG"], 4, r"a chord opened at '\[CEG' is not closed"),
        (["X:1", "K:C", "A0"], 3, "the length '0' makes no sense"),
        (["X:1", "K:C", "A/0"], 3, "the length '/0' makes no sense"),
        (["X:1", "K:C", "> A"], 3, "'>' does not stand between two notes"),
        (["X:1", "K:C", "(0ABC"], 3, "the tuplet"),
        (["X:1", "K:C", "c''''''"], 3, "outside what MIDI can name"),
        (["X:1", "K:C", "A+B"], 3, r"cannot be read at '\+B'"),
    ],
)
def test_what_cannot_be_read_is_named(lines, line, why):
    with pytest.raises(Unreadable, match=why) as caught:
        read_tune(lines)
    assert caught.value.line == line


@given(st.text(alphabet="XKLMABCabc12/<>|:[](){}-^_=,'z \n(3!\"", max_size=60))
@settings(max_examples=300, deadline=None)
def test_nothing_that_is_typed_is_more_than_unreadable(text):
    for first, lines in split_tunes(["X:1", "K:C", *text.split("\n")]):
        try:
            read_tune(lines, first, repeats=True)
        except Unreadable as error:
            assert error.why


def test_tunes_are_told_apart():
    lines = ["% a book", "", "X:1", "K:C", "A", "", "B", "X:2", "K:C", "B", "X:3", "K:D"]
    assert [(first, found) for first, found in split_tunes(lines)] == [
        (3, ["X:1", "K:C", "A"]),
        (8, ["X:2", "K:C", "B"]),
        (11, ["X:3", "K:D"]),
    ]


@st.composite
def tunes(draw):
    found: list[Note] = []
    for start, length, pitch in draw(
        st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.integers(40, 95)), min_size=1)
    ):
        if not any(
            note.pitch == pitch and note.start < start + length and start < note.start + note.length
            for note in found
        ):
            found.append(Note(start, length, pitch))
    found.sort()
    metre = draw(st.sampled_from(["4/4", "6/8", "3/4", ""]))
    return Tune(
        tuple(found),
        max(note.start + note.length for note in found),
        "jig",
        "A tune",
        draw(st.integers(-7, 7)),
        metre,
    )


@given(tunes())
@settings(deadline=None)
def test_what_is_written_is_read_again(tune):
    (read,) = Reading(steps_per_quarter=4).abc(abc_text(tune, 4), "x.abc")
    assert sorted(read.notes) == list(tune.notes)
    assert (read.steps, read.label, read.title, read.metre) == (
        tune.steps,
        tune.label,
        tune.title,
        tune.metre or "none",
    )
    assert read.sharps == tune.sharps


def test_text_as_it_is_made():
    tune = Tune((Note(0, 2, 67), Note(2, 1, 66), Note(4, 6, 65)), 10, metre="2/4", sharps=1)
    writer = AbcWriter(steps_per_quarter=4, metre="2/4", sharps=1)
    assert [writer.add(*step) for step in steps_of(tune)] == [
        "",
        "",
        "G2 ",
        "F",
        "z ",
        "",
        "",
        "",
        "=F4- | ",
        "",
    ]
    assert writer.finish() == "=F2 |]"
    assert notes_text(tune, 4) == "G2 Fz =F4- | =F2 |]"
    assert [key_name(sharps) for sharps in (-7, 0, 7)] == ["Cb", "C", "C#"]
