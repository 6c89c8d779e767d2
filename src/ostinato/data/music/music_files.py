"""Music from files of any kind: MIDI, ABC, JSON, folders of them, or a table that lists them with their labels.

What a file is, is seen from how it begins, not from its name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.data.files.lines import FilePath, open_bytes
from ostinato.data.files.table import is_table, read_table
from ostinato.data.files.wording import display_path
from ostinato.data.music.abc import AbcTune, Unreadable, read_tune, split_tunes
from ostinato.data.music.midi import MidiTune, read_midi
from ostinato.data.music.tunes import PITCHES, Note, Tune, nearest_step, notes_of_chords, on_grid
from ostinato.errors import InputError, nearest

ENDINGS = (
    ".mid",
    ".midi",
    ".kar",
    ".abc",
    ".json",
)  # what is looked for in folders, gzipped or not
FIELDS = {
    "genre": "R",
    "rhythm": "R",
    "composer": "C",
    "origin": "O",
    "metre": "M",
    "meter": "M",
}  # what ABC says itself
PARTS = {"train": ("train",), "dev": ("dev", "valid", "validation"), "test": ("test",)}


@dataclass
class Reading:
    """How music is read, and what was left out.

    steps_per_quarter   the time grid
    label               what the label is called: a column of a table, a key in JSON, a field of ABC (genre: R)
    repeats             repeated parts of ABC tunes are there twice
    left_out            tunes that do not parse, with where and why"""

    steps_per_quarter: int = 4
    label: str = "genre"
    repeats: bool = False
    left_out: list[str] = field(default_factory=list)

    def read(self, files: Sequence[FilePath], *, part: str = "test") -> Iterator[Tune]:
        """All tunes of files and folders. `part`: which one of a JSON file that has train, valid and test; "data.json:valid" asks
        for one by name. InputError: what cannot be read at all."""
        for file in files:
            path = Path(file)
            if str(file) != "-" and path.is_dir():
                yield from self.folder(path)
            elif is_table(file) and not str(file).removesuffix(".gz").lower().endswith(".json"):
                yield from self.listed(path)
            else:
                yield from self.file(file, part)

    def folder(self, folder: Path) -> Iterator[Tune]:
        """All music below a folder; inside folders of its own, the first folder's name is the label."""
        files = sorted(
            path
            for path in folder.rglob("*")
            if path.name.lower().removesuffix(".gz").endswith(ENDINGS)
            and path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
        if not files:
            raise InputError(
                f"{folder}: no music in it; expected files ending in {', '.join(ENDINGS)}"
            )
        for path in files:
            parts = path.relative_to(folder).parts
            label = parts[0] if len(parts) > 1 else ""
            for tune in self.file(path, "test"):
                yield tune._replace(label=label or tune.label)

    def listed(self, table: Path) -> Iterator[Tune]:
        """The files that a table names, relative to it, each with its label."""
        for row in read_table(table, ("file", self.label), names={}):
            name = row.text("file")
            if not (table.parent / name).is_file():
                raise InputError(
                    f"{display_path(table)}:{row.line}: no such file: {table.parent / name}"
                )
            for tune in self.file(table.parent / name, "test"):
                yield tune._replace(label=row.text(self.label).strip())

    def file(self, file: FilePath, part: str) -> Iterator[Tune]:
        content, part = contents(file, part)
        name = display_path(file)
        head = content.lstrip()[:1]
        if content.startswith(b"MThd"):
            read = read_midi(content, name)
            yield self.tune(read, metre=read.metre, where=name, title=Path(name).stem)
        elif head in (b"[", b"{") and not content.lstrip().startswith(b"[:"):
            yield from self.json(content, name, part)
        elif b"X:" in content:
            yield from self.abc(decoded(content), name)
        elif not content.strip():
            raise InputError(f"{name}: an empty file; expected MIDI, ABC or JSON")
        else:
            hint = (
                " it is named as MIDI, but damaged: it does not begin with MThd"
                if Path(name).suffix.lower() in ENDINGS[:3]
                else ""
            )
            raise InputError(
                f"{name}: neither MIDI, nor ABC (tunes that begin with X:), nor JSON;{hint or ' convert it to one of them'}"
            )

    def tune(self, read: AbcTune | MidiTune, **known: str) -> Tune:
        """What a reader gave, on the grid."""
        notes = on_grid(read.notes, self.steps_per_quarter)
        end = max((note.start + note.length for note in notes), default=0)
        return Tune(
            notes,
            max(end, nearest_step(read.length, self.steps_per_quarter)),
            sharps=read.sharps,
            **known,
        )

    def abc(self, text: str, name: str) -> Iterator[Tune]:
        for first, lines in split_tunes(text.replace("\r\n", "\n").split("\n")):
            title = next((line[2:].strip() for line in lines if line.startswith("T:")), lines[0])
            try:
                yield self.placed(
                    read_tune(lines, first, repeats=self.repeats), title, f"{name}:{first}"
                )
            except Unreadable as error:
                self.left_out.append(f"'{title}' ({name}:{error.line}: {error.why})")

    def placed(self, read: AbcTune, title: str, where: str) -> Tune:
        """A tune on the grid; before an upbeat stand rests, so that its bars begin where bars do."""
        notes = [
            (start + read.upbeat, end + read.upbeat, pitch) for start, end, pitch in read.notes
        ]
        label = read.fields.get(FIELDS.get(self.label.lower(), ""), "")
        metre = {"C": "4/4", "C|": "2/2"}.get(read.fields.get("M", ""), read.fields.get("M", ""))
        return self.tune(
            read._replace(notes=notes, length=read.length + read.upbeat),
            label=" ".join(label.lower().split()),
            title=title,
            metre=metre,
            where=where,
        )

    def json(self, content: bytes, name: str, part: str) -> Iterator[Tune]:
        try:
            found = json.loads(content)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"{name}: not JSON ({str(error).splitlines()[0]})") from None
        if isinstance(found, dict) and not is_piece(found):
            found = part_of(found, name, part)
        if not isinstance(found, list):
            found = [found]
        if found and all(step is None or isinstance(step, int) for step in found):
            found = [found]  # one plain sequence of pitches
        if not found:
            raise InputError(f"{name}: no pieces in it")
        for number, piece in enumerate(found, start=1):
            yield self.piece(piece, f"{name}: piece {number}")

    def piece(self, piece: Any, where: str) -> Tune:
        """A list of pitches (one note each, -1 or null: a rest), a list of lists of them (what sounds at each step), or an object
        with one of these under "pitches", "notes" or "steps", and a label."""
        label = title = ""
        if isinstance(piece, dict) and is_piece(piece):
            label, title = (str(piece.get(key) or "") for key in (self.label, "title"))
            piece = next(piece[key] for key in ("pitches", "notes", "steps") if key in piece)
        if not isinstance(piece, (list, tuple)) or not all(
            step is None or isinstance(step, (int, list, tuple)) for step in piece
        ):
            raise InputError(
                f"{where}: expected a list of pitches, or of lists of pitches that sound together; got {str(piece):.40}"
            )
        if any(isinstance(step, (list, tuple)) for step in piece):
            chords = np.zeros((len(piece), PITCHES), bool)
            for number, step in enumerate(piece):
                for pitch in step if isinstance(step, (list, tuple)) else [step]:
                    if (found := pitch_of(pitch, where, number + 1)) is not None:
                        chords[number, found] = True
            return Tune(notes_of_chords(chords), len(piece), label=label, title=title, where=where)
        pitches = [pitch_of(pitch, where, number) for number, pitch in enumerate(piece, start=1)]
        notes = tuple(
            Note(step, 1, pitch) for step, pitch in enumerate(pitches) if pitch is not None
        )
        return Tune(notes, len(piece), label=label, title=title, where=where)


