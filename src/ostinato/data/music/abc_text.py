"""Writing ABC: a tune as text, step by step or as a whole.

writer = AbcWriter(steps_per_quarter=4, metre="6/8", sharps=1)
writer.add({67}, {67}) -> "";  writer.add({67}, set()) -> "";  writer.finish() -> "G2 |]"
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ostinato.data.music.tunes import LETTERS, Note, Tune, sharps_of, signature, steps_in_bar

LINE = 4  # bars in a line of text
BAR_OTHERWISE = 16  # steps between bar lines in a free metre


class AbcWriter:
    """Takes a tune step by step: what sounds, and which of it is struck anew.

    Returns the text of the notes that are complete.

    Args:
        steps_per_quarter: the time grid.
        metre: where the bar lines are; in a free metre every 16 steps.
        sharps: of the key signature; flats are negative.
        at: the step that comes first, where the beginning of the tune is written elsewhere.
    """

    def __init__(
        self, *, steps_per_quarter: int = 4, metre: str = "", sharps: int = 0, at: int = 0
    ):
        self.bar = steps_in_bar(metre, steps_per_quarter) or BAR_OTHERWISE
        self.key = signature(sharps)
        self.names = name_pitch_classes(self.key, sharps < 0)
        self.altered: set[str] = set()  # letters with an accidental since the bar line
        self.step = at
        self.length = 0  # steps for which `sounding` has sounded
        self.sounding: frozenset[int] | None = None  # None before the first step

    def add(self, sounding: Collection[int], struck: Collection[int]) -> str:
        """Takes the next step; returns the text of what ended before it."""
        sounding, text = frozenset(sounding), ""
        continues = sounding == self.sounding and not struck
        if self.sounding is not None and (not continues or self.step % self.bar == 0):
            text = self.write_sounding(sounding - frozenset(struck))
        if text or self.sounding is None:
            self.length = 0
        if text and self.step % self.bar == 0:
            self.altered.clear()
            text += " |\n" if self.step % (self.bar * LINE) == 0 else " | "
        elif text and self.ends_beam():
            text += " "
        self.sounding = sounding
        self.length, self.step = self.length + 1, self.step + 1
        return text

    def finish(self) -> str:
        """The text of the last notes, and the final bar line."""
        return (self.write_sounding(frozenset()) if self.sounding is not None else "") + " |]"

    def ends_beam(self) -> bool:
        """Whether a beam ends here: notes without a space between them are within one beat."""
        beats = 2 if self.bar % 3 == 0 and self.bar % 2 == 0 else 3 if self.bar % 3 == 0 else 4
        return self.step % max(1, self.bar // beats) == 0

    def write_sounding(self, tied: frozenset[int]) -> str:
        """What has sounded, with its length; pitches in `tied` continue."""
        length = "" if self.length == 1 else str(self.length)
        notes = [
            (self.spell(pitch), "-" if pitch in tied else "")
            for pitch in sorted(self.sounding or ())
        ]
        if not notes:
            return f"z{length}"
        if len(notes) == 1:
            return f"{notes[0][0]}{length}{notes[0][1]}"
        return f"[{''.join(note + tie for note, tie in notes)}]{length}"

    def spell(self, pitch: int) -> str:
        """spell(66) -> "^F", or "F" in G major.

        Once a letter is altered it has a sign up to the bar line, so that it does not matter
        whether a program takes an accidental for one octave or for all.
        """
        letter, alteration = self.names[pitch % 12]
        octave = (pitch - alteration - LETTERS[letter]) // 12
        sign = "_=^"[alteration + 1]
        if alteration == self.key.get(letter, 0) and letter not in self.altered:
            sign = ""
        else:
            self.altered.add(letter)
        name = letter if octave <= 5 else letter.lower()
        return sign + name + ("," * (5 - octave) if octave < 5 else "'" * (octave - 6))


def name_pitch_classes(key: dict[str, int], flats: bool) -> dict[int, tuple[str, int]]:
    """How each pitch class is written in a key: {0: ("C", 0), 1: ("C", 1), ...}.

    A degree of the key comes first, then a natural, then a sharp (or a flat).
    """
    alteration = -1 if flats else 1
    names = {(number + alteration) % 12: (letter, alteration) for letter, number in LETTERS.items()}
    names |= {number: (letter, 0) for letter, number in LETTERS.items()}
    return names | {(LETTERS[letter] + own) % 12: (letter, own) for letter, own in key.items()}


def steps_of(tune: Tune) -> Iterator[tuple[set[int], set[int]]]:
    """For each step the pitches that sound, and those that are struck."""
    begins: dict[int, list[Note]] = {}
    for note in tune.notes:
        begins.setdefault(note.start, []).append(note)
    sounding: dict[int, int] = {}  # pitch -> when it ends
    for step in range(tune.steps):
        sounding = {pitch: end for pitch, end in sounding.items() if end > step}
        struck = {note.pitch for note in begins.get(step, ())}
        sounding |= {note.pitch: note.start + note.length for note in begins.get(step, ())}
        yield set(sounding), struck


def header(
    tune: Tune,
    steps_per_quarter: int,
    number: int = 1,
    *,
    key: int | None = None,
    tempo: float = 100.0,
) -> str:
    """The fields above the notes."""
    sharps = sharps_of(tune) if key is None else key
    fields = [
        f"X:{number}",
        f"T:{tune.title or 'Untitled'}",
        *([f"R:{tune.label}"] if tune.label else []),
        f"M:{tune.metre or 'none'}",
        f"L:1/{4 * steps_per_quarter}",
        f"Q:1/4={tempo:g}",
        f"K:{key_name(sharps)}",
    ]
    return "".join(f"{line}\n" for line in fields)


def key_name(sharps: int) -> str:
    """key_name(1) -> "G"; key_name(-2) -> "Bb" """
    return ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")[
        sharps + 7
    ]


def notes_text(tune: Tune, steps_per_quarter: int) -> str:
    """The notes alone: "G2A2 B4 | ..." """
    writer = AbcWriter(
        steps_per_quarter=steps_per_quarter, metre=tune.metre, sharps=sharps_of(tune)
    )
    return "".join(writer.add(*step) for step in steps_of(tune)) + writer.finish()


def abc_text(tune: Tune, steps_per_quarter: int, number: int = 1, *, tempo: float = 100.0) -> str:
    """A whole tune, header and notes."""
    fields = header(tune, steps_per_quarter, number, tempo=tempo)
    return f"{fields}{notes_text(tune, steps_per_quarter)}\n"
