"""Tunes made up: from nothing, from a prompt, of a kind; and tunes continued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor, nn

from ostinato.data.music.abc_text import AbcWriter, header, steps_of
from ostinato.data.music.music_files import ENDINGS, prompt_tune
from ostinato.data.music.tunes import HOLD, Note, Tune, chords_of, events_of, sharps_of, to_c
from ostinato.decoding.sampler import RowSampler, seed_of
from ostinato.errors import InputError, nearest
from ostinato.tasks.legacy import Piece, Prediction, Request
from ostinato.tasks.melody.features import Following, features, most_frequent, within
from ostinato.tasks.melody.improvise import improvise, notes_of

if TYPE_CHECKING:
    from ostinato.tasks.melody.task import Melody

DEFAULT_BARS = 16


def generate(task: Melody, network: nn.Module, request: Request) -> Iterator[Piece]:
    check(task, request)
    prompt = prompted(task, request)
    label = request.condition or prompt.label
    metre = prompt.metre or task.metres.get(label, task.metres[""])
    shift = -to_c(prompt) if task.normalise_key and prompt.notes else 0
    length = DEFAULT_BARS * bar(task, metre) if request.length is None else request.length
    draws = RowSampler(
        [seed_of(request.seed, row) for row in range(request.samples)],
        temperature=request.temperature,
        top_k=request.top_k,
        top_p=request.top_p,
    )
    key = sharps_of(prompt) if prompt.notes else 0
    about = [Tune((), 0, label, f"Sample {row + 1}", key, metre) for row in range(request.samples)]
    writers = [
        AbcWriter(steps_per_quarter=task.steps_per_quarter, metre=metre, sharps=key) for _ in about
    ]
    starts = [
        prompt if prompt.steps else opening(task, label, request, row, length)
        for row in range(request.samples)
    ]
    for row, tune in enumerate(about):
        yield Piece(
            row,
            header(tune, task.steps_per_quarter, row + 1, tempo=task.tempo)
            + begun(writers[row], starts[row]),
        )
    given = [given_to(task, start, label, metre) for start in starts]
    lengths = [length - (0 if prompt.steps else start.steps) for start in starts]
    sounding = [still_sounding(task.prepared(start)) for start in starts]
    for made in improvise(
        network,
        *zip(*given, strict=True),
        draws,
        lengths=lengths,
        writers=writers,
        sounding=sounding,
        shift=shift,
    ):
        result = None
        if made.played is not None:
            start = starts[made.row]
            result = about[made.row]._replace(
                notes=joined(start, made.played, shift), steps=start.steps + len(made.played)
            )
            result = result if prompt.notes else result._replace(sharps=None)
        yield Piece(made.row, made.text, result)


def check(task: Melody, request: Request) -> None:
    """Raises InputError for what tunes do not have."""
    if request.beam:
        raise InputError(
            "--beam is not for tunes, whose likeliest is hardly ever a good one; use --temperature 0.8, or 0"
        )
    if request.stop is not None:
        raise InputError("--stop is not for tunes; use --length, in steps")
    if request.condition is not None and not task.labels:
        raise InputError(
            f"--condition {request.condition}: this model has learned no kinds of tunes; train with --condition genre"
        )
    if request.condition is not None and request.condition not in task.labels:
        raise InputError(
            f"--condition {request.condition}: no such kind{nearest(request.condition, task.labels)}"
        )


def prompted(task: Melody, request: Request) -> Tune:
    """The tune to go on from: the first of a file, or notes given as text."""
    text = request.prompt
    if text is None or not text.strip():
        return Tune((), 0)
    if "\n" not in text and (
        Path(text).is_file() or text.lower().removesuffix(".gz").endswith(ENDINGS)
    ):
        found = task.read([text])[0]
    else:
        found = prompt_tune(text, task.reading())
    task.given = found.steps
    return found


def bar(task: Melody, metre: str) -> int:
    """The steps of a bar."""
    return AbcWriter(steps_per_quarter=task.steps_per_quarter, metre=metre).bar


def opening(task: Melody, label: str, request: Request, row: int, length: int) -> Tune:
    """What a tune made of nothing begins with: the rests and the first note of one of the training tunes of its kind."""
    known = task.openings.get(label) or task.openings.get("")
    if not known:
        return Tune((), 0)
    place = np.random.default_rng(seed_of(request.seed, row)).integers(len(known))
    rests, pitch = most_frequent(map(tuple, known)) if request.temperature == 0 else known[place]
    return Tune((Note(rests, 1, pitch),), rests + 1, sharps=0) if rests < length else Tune((), 0)


def given_to(task: Melody, record: Tune, label: str, metre: str) -> tuple[Tensor, Following]:
    """(the features of a tune to go on from, what takes the next steps to features)."""
    tune = task.prepared(record)
    played = chords_of(tune) if task.chords else events_of(tune)
    given = features(task, played, label, metre, np.arange(len(played) + 1))
    return given, Following(task, label, metre, len(played))


def predict(task: Melody, network: nn.Module, records: Sequence[Tune]) -> list[Prediction]:
    """Each tune continued. Every one draws the same random numbers, so that its continuation does not depend on its place."""
    answers = []
    for record in records:
        shift = -to_c(record) if task.normalise_key and record.notes else 0
        writer = AbcWriter(
            steps_per_quarter=task.steps_per_quarter,
            metre=record.metre or task.metres[""],
            sharps=sharps_of(record),
            at=record.steps,
        )
        draws = RowSampler([1], temperature=task.boldness)
        given, following = given_to(task, record, record.label, record.metre)
        made = list(
            improvise(
                network,
                [given],
                [following],
                draws,
                lengths=[task.bars * writer.bar],
                writers=[writer],
                sounding=[still_sounding(task.prepared(record))],
                shift=shift,
            )
        )
        notes = joined(record, made[-1].played, shift)[len(record.notes) :]
        text = " ".join("".join(each.text for each in made).split())
        answers.append(
            Prediction(
                text, {"notes": [list(note) for note in notes], "steps": len(made[-1].played)}
            )
        )
    return answers


def joined(given: Tune, played: np.ndarray, shift: int) -> tuple[Note, ...]:
    """The notes of what was given, and behind them those that were made."""
    made = [
        Note(note.start + given.steps, note.length, within(note.pitch + shift))
        for note in notes_of(played)
    ]
    held = (
        0
        if played.ndim == 2
        else next((step for step, event in enumerate(played) if event != HOLD), len(played))
    )
    before = [
        note._replace(length=note.length + held * (note.start + note.length == given.steps))
        for note in given.notes
    ]
    return (*before, *made)


def still_sounding(tune: Tune) -> frozenset[int]:
    """What sounds at its last step: of a melody a hold goes on with it."""
    return frozenset(note.pitch for note in tune.notes if note.start + note.length == tune.steps)


def begun(writer: AbcWriter, tune: Tune) -> str:
    """The text of a tune that goes on after it."""
    return "".join(writer.add(*step) for step in steps_of(tune))
