"""Transcripts as speech corpora keep them: LibriSpeech's .trans.txt, and Kaldi's data folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ostinato.data.files.lines import iterate_lines
from ostinato.errors import InputError

SCRIPT, TEXT, SPEAKERS = "wav.scp", "text", "utt2spk"  # of a Kaldi data folder


class Utterance(NamedTuple):
    """A line of a list: the path of its sound as it stands there, its text, who speaks, where."""

    audio: str
    text: str
    speaker: str
    where: str


def read_keyed(file: Path) -> dict[str, tuple[str, int]]:
    """Lines of a key and the rest: "84-121-0000 GO ON" -> {"84-121-0000": ("GO ON", 1)}"""
    found = {}
    for number, line in enumerate(iterate_lines(file), start=1):
        key, _, rest = line.strip().partition(" ")
        if key:
            found[key] = (rest.strip(), number)
    return found


def read_kaldi(folder: Path) -> Iterator[Utterance]:
    """wav.scp (a path for each utterance) with text, and utt2spk where it is there."""
    if not (folder / TEXT).is_file():
        raise InputError(f"{folder / SCRIPT}: no file {TEXT} beside it, with the transcripts")
    texts = read_keyed(folder / TEXT)
    speakers = read_keyed(folder / SPEAKERS) if (folder / SPEAKERS).is_file() else {}
    for key, (audio, number) in read_keyed(folder / SCRIPT).items():
        where = f"{folder / SCRIPT}:{number}"
        if audio.endswith("|"):
            raise InputError(
                f"{where}: a command instead of a path, which is not run; write the sound to a file"
            )
        text, speaker = texts.get(key, ("", 0))[0], speakers.get(key, ("", 0))[0]
        yield Utterance(audio, text, speaker, where)


def read_librispeech(folder: Path) -> Iterator[Utterance]:
    """SPEAKER/CHAPTER/SPEAKER-CHAPTER.trans.txt, with NAME.flac (or .wav) for each line."""
    for file in sorted(folder.rglob("*.trans.txt")):
        for key, (text, number) in read_keyed(file).items():
            sounds = [file.with_name(f"{key}{suffix}") for suffix in (".flac", ".wav", ".ogg")]
            there = next((each for each in sounds if each.is_file()), sounds[0])
            path = str(there.relative_to(folder))
            yield Utterance(path, text, key.split("-")[0], f"{file}:{number}")
