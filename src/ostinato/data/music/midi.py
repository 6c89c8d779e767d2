"""MIDI files, read and written by symusic (`pip install 'ostinato[music]'`)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from ostinato.data.music.tunes import PITCHES, Tune
from ostinato.errors import InputError

MOST_NOTES = 1_000_000
LONGEST = 100_000  # quarters: a day of music; beyond it the time stamps are damaged
TICKS = 480  # a quarter in the files that are written
VELOCITY = 90


class MidiTune(NamedTuple):
    """Notes (start, end, pitch) in quarters, the length, and what the file says of key ("": nothing) and metre."""

    notes: list[tuple[Fraction, Fraction, int]]
    length: Fraction
    sharps: int | None
    metre: str


def symusic() -> Any:
    try:
        import symusic
    except ImportError:
        raise InputError(
            "MIDI files need the package symusic: pip install 'ostinato[music]' (ABC and JSON do without)"
        ) from None
    return symusic


def read_midi(content: bytes, name: str) -> MidiTune:
    """All tracks but the drums', as one. InputError: damaged, no notes, more or longer than music can be."""
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
    if count > MOST_NOTES or score.end() > LONGEST * ticks:
        raise InputError(
            f"{name}: {count:,} notes over {score.end() // max(1, ticks):,} quarters; it looks damaged, or split it"
        )
    notes = [
        (Fraction(note.time, ticks), Fraction(note.end, ticks), note.pitch)
        for track in tracks
        for note in track.notes
    ]
    key = next((each for each in score.key_signatures if abs(each.key) <= 7), None)
    metre = next((f"{each.numerator}/{each.denominator}" for each in score.time_signatures), "")
    return MidiTune(
        [note for note in notes if 0 <= note[2] < PITCHES],
        Fraction(score.end(), ticks),
        key.key if key else None,
        metre,
    )


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
    if above.isdigit() and below.isdigit():
        score.time_signatures.append(library.TimeSignature(0, int(above), int(below)))
    if tune.sharps is not None:
        score.key_signatures.append(library.KeySignature(0, tune.sharps, 0))
    return score.dumps_midi()
