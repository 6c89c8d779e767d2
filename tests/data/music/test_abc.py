"""ABC notation: what a player would play, and what cannot be read, named."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data.music.abc import Unreadable, read_tune, split_tunes
from ostinato.data.music.abc_performance import read_play_order
from ostinato.data.music.abc_text import AbcWriter, abc_text, key_name, notes_text, steps_of
from ostinato.data.music.music_files import Reading
from ostinato.data.music.tunes import Note, Tune
from ostinato.errors import InputError

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
        ("+EA+ +f+c", "C", [64, 69, 72]),  # a chord of ABC 1, and a dynamic
        ("^F [|] F", "C", [66, 65]),  # an invisible bar line
        ("^F [1 F |]", "C", [66, 66]),  # an ending may begin inside a bar
        ("CD", "C octave=-1", [48, 50]),
        ("CD", "G treble-8", [48, 50]),
        ("CD", "C clef=treble+8 transpose=-2", [70, 72]),
        ("C [K:D transpose=2] C [K:clef=bass-8] C", "C", [60, 63, 51]),
        ("%%propagate-accidentals octave\n^c C c | c", "C", [73, 60, 73, 72]),
        ("I:propagate-accidentals not\n^c C c", "C", [73, 60, 72]),
        ("C\n%%begintext\nDEF\n%%endtext\nG % A", "C", [60, 67]),
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
        ("A>|B c", [(0, 1.5, 69), (1.5, 0.5, 71), (2, 1, 72)]),
        ("A<B3 c", [(0, 1, 69), (1, 3, 71), (4, 1, 72)]),  # of different lengths: as written
        ("A>B>c d", [(0, 1.5, 69), (1.5, 0.5, 71), (2, 1, 72), (3, 1, 74)]),
        ("A>", [(0, 1, 69)]),
        ("(3AB|c d", [(0, 2 / 3, 69), (2 / 3, 2 / 3, 71), (4 / 3, 2 / 3, 72), (2, 1, 74)]),
        (
            "(5ABcde f",
            [*((n * 0.4, 0.4, p) for n, p in enumerate((69, 71, 72, 74, 76))), (2, 1, 77)],
        ),
        ("[M:3/4] (5ABcde", [(n * 0.4, 0.4, p) for n, p in enumerate((69, 71, 72, 74, 76))]),
        ("[M:6/8] (5ABcde", [(n * 0.6, 0.6, p) for n, p in enumerate((69, 71, 72, 74, 76))]),
        ("A [L:1/4] A [L:1/8] A", [(0, 1, 69), (1, 2, 69), (3, 1, 69)]),
        ("Z A [M:2/4] Z A", [(8, 1, 69), (13, 1, 69)]),
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
        ("|:A|1B:|2c:|3d|]e", "Ade", "ABAcAde"),
        ("|:A|1,3B:|2c:|4d||e", "Ade", "ABAcABAde"),
        ("|:A|1-2B:|3c|]", "Ac", "ABABAc"),
        ("|:A|1B:|\n[2c|d:|e|]", "Acde", "ABAcde"),  # the last ending is no reason to go back
        ("|:A|1B:|c", "Ac", "ABAc"),
        ("|:A|1B|2c||d", "Acd", "ABAcd"),  # without :| the endings themselves are the repeat
        ("A|1B|c", "ABc", "ABc"),
        ("|::A::|B", "AB", "AAAB"),
        ("|::A:|B", "AB", "AAAB"),
        ("|:A:|:B:|", "AB", "AABB"),
        ("|:A::::B:|", "AB", "AAABBB"),
        ("A||B:|c", "ABc", "ABABc"),  # the first goes back to the beginning,
        ("A:|B||c:|d", "ABcd", "AABccd"),  # a later one to the double bar line,
        ("A:|:B||c:|d", "ABcd", "AABcBcd"),  # unless it is inside a repeat
        ("|:A|1B:|2c||d|1e:|2f|]", "Acdf", "ABAcdedf"),
        ("A||[1B:|[2c|]", "Ac", "ABAc"),
        ("A:|\n|:B:|", "AB", "AABB"),
        ("A&d|B:|", "AdB", "AdBAdB"),
    ],
)
def test_repeats(music, once, twice):
    names = dict(zip("ABcdef", (69, 71, 72, 74, 76, 77), strict=True))
    assert pitches(music) == [names[letter] for letter in once]
    assert pitches(music, repeats=True) == [names[letter] for letter in twice]


@pytest.mark.parametrize(
    ("order", "music", "once", "all_parts"),
    [
        ("ABA", "P:A\nA|\nP:B\nB|", "AB", "ABA"),
        ("A(AB)2", "P:A\nA|\nP:B\nB|", "AB", "AABAB"),
        ("B2.A", "[P:A]A|[P:B]B|[P:C]c|", "BA", "BBA"),
        ("AB", "d|\nP:A\nA|\nP:B\nB:|", "dAB", "dABB"),  # a part repeats only itself
        ("ABA", "P:A\n|:A|1B:|2c||\nP:B\nd|", "Acd", "ABAcdABAc"),
        ("", "P:A\nA|\nP:B\nB:|", "AB", "ABAB"),  # without an order they are only names
    ],
)
def test_parts(order, music, once, all_parts):
    names = dict(zip("ABcd", (69, 71, 72, 74), strict=True))
    lines = ["X:1", f"P:{order}", "L:1/8", "K:C", *music.split("\n")]
    for repeats, expected in ((False, once), (True, all_parts)):
        read = read_tune(lines, repeats=repeats)
        assert [pitch for _, _, pitch in read.notes] == [names[letter] for letter in expected]


def test_parts_are_of_all_voices():
    both = "P:A\nV:1\nA|\nV:2\nC|\nP:B\nV:1\nB|\nV:2\nD|"
    each = "V:1\nP:A\nA|\nP:B\nB|\nV:2\nP:A\nC|\nP:B\nD|"
    for music in (both, each):
        read = read_tune(["X:1", "P:BA", "L:1/4", "K:C", *music.split("\n")], repeats=True)
        assert [(start, pitch) for start, _, pitch in read.notes] == [
            (0, 62),
            (0, 71),
            (1, 60),
            (1, 69),
        ]


def test_play_orders():
    assert "".join(read_play_order("A.(A(BC)2)2 B")) == "AABCBCABCBCB"
    assert read_play_order("A3") == ["A", "A", "A"]
    with pytest.raises(InputError, match=r"P:\(A999\)999 is longer than 1,000 parts"):
        read_play_order("(A999)999")


def test_voices_sound_together():
    for music in ("[V:1] A4\n[V:2] C2 D2", "V:1\nA4\nV:2\nC2 D2"):
        assert sorted(played(music)) == [(0, 2, 60), (0, 4, 69), (2, 2, 62)]


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        (
            "V:1\nL:1/16\nCD\nV:2\nE\nV:1\nF",
            [(0, 0.5, 60), (0, 1, 64), (0.5, 0.5, 62), (1, 0.5, 65)],
        ),
        ("V:1\n[K:D]F\nV:2\nF", [(0, 1, 65), (0, 1, 66)]),
        ("V:1\n^C\nV:2\nC\nV:1\nC", [(0, 1, 60), (0, 1, 61), (1, 1, 61)]),
        ("V:1\n[M:2/4]Z\nV:2\nZ C\nV:1\nD", [(4, 1, 62), (8, 1, 60)]),
        (
            "V:1\n(3CD\nV:2\nE\nV:1\nF C",
            [(0, 2 / 3, 60), (0, 1, 64), (2 / 3, 2 / 3, 62), (4 / 3, 2 / 3, 65), (2, 1, 60)],
        ),
        ("V:1\nC>\nV:2\nE F\nV:1\nD", [(0, 1.5, 60), (0, 1, 64), (1, 1, 65), (1.5, 0.5, 62)]),
        ("V:1\n(3:2:1C\nV:2\nE", [(0, 2 / 3, 60), (0, 1, 64)]),
        ("V:1 octave=-1\nC\nV:2 transpose=2\nC", [(0, 1, 48), (0, 1, 62)]),
        ("C\nV:1\nD\nV:2\nE", [(0, 1, 60), (0, 1, 64), (1, 1, 62)]),  # the first voice had begun
        ("C\nV:T\nD\nV:B\nE", [(0, 1, 60), (0, 1, 64), (1, 1, 62)]),
        ("C\nV:2\nD", [(0, 1, 60), (0, 1, 62)]),
        ("L:1/16\nV:1\nC\nV:2\nE", [(0, 0.5, 60), (0, 1, 64)]),
    ],
)
def test_what_is_in_force_is_of_each_voice(music, expected):
    assert played(music) == [pytest.approx(note) for note in sorted(expected)]


def test_voices_of_the_header_are_transposed():
    lines = [*HEAD, "V:1 octave=1", 'V:2 name="bass-8" transpose=2', "K:C", "V:1", "C", "V:2", "C"]
    assert [pitch for _, _, pitch in read_tune(lines).notes] == [62, 72]


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("C D & E F & G | A", [(0, 60), (0, 64), (0, 67), (1, 62), (1, 65), (2, 69)]),
        ("C & D2 | E", [(0, 60), (0, 62), (2, 64)]),  # the longest layer is the bar
        ("^C D & C | C", [(0, 60), (0, 61), (1, 62), (2, 60)]),
        ("C | D & E", [(0, 60), (1, 62), (1, 64)]),
        ("[V:1]C & D\n[V:2]E", [(0, 60), (0, 62), (0, 64)]),
        ("C>D & E F", [(0, 60), (0, 64), (1, 65), (1.5, 62)]),
    ],
)
def test_overlays_begin_where_their_bar_does(music, expected):
    assert sorted((start, pitch) for start, _, pitch in played(music)) == expected


def test_ties_are_of_their_layer():
    assert played("C2- & E2- | C & E") == [(0, 3, 60), (0, 3, 64)]
    assert played("C2- & E2 | E & C") == [(0, 2, 60), (0, 2, 64), (2, 1, 60), (2, 1, 64)]


def test_metre_and_key_are_those_of_the_first_note():
    read = read_tune(["X:1", "M:4/4", "M:3/4", "K:C", "[M:2/4][K:D]F4|[M:3/4]F6|[K:F][M:4/8]F4|"])
    assert (read.metre, read.sharps) == ("2/4", 2)
    assert (read.later_metres, read.later_keys) == (("3/4",), (-1,))  # 4/8 is as long as 2/4
    plain = read_tune([*HEAD, "K:D", "FGA|"])
    assert (plain.metre, plain.sharps, plain.later_metres, plain.later_keys) == ("4/4", 2, (), ())
    assert read_tune(["X:1", "K:C transpose=2", "C"]).sharps == 2


def test_an_upbeat_is_counted_back_from_the_first_whole_bar():
    assert read_tune([*HEAD, "K:C", "GA|B8|"]).upbeat == 3
    assert read_tune([*HEAD, "K:C", "B8|"]).upbeat == 0
    tune = next(Reading().read_abc("X:1\nM:4/4\nL:1/8\nR: Slip  Jig\nK:C\nGA|B8|", "x.abc"))
    assert tune.notes[0] == Note(12, 2, 67)
    assert tune.label == "slip jig"


def test_without_a_length_the_metre_decides():
    assert read_tune(["X:1", "M:2/4", "K:C", "A"]).notes[0][1] == Fraction(1, 4)
    assert read_tune(["X:1", "M:6/8", "K:C", "A"]).notes[0][1] == Fraction(1, 2)
    # that of the header; a later one changes nothing
    assert read_tune(["X:1", "K:C", "M:2/4", "A"]).notes[0][1] == Fraction(1, 2)
    assert read_tune(["X:1", "M:4/4", "M:2/4", "K:C", "[M:4/4]A"]).notes[0][1] == Fraction(1, 4)


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
        (["X:1", "K:C", "A/" + "9" * 5000], 3, r"the length '/9999999999\d\.\.\.' makes no sense"),
        (["X:1", "L:1/" + "9" * 5000, "K:C", "A"], 2, "is no length"),
        (["X:1", "K:C", "> A"], 3, "'>' does not stand between two notes"),
        (["X:1", "K:C", "(0ABC"], 3, "the tuplet"),
        (["X:1", "K:C", "c''''''"], 3, "outside what MIDI can name"),
        (["X:1", "K:C", "A+B"], 3, r"cannot be read at '\+B'"),
        (["X:1", "K:C", "A (& B | c &)"], 3, r"'\(&': an overlay of several bars is not read"),
        (["X:1", "P:(A999)999", "K:C", "A"], 1, "is longer than 1,000 parts"),
        (["X:1", "K:C octave=9", "A"], 3, "outside what MIDI can name"),
    ],
)
def test_what_cannot_be_read_is_named(lines, line, why):
    with pytest.raises(Unreadable, match=why) as caught:
        read_tune(lines)
    assert caught.value.line == line


def test_repeats_without_end_are_refused():
    with pytest.raises(Unreadable, match="its repeats make over 1,000,000 notes"):
        read_tune(["X:1", "K:C", "A" * 20_000 + ":" * 60 + "|"], repeats=True)


@given(st.text(alphabet="XKLMVPABCabc12/<>|:[](){}-^_=,'z \n(3!\"&+", max_size=60))
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
    (read,) = Reading(steps_per_quarter=4).read_abc(abc_text(tune, 4), "x.abc")
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
