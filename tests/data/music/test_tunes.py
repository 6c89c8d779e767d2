"""Notes on a grid: to events and chords and back, transposed, cut, and where bars and keys are."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data.music.tunes import (
    HOLD,
    REST,
    Note,
    Tune,
    bar_length,
    chords_of,
    end_of_bar,
    events_of,
    notes_of_chords,
    notes_of_events,
    on_grid,
    sharps_of,
    steps_in_bar,
    to_c,
)

SCALE = tuple(
    Note(step, 1, pitch) for step, pitch in enumerate((67, 69, 71, 72, 74, 76, 78, 79, 67))
)  # G major


@st.composite
def melodies(draw):
    """One voice: notes and rests one after another."""
    notes, step = [], 0
    for length, pitch, rest in draw(
        st.lists(st.tuples(st.integers(1, 5), st.integers(30, 90), st.integers(0, 2)), max_size=12)
    ):
        notes.append(Note(step + rest, length, pitch))
        step += rest + length
    return Tune(tuple(notes), step)


chords = st.lists(st.sets(st.integers(0, 127), max_size=5), max_size=10)


@settings(deadline=None)
@given(melodies())
def test_a_melody_is_its_events(tune):
    events = events_of(tune)
    assert len(events) == tune.steps
    assert notes_of_events(events.tolist()) == tune.notes


def test_of_several_notes_the_highest_is_the_melody():
    tune = Tune((Note(0, 4, 60), Note(1, 2, 72)), 4)
    assert events_of(tune).tolist() == [60, 72, HOLD, 60]
    assert events_of(Tune((), 2)).tolist() == [REST, REST]
    assert notes_of_events([HOLD, 60]) == (Note(1, 1, 60),)


@settings(deadline=None)
@given(chords)
def test_chords_are_their_notes(steps):
    roll = np.zeros((len(steps), 128), bool)
    for step, pitches in enumerate(steps):
        roll[step, list(pitches)] = True
    notes = notes_of_chords(roll)
    assert (chords_of(Tune(notes, len(steps))) == roll).all()
    assert all(note.length > 0 for note in notes)


@settings(deadline=None)
@given(melodies(), st.integers(-5, 5))
def test_transposed_and_back(tune, semitones):
    assert tune._replace(sharps=2).transposed(semitones).transposed(-semitones) == tune._replace(
        sharps=2
    )
    for shift in tune.room(6):
        tune.transposed(shift)


def test_transposing_out_of_range_is_refused():
    with pytest.raises(ValueError, match="semitones: 5 takes a note out of 0 to 127"):
        Tune((Note(0, 1, 125),), 1).transposed(5)
    assert Tune((Note(0, 1, 125), Note(1, 1, 3)), 2).room(5) == range(-3, 3)


@settings(deadline=None)
@given(melodies(), st.integers(2, 9))
def test_parts_are_the_whole(tune, size):
    parts = tune.parts(size)
    assert sum(part.steps for part in parts) == tune.steps
    whole = np.concatenate([chords_of(part) for part in parts]) if parts else np.zeros((0, 128))
    assert (whole == chords_of(tune)).all()
    assert [part.offset for part in parts] == [size * number for number in range(len(parts))]
    assert [part.ends for part in parts] == [False] * (len(parts) - 1) + [True]


def test_keys():
    tune = Tune(SCALE, 9)
    assert sharps_of(tune) == 1
    assert to_c(tune) == 5  # G up to C, by the shorter way
    assert sharps_of(tune.transposed(to_c(tune))) == 0
    assert sharps_of(tune._replace(sharps=-3)) == -3  # what the file says counts
    assert tune._replace(sharps=1).transposed(2).sharps == 3
    assert sharps_of(Tune((), 4)) == 0
    assert to_c(Tune((), 0, sharps=-1)) == -5


def test_the_grid():
    third = Fraction(1, 3)
    assert on_grid(
        [(Fraction(0), third, 60), (third, 2 * third, 62), (2 * third, Fraction(1), 64)], 4
    ) == (Note(0, 1, 60), Note(1, 2, 62), Note(3, 1, 64))
    assert on_grid([(Fraction(0), Fraction(1, 100), 60)], 4) == (Note(0, 1, 60),)
    assert on_grid([(Fraction(0), Fraction(2), 60), (Fraction(1), Fraction(2), 60)], 1) == (
        Note(0, 1, 60),
        Note(1, 1, 60),
    )


def test_bars():
    assert bar_length("6/8") == 3
    assert bar_length("C|") == bar_length("C") == 4
    assert bar_length("3+2/8") == Fraction(5, 2)
    assert bar_length("²/4") is bar_length("9" * 5000 + "/4") is bar_length("4") is None
    assert bar_length("none") is bar_length("") is bar_length("4/0") is None
    assert steps_in_bar("3/4", 4) == 12
    assert steps_in_bar("5/8", 1) == 0


def test_the_end_of_a_bar():
    metres = [(Fraction(0), "2/4"), (Fraction(4), "3/4")]
    ends = {1: 2, 2: 2, 3: 4, 4: 4, 5: 7, 7: 7, 8: 10}
    assert {time: int(end_of_bar(Fraction(time), metres)) for time in ends} == ends
    assert end_of_bar(Fraction(5), []) == end_of_bar(Fraction(5), [(Fraction(0), "none")]) == 5
