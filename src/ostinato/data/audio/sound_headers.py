"""What the header of a sound file promises, against what there is."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ostinato.errors import InputError

PCM = 1
OGG_PAGE, OGG_END = 65_307, 4  # the most bytes of an Ogg page; the flag of the last one
UNKNOWN = 0x7FFFF000  # bytes from which on a length means "not known yet": recorders on a pipe


class Chunk(NamedTuple):
    """A part of a WAV, RF64, Wave64 or AIFF file: its name, where it begins, its bytes."""

    name: bytes
    start: int
    length: int


def chunks(opened: BinaryIO) -> list[Chunk]:
    """The chunks up to the sound, which is called b"data"; none for other formats."""
    magic = opened.read(12)
    if magic[:4] == b"riff":  # Sony Wave64: names of 16 bytes, lengths that include the heads
        opened.seek(40)
        form, align, wide = "<16sQ", 8, 24
    elif magic[:4] == b"FORM":
        form, align, wide = ">4sI", 2, 0
    elif magic[:4] in (b"RIFF", b"RF64", b"BW64"):
        form, align, wide = "<4sI", 2, 0
    else:
        return []
    found: list[Chunk] = []
    while len(head := opened.read(struct.calcsize(form))) == struct.calcsize(form):
        name, length = struct.unpack(form, head)
        name, length = name[:4].replace(b"SSND", b"data"), max(0, length - wide)
        if magic[:4] in (b"RF64", b"BW64") and name == b"data" and found and length >= UNKNOWN:
            opened.seek(found[0].start + 8)  # in the chunk ds64
            length = struct.unpack("<Q", opened.read(8).ljust(8, b"\0"))[0]
            opened.seek(0, os.SEEK_END)
            found.append(Chunk(name, position_of(found), length))
            break
        found.append(Chunk(name, opened.tell(), length))
        if name == b"data":
            break
        opened.seek(length + -length % align, os.SEEK_CUR)
    return found


def position_of(found: list[Chunk]) -> int:
    """Where the contents of the chunk behind others begin."""
    last = found[-1]
    return last.start + last.length + last.length % 2 + 8


def missing_bytes(file: str | os.PathLike) -> int:
    """How many bytes of sound a file lacks of those that its header promises (a truncated copy).

    0 for compressed formats, whose samples are counted instead, and for headers of unknown length,
    as recorders on a pipe write them.
    """
    size = Path(file).stat().st_size
    with Path(file).open("rb") as opened:
        if opened.read(4) == b".snd":  # Sun's AU: where the sound begins, its bytes
            start, length = struct.unpack(">II", opened.read(8).ljust(8, b"\0"))
            return 0 if length >= UNKNOWN else max(0, start + length - size)
        opened.seek(0)
        for name, start, length in chunks(opened):
            if name == b"data":
                unknown = length == 0 or UNKNOWN <= length <= 0xFFFFFFFF or length >= 1 << 62
                return 0 if unknown else max(0, start + length - size)
    return 0


def lacks_last_page(file: str | os.PathLike) -> bool:
    """Whether an Ogg file ends without the page that ends its stream, or within it: it was cut off.

    Its length cannot say so: it is the position on the last page that is there. False for other
    formats.
    """
    size = Path(file).stat().st_size
    with Path(file).open("rb") as opened:
        if opened.read(4) != b"OggS":
            return False
        opened.seek(max(0, size - OGG_PAGE))
        tail = opened.read()
    page = tail[max(0, tail.rfind(b"OggS\0")) :]  # a head of 27 bytes, the lengths of its packets
    if len(page) < 27 or not page[5] & OGG_END:
        return True
    lengths = page[27 : 27 + page[26]]
    return len(lengths) < page[26] or len(page) < 27 + len(lengths) + sum(lengths)


def check_wav_header(file: str | os.PathLike) -> None:
    """InputError for a WAV header that contradicts itself or the file, which would be read as noise
    or as nothing."""
    size = Path(file).stat().st_size
    with Path(file).open("rb") as opened:
        for name, start, length in chunks(opened):
            opened.seek(start)
            if name == b"fmt " and length >= 16:
                kind, channels, _, _, frame, bits = struct.unpack(
                    "<HHIIHH", opened.read(16).ljust(16, b"\0")
                )
                if kind == PCM and frame and bits and frame != channels * (-(-bits // 8)):
                    raise InputError(
                        f"{file}: the header contradicts itself: {channels} x {bits} bits, but "
                        f"{frame} bytes a frame; convert the file again from its source"
                    )
            if name == b"data" and not length and size - start > 8:
                following = opened.read(4)
                if not following.isalnum():  # not another chunk
                    raise InputError(
                        f"{file}: the header says 0 bytes of sound, but {size - start:,} follow; "
                        "the recorder did not end it: convert it again"
                    )
