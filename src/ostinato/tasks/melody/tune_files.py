"""Writes generated tunes as ABC, MIDI, WAV and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ostinato.data.files.atomic import Content, write_all_atomically
from ostinato.data.music import piano_roll
from ostinato.data.music.abc_text import abc_text
from ostinato.data.music.midi import midi_bytes
from ostinato.data.music.synthesis import wav_bytes
from ostinato.data.music.tunes import Tune
from ostinato.errors import InputError, nearest

FORMATS = (".abc", ".png", ".wav", ".mid")


class GeneratedTune(Tune):
    """A tune that begins with a prompt, which pictures show in another colour.

    It compares equal to the same tune without a prompt, and `_replace` returns one without a
    prompt.
    """

    prompt_steps: int = 0

    @classmethod
    def from_tune(cls, tune: Tune, *, prompt_steps: int) -> Self:
        """Makes a generated tune; its first `prompt_steps` steps are the prompt."""
        generated = cls(*tune)
        generated.prompt_steps = prompt_steps
        return generated


def save_tunes(
    tunes: Sequence[Tune], path: Path, *, steps_per_quarter: int, tempo: float
) -> list[Path]:
    """Writes tunes: all to one ABC file, or each to a numbered file of its own.

    Args:
        tunes: The tunes.
        path: The file; its suffix is the format, and without one every format is written.
        steps_per_quarter: The time grid.
        tempo: Quarter notes a minute.

    Returns:
        The files written.

    Raises:
        InputError: There is no such format, or a file or device has the name without a suffix.
    """
    suffix = {".midi": ".mid", "": ""}.get(path.suffix.lower(), path.suffix.lower())
    if suffix and suffix not in FORMATS:
        raise InputError(
            f"{path}: {path.suffix} is not a music format that can be written"
            f"{nearest(suffix, FORMATS)}; without a suffix, all formats are written"
        )
    if not suffix and path.exists() and not path.is_dir():
        raise InputError(  # such as /dev/null, beside which files would be written
            f"{path}: exists, and every format would be written beside it; give a name with a "
            "suffix, such as .mid"
        )
    contents: dict[Path, Content] = {}
    for form in (suffix,) if suffix else FORMATS:
        first = path.with_suffix(path.suffix or form)
        if form == ".abc":
            texts = [
                abc_text(tune, steps_per_quarter, number, tempo=tempo)
                for number, tune in enumerate(tunes, start=1)
            ]
            contents[first] = "\n".join(texts).encode()
        else:
            contents |= {
                number_path(first, number, len(tunes)): render(tune, form, steps_per_quarter, tempo)
                for number, tune in enumerate(tunes, start=1)
            }
    write_all_atomically(contents)
    return list(contents)


def number_path(path: Path, number: int, count: int) -> Path:
    """number_path(Path("tune.mid"), 2, 3) -> Path("tune-2.mid"); number 1 of 1: the path itself"""
    return path.with_stem(f"{path.stem}-{number}") if count > 1 else path


def render(tune: Tune, form: str, steps_per_quarter: int, tempo: float) -> Content:
    """A tune as the content of a MIDI file, of a WAV file, or of a picture."""
    if form == ".mid":
        return midi_bytes(tune, steps_per_quarter, tempo=tempo)
    if form == ".wav":
        return wav_bytes(tune, steps_per_quarter, tempo=tempo)
    given = tune.prompt_steps if isinstance(tune, GeneratedTune) else 0
    return lambda file: piano_roll.write_piano_roll(tune, steps_per_quarter, file, given=given)
