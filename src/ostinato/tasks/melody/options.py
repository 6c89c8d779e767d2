"""Options of music models: their flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from ostinato.cells import CELLS
from ostinato.options import OneOf, option
from ostinato.tasks.shared.joint_labels import JointOptions
from ostinato.tasks.shared.model_choice import ModelChoice
from ostinato.tasks.shared.recurrent_options import RecurrentOptions

CLOSED_FORM = ("markov", "frequencies")


@dataclass(frozen=True)
class MelodyOptions(ModelChoice, JointOptions, RecurrentOptions):
    closed_form_models: ClassVar[tuple[str, ...]] = CLOSED_FORM

    # the data
    steps_per_quarter: int = option(
        4,
        "the time grid: steps of a quarter note (JSON has its own steps)",
        minimum=1,
        maximum=96,
    )
    voices: Literal["auto", "melody", "chords"] = option(
        "auto",
        "melody: one note at a time, the highest; chords: all notes that sound together; "
        "auto: decided by the training data",
    )
    condition: str | None = option(
        None,
        "condition the model on this label of the tunes: a table's column, a key in JSON, a "
        "folder's name, or a field of ABC (genre: R:, composer: C:, origin: O:, metre: M:)",
    )
    repeats: bool = option(False, "expand the repeats of ABC tunes")
    normalise_key: bool = option(
        False, "transpose every tune to C major or A minor, and predictions back"
    )
    bar_position: bool = option(
        True,
        "features of each step: the metre, the position in the bar, and the bar of a phrase of "
        "eight bars",
    )
    transpose: int = option(
        5,
        "while training, transpose each tune at random by at most this many semitones",
        minimum=0,
        maximum=11,
    )
    maximum_steps: int = option(
        1000, "steps of a training example; longer tunes are split", minimum=2
    )
    # the model
    model: Annotated[str, OneOf("recurrent", *CELLS, *CLOSED_FORM)] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline"
    )
    embedding_size: int = option(
        128, "dimensions of the projection of a step's features", minimum=1
    )
    head: Literal["voices", "independent"] = option(
        "voices",
        "chords: voices: notes one after another, each given those before it; independent: each "
        "pitch by itself",
    )
    downwards: bool = option(False, "chords: notes are chosen from the highest to the lowest")
    input_dropout: float = option(
        0.2, "on the projected features of a step", minimum=0, maximum=0.99
    )
    dropout: float = option(0.5, "on the outputs and between layers", minimum=0, maximum=0.99)
    head_dropout: float = option(
        0.3, "chords: before the output layer of the notes", minimum=0, maximum=0.99
    )
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    dev_metric: Literal["perplexity", "nll_per_step"] = option(
        "nll_per_step", "the dev score that chooses the best weights"
    )
    # generation
    tempo: float = option(
        100.0,
        "quarter notes a minute in the files that are written",
        above=0,
        maximum=1000,
        when_predicting=True,
    )
    bars: int = option(
        4,
        "predict: bars (of 16 steps where the metre is free) by which a tune is continued",
        minimum=0,
        when_predicting=True,
    )
    boldness: float = option(
        0.8, "predict: sampling temperature; 0 is greedy", minimum=0, when_predicting=True
    )