def contents(file: FilePath, part: str) -> tuple[bytes, str]:
    """The bytes of a file; of "data.json:valid", if there is no file of that name, those of data.json, and "valid"."""
    path, _, named = str(file).rpartition(":")
    if path and not Path(file).exists() and Path(path).is_file():
        file, part = path, named
    try:
        with open_bytes(file, text=False) as stream:
            return stream.read(), part
    except (OSError, EOFError) as error:
        raise InputError(f"{display_path(file)}: cannot be read ({error}); copy it again") from None


def decoded(content: bytes) -> str:
    """UTF-8, or else Latin-1, in which most old collections of ABC are written."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def is_piece(found: dict) -> bool:
    return any(key in found for key in ("pitches", "notes", "steps"))


def part_of(found: dict, name: str, part: str) -> Any:
    for key in (*PARTS.get(part, (part,)), part):
        if key in found:
            return found[key]
    raise InputError(
        f"{name}: an object without {part!r}{nearest(part, map(str, found))}; "
        "expected lists of pieces under train, valid and test"
    )


def pitch_of(value: Any, where: str, step: int) -> int | None:
    """None for a rest: null, or -1."""
    if value is None or (isinstance(value, int) and value == -1):
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(
            f"{where}, step {step}: {value!r:.40} is no pitch; expected numbers from 0 to {PITCHES - 1}"
        )
    if not 0 <= value < PITCHES:
        raise InputError(f"{where}, step {step}: the pitch {value} is outside 0 to {PITCHES - 1}")
    return value


def prompt_tune(text: str, reading: Reading) -> Tune:
    """A melody given as text: ABC with or without its header, or pitches: "60 62 64", "[60, 62, 64]"."""
    words = text.replace(",", " ").replace("[", " [ ").replace("]", " ] ").split()
    if words and all(word.lstrip("-").isdigit() or word in "[]" for word in words):
        try:
            pitches = json.loads(text) if "[" in text else [int(word) for word in words]
        except json.JSONDecodeError:
            raise InputError(f"the prompt: not a list of pitches: {text:.60}") from None
        return reading.piece(pitches, "the prompt")
    lines = text.split("\n")
    if "K:" not in text:
        lines = ["X:1", f"L:1/{4 * reading.steps_per_quarter}", "K:C", *lines]
    try:
        found = read_tune(lines, repeats=reading.repeats)
        return reading.placed(found, found.fields.get("T", ""), "")
    except Unreadable as error:
        raise InputError(
            f"the prompt: {error.why}; expected the name of a file, notes in ABC, or pitches"
        ) from None
