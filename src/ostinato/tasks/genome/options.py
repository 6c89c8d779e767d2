"""What labelling DNA can be asked for: its options, and so its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ostinato.cells import CELLS
from ostinato.errors import InputError
from ostinato.models.classifier import POOLINGS
from ostinato.options import option

SOLVED = ("most-frequent", "k-mers", "weight-matrix", "hmm")
NEURAL = ("convolution", "feedforward")


@dataclass
class GenomeOptions:
    # the data
    sequence_column: str | None = option(
        None, "the column of the sequence (default: sequence, seq)"
    )
    label_column: str | None = option(None, "the column of the label (default: label, class, tag)")
    masked: Literal["ignore", "flag", "unknown"] = option(
        "ignore", "lower case (masked repeats): as upper case, with a flag, or as N"
    )
    reverse_complement: bool = option(
        False, "learn from both strands: every other time, the other one with its labels"
    )
    positive: str | None = option(
        None,
        "of two labels, whose ranking auroc and auprc judge (default: the last in the alphabet)",
    )
    maximum_length: int = option(
        20_000, "of longer sequences with one label, the middle is read", minimum=1
    )
    window: int = option(
        1000,
        "labels of bases: how many are decided in one go, and gradients reach back",
        minimum=10,
    )
    margin: int = option(
        100, "labels of bases, both ways: how far beyond a window's ends is seen", minimum=0
    )
    class_weights: Literal["none", "balanced", "root"] = option(
        "none", "balanced: rare labels count as much as frequent ones; root: half-way there"
    )
    # the model
    model: Literal[("recurrent", *CELLS, *NEURAL, *SOLVED, "bag-of-words")] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline; bag-of-words is k-mers"
    )
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(128, "units of each layer, both directions together", minimum=1)
    layers: int = option(1, "recurrent layers", minimum=1, maximum=100)
    bidirectional: bool = option(
        True, "read both ways; labels of bases: without it, the state goes on from window to window"
    )
    motifs: int = option(
        64, "filters that look for motifs before the recurrence; 0: none", minimum=0
    )
    motif_width: int = option(11, "bases that a filter sees", minimum=1, maximum=1000)
    motif_pool: int = option(
        1,
        "label of a sequence: of so many neighbours the filter's strongest answer is kept",
        minimum=1,
    )
    pooling: Literal[POOLINGS] | None = option(
        None,
        "label of a sequence: how the states of all steps become one (default: middle, where all are of one length, else max)",
    )
    dropout: float = option(0.3, "before, between and after the layers", minimum=0, maximum=0.99)
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    filters: int = option(100, "convolution: filters of each width", minimum=1)
    fixed_length: int | None = option(
        None,
        "feedforward: bases it sees (default: what 95 % of the training examples have)",
        minimum=1,
    )
    kmer: int | None = option(
        None,
        "longest run of bases that is counted (default: 6 for k-mers, 5 for hmm)",
        minimum=1,
        maximum=8,
    )
    strength: float = option(
        1.0, "k-mers, weight-matrix: scikit-learn's C; less pulls coefficients harder to 0", above=0
    )
    dev_metric: Literal["accuracy", "f1", "auroc", "auprc"] | None = option(
        None,
        "the dev score that chooses the best weights (default: accuracy; f1 for labels of bases)",
    )
    # predicting
    both_strands: bool | None = option(
        None,
        "the mean of what both strands say (default: as it was trained, unless --no-bidirectional)",
        when_predicting=True,
    )
    minimum_length: int = option(
        1, "labels of bases: shorter segments are left out", minimum=1, when_predicting=True
    )
    with_background: bool = option(
        False, "labels of bases: the background's segments, too", when_predicting=True
    )
    highlight: bool = option(
        False,
        "the sequence in the colours of its labels, for a terminal, in place of BED",
        when_predicting=True,
    )

    def __post_init__(self):
        super().__post_init__()  # ManyModels's
        if self.model == "bag-of-words":
            self.model = "k-mers"
        if self.bidirectional and self.hidden_size % 2 and self.model == "recurrent":
            raise InputError(
                f"--hidden-size must be even with --bidirectional; got {self.hidden_size}"
            )
        if self.motifs and self.motif_width % 2 == 0 and self.model == "recurrent":
            raise InputError(
                f"--motif-width must be odd, as many bases on either side; got {self.motif_width}"
            )
