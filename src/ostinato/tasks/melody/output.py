"""Tunes to files: by the ending of the name asked for, or of all kinds where it has none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ostinato.data.files.atomic import Content, write_atomically
from ostinato.data.music import piano_roll
from ostinato.data.music.abc_text import abc_text
from ostinato.data.music.midi import midi_bytes
from ostinato.data.music.synthesis import wav_bytes
from ostinato.data.music.tunes import Tune
from ostinato.errors import InputError, nearest

KINDS = (".abc", ".png", ".wav", ".mid")


def save_tunes(
    tunes: Sequence[Tune], path: Path, *, steps_per_quarter: int, tempo: float, given: int = 0
) -> list[Path]:
    """Writes all of them; ABC into one file, the other kinds one file a tune, numbered if there are several."""
    suffix = {".midi": ".mid", "": ""}.get(path.suffix.lower(), path.suffix.lower())
    if suffix and suffix not in KINDS:
        raise InputError(
            f"{path}: {path.suffix} is no kind of music file that can be written{nearest(suffix, KINDS)}; "
            "without an ending, all kinds are"
        )
    written = []
    for kind in (suffix,) if suffix else KINDS:
        names = [path.with_suffix(path.suffix or kind)]
        contents: list[Content]
        if kind == ".abc":
            contents = [
                "\n".join(
                    abc_text(tune, steps_per_quarter, number, tempo=tempo)
                    for number, tune in enumerate(tunes, start=1)
                ).encode()
            ]
        else:
            contents = [content_of(tune, kind, steps_per_quarter, tempo, given) for tune in tunes]
            if len(tunes) > 1:
                names = [
                    names[0].with_stem(f"{names[0].stem}-{number}")
                    for number in range(1, len(tunes) + 1)
                ]
        for name, content in zip(names, contents, strict=True):
            write_atomically(name, content)
            written.append(name)
    return written


def content_of(tune: Tune, kind: str, steps_per_quarter: int, tempo: float, given: int) -> Content:
    if kind == ".mid":
        return midi_bytes(tune, steps_per_quarter, tempo=tempo)
    if kind == ".wav":
        return wav_bytes(tune, steps_per_quarter, tempo=tempo)
    return lambda file: piano_roll.write(tune, steps_per_quarter, file, given=given)
