"""Video: a label for a whole film (many to one), or one for every frame (many to many, aligned), from pixels or features of frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar

import numpy as np
import torch
from torch import nn

from ostinato.data.batching.batch import Batch, Example, by_length, collate
from ostinato.data.files.wording import display_path, format_counts
from ostinato.data.images.video_clips import Clip, as_frames, nothing, read_clips, read_unlabelled
from ostinato.data.series.scaler import Scaler
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.ensemble import ClassifierEnsemble
from ostinato.notices import NoticeList
from ostinato.tasks.labels import draw_confusion, note_unseen, weights_of
from ostinato.tasks.legacy import Baseline, Counts, Prediction
from ostinato.tasks.many_models import ManyModels
from ostinato.tasks.video import inputs, networks
from ostinato.tasks.video.baseline import FlattenedClips, count_labels, labels_of, restore
from ostinato.tasks.video.options import SOLVED, VideoOptions

FRAMES_AT_ONCE = {True: 512, False: 16_384}  # when predicting: of pixels, of features


@dataclass
class Video(VideoOptions, ManyModels):
    name = "video"
    reads = (
        ".npz with X [N, T, H, W, C] (pixels of 0 to 255) or [N, T, D] (features of frames), lengths [N], and y: a label a clip [N], "
        "or one a frame [N, T]"
    )
    example = "ostinato train video --train train.npz --test test.npz --out runs/signs"
    metrics = ("accuracy", "f1")
    sample = "video"
    training: ClassVar[dict[str, Any]] = {
        "normalise": "sequences",
        "batch_size": 32,
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "learning_rate": 0.002,
        "schedule": "cosine",
        "warmup": 20,
        "epochs": 20.0,
        "least_steps": 400,
        "evaluate_every": 4.0,
        "clip_norm": 1.0,
    }
    sample_training: ClassVar[dict[str, Any]] = {
        "epochs": 30.0,
        "shift": 0.1,
        "evaluate_every": 1.0,
    }
    speed_of = "inputs"
    models = ("most-frequent", "feedforward", "rnn", "gru", "lstm")
    solved_models = SOLVED

    labels: Vocabulary = field(init=False, default=None)
    per_frame: bool = field(init=False, default=False)
    shape: tuple[int, ...] = field(init=False, default=None)  # of a frame: (C, H, W), or (D,)
    scaler: Scaler | None = field(init=False, default=None, repr=False)
    weights: list[float] = field(init=False, default=None, repr=False)
    shares: np.ndarray | None = field(
        init=False, default=None, repr=False
    )  # of the labels in training
    notices: list[str] = field(init=False, default_factory=NoticeList, repr=False)

    # files to records to examples

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Clip]:
        name = " ".join(map(display_path, files))
        records = [clip for file in files for clip in read_clips(file)]
        if not records:
            raise InputError(f"{name}: no examples (0 clips)")
        for record in records:
            self.check(record, records[0])
        if training and len({label for record in records for label in labels_of(record)}) < 2:
            raise InputError(
                f"{name}: all {len(records):,} clips have the label {labels_of(records[0])[0]!r}; "
                "a classifier needs examples of two labels or more"
            )
        return records

    def check(self, record: Clip, first: Clip) -> None:
        """Raises InputError for a clip without labels, or one whose frames or labels are of another kind than the others'."""
        self.check_frames(record, first.frames.shape[1:])
        if not labels_of(record):
            raise InputError(
                f"{record.where}: no label; add y [N], a label a clip, or [N, T], one a frame"
            )
        per_frame = isinstance(first.label, tuple) if self.labels is None else self.per_frame
        if isinstance(record.label, tuple) != per_frame:
            kinds, whose = (
                ("a label a clip", "a label a frame"),
                "the others have" if self.labels is None else "the model gives",
            )
            raise InputError(
                f"{record.where}: {kinds[not per_frame]}, but {whose} {kinds[per_frame]}"
            )

    def accept(self, records: Sequence[Clip]) -> None:
        for record in records:
            self.check(record, record)

    def check_frames(self, record: Clip, first: tuple[int, ...]) -> None:
        wanted = self.shape or first
        if record.frames.shape[1:] != wanted:
            whose = "the first clip has" if self.shape is None else "the model was trained on"
            raise InputError(
                f"{record.where or 'the input'}: {described(record.frames.shape[1:])}, but {whose} {described(wanted)}"
            )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Clip]:
        for record in read_unlabelled(files):
            if len(record.frames):
                self.check_frames(record, self.shape)
            yield record

    def as_record(self, value: Any) -> Clip:
        """Frames as an array or lists, [T, D], [T, H, W] or [T, H, W, C]; or a pair of these and the label or labels."""
        if isinstance(value, Clip):
            return value
        label: str | tuple[str, ...] = ""
        if (
            isinstance(value, tuple)
            and len(value) == 2
            and isinstance(value[1], str | list | tuple)
        ):
            value, label = value[0], value[1] if isinstance(value[1], str) else tuple(value[1])
        if isinstance(value, str) and not value.strip():
            return Clip(nothing(), label)
        if (
            isinstance(value, np.ndarray)
            and self.shape is not None
            and value.dtype == np.uint8
            and value.shape[1:] == self.shape
        ):
            frames = value  # as Clip.frames has them
        else:
            frames = as_frames(value)
        record = Clip(frames, label)
        self.check_frames(record, self.shape)
        return record

    def key(self, record: Clip) -> bytes:
        return record.frames.tobytes()

    def fit(self, records: Sequence[Clip]) -> None:
        names = [label for record in records for label in labels_of(record)]
        if len(set(names)) < 2:
            raise InputError(
                f"only the label {names[0]!r} is left to learn from once a dev set is held back; give --dev, or more examples"
            )
        self.labels = Vocabulary(sorted(set(names)), specials=())
        self.per_frame = isinstance(records[0].label, tuple)
        self.shape = records[0].frames.shape[1:]
        self.weights = weights_of(
            self.class_weights, [[name] for name in names], self.labels.tokens
        )
        counts = Counter(names)
        self.shares = np.array([counts[label] / len(names) for label in self.labels.tokens])
        if self.fixed_length is None:
            self.fixed_length = max(
                1, int(np.quantile([len(record.frames) for record in records], 0.95))
            )
        self.notices.append(
            f"{len(records):,} clips of {described(self.shape)}; {len(self.labels)} labels"
            f"{' of frames' if self.per_frame else ''}: {format_counts(names)}"
        )
        inputs.fit(self, records)

    def state(self) -> dict[str, Any]:
        return {
            "labels": self.labels.to_dict(),
            "per_frame": self.per_frame,
            "shape": list(self.shape),
            "weights": self.weights,
            "fixed_length": self.fixed_length,
            "crop": self.crop,
            "members": self.members,
            "scaler": None if self.scaler is None else self.scaler.to_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.labels, self.per_frame, self.shape = (
            Vocabulary.from_dict(state["labels"]),
            bool(state["per_frame"]),
            tuple(state["shape"]),
        )
        self.weights, self.fixed_length = state["weights"], int(state["fixed_length"])
        self.crop, self.members = state.get("crop"), state.get("members")
        self.scaler = None if state["scaler"] is None else Scaler.from_dict(state["scaler"])

    @property
    def moves(self) -> bool:
        """Whether training sees pictures moved, zoomed or mirrored."""
        return (
            self.model == "recurrent"
            and len(self.shape) == 3
            and (self.shift > 0 or self.zoom > 0 or self.flip)
        )

    @property
    def crops(self) -> bool:
        """Whether training sees parts of the clips."""
        return self.model == "recurrent" and self.crop is not None and self.crop < 1

    @property
    def varies(self) -> bool:
        return self.moves or self.crops

    def values(self, record: Clip) -> np.ndarray:
        return inputs.values(self, record)

    def encode(self, record: Clip, *, draw: int | None = None) -> Example:
        if not len(record.frames):
            return Example(torch.zeros(0))
        return Example(*inputs.encode(self, record, self.targets(record), draw))

    def targets(self, record: Clip) -> torch.Tensor | None:
        """The labels' numbers; None where there is none, or one that is not known."""
        names = labels_of(record)
        if not names or any(name not in self.labels for name in names):
            return None
        numbers = torch.tensor([self.labels.number(name) for name in names])
        return numbers if self.per_frame else numbers[0]

    # the network

    def network(self) -> nn.Module:
        return networks.build(self)

    def initialise(self, network: nn.Module) -> None:
        if self.solved:
            network.put(self.shares)

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        return ClassifierEnsemble(networks)

    # its answers

    @torch.inference_mode()
    def probabilities(self, network: nn.Module, records: Sequence[Clip]) -> list[np.ndarray]:
        """Of each record [F, C]: of its one label, or of those of its F frames; of a clip without frames [0, C]."""
        found = [np.zeros((0, len(self.labels)), dtype=np.float32)] * len(records)
        device = next(network.parameters()).device
        for start in range(
            0, len(records), 500
        ):  # so that not all films have to be in memory twice
            examples = [
                self.encode(record)._replace(targets=None)
                for record in records[start : start + 500]
            ]
            for rows in by_length(examples, tokens=FRAMES_AT_ONCE[len(self.shape) == 3]):
                batch = collate([examples[row] for row in rows]).to(device)
                for row, given, length in zip(
                    rows, self.given(network, batch), batch.lengths.tolist(), strict=True
                ):
                    found[start + row] = given[:length] if self.per_frame else given[None]
        return found

    def given(self, network: nn.Module, batch: Batch) -> np.ndarray:
        """[B, C], or [B, T, C] of labels for frames."""
        given = network.probabilities(batch)
        if self.per_frame and given.dim() == 2:  # the same for every frame
            given = given.unsqueeze(1).expand(-1, batch.inputs.shape[1], -1)
        return given.cpu().numpy()

    def predict(self, network: nn.Module, records: Sequence[Clip]) -> list[Prediction]:
        return [self.answer(given) for given in self.probabilities(network, records)]

    def answer(self, given: np.ndarray) -> Prediction:
        """A label, or those of the frames between spaces (between tabs where labels have spaces in them)."""
        best = given.argmax(-1)
        names = self.labels.decode(best.tolist())
        sure = np.log(np.maximum(given[np.arange(len(best)), best], 1e-38))
        details: dict[str, Any] = {"log_probability": float(sure.sum())}
        if self.per_frame:
            details["labels"] = names
            details["probabilities"] = [round(float(value), 6) for value in np.exp(sure)]
        elif len(given):
            details["probabilities"] = dict(zip(self.labels.tokens, given[0].tolist(), strict=True))
        return Prediction(self.separator.join(names), details)

    @property
    def separator(self) -> str:
        return "\t" if any(" " in label for label in self.labels.tokens) else " "

    def log_probabilities(self, network: nn.Module, records: Sequence[Clip]) -> list[float]:
        """log P of each record's label, or the sum over its frames' labels; minus infinity for one that is not known."""
        values = []
        for record, given in zip(records, self.probabilities(network, records), strict=True):
            names = labels_of(record)
            if not names:
                raise InputError(
                    f"{record.where or 'the input'}: no label whose probability could be told"
                )
            known = all(name in self.labels for name in names)
            rows = (
                given[np.arange(len(names)), [self.labels.number(name) for name in names]]
                if known
                else np.zeros(1)
            )
            with np.errstate(divide="ignore"):
                values.append(float(np.log(rows).sum()))
        return values

    def measure(
        self, network: nn.Module, records: Sequence[Clip], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        note_unseen(
            self.notices, [label for record in records for label in labels_of(record)], self.labels
        )
        return count_labels(
            [self.answered(prediction) for prediction in predictions], records, self.labels
        )

    def answered(self, prediction: Prediction) -> list[str]:
        return prediction.details["labels"] if self.per_frame else [prediction.text]

    def quick_score(self, network: nn.Module, records: Sequence[Clip], metric: str) -> float:
        if metric == "perplexity":
            values = zip(self.log_probabilities(network, records), records, strict=True)
            counts = [
                METRICS[metric].count(
                    max(value, -30.0 * len(labels_of(record))), len(labels_of(record))
                )
                for value, record in values
            ]
        else:
            answers = [self.answered(prediction) for prediction in self.predict(network, records)]
            counts = count_labels(answers, records, self.labels)[metric]
        return corpus_score(METRICS[metric], counts)

    def pictures(
        self, records: Sequence[Clip], predictions: Sequence[Prediction]
    ) -> dict[str, Callable[[BinaryIO], None]]:
        answers = [label for prediction in predictions for label in self.answered(prediction)]
        truths = [label for record in records for label in labels_of(record)]
        return {"confusion.png": draw_confusion(answers, truths, self.labels)}

    def next_commands(self, run: str, file: str | None) -> list[str]:
        return [
            f"ostinato predict {run} {file or 'FILE.npz'}",
            f"ostinato predict {run} {file or 'FILE.npz'} --json",
            "ostinato compare video --time-limit 1m",
        ]

    def show(self, record: Clip, prediction: Prediction) -> dict[str, str]:
        frames = f"{len(record.frames)} frames of {described(record.frames.shape[1:])}"
        return {
            "clip": frames,
            "label": self.separator.join(labels_of(record))[:200],
            "prediction": prediction.text[:200],
        }

    def baseline(self, records: Sequence[Clip]) -> Baseline:
        return FlattenedClips.fit(
            records, self.labels, self.values, length=self.fixed_length, per_frame=self.per_frame
        )

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return restore(state, self.labels, self.values)


def described(shape: Sequence[int]) -> str:
    """described((3, 24, 32)) -> "32 x 24 pixels in colour"; described((258,)) -> "258 features" """
    if len(shape) == 1:
        return f"{shape[0]:,} features"
    return f"{shape[2]} x {shape[1]} pixels{' in colour' if shape[0] == 3 else ''}"
