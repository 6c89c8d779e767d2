"""The vocabulary of labels and the input encoder; labelled records as examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch

from ostinato.baselines import bag_of_words
from ostinato.baselines.random_convolutions import fit_random_convolutions
from ostinato.baselines.warped_neighbours import fit_warped_neighbours
from ostinato.data.batching.batch import Example
from ostinato.data.files.wording import format_counts
from ostinato.data.labelled import Labelled, kind_of
from ostinato.data.stored.stored_records import map_records
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.classification.encoders import (
    BagEncoder,
    Encoder,
    NoEncoder,
    SeriesEncoder,
    TextEncoder,
    restore_encoder,
)
from ostinato.tasks.classification.image_encoder import ImageEncoder
from ostinato.tasks.classification.inputs import Inputs, require_array, require_text
from ostinato.tasks.classification.options import BAGS, OF_SERIES, ClassificationOptions
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.shared.class_scores import natural_key
from ostinato.tasks.shared.label_counts import encode_labels, split_labels, weigh_classes
from ostinato.tasks.unsuitable import Unsuitable

FITTERS = {
    "nearest-neighbour": fit_warped_neighbours,
    "random-convolutions": fit_random_convolutions,
}


@dataclass(frozen=True)
class ClassificationPreprocessing(Preprocessing):
    """The labels, their weights in the loss, and the encoder of texts, series or images.

    Args:
        options: The task's options.
        labels: The labels by id.
        class_weights: The weight of each label in the loss.
        encoder: The encoder of the inputs.
        coefficients: The parameters of a closed-form model, for initialisation only.
        shapes: The shapes of these parameters, where they depend on the data.
    """

    encoding_options: ClassVar = ("label_separator", "model", "maximum_tokens", "cut")

    options: ClassificationOptions
    labels: Vocabulary
    class_weights: list[float]
    encoder: Encoder
    coefficients: tuple[np.ndarray, ...] = field(default=(), repr=False)
    shapes: tuple[Sequence[int], ...] = ()

    @classmethod
    def fit(
        cls, options: ClassificationOptions, records: Sequence[Labelled]
    ) -> tuple[ClassificationOptions, Self]:
        if options.label_separator is None and any(record.several for record in records):
            notify("several labels a line: each is learned by itself, and there may be none")
            options = replace(options, label_separator=" ")
        given = map_records(
            lambda record: split_labels(record.label, options.label_separator), records
        )
        names = Counter(label for labels in given for label in labels)
        if len(names) < 2 and not options.several_labels:
            raise InputError(
                f"only the label {min(names)!r} is left to learn from once a dev set is held out; "
                f"give {option_name('dev')}, or more examples"
            )
        labels = Vocabulary(
            sorted(names, key=float if options.ordinal else natural_key), specials=()
        )
        weights = weigh_classes(options.class_weights, names, labels.tokens)
        notify(f"{len(labels)} labels: {format_counts(names)}")
        is_text = isinstance(records[0].inputs, str)
        refuse_unsuitable(options, kind_of(records[0].inputs))
        if not is_text and options.unit != "word":
            raise InputError(
                f"{option_name('unit')} {options.unit} is for texts; these are "
                f"{kind_of(records[0].inputs)}"
            )
        inputs = map_records(lambda record: record.inputs, records)
        encoder: Encoder = NoEncoder()
        if kind_of(records[0].inputs) == "images":
            options, encoder = ImageEncoder.fit(options, list(map(require_array, inputs)))
        elif not is_text:
            options, encoder = SeriesEncoder.fit(options, list(map(require_array, inputs)))
        elif options.model in BAGS:
            encoder = BagEncoder.fit(options, map_records(require_text, inputs), len(labels))
        elif not options.closed_form:
            options, encoder = TextEncoder.fit(options, map_records(require_text, inputs))
        fitted = cls(options, labels, weights, encoder)
        if options.model == "feedforward" and options.fixed_length is None:
            lengths = [len(fitted.encode(record).inputs) for record in records]
            length = max(1, int(np.quantile(lengths, 0.95)))
            options = replace(options, fixed_length=length)
            fitted = replace(fitted, options=options)
        if options.closed_form:
            coefficients = fitted.solve(inputs, given)
            shapes = tuple(part.shape for part in coefficients)
            fitted = replace(
                fitted,
                coefficients=coefficients,
                shapes=shapes if options.model in OF_SERIES else (),
            )
        return options, fitted

    def solve(
        self, inputs: Sequence[Inputs], given: Sequence[Sequence[str]]
    ) -> tuple[np.ndarray, ...]:
        """Fits a closed-form model to inputs and their labels.

        Returns:
            Its parameters, such as class frequencies or scikit-learn's coefficients.
        """
        options, labels, encoder = self.options, self.labels, self.encoder
        truth = np.array(  # [N, C]
            [[label in each for label in labels.tokens] for each in given], dtype=np.float64
        )
        if options.model == "most-frequent":
            return (truth.mean(0),)
        if isinstance(encoder, SeriesEncoder):
            fit = FITTERS[options.model]
            series = [encoder.scaler(require_array(each)) for each in inputs]
            return fit(series, truth.argmax(1), len(labels))
        if not isinstance(encoder, BagEncoder):
            raise TypeError(f"{options.model} is fitted to bags of n-grams or to series")
        balanced = options.class_weights != "none"
        return bag_of_words.fit_logistic_regression(
            [encoder.vector(require_text(text)) for text in inputs],
            truth if options.several_labels else truth.argmax(1),
            len(encoder),
            len(labels),
            strength=options.strength,
            weights=dict(enumerate(self.class_weights)) if balanced else None,
        )

    @property
    def reads_text(self) -> bool:
        return not isinstance(self.encoder, SeriesEncoder | ImageEncoder)

    @property
    def kind(self) -> str:
        """The kind of the inputs: "texts", "series of numbers" or "images"."""
        if self.reads_text:
            return "texts"
        return "images" if isinstance(self.encoder, ImageEncoder) else "series of numbers"

    @property
    def dimensions(self) -> int:
        """The number of dimensions of the series, or of a row of an image."""
        if isinstance(self.encoder, ImageEncoder):
            return self.encoder.dimensions
        if isinstance(self.encoder, SeriesEncoder):
            return self.encoder.scaler.dimensions
        raise TypeError("texts have no dimensions")

    def vocabulary(self, side: str) -> Sequence[str]:
        if side == "targets":
            return self.labels.tokens
        return self.encoder.units.id_to_token if isinstance(self.encoder, TextEncoder) else ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "labels": self.labels.to_dict(),
            **self.encoder.to_dict(),
            "weights": self.class_weights,
            **({"shapes": list(map(list, self.shapes))} if self.shapes else {}),
        }

    @classmethod
    def from_dict(cls, options: ClassificationOptions, state: dict[str, Any]) -> Self:
        encoder = restore_encoder(options, state)
        labels = Vocabulary.from_dict(state["labels"])
        shapes = tuple(state.get("shapes", ()))
        return cls(options, labels, state["weights"], encoder, shapes=shapes)

    @property
    def varies(self) -> bool:
        options = self.options
        return options.crop not in (None, 1) and not (
            options.model == "feedforward" or options.closed_form
        )

    def count_cut(self, record: Labelled) -> int:
        if isinstance(self.encoder, TextEncoder):
            return self.encoder.count_cut(require_text(record.inputs))
        fixed = self.options.fixed_length if self.options.model == "feedforward" else None
        if fixed is None or kind_of(record.inputs) != "series of numbers":
            return 0
        return max(0, len(record.inputs) - fixed)

    def encode(self, record: Labelled, *, draw: int | None = None) -> Example:
        labels = split_labels(record.label, self.options.label_separator)
        target = encode_labels(labels, self.labels, several=self.options.several_labels)
        if self.options.model == "most-frequent":
            return Example(torch.zeros(1, dtype=torch.int64), target)
        draw = draw if self.varies else None
        return self.encoder.encode(record.inputs, draw)._replace(targets=target)


def refuse_unsuitable(options: ClassificationOptions, kind: str) -> None:
    """Raises Unsuitable if the model does not take inputs of this kind."""
    needed = "texts" if options.model in BAGS else "series of numbers"
    if options.model in (*BAGS, *OF_SERIES) and kind != needed:
        raise Unsuitable(f"{option_name('model')} {options.model} needs {needed}; these are {kind}")
    if options.model in OF_SERIES and options.several_labels:
        raise Unsuitable(
            f"{option_name('model')} {options.model} gives one label; leave out "
            f"{option_name('label_separator')}"
        )
