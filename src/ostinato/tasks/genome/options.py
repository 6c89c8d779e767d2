"""Options of DNA labelling: its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from ostinato.cells import CELLS
from ostinato.errors import InputError, option_name
from ostinato.models.classifier import POOLINGS
from ostinato.options import OneOf, option, redefine
from ostinato.tasks.shared.cache_options import CacheOptions
from ostinato.tasks.shared.joint_labels import JointOptions
from ostinato.tasks.shared.model_choice import ModelChoice
from ostinato.tasks.shared.recurrent_options import BidirectionalOptions

CLOSED_FORM = ("most-frequent", "k-mers", "weight-matrix", "hmm")
NEURAL = ("convolution", "feedforward")


@dataclass(frozen=True)
class GenomeOptions(ModelChoice, JointOptions, BidirectionalOptions, CacheOptions):
    closed_form_models: ClassVar[tuple[str, ...]] = CLOSED_FORM

    # the data
    sequence_column: str | None = option(
        None, "the column of the sequence (default: sequence, seq)", or_number=True
    )
    label_column: str | None = option(
        None, "the column of the label (default: label, class, tag)", or_number=True
    )
    one_label: bool = option(
        False, "BED: ignore the names of segments; all are of one class, 'segment'"
    )
    masked: Literal["ignore", "flag", "unknown"] = option(
        "ignore",
        "lower-case bases (masked repeats): ignore: as upper case; flag: with an extra "
        "input; unknown: as N",
    )
    reverse_complement: bool = option(
        False, "while training, half of the sequences are replaced by their reverse complement"
    )
    positive: str | None = option(
        None,
        "of two labels, the positive class of auroc and auprc (default: the last in the alphabet)",
    )
    maximum_length: int = option(
        20_000, "labels of sequences: of longer ones only the middle is read", minimum=1
    )
    window: int = option(
        1000,
        "labels of bases: bases per window, the steps of truncated backpropagation",
        minimum=10,
    )
    margin: int = option(
        100,
        "labels of bases, bidirectional: bases of context on either side of a window",
        minimum=0,
    )
    class_weights: Literal["none", "balanced", "root"] = option(
        "none",
        "weights of the labels in the loss: balanced is the inverse frequency, root its square "
        "root",
    )
    # the model
    model: Annotated[str, OneOf("recurrent", *CELLS, *NEURAL, *CLOSED_FORM, "bag-of-words")] = (
        option(
            "recurrent", "a recurrent network (of --cell), or a baseline; bag-of-words is k-mers"
        )
    )
    hidden_size: int = redefine(BidirectionalOptions, "hidden_size", 128)
    bidirectional: bool = option(
        True,
        "read in both directions; without it, labels of bases carry the hidden state between "
        "windows",
    )
    motifs: int = option(
        64, "convolutional filters (motif detectors) before the recurrence; 0: none", minimum=0
    )
    motif_width: int = option(11, "width of these filters in bases", minimum=1, maximum=1000)
    motif_pool: int = option(
        1,
        "labels of sequences: max-pooling of their outputs over this many steps",
        minimum=1,
    )
    pooling: Annotated[str, OneOf(*POOLINGS)] | None = option(
        None,
        "labels of sequences: how the hidden states of all steps are combined into one vector "
        "(default: middle if all sequences have the same length, else max)",
    )
    dropout: float = option(
        0.3, "on the inputs, between layers and before the output", minimum=0, maximum=0.99
    )
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    filters: int = option(100, "convolution: filters of each width", minimum=1)
    fixed_length: int | None = option(
        None,
        "feedforward: input length in bases (default: the 95th percentile of the training data)",
        minimum=1,
    )
    kmer: int | None = option(
        None,
        "longest k-mer that is counted (default: 6 for k-mers, 5 for hmm)",
        minimum=1,
        maximum=8,
    )
    strength: float = option(
        1.0,
        "k-mers, weight-matrix: scikit-learn's C, the inverse of the regularisation strength",
        above=0,
    )
    dev_metric: Literal["accuracy", "f1", "auroc", "auprc"] | None = option(
        None,
        "the dev score that chooses the best weights (default: accuracy; f1 for labels of bases)",
    )
    # predicting
    both_strands: bool | None = option(
        None,
        "average the probabilities of both strands (default: with --reverse-complement, "
        "unless --no-bidirectional)",
        when_predicting=True,
    )
    minimum_length: int = option(
        1, "labels of bases: shorter segments are left out", minimum=1, when_predicting=True
    )
    with_background: bool = option(
        False, "labels of bases: also show the segments of the background", when_predicting=True
    )
    highlight: bool = option(
        False,
        "print the sequence coloured by its labels, for a terminal, instead of BED",
        when_predicting=True,
    )

    def __post_init__(self) -> None:
        if self.model == "bag-of-words":
            object.__setattr__(self, "model", "k-mers")
        super().__post_init__()
        if self.motifs and self.motif_width % 2 == 0 and self.model == "recurrent":
            raise InputError(
                f"{option_name('motif_width')} must be odd, for as many bases on either side; got "
                f"{self.motif_width}"
            )
