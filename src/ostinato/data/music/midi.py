"""MIDI files, read and written by symusic (`pip install 'ostinato[music]'`)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

from ostinato.data.music.tunes import PITCHES, Tune, bar_length
from ostinato.errors import InputError

MOST_NOTES = 1_000_000
LONGEST = 100_000  # quarters: a day of music; beyond it the time stamps are damaged
TICKS = 480  # a quarter in the files that are written
VELOCITY = 90

T = TypeVar("T")


class MidiTune(NamedTuple):
    """What a MIDI file plays. Times are in quarters."""

    notes: list[tuple[Fraction, Fraction, int]]  # start, end, pitch
    metres: tuple[tuple[Fraction, str], ...]  # from when on, metre
    sharps: int | None  # of the first key signature
    metre: str  # the first; "" where the file says none
    later_metres: tuple[str, ...]  # with bars of another length
    later_keys: tuple[int, ...]


def symusic() -> Any:
    """The package, which is needed for MIDI files only."""
    try:
        import symusic
    except ImportError:
        raise InputError(
            "MIDI files need the package symusic: pip install 'ostinato[music]' "
            "(ABC and JSON do without)"
        ) from None
    return symusic


def read_midi(content: bytes, name: str) -> MidiTune:
    """All tracks but the drums', as one.

    Raises:
        InputError: damaged, without notes, or more or longer than music can be.
    """
    library = symusic()
    try:
        score = library.Score.from_midi(content)
    except (RuntimeError, ValueError, MemoryError) as error:
        why = (
            str(error)
            .splitlines()[0]
            .removeprefix("MiniMidi: ")
            .removesuffix(": iostream error")
            .rstrip(".")
        )
        raise InputError(f"{name}: a damaged MIDI file ({why}); export it again") from None
    tracks = [track for track in score.tracks if not track.is_drum]
    count = sum(len(track.notes) for track in tracks)
    if not count:
        drums = " but drums" if len(tracks) < len(score.tracks) else ""
        raise InputError(f"{name}: a MIDI file without notes{drums}")
    ticks = score.ticks_per_quarter
    # the last note's end: tempo, controllers and drums may continue for longer
    end = max(note.end for track in tracks for note in track.notes)
    if count > MOST_NOTES or end > LONGEST * ticks:
        raise InputError(
            f"{name}: {count:,} notes over {end // max(1, ticks):,} quarters; "
            "it looks damaged, or split it"
        )
    notes = [
        (Fraction(note.time, ticks), Fraction(note.end, ticks), note.pitch)
        for track in tracks
        for note in track.notes
    ]
    metres = in_force(
        ((each.time, f"{each.numerator}/{each.denominator}") for each in score.time_signatures), end
    )
    keys = in_force(
        ((each.time, each.key) for each in score.key_signatures if abs(each.key) <= 7), end
    )
    metre = metres[0][1] if metres else ""
    sharps = keys[0][1] if keys else None
    return MidiTune(
        [note for note in notes if 0 <= note[2] < PITCHES],
        tuple((Fraction(time, ticks), each) for time, each in metres),
        sharps,
        metre,
        later_metres=tuple(
            dict.fromkeys(each for _, each in metres if bar_length(each) != bar_length(metre))
        ),
        later_keys=tuple(dict.fromkeys(each for _, each in keys if each != sharps)),
    )


def in_force(events: Iterable[tuple[int, T]], end: int) -> list[tuple[int, T]]:
    """Signatures (time, value) before `end`, in order; of several at one time the last."""
    return sorted(dict(event for event in events if event[0] < end).items())


def midi_bytes(
    tune: Tune, steps_per_quarter: int, *, tempo: float = 100.0, program: int = 0
) -> bytes:
    """A tune as a MIDI file of one track; `program` is the instrument (0: grand piano)."""
    library = symusic()
    score = library.Score(TICKS)
    track = library.Track(tune.title or "melody", program, False)
    step = TICKS / steps_per_quarter
    for note in tune.notes:
        start = round(note.start * step)
        track.notes.append(
            library.Note(
                start,
                max(1, round((note.start + note.length) * step) - start),
                note.pitch,
                VELOCITY,
            )
        )
    score.tracks.append(track)
    score.tempos.append(library.Tempo(0, tempo))
    above, _, below = tune.metre.partition("/")
    if all(each.isdecimal() and len(each) <= 4 for each in (above, below)):
        score.time_signatures.append(library.TimeSignature(0, int(above), int(below)))
    if tune.sharps is not None:
        score.key_signatures.append(library.KeySignature(0, tune.sharps, 0))
    return score.dumps_midi()
