"""Additive synthesis of a tune: a few partials for each note, which fade like a plucked string's.

Enough to listen to; for more, give the MIDI file to a synthesizer."""

from __future__ import annotations

import io
import wave

import numpy as np

from ostinato.data.music.tunes import Tune

RATE = 22_050  # samples a second
PARTIALS = (1.0, 0.5, 0.3, 0.18, 0.1, 0.06)  # how strong the fundamental and its multiples are
ATTACK, RELEASE = 0.01, 0.08  # seconds
LONGEST = 1800.0  # seconds; longer tunes are cut


def synthesise(tune: Tune, steps_per_quarter: int, *, tempo: float = 100.0) -> np.ndarray:
    """The sound pressure, between -0.9 and 0.9, `RATE` samples a second.

    Args:
        tune: its notes.
        steps_per_quarter: the time grid.
        tempo: quarters a minute.
    """
    step = 60.0 / tempo / steps_per_quarter
    sound = np.zeros(int(min(LONGEST, tune.steps * step + RELEASE) * RATE) + 1, np.float32)
    for note in tune.notes:
        begin = int(note.start * step * RATE)
        if begin < len(sound):
            one = tone(note.pitch, note.length * step)[: len(sound) - begin]
            sound[begin : begin + len(one)] += one
    return sound * np.float32(0.9 / max(1e-9, float(np.abs(sound).max())))


def tone(pitch: int, seconds: float) -> np.ndarray:
    """One note with its release; higher partials fade faster, too high ones are left out."""
    time = np.arange(int((seconds + RELEASE) * RATE), dtype=np.float32) / RATE
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    wave_form = np.zeros_like(time)
    for number, strength in enumerate(PARTIALS, start=1):
        if number * frequency < RATE / 2:
            wave_form += (
                strength
                * np.exp(-1.2 * number * time)
                * np.sin(2 * np.pi * number * frequency * time, dtype=np.float32)
            )
    envelope = np.minimum(1.0, time / ATTACK) * np.clip((seconds + RELEASE - time) / RELEASE, 0, 1)
    return (wave_form * envelope).astype(np.float32)


def wav_bytes(tune: Tune, steps_per_quarter: int, *, tempo: float = 100.0) -> bytes:
    """A WAV file: one channel, 16 bits."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(
            (synthesise(tune, steps_per_quarter, tempo=tempo) * 32767).astype("<i2").tobytes()
        )
    return buffer.getvalue()
