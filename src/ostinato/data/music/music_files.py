"""Music from files of any kind: MIDI, ABC, JSON, folders of them, or a table that lists them.

A file's kind is recognised by how it begins, not by its name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from ostinato.data.files.streams import FilePath, read_bytes
from ostinato.data.files.table import is_table, read_table
from ostinato.data.files.wording import display_path
from ostinato.data.music.abc import AbcTune, Unreadable, read_tune, split_tunes
from ostinato.data.music.abc_text import key_name
from ostinato.data.music.json_pieces import read_piece, read_pieces
from ostinato.data.music.midi import MidiTune, read_midi
from ostinato.data.music.tunes import Tune, end_of_bar, nearest_step, on_grid
from ostinato.errors import InputError
from ostinato.notices import notify

ENDINGS = (".mid", ".midi", ".kar", ".abc", ".json")  # of the files in folders, gzipped or not
MIDI_ENDINGS = ENDINGS[:3]
# labels that ABC has a field for
FIELDS = {
    "genre": "R",
    "rhythm": "R",
    "composer": "C",
    "origin": "O",
    "metre": "M",
    "meter": "M",
}


@dataclass
class Reading:
    """How music is read, and what was left out.

    Attributes:
        steps_per_quarter: the time grid.
        label: what the label is called: a column of a table, a key in JSON, a field of ABC
            (genre: R).
        repeats: repeated sections of ABC tunes are played again.
        left_out: tunes that do not parse, with where and why.
        changes: of tunes whose metre or key changes, which and how: {"metre": [...], "key": [...]}.
    """

    steps_per_quarter: int = 4
    label: str = "genre"
    repeats: bool = False
    left_out: list[str] = field(default_factory=list)
    changes: dict[str, list[str]] = field(default_factory=lambda: {"metre": [], "key": []})

    def read(self, files: Sequence[FilePath], *, part: str = "test") -> Iterator[Tune]:
        """All tunes of files and folders; in the end a notice of metres and keys that change.

        Args:
            files: "data.json:valid" names a part of a JSON file.
            part: which part of other JSON files that have train, valid and test.

        Raises:
            InputError: a file cannot be read at all.
        """
        for file in files:
            path = Path(file)
            if str(file) != "-" and path.is_dir():
                yield from self.read_folder(path)
            elif is_table(file) and not str(file).removesuffix(".gz").lower().endswith(".json"):
                yield from self.read_listed(path)
            else:
                yield from self.read_file(file, part)
        self.notify_changes()

    def read_folder(self, folder: Path) -> Iterator[Tune]:
        """All music below a folder; the name of a folder directly inside it is the label, or that
        of a file of several tunes that have none of their own.
        """
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
            tunes = list(self.read_file(path, "test"))
            kind = path.name.split(".")[0] if len(tunes) > 1 else ""
            for tune in tunes:
                yield tune._replace(label=label or tune.label or kind)

    def read_listed(self, table: Path) -> Iterator[Tune]:
        """The files that a table names, relative to it, each with its label."""
        for row in read_table(table, ("file", self.label), names={}):
            name = row.text("file")
            path = table.parent / name
            if not path.is_file():
                missing = "not a file" if path.exists() else "no such file"
                raise InputError(f"{display_path(table)}:{row.line}: {missing}: {path}")
            for tune in self.read_file(path, "test"):
                yield tune._replace(label=row.text(self.label).strip())

    def read_file(self, file: FilePath, part: str) -> Iterator[Tune]:
        """The tunes of one file, whatever its kind."""
        content, part = read_content(file, part)
        name = display_path(file)
        head = content.lstrip()[:1]
        if content.startswith(b"MThd"):
            yield self.place_midi(read_midi(content, name), name)
        elif head in (b"[", b"{") and not content.lstrip().startswith(b"[:"):
            yield from self.read_json(content, name, part)
        elif b"X:" in content:
            yield from self.read_abc(decode(content), name)
        elif not content.strip():
            raise InputError(f"{name}: an empty file; expected MIDI, ABC or JSON")
        elif Path(name).suffix.lower() in MIDI_ENDINGS:
            raise InputError(
                f"{name}: neither MIDI, nor ABC (tunes that begin with X:), nor JSON; "
                "it is named as MIDI, but damaged: it does not begin with MThd"
            )
        else:
            raise InputError(
                f"{name}: neither MIDI, nor ABC (tunes that begin with X:), nor JSON; "
                "convert it to one of them"
            )

    def read_abc(self, text: str, name: str) -> Iterator[Tune]:
        """The tunes of an ABC file; those that do not parse go into `left_out`."""
        text = text.replace("\r\n", "\n")
        end = "\n" if "\n" in text else "\r"  # alone, as the old Macintosh wrote
        for first, lines in split_tunes(text.split(end)):
            title = next((line[2:].strip() for line in lines if line.startswith("T:")), lines[0])
            try:
                read = read_tune(lines, first, repeats=self.repeats)
            except Unreadable as error:
                self.left_out.append(f"'{title}' ({name}:{error.line}: {error.why})")
            else:
                yield self.place_abc(read, title, f"{name}:{first}")

    def place_midi(self, read: MidiTune, name: str) -> Tune:
        """A MIDI file on the grid; it ends with the bar of its last note."""
        self.note_changes(read, name)
        notes = on_grid(read.notes, self.steps_per_quarter)
        last = max((note.start + note.length for note in notes), default=0)
        end = end_of_bar(Fraction(last, self.steps_per_quarter), read.metres)
        return Tune(
            notes,
            max(last, nearest_step(end, self.steps_per_quarter)),
            sharps=read.sharps,
            metre=read.metre,
            where=name,
            title=Path(name).stem,
        )

    def place_abc(self, read: AbcTune, title: str, where: str) -> Tune:
        """A tune on the grid; rests before an upbeat fill its bar."""
        self.note_changes(read, f"'{title}' ({where})")
        notes = on_grid(
            [(start + read.upbeat, end + read.upbeat, pitch) for start, end, pitch in read.notes],
            self.steps_per_quarter,
        )
        last = max(note.start + note.length for note in notes)
        label = read.fields.get(FIELDS.get(self.label.lower(), ""), "")
        return Tune(
            notes,
            max(last, nearest_step(read.length + read.upbeat, self.steps_per_quarter)),
            label=" ".join(label.lower().split()),
            title=title,
            sharps=read.sharps,
            metre={"C": "4/4", "C|": "2/2"}.get(read.metre, read.metre),
            where=where,
        )

    def note_changes(self, read: AbcTune | MidiTune, where: str) -> None:
        """A tune has one metre and one key, its first; that others follow must be said."""
        if read.later_metres:
            metres = ", then ".join((read.metre or "none", *read.later_metres))
            self.changes["metre"].append(f"{where}: {metres}")
        if read.later_keys and read.sharps is not None:
            keys = ", then ".join(map(key_name, (read.sharps, *read.later_keys)))
            self.changes["key"].append(f"{where}: {keys}")

    def notify_changes(self) -> None:
        """Says in how many tunes the metre or the key changes, and forgets them."""
        meanings = {
            "metre": "bars are counted in the first",
            "key": "the first is taken for the whole tune",
        }
        for what, tunes in self.changes.items():
            if tunes:
                count = f"{len(tunes):,} tunes, first {tunes[0]}" if len(tunes) > 1 else tunes[0]
                notify(f"the {what} changes in {count}; {meanings[what]}")
            tunes.clear()

    def read_json(self, content: bytes, name: str, part: str) -> Iterator[Tune]:
        """The pieces of a JSON file, or of one part of it."""
        for number, piece in enumerate(read_pieces(content, name, part), start=1):
            yield self.piece(piece, f"{name}: piece {number}")

    def piece(self, piece: Any, where: str) -> Tune:
        """A piece as JSON has it; see `json_pieces.read_piece`."""
        return read_piece(piece, where, label=self.label)


def read_content(file: FilePath, part: str) -> tuple[bytes, str]:
    """The bytes of a file, text as UTF-8 without a mark, and the part; "data.json:valid" is
    data.json unless it exists.
    """
    path, _, named = str(file).rpartition(":")
    if path and not Path(file).exists() and Path(path).is_file():
        file, part = path, named
    content = read_bytes(file, text=False)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            content = content.decode("utf-16").encode()
        except UnicodeDecodeError:
            raise InputError(
                f"{display_path(file)}: begins as UTF-16 text does, but is none; save it as UTF-8"
            ) from None
    return content, part


def decode(content: bytes) -> str:
    """UTF-8, or else Latin-1, the encoding of most old collections of ABC."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def prompt_tune(text: str, reading: Reading) -> Tune:
    """A melody given as text: ABC with or without its header, or pitches.

    prompt_tune("60 62 64", reading), prompt_tune("[60, 62, 64]", reading),
    prompt_tune("G2A2 B4", reading)
    """
    words = text.replace(",", " ").replace("[", " [ ").replace("]", " ] ").split()
    if words and all(word in "[]" or re.fullmatch("-?[0-9]{1,9}", word) for word in words):
        try:
            pitches = json.loads(text) if "[" in text else [int(word) for word in words]
        except (ValueError, RecursionError):
            raise InputError(f"the prompt: not a list of pitches: {text:.60}") from None
        return reading.piece(pitches, "the prompt")
    lines = text.split("\n")
    if "K:" not in text:
        lines = ["X:1", f"L:1/{4 * reading.steps_per_quarter}", "K:C", *lines]
    try:
        read = read_tune(lines, repeats=reading.repeats)
    except Unreadable as error:
        raise InputError(
            f"the prompt: {error.why}; expected the name of a file, notes in ABC, or pitches"
        ) from None
    return reading.place_abc(read, read.fields.get("T", ""), "")
