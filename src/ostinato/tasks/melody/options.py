"""What melodies can be asked for: their options, and so their flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ostinato.cells import CELLS
from ostinato.options import option

COUNTED = ("markov", "frequencies")


@dataclass
class MelodyOptions:
    # the data
    steps_per_quarter: int = option(
        4, "the time grid: steps of a quarter note (JSON has its own steps)", minimum=1, maximum=96
    )
    voices: Literal["auto", "melody", "chords"] = option(
        "auto",
        "melody: one note at a time, the highest; chords: all that sound together; auto: as the training data is",
    )
    condition: str | None = option(
        None,
        "learn what kind a tune is by this label: a table's column, a key in JSON, a folder's name, "
        "or what ABC says (genre: R:, composer: C:, origin: O:, metre: M:)",
    )
    repeats: bool = option(False, "play the repeated parts of ABC tunes twice")
    normalise_key: bool = option(
        False, "everything is transposed to C major or A minor first, and back in the end"
    )
    bar_position: bool = option(
        True,
        "the network is told the metre, and at each step where in the bar, and in the eight bars, it is",
    )
    transpose: int = option(
        5,
        "training sees each tune transposed by up to so many semitones, at random",
        minimum=0,
        maximum=11,
    )
    maximum_steps: int = option(1000, "longer tunes are learned in parts", minimum=2)
    # the model
    model: Literal[("recurrent", *CELLS, *COUNTED)] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline"
    )
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(256, "units of each layer", minimum=1)
    embedding_size: int = option(128, "dimensions of what is known of a step", minimum=1)
    layers: int = option(1, "recurrent layers", minimum=1)
    head: Literal["voices", "independent"] = option(
        "voices",
        "chords: one voice after the other, each given those before it, or each pitch by itself",
    )
    downwards: bool = option(False, "chords: voices are chosen from the highest to the lowest")
    input_dropout: float = option(0.2, "on what is known of a step", minimum=0, maximum=0.99)
    dropout: float = option(0.5, "on the outputs and between layers", minimum=0, maximum=0.99)
    head_dropout: float = option(
        0.3, "chords: within the choice of voices", minimum=0, maximum=0.99
    )
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    dev_metric: Literal["perplexity", "nll_per_step"] = option(
        "nll_per_step", "the dev score that chooses the best weights"
    )
    # what is made
    tempo: float = option(
        100.0,
        "quarters a minute in the files that are written",
        above=0,
        maximum=1000,
        when_predicting=True,
    )
    bars: int = option(
        4,
        "predict: by how many bars (or 16 steps each) a tune is continued",
        minimum=0,
        when_predicting=True,
    )
    boldness: float = option(
        0.8,
        "predict: the temperature of what is drawn; 0: the likeliest",
        minimum=0,
        when_predicting=True,
    )
