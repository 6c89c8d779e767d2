"""Classification: one label for a whole text or series of numbers. Many to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar

import numpy as np
import torch
from torch import nn

from ostinato.baselines.bag_of_words import Bag
from ostinato.data.batching.batch import Example
from ostinato.data.files.wording import display_path, format_counts, pluralise
from ostinato.data.labelled import Labelled, read_labelled, read_unlabelled
from ostinato.data.series.scaler import Scaler
from ostinato.data.series.series import as_series, is_series, series_of_line
from ostinato.data.text.characters import CharacterVocabulary
from ostinato.data.text.pretrained import Pretrained
from ostinato.data.text.tokenizers import Tokenizer, units_from_dict
from ostinato.data.text.vocabulary import UNK, Vocabulary
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.classifier import Together
from ostinato.tasks.classification import classifiers, series_inputs, text_inputs
from ostinato.tasks.classification.options import SOLVED, SUITED_TO, ClassificationOptions
from ostinato.tasks.labels import (
    count_answers,
    draw_confusion,
    is_number,
    log_probability,
    note_unseen,
    probabilities,
    targets_of,
    weights_of,
)
from ostinato.tasks.many_models import ManyModels
from ostinato.tasks.task import Baseline, Counts, Prediction, Unsuitable

CHOSEN = (
    "weights",
    "embedding_size",
    "fixed_length",
    "members",
    "crop",
)  # what fit() sets where nothing else was asked for


@dataclass
class Classification(ClassificationOptions, ManyModels):
    name = "classification"
    reads = (
        "TSV, CSV, JSONL or Parquet with columns text and label, a folder a class, or a text file a class; "
        "series of numbers in .ts (UCR/UEA) or .npz"
    )
    example = "ostinato train classification --train train.tsv --dev dev.tsv --out runs/sentiment"
    metrics = ("accuracy", "f1", "calibration_error")
    sample = "classification"
    sample_training: ClassVar[dict[str, Any]] = {
        "pooling": "attention",
        "batch_size": 16,
        "members": 1,
    }
    training: ClassVar[dict[str, Any]] = {
        "normalise": "sequences",
        "batch_size": 32,
        "optimizer": "adamw",
        "weight_decay": 0.3,
        "learning_rate": 0.002,
        "schedule": "cosine",
        "epochs": 10.0,
        "least_steps": 800,
        "evaluate_every": 0.5,
        "average_checkpoints": 5,
        "clip_norm": 1.0,
    }
    speed_of = "inputs"
    models = ("most-frequent", "bag-of-words", "feedforward", "convolution", "rnn", "gru", "lstm")
    solved_models = SOLVED

    labels: Vocabulary = field(init=False, default=None)
    units: Tokenizer = field(init=False, default=None)
    letters: CharacterVocabulary | None = field(init=False, default=None)
    scaler: Scaler = field(init=False, default=None)
    bag: Bag = field(init=False, default=None)
    weights: list[float] = field(init=False, default=None, repr=False)
    solution: tuple[np.ndarray, ...] = field(
        init=False, default=(), repr=False
    )  # what fit() has solved, for initialise()
    pretrained: Pretrained | None = field(init=False, default=None, repr=False)
    remembered: dict[str, tuple[int, ...]] = field(init=False, default_factory=dict, repr=False)
    notices: list[str] = field(init=False, default_factory=list, repr=False)

    @classmethod
    def suited(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return SUITED_TO.get(str(values.get("unit")), {})

    @property
    def varies(self) -> bool:
        return self.crop not in (None, 1) and self.model != "feedforward" and not self.solved

    @property
    def many(self) -> bool:
        """Whether an example may have several labels."""
        return self.label_separator is not None

    @property
    def spells(self) -> bool:
        """Whether the characters of words are read, too. Published baselines stay as they are."""
        return self.model == "recurrent" and self.unit == "word" and self.characters != "none"

    @property
    def reads_text(self) -> bool:
        return self.scaler is None

    # files to records to examples

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Labelled]:
        known = self.labels.tokens if self.labels is not None else ()
        records = read_labelled(
            files,
            text_column=self.text_column,
            label_column=self.label_column,
            known=known,
            unlabelled=self.many,
            notices=self.notices,
        )
        name = " ".join(map(display_path, files))
        self.check(records)
        if training:
            records = self.without_empty(records, name)
            if len({label for record in records for label in self.labels_of(record)}) < (
                1 if self.many else 2
            ):
                raise InputError(
                    f"{name}: all {len(records):,} examples have the label {records[0].label!r}; "
                    "a classifier needs examples of two labels or more"
                )
        return records

    def check(self, records: Sequence[Labelled]) -> None:
        """Raises InputError for records of another kind than the model's, of unlike dimensions, or with labels that are no grades."""
        for record in records:
            if self.labels is not None:
                self.check_input(record)
            elif (
                not isinstance(record.inputs, str)
                and record.inputs.shape[1] != records[0].inputs.shape[1]
            ):
                raise InputError(
                    f"{record.where}: {record.inputs.shape[1]} {pluralise('dimension', record.inputs.shape[1])}, "
                    f"but the first series has {records[0].inputs.shape[1]}"
                )
            if self.ordinal and not is_number(record.label):
                raise InputError(
                    f"{record.where}: the label {record.label!r} is no number; --ordinal needs grades such as 1 to 5"
                )

    def check_input(self, record: Labelled) -> None:
        """Raises InputError for an input of another kind, or with other dimensions, than the model was trained on."""
        where, is_text = record.where or "the input", isinstance(record.inputs, str)
        if is_text != self.reads_text:
            has, wants = (
                ("text", "series of numbers") if is_text else ("a series of numbers", "texts")
            )
            raise InputError(f"{where}: {has}, but the model was trained on {wants}")
        if not is_text and (has := record.inputs.shape[1]) != self.scaler.dimensions:
            raise InputError(
                f"{where}: {has} {pluralise('dimension', has)}, but the model has {self.scaler.dimensions}"
            )

    def accept(self, records: Sequence[Labelled]) -> None:
        for record in records:
            self.check_input(record)

    def without_empty(self, records: list[Labelled], name: str) -> list[Labelled]:
        kept = [
            record
            for record in records
            if not isinstance(record.inputs, str) or record.inputs.strip()
        ]
        if empty := len(records) - len(kept):
            self.notices.append(
                f"{name}: {empty:,} {pluralise('example', empty)} with an empty text left out"
            )
        if not kept:
            raise InputError(f"{name}: no examples: all {len(records):,} texts are empty")
        return kept

    def labels_of(self, record: Labelled) -> list[str]:
        """The labels of a record: the one it has, or what its separators separate."""
        if not self.many:
            return [record.label] if record.label else []
        return list(
            dict.fromkeys(
                label.strip() for label in record.label.split(self.label_separator) if label.strip()
            )
        )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Labelled]:
        for file in files:
            for record in read_unlabelled([file], text_column=self.text_column):
                if not self.reads_text and isinstance(record.inputs, str) and not is_series(file):
                    record = record._replace(inputs=series_of_line(record.inputs, record.where))
                self.check_input(record)
                yield record

    def as_record(self, value: Any) -> Labelled:
        """A text, or a series [T, D] as lists or an array; or a pair of one of these and its label."""
        if isinstance(value, Labelled):
            return value
        label = ""
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
            value, label = value
        record = Labelled(value if isinstance(value, str) else as_series(value), label)
        self.check_input(record)
        return record

    def key(self, record: Labelled) -> str | bytes:
        return record.inputs if isinstance(record.inputs, str) else record.inputs.tobytes()

    def fit(self, records: Sequence[Labelled]) -> None:
        names = {label for record in records for label in self.labels_of(record)}
        if len(names) < 2 and not self.many:
            raise InputError(
                f"only the label {min(names)!r} is left to learn from once a dev set is held back; "
                "give --dev, or more examples"
            )
        self.labels = Vocabulary(sorted(names, key=float if self.ordinal else None), specials=())
        self.weights = weights_of(
            self.class_weights, [self.labels_of(record) for record in records], self.labels.tokens
        )
        self.notices.append(
            f"{len(self.labels)} labels: {format_counts([label for record in records for label in self.labels_of(record)])}"
        )
        is_text = isinstance(records[0].inputs, str)
        if self.model == "bag-of-words" and not is_text:
            raise Unsuitable("--model bag-of-words needs texts; these are series of numbers")
        if not is_text and self.unit != "word":
            raise InputError(f"--unit {self.unit} is for texts; these are series of numbers")
        if is_text:
            text_inputs.fit(self, [record.inputs for record in records])
        else:
            series_inputs.fit(self, [record.inputs for record in records])
        if self.model == "feedforward" and self.fixed_length is None:
            self.fixed_length = max(
                1, int(np.quantile([len(self.encode(record).inputs) for record in records], 0.95))
            )
        if self.solved:
            self.solution = classifiers.solve(self, records)

    def state(self) -> dict[str, Any]:
        state = {"labels": self.labels.to_dict()}
        for name in ("units", "letters", "scaler", "bag"):
            if getattr(self, name) is not None:
                state[name] = getattr(self, name).to_dict()
        chosen = {name: getattr(self, name) for name in CHOSEN}
        return {**state, **chosen}

    def restore(self, state: dict[str, Any]) -> None:
        self.labels = Vocabulary.from_dict(state["labels"])
        self.units = units_from_dict(state["units"]) if "units" in state else None
        self.scaler = Scaler.from_dict(state["scaler"]) if "scaler" in state else None
        self.bag = Bag.from_dict(state["bag"]) if "bag" in state else None
        self.letters = (
            CharacterVocabulary.from_dict(state["letters"]) if "letters" in state else None
        )
        for name in CHOSEN:
            setattr(self, name, state.get(name))

    def encode(self, record: Labelled, *, draw: int | None = None) -> Example:
        target = targets_of(self.labels_of(record), self.labels, self.many)
        if self.bag is not None:
            return Example(classifiers.bag_vector(self, record.inputs), target)
        if self.solved:
            return Example(
                torch.zeros(1, dtype=torch.int64), target
            )  # the answer does not depend on it
        if self.scaler is not None:
            return Example(series_inputs.encode(self, record.inputs, draw), target)
        return text_inputs.encode(self, record.inputs, draw)._replace(targets=target)

    # the network

    def network(self) -> nn.Module:
        return classifiers.build(self)

    def initialise(self, network: nn.Module) -> None:
        if self.solved:
            network.put(*self.solution)
        elif self.pretrained is not None:
            for member in network.models if isinstance(network, Together) else [network]:
                member.embedding.load_pretrained(
                    self.pretrained.rows, self.pretrained.vectors, frozen=self.freeze_embeddings
                )

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        return Together(networks)

    # its answers

    def predict(self, network: nn.Module, records: Sequence[Labelled]) -> list[Prediction]:
        return [
            self.decode(record, row)
            for record, row in zip(
                records, probabilities(self, network, records).tolist(), strict=True
            )
        ]

    def decode(self, record: Labelled, probabilities: list[float]) -> Prediction:
        given = dict(zip(self.labels.tokens, probabilities, strict=True))
        chosen = (
            [label for label, value in given.items() if value >= self.threshold]
            if self.many
            else [max(given, key=given.__getitem__)]
        )
        text = self.label_separator.join(chosen) if self.many else chosen[0]
        details: dict[str, Any] = {
            "log_probability": log_probability(given, chosen, self.many),
            "probabilities": given,
        }
        if self.units is not None:
            numbers = self.units.encode(record.inputs)
            if UNK in numbers:
                details["unknown"] = numbers.count(UNK) / len(numbers)
        return Prediction(text, details)

    def log_probabilities(self, network: nn.Module, records: Sequence[Labelled]) -> list[float]:
        missing = next(
            (record for record in records if not self.labels_of(record) and not self.many), None
        )
        if missing is not None:
            raise InputError(
                f"{missing.where or 'the input'}: no label whose probability could be told"
            )
        return [
            log_probability(
                dict(zip(self.labels.tokens, row, strict=True)), self.labels_of(record), self.many
            )
            for record, row in zip(
                records, probabilities(self, network, records).tolist(), strict=True
            )
        ]

    def measure(
        self, network: nn.Module, records: Sequence[Labelled], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        note_unseen(
            self.notices,
            [label for record in records for label in self.labels_of(record)],
            self.labels,
        )
        return self.count(records, predictions)

    def count(
        self, records: Sequence[Labelled], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        counts = count_answers(
            predictions,
            [self.labels_of(record) for record in records],
            self.labels.tokens,
            self.label_separator,
        )
        if self.ordinal:
            pairs = zip(predictions, records, strict=True)
            counts["mae"] = [
                METRICS["mae"].count(float(prediction.text), float(record.label))
                for prediction, record in pairs
            ]
        return counts

    def quick_score(self, network: nn.Module, records: Sequence[Labelled], metric: str) -> float:
        if metric == "perplexity":
            counts = [
                METRICS[metric].count(max(value, -30.0), 1)
                for value in self.log_probabilities(network, records)
            ]
        else:
            counts = self.count(records, self.predict(network, records))[metric]
        return corpus_score(METRICS[metric], counts)

    def pictures(
        self, records: Sequence[Labelled], predictions: Sequence[Prediction]
    ) -> dict[str, Callable[[BinaryIO], None]]:
        if self.many:
            return {}
        answers, truths = (
            [prediction.text for prediction in predictions],
            [record.label for record in records],
        )
        return {"confusion.png": draw_confusion(answers, truths, self.labels)}

    def text_of(self, record: Labelled) -> str:
        if not isinstance(record.inputs, str):
            raise InputError("a model of series does not read lines of text")
        return record.inputs

    def next_commands(self, run: str, file: str | None) -> list[str]:
        try_it = (
            f'echo "..." | ostinato predict {run}'
            if self.reads_text
            else f"ostinato predict {run} {file or 'FILE.ts'}"
        )
        return [
            try_it,
            f"ostinato predict {run} {file or 'FILE'} --json",
            "ostinato compare classification --time-limit 1m",
        ]

    def show(self, record: Labelled, prediction: Prediction) -> dict[str, str]:
        text = isinstance(record.inputs, str)
        inputs = (
            record.inputs
            if text
            else f"{len(record.inputs)} steps of {record.inputs.shape[1]} numbers"
        )
        confidence = max(prediction.details["probabilities"].values())
        return {
            "text" if text else "series": inputs if len(inputs) <= 200 else inputs[:199] + "…",
            "label": record.label,
            "prediction": f"{prediction.text} ({confidence:.0%})",
        }

    def baseline(self, records: Sequence[Labelled]) -> Baseline:
        return classifiers.Simple.fit(self, records)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return classifiers.Simple.restore(type(self), state)
