"""Does ABC sound as abc2midi plays it? Every tune of the files, read by both, note by note.

    python benchmarks/abc_reading.py DATA/melody_oneills1850_abc/*.abc --show 5
    python benchmarks/abc_reading.py DATA/melody_oneills1850_abc/*.abc --as-written

Compared are pitch, start and end of all notes, with repeats; `--as-written` makes every repeat sign
a plain bar line. abc2midi is the one of the system's path (Debian: abcmidi) or else the one that
symusic carries. It also plays what Ostinato leaves out: grace notes, trills, rolls, staccato, chord
symbols and the swing of hornpipes. These are switched off, or taken out of its input.

After numbered endings abc2midi loses track of where a `:|` without `|:` goes back to, and a `:|`
after the last of them makes it play the section once more. A tune that differs is therefore
compared again, with `|:` written at the beginning of each section that Ostinato found.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from fractions import Fraction
from pathlib import Path

from ostinato.data.music.abc import TuneReader, Unreadable, read_tune, split_tunes
from ostinato.data.music.abc_performance import Struck, split_sections
from ostinato.data.music.midi import read_midi
from ostinato.data.music.music_files import decode
from ostinato.errors import InputError

TOLERANCE = Fraction(4, 480)  # of a quarter: abc2midi rounds to ticks, and begins one tick late
PERFORMED = re.compile(r'("[^"]*")|![^!]*!|\{[^}]*\}|[~.HLMOPSTuv](?=[\^_=A-Ga-g\[(~.HLMOPSTuv])')

BARS = re.compile(r":*\|[|\]:]*|\[\||::+")
ENDINGS = re.compile(r"\|\s*\[?\d[\d,-]*")

Notes = list[tuple[Fraction, Fraction, int]]


def find_abc2midi() -> str:
    if found := shutil.which("abc2midi"):
        return found
    package = importlib.util.find_spec("symusic")
    if package is None or package.origin is None:
        sys.exit("abc2midi is missing: apt install abcmidi, or pip install symusic")
    return str(Path(package.origin).parent / "bin" / "abc2midi")


def without_performance(lines: list[str]) -> list[str]:
    """The tune without ornaments, articulation and rhythm of performance."""
    cleaned = ["X:1", "%%MIDI chordattack 0"]
    for line in lines[1:]:
        if re.match(r"[A-Za-z]:", line):
            if line[0] not in "RQwWNZ":
                cleaned.append(line)
        else:
            cleaned.append(PERFORMED.sub("", line))
    return cleaned


def with_sections(lines: list[str]) -> list[str]:
    """The tune of one voice with `|:` at the beginning of each repeated section.

    Lengths are written twelvefold: abc2midi takes only fractions with a power of 2 below.
    """
    reader = TuneReader()
    for line in lines:
        reader.read_line(line)
    (voice,) = reader.voices.values()
    written = ["X:1", "M:none", "L:1/4", "K:C"]
    for section in split_sections(voice.elements):
        text = ""
        for block in section.blocks:
            if block.endings and text:
                text += "|" + ",".join(map(str, block.endings)) + " "
            text += " ".join(
                write_struck(each) for each in block.elements if isinstance(each, Struck)
            )
            text += " :" if block.repeats and block is not section.blocks[-1] else ""
        has_endings = any(block.endings for block in section.blocks)
        repeated = len(section.passes()) > 1
        written.append(
            ("|: " if repeated else "") + text + (" :|" if repeated and not has_endings else " ||")
        )
    return written


def write_struck(element: Struck) -> str:
    length = element.length * 12
    factor = f"{length.numerator}/{length.denominator}"
    notes = ""
    for pitch, tied in zip(element.pitches, element.tied, strict=True):
        name = ("=C", "^C", "=D", "^D", "=E", "=F", "^F", "=G", "^G", "=A", "^A", "=B")[pitch % 12]
        octave = pitch // 12 - 5
        notes += name + "'" * octave + "," * -octave + (factor + "-" if tied else factor)
    return f"[{notes}]" if len(element.pitches) > 1 else notes or f"z{factor}"


def without_repeats(lines: list[str]) -> list[str]:
    """The tune with every repeat sign a plain bar line, and no endings: played as it is written."""
    return [
        line
        if re.match(r"[A-Za-z]:", line)
        else ENDINGS.sub("|", re.sub(r"\[\s*\d[\d,-]*", "|", BARS.sub("|", line)))
        for line in lines
    ]


def play_by_abc2midi(program: str, lines: list[str], folder: Path) -> Notes:
    source, target = folder / "tune.abc", folder / "tune.mid"
    target.unlink(missing_ok=True)
    source.write_text(
        "\n".join(without_performance(lines)) + "\n\n", encoding="latin-1", errors="replace"
    )
    command = [
        program,
        str(source),
        "-o",
        str(target),
        "-silent",
        "-NGRA",
        "-NGUI",
        "-NFER",
        "-OCC",
    ]
    subprocess.run(command, check=False, capture_output=True, timeout=120)
    if not target.exists():
        raise InputError("abc2midi wrote nothing")
    return read_midi(target.read_bytes(), "tune.mid").notes


def differences(ours: Notes, theirs: Notes) -> str:
    """ "" if the same notes sound at the same times, else what the first difference is."""
    ours, theirs = sorted(set(ours)), sorted(set(theirs))
    if len(ours) != len(theirs):
        return f"{len(ours)} notes, abc2midi {len(theirs)}; {first_difference(ours, theirs)}"
    return first_difference(ours, theirs)


def agree_on_sections(program: str, lines: list[str], ours: Notes, folder: Path) -> bool:
    """Whether abc2midi plays the same once it is told where repeated sections begin."""
    theirs = play_by_abc2midi(program, with_sections(lines), folder)
    return not differences(ours, [(start / 12, end / 12, pitch) for start, end, pitch in theirs])


def first_difference(ours: Notes, theirs: Notes) -> str:
    # simultaneous notes may change places by a tick of rounding
    def key(note: tuple[Fraction, Fraction, int]) -> tuple[int, int]:
        return int(note[0] * 24 + Fraction(1, 2)), note[2]

    for mine, other in zip(sorted(ours, key=key), sorted(theirs, key=key), strict=False):
        times = zip(mine[:2], other[:2], strict=True)
        if mine[2] != other[2] or any(abs(a - b) > TOLERANCE for a, b in times):
            shown = [f"{float(s):.3f}-{float(e):.3f} pitch {p}" for s, e, p in (mine, other)]
            return f"{shown[0]} against {shown[1]}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--show", type=int, default=0, help="how many differing tunes to list")
    parser.add_argument("--json", type=Path, help="a file for every tune's outcome")
    parser.add_argument("--as-written", action="store_true", help="without repeats and endings")
    arguments = parser.parse_args()
    program = find_abc2midi()
    outcomes: dict[str, str] = {}
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for file in arguments.files:
            text = decode(file.read_bytes()).replace("\r\n", "\n")
            for first, lines in split_tunes(text.split("\n")):
                where = f"{file.name}:{first}"
                if arguments.as_written:
                    lines = without_repeats(lines)
                try:
                    ours = read_tune(lines, first, repeats=True).notes
                except Unreadable as error:
                    outcomes[where] = f"not read, line {error.line}: {error.why}"
                    counts["not read"] += 1
                    continue
                try:
                    theirs = play_by_abc2midi(program, lines, Path(folder))
                except InputError as error:
                    outcomes[where] = str(error)
                    counts["not read by abc2midi"] += 1
                    continue
                counts["notes"] += len(ours)
                counts["notes of abc2midi"] += len(theirs)
                difference = differences(ours, theirs)
                if not difference:
                    counts["same"] += 1
                elif agree_on_sections(program, lines, ours, Path(folder)):
                    counts["same with their sections marked"] += 1
                    difference = f"same with its sections marked; else {difference}"
                else:
                    counts["different"] += 1
                outcomes[where] = difference
    differing = {where: what for where, what in outcomes.items() if what}
    for where, what in list(differing.items())[: arguments.show]:
        print(f"{where}  {what}")
    if arguments.json:
        arguments.json.write_text(json.dumps(outcomes, indent=1))
    print(f"{len(outcomes):,} tunes: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()))


if __name__ == "__main__":
    main()
