"""Generates tunes from an opening or a prompt, and continues tunes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import nn

from ostinato.data.music.abc_text import AbcWriter, header, steps_of
from ostinato.data.music.tunes import HOLD, Note, Tune, sharps_of
from ostinato.decoding.sampler import RowSampler, seed_of
from ostinato.errors import InputError, nearest, option_name
from ostinato.tasks.melody.features import fold_into_range
from ostinato.tasks.melody.improvise import Beginning, improvise, notes_of
from ostinato.tasks.melody.options import MelodyOptions
from ostinato.tasks.melody.preprocessing import MelodyPreprocessing, most_frequent
from ostinato.tasks.melody.tune_files import GeneratedTune
from ostinato.tasks.request import Piece, Request

DEFAULT_BARS = 16


class TuneGenerator:
    """Generates and continues tunes with one network.

    Args:
        options: The task's options.
        preprocessing: The fitted preprocessing.
        network: The trained network.
    """

    def __init__(
        self, options: MelodyOptions, preprocessing: MelodyPreprocessing, network: nn.Module
    ):
        self.options, self.preprocessing, self.network = options, preprocessing, network

    def generate(self, request: Request, prompt: Tune) -> Iterator[Piece]:
        """Generates samples in parallel, as ABC.

        Args:
            request: The arguments of `generate`.
            prompt: The tune that every sample continues; an empty one without a prompt.
        """
        label = request.condition or prompt.label
        metre = prompt.metre or self.metre_of(label)
        key = sharps_of(prompt) if prompt.notes else 0
        shift = self.preprocessing.key_shift(prompt)
        length = request.length
        if length is None:
            length = DEFAULT_BARS * self.writer(metre).bar
        starts, beginnings = [], []
        for row in range(request.samples):
            start = prompt if prompt.steps else self.sample_opening(label, request, row, length)
            start = Tune(start.notes, start.steps, label, f"Sample {row + 1}", key, metre)
            writer = self.writer(metre, sharps=key)
            text = header(start, self.options.steps_per_quarter, row + 1, tempo=self.options.tempo)
            yield Piece(row, text + "".join(writer.add(*step) for step in steps_of(start)))
            left = length if prompt.steps else length - start.steps
            starts.append(start)
            beginnings.append(self.begin(start, left, writer, shift))
        sampler = RowSampler(
            [seed_of(request.seed, row) for row in range(request.samples)],
            temperature=request.temperature,
            top_k=request.top_k,
            top_p=request.top_p,
        )
        for part in improvise(self.network, beginnings, sampler):
            tune = None
            if part.played is not None:
                tune = append_steps(starts[part.row], part.played, shift)
                tune = tune._replace(sharps=key if prompt.notes else None)
                tune = GeneratedTune.from_tune(tune, prompt_steps=prompt.steps)
            yield Piece(part.row, part.text, tune)

    def continue_tune(self, tune: Tune) -> tuple[str, tuple[Note, ...], int]:
        """Samples the next bars of a tune.

        Every tune gets the same random numbers, so that its continuation does not depend on others.

        Returns:
            The continuation as ABC, its notes, and its number of steps.
        """
        metre = tune.metre or self.preprocessing.metres[""]
        writer = self.writer(metre, sharps=sharps_of(tune), at=tune.steps)
        shift = self.preprocessing.key_shift(tune)
        beginning = self.begin(tune, self.options.bars * writer.bar, writer, shift)
        sampler = RowSampler([1], temperature=self.options.boldness)
        parts = list(improvise(self.network, [beginning], sampler))
        (played,) = [part.played for part in parts if part.played is not None]
        notes = append_steps(tune, played, shift).notes[len(tune.notes) :]
        text = " ".join("".join(part.text for part in parts).split())
        return text, notes, len(played)

    def begin(self, tune: Tune, length: int, writer: AbcWriter, shift: int) -> Beginning:
        """Prepares a row of the batch that continues this tune."""
        normalised = self.preprocessing.normalise(tune)
        return Beginning(
            self.preprocessing.features,
            tune.label,
            tune.metre,
            self.preprocessing.steps_of(normalised),
            sounding_at_end(normalised),
            length,
            writer,
            shift,
        )

    def writer(self, metre: str, *, sharps: int = 0, at: int = 0) -> AbcWriter:
        """Creates a writer of ABC in this metre and key, at step `at` of the tune."""
        grid = self.options.steps_per_quarter
        return AbcWriter(steps_per_quarter=grid, metre=metre, sharps=sharps, at=at)

    def metre_of(self, label: str) -> str:
        """The most frequent metre of the training tunes with this label."""
        metres = self.preprocessing.metres
        return metres.get(label, metres[""])

    def sample_opening(self, label: str, request: Request, row: int, length: int) -> Tune:
        """Draws an opening: the rests and the first note of a random training tune with this label.

        Args:
            label: "" for any tune.
            request: The arguments of `generate`; temperature 0 takes the most frequent opening.
            row: The number of the sample; each has its own random numbers.
            length: Steps of the sample; longer openings are left out.
        """
        openings = self.preprocessing.openings
        known = openings.get(label) or openings.get("")
        if not known:
            return Tune((), 0)
        if request.temperature == 0:
            rests, pitch = most_frequent(map(tuple, known))
        else:
            random = np.random.default_rng(seed_of(request.seed, row))
            rests, pitch = known[random.integers(len(known))]
        if rests >= length:
            return Tune((), 0)
        return Tune((Note(rests, 1, pitch),), rests + 1, sharps=0)


def check_request(request: Request, labels: list[str]) -> None:
    """Raises InputError for arguments that music models do not support."""
    if request.beam:
        raise InputError(
            f"{option_name('beam')} is not for tunes: the most probable tune is hardly ever a good "
            f"one; "
            f"use {option_name('temperature')} 0.8, or 0"
        )
    if request.stop is not None:
        raise InputError(
            f"{option_name('stop')} is not for tunes; use {option_name('length')}, in steps"
        )
    if request.condition is not None and not labels:
        raise InputError(
            f"{option_name('condition')} {request.condition}: this model is unconditional; "
            f"train with {option_name('condition')} genre"
        )
    if request.condition is not None and request.condition not in labels:
        raise InputError(
            f"{option_name('condition')} {request.condition}: no such "
            f"kind{nearest(request.condition, labels)}"
        )


def append_steps(tune: Tune, played: np.ndarray, shift: int) -> Tune:
    """Appends sampled steps to a tune; hold events of a melody lengthen its last note.

    Args:
        tune: The tune that is continued.
        played: Events [T] or chords [T, P], in the network's key.
        shift: Semitones from the network's key to the tune's.
    """
    held = 0
    if played.ndim == 1:
        held = next((step for step, event in enumerate(played) if event != HOLD), len(played))
    before = [
        note._replace(length=note.length + held * (note.start + note.length == tune.steps))
        for note in tune.notes
    ]
    new = [
        Note(note.start + tune.steps, note.length, fold_into_range(note.pitch + shift))
        for note in notes_of(played)
    ]
    return tune._replace(notes=(*before, *new), steps=tune.steps + len(played))


def sounding_at_end(tune: Tune) -> frozenset[int]:
    """The pitches that sound at the last step of a tune."""
    return frozenset(note.pitch for note in tune.notes if note.start + note.length == tune.steps)
