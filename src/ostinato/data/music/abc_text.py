"""Writing ABC: a tune as text, as it is made or all at once.

writer = AbcWriter(steps_per_quarter=4, metre="6/8", sharps=1)
writer.add({67}, {67}) -> "";  writer.add({67}, set()) -> "";  writer.finish() -> "G2 |]"
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ostinato.data.music.tunes import LETTERS, Tune, sharps_of, signature, steps_in_bar

LINE = 4  # bars on a line
BAR_OTHERWISE = 16  # steps between bar lines where the metre says nothing


class AbcWriter:
    """Takes a tune step by step: what sounds, and which of it is struck anew. Gives the text of what is complete."""

    def __init__(
        self, *, steps_per_quarter: int = 4, metre: str = "", sharps: int = 0, at: int = 0
    ):
        self.bar = steps_in_bar(metre, steps_per_quarter) or BAR_OTHERWISE
        self.key = signature(sharps)
        self.names = names_of(self.key, sharps < 0)
        self.altered: set[str] = set()  # letters with an accidental since the bar line
        self.step, self.length = (
            at,
            0,
        )  # steps so far, `at` of them written elsewhere; steps of what sounds now
        self.sounding: frozenset[int] | None = None

    def add(self, sounding: Collection[int], struck: Collection[int]) -> str:
        """The next step; gives what was complete before it."""
        sounding, text = frozenset(sounding), ""
        goes_on = sounding == self.sounding and not struck
        if self.sounding is not None and (not goes_on or self.step % self.bar == 0):
            text = self.written(sounding - frozenset(struck))
        if text or self.sounding is None:
            self.length = 0
        if text and self.step % self.bar == 0:
            self.altered.clear()
            text += " |\n" if self.step % (self.bar * LINE) == 0 else " | "
        elif text and self.beat():
            text += " "
        self.sounding = sounding
        self.length, self.step = self.length + 1, self.step + 1
        return text

    def finish(self) -> str:
        return (self.written(frozenset()) if self.sounding is not None else "") + " |]"

    def beat(self) -> bool:
        """Whether a beam ends here: what stands together in writing is played within one beat."""
        beats = 2 if self.bar % 3 == 0 and self.bar % 2 == 0 else 3 if self.bar % 3 == 0 else 4
        return self.step % max(1, self.bar // beats) == 0

    def written(self, goes_on: frozenset[int]) -> str:
        """What sounds now with its length, tied where it goes on."""
        length = "" if self.length == 1 else str(self.length)
        notes = [
            (self.spelled(pitch), "-" if pitch in goes_on else "")
            for pitch in sorted(self.sounding)
        ]
        if not notes:
            return f"z{length}"
        if len(notes) == 1:
            return f"{notes[0][0]}{length}{notes[0][1]}"
        return f"[{''.join(note + tie for note, tie in notes)}]{length}"

    def spelled(self, pitch: int) -> str:
        """spelled(66) -> "^F", or "F" in G major. Once a letter is altered, it has a sign to the end of the bar, so that no reader's
        rule for what accidentals do to other octaves matters."""
        letter, alter = self.names[pitch % 12]
        octave = (pitch - alter - LETTERS[letter]) // 12
        sign = "_=^"[alter + 1]
        if alter == self.key.get(letter, 0) and letter not in self.altered:
            sign = ""
        else:
            self.altered.add(letter)
        name = letter if octave <= 5 else letter.lower()
        return sign + name + ("," * (5 - octave) if octave < 5 else "'" * (octave - 6))


def names_of(key: dict[str, int], flats: bool) -> dict[int, tuple[str, int]]:
    """How each degree above C is written in a key: {0: ("C", 0), 1: ("C", 1), ...}; its own notes first, then naturals."""
    alter = -1 if flats else 1
    names = {(number + alter) % 12: (letter, alter) for letter, number in LETTERS.items()}
    names |= {number: (letter, 0) for letter, number in LETTERS.items()}
    return names | {(LETTERS[letter] + own) % 12: (letter, own) for letter, own in key.items()}


def steps_of(tune: Tune) -> Iterator[tuple[set[int], set[int]]]:
    """For each step what sounds, and what of it is struck."""
    begins: dict[int, list] = {}
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
    """A whole tune as it stands in a file."""
    return f"{header(tune, steps_per_quarter, number, tempo=tempo)}{notes_text(tune, steps_per_quarter)}\n"
