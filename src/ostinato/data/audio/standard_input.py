"""Sound from a pipe: raw samples or a WAV stream while it is recorded, or a list of paths."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

import numpy as np

from ostinato.data.audio.recordings import Recording, named
from ostinato.errors import InputError

FORMAT_PCM, FORMAT_EXTENSIBLE = 1, 0xFFFE


class LiveAudio:
    """Samples as they arrive: iterating gives chunks of float32 samples of -1 to 1.

    Args:
        stream: 16-bit little-endian samples.
        rate: Samples a second; 0 where the model's is meant.
        channels: Interleaved channels, which are mixed down.
        head: Bytes that were read already.
    """

    def __init__(self, stream: BinaryIO, rate: int, *, channels: int = 1, head: bytes = b""):
        self.stream, self.rate, self.channels, self.rest = stream, rate, channels, head

    def __iter__(self) -> Iterator[np.ndarray]:
        width = 2 * self.channels
        read = getattr(self.stream, "read1", self.stream.read)
        while True:
            whole = len(self.rest) // width * width
            if whole:
                values = np.frombuffer(self.rest[:whole], "<i2").reshape(-1, self.channels)
                self.rest = self.rest[whole:]
                yield values.mean(1, dtype=np.float32) / np.float32(32768)
            more = read(4096)
            if not more:
                return
            self.rest += more


def read_standard_input(rate: int | None, stream: Any = None) -> Iterator[Recording]:
    """What stands on standard input.

    Args:
        rate: Given, the input is raw 16-bit samples; otherwise its first bytes tell.
        stream: Instead of standard input.
    """
    stream = sys.stdin.buffer if stream is None else stream
    if rate is None and stream.isatty():
        yield from lines(stream, b"")
        return
    head = stream.read(4)
    if rate is not None and head != b"RIFF":
        yield live(LiveAudio(stream, rate, head=head))
    elif head == b"RIFF":
        audio = wav_stream(stream)
        if rate not in (None, audio.rate):
            raise InputError(
                f"standard input: a WAV of {audio.rate:,} samples a second, not {rate:,}; "
                "leave the rate to its header"
            )
        yield live(audio)
    elif head in (b"fLaC", b"OggS") or head[:3] == b"ID3":
        raise InputError(
            "standard input: a compressed sound file; name the file, or send raw samples or WAV"
        )
    elif is_text(head):
        yield from lines(stream, head)
    else:
        yield live(LiveAudio(stream, 0, head=head))


def live(audio: LiveAudio) -> Recording:
    return Recording(audio, where="standard input", name="standard input")


def is_text(head: bytes) -> bool:
    """Whether bytes can begin a list of paths: no control characters but white space."""
    return all(byte >= 32 or byte in b"\t\r\n" for byte in head) and all(b < 127 for b in head)


def lines(stream: BinaryIO, head: bytes) -> Iterator[Recording]:
    """A path a line."""
    first = head + stream.readline() if not head.endswith(b"\n") else head
    parts = first.split(b"\n")[:-1] if first.endswith(b"\n") else first.split(b"\n")
    for number, raw in enumerate(chain(parts, (line.rstrip(b"\n") for line in stream)), start=1):
        where = f"standard input:{number}"
        try:
            line = raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise InputError(f"{where}: not UTF-8; expected a path a line") from None
        yield named(line, "-", where, None)


def wav_stream(stream: BinaryIO) -> LiveAudio:
    """The samples behind the header of a WAV whose length is not known yet, as recorders write
    it.
    """
    exactly(stream, 8)  # size and "WAVE"
    rate = channels = 0
    while True:
        name, length = struct.unpack("<4sI", exactly(stream, 8))
        if name == b"data":
            break
        content = exactly(stream, length + length % 2)
        if name == b"fmt ":
            kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
            if kind not in (FORMAT_PCM, FORMAT_EXTENSIBLE) or bits != 16 or not channels:
                raise InputError(
                    f"standard input: WAV of {bits} bits; send 16-bit samples (arecord -f S16_LE)"
                )
    if not 1000 <= rate <= 768_000:
        raise InputError(f"standard input: the WAV header says {rate:,} samples a second")
    return LiveAudio(stream, rate, channels=channels)


def exactly(stream: BinaryIO, number: int) -> bytes:
    found = io.BytesIO()
    while found.tell() < number:
        more = stream.read(number - found.tell())
        if not more:
            raise InputError("standard input: ends within the WAV header")
        found.write(more)
    return found.getvalue()
