"""Reads tunes from MIDI, ABC and JSON files, from folders, and from tables of files."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ostinato.data.files.wording import display_path, pluralise
from ostinato.data.music.music_files import ENDINGS, Reading, prompt_tune
from ostinato.data.music.tunes import Note, Tune
from ostinato.errors import InputError
from ostinato.notices import notify
from ostinato.tasks.melody.options import MelodyOptions
from ostinato.tasks.reader import Reader

MOST_LISTED = 3  # maximum tunes named in a notice about tunes that do not parse


class MelodyReader(Reader):
    options: MelodyOptions

    def reading(self) -> Reading:
        """A new reader of music files, which collects what it leaves out."""
        options = self.options
        return Reading(options.steps_per_quarter, options.condition or "genre", options.repeats)

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Tune]:
        reading, name = self.reading(), " ".join(map(display_path, files))
        tunes = list(reading.read(files, part="train" if training else "test"))
        notify_left_out(reading, name)
        if not tunes:
            first = ""
            if reading.left_out:
                first = f" but {count_left_out(reading)}, the first {reading.left_out[0]}"
            raise InputError(f"{name}: no tunes in it{first}")
        return drop_silent(tunes, name) if training else tunes

    def read_inputs(self, files: Sequence[str]) -> Iterator[Tune]:
        reading = self.reading()
        yield from reading.read(files)
        notify_left_out(reading, " ".join(map(display_path, files)))

    def as_record(self, value: Any) -> Tune:
        """Makes a Tune of a tune, of notes, of ABC text, or of a list of pitches or chords."""
        if isinstance(value, Tune):
            return value
        if isinstance(value, str):
            return prompt_tune(value, self.reading()) if value.strip() else Tune((), 0)
        if isinstance(value, tuple) and all(isinstance(note, Note) for note in value):
            return Tune(value, max((note.start + note.length for note in value), default=0))
        return self.reading().piece(value, "the input")

    def read_prompt(self, prompt: str | None, *, files: bool = True) -> Tune:
        """Reads a prompt: notes as text or, if `files` is true, the first tune of a file. Without a
        prompt, an empty tune.
        """
        if prompt is None or not prompt.strip():
            return Tune((), 0)
        named = prompt.lower().removesuffix(".gz").endswith(ENDINGS)
        if files and "\n" not in prompt and (Path(prompt).is_file() or named):
            return self.read([prompt])[0]
        return prompt_tune(prompt, self.reading())

    def key(self, record: Tune) -> Hashable:
        return record.notes


def drop_silent(tunes: list[Tune], name: str) -> list[Tune]:
    """The tunes with notes, with a notice of how many have none; InputError if all have none."""
    heard = [tune for tune in tunes if tune.notes]
    if silent := len(tunes) - len(heard):
        notify(f"{name}: {silent:,} {pluralise('tune', silent)} without notes left out")
    if not heard:
        raise InputError(f"{name}: no tune in it has a note")
    return heard


def notify_left_out(reading: Reading, name: str) -> None:
    """Notifies of tunes that do not parse."""
    if reading.left_out:
        further = len(reading.left_out) - MOST_LISTED
        more = f", and {further:,} others" if further > 0 else ""
        listed = ", ".join(reading.left_out[:MOST_LISTED])
        notify(f"{name}: {count_left_out(reading)} left out: {listed}{more}")


def count_left_out(reading: Reading) -> str:
    """Counts the tunes left out: "2 tunes that do not parse"."""
    if len(reading.left_out) == 1:
        return "1 tune that does not parse"
    return f"{len(reading.left_out):,} tunes that do not parse"
