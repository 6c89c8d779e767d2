"""Preprocessing of speech: labels, front end and feature statistics; recordings as examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch

from ostinato.data.audio.front_end import FrontEnd
from ostinato.data.audio.recordings import Recording, clean
from ostinato.data.audio.stored_recordings import StoredRecordings
from ostinato.data.audio.warping import warp_matrix
from ostinato.data.batching.batch import Example
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.decoding.ctc import BLANK, least_frames
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.transcription.feature_cache import FeatureCache
from ostinato.tasks.transcription.features import (
    FeatureStream,
    Statistics,
    add_deltas,
    change_speed,
    mask_features,
    normalise_recording,
)
from ostinato.tasks.transcription.front_end_choice import choose_front_end
from ostinato.tasks.transcription.measured_features import MeasuredFeatures, described
from ostinato.tasks.transcription.options import TranscriptionOptions
from ostinato.tasks.transcription.raw_features import read_features, whole_features
from ostinato.tasks.transcription.reader import notify_left_out
from ostinato.tasks.transcription.units import Units

BLANK_TOKEN = "<blank>"
MOST_TEXT = 2_000_000  # maximum characters of transcripts saved for a language model


@dataclass(frozen=True)
class TranscriptionPreprocessing(Preprocessing):
    """Labels, front end and statistics of the training recordings, and the encoding of recordings.

    Args:
        options: The task's options.
        labels: The vocabulary of labels; id 0 is the blank.
        front_end: Computes features of sound; None if the training data were features of another
            kind.
        statistics: Mean and standard deviation of the raw features.
        units: Splits transcripts into labels.
        transcripts: Training transcripts with their counts, for a language model.
        cache: Raw features of sound files already read, in memory or on disk.
    """

    options: TranscriptionOptions
    labels: Vocabulary
    front_end: FrontEnd | None
    statistics: Statistics
    units: Units
    transcripts: dict[str, int] = field(repr=False, default_factory=dict)
    cache: FeatureCache = field(repr=False, compare=False, default_factory=FeatureCache)

    @classmethod
    def fit(
        cls, options: TranscriptionOptions, records: Sequence[Recording]
    ) -> tuple[TranscriptionOptions, Self]:
        front_end = choose_front_end(options, records)
        if front_end is not None:
            options = replace(
                options,
                front_end=front_end.kind,  # type: ignore[arg-type]
                sample_rate=front_end.rate,
            )
        cache = FeatureCache()
        if isinstance(records, StoredRecordings):
            cache.store(records, front_end)
        measured = MeasuredFeatures(records, front_end, cache)
        statistics = Statistics.of(measured)
        texts = [normalise_text(record.text, options) for record in described(records)]
        units, tokens = Units.fit(options.unit, texts, size=options.vocabulary_size)
        labels = Vocabulary([BLANK_TOKEN, *tokens], specials=())
        notify(
            f"{len(records):,} recordings, {measured.frames / 6000:.1f} minutes; "
            f"{len(labels) - 1} {options.unit}s; features: "
            f"{front_end.kind if front_end else 'given'}, {measured.size} a frame"
        )
        transcripts = dict(Counter(texts)) if sum(map(len, set(texts))) <= MOST_TEXT else {}
        return options, cls(options, labels, front_end, statistics, units, transcripts, cache)

    def to_dict(self) -> dict[str, Any]:
        return {
            "labels": self.labels.to_dict(),
            "front_end": None if self.front_end is None else list(self.front_end),
            "mean": self.statistics.mean.tolist(),
            "deviation": self.statistics.deviation.tolist(),
            "transcripts": self.transcripts,
            "units": self.units.to_dict(),
        }

    @classmethod
    def from_dict(cls, options: TranscriptionOptions, state: dict[str, Any]) -> Self:
        front_end = state["front_end"]
        return cls(
            options,
            Vocabulary.from_dict(state["labels"]),
            None if front_end is None else FrontEnd(*front_end),
            Statistics(np.array(state["mean"]), np.array(state["deviation"])),
            Units.from_dict(options.unit, state.get("units")),  # older runs have none
            dict(state["transcripts"]),
        )

    @property
    def reads_text(self) -> bool:
        """No: the option `unit` is of the transcripts, not of the inputs."""
        return False

    @property
    def size(self) -> int:
        """Features per frame, as the network reads them."""
        return len(self.statistics.mean) * (1 + self.options.deltas)

    @property
    def seconds_per_frame(self) -> float:
        """The time from one output of the network to the next."""
        hop = 0.01 if self.front_end is None else self.front_end.hop / self.front_end.rate
        return hop * self.options.subsampling

    @property
    def varies(self) -> bool:
        options = self.options
        masks = options.time_masks and options.time_mask_share
        return bool(
            options.speed or options.warp or options.noise or masks or options.frequency_masks
        )

    def start_features(self) -> FeatureStream:
        """Creates a stream that normalises a recording while it arrives."""
        running = self.options.normalisation == "running"
        return FeatureStream(self.statistics, running=running, deltas=self.options.deltas)

    def vocabulary(self, side: str) -> Sequence[str]:
        return self.labels.tokens if side == "targets" else ()

    def input_labels(self, record: Recording) -> Sequence[str]:
        """The time of each frame."""
        hop = self.seconds_per_frame / self.options.subsampling
        frames = len(whole_features(record, self.front_end, self.cache))
        return [f"{frame * hop:.2f} s" for frame in range(frames)]

    def check(self, record: Recording) -> None:
        """Raises InputError for features of another kind than the model's."""
        own = self.front_end
        if not isinstance(record.audio, np.ndarray):
            if own is None and record.audio != "":
                raise InputError(
                    f"{record.where}: the model was trained on features, and how they were "
                    f"computed "
                    f"from sound is unknown; train with {option_name('front_end')} mfcc or "
                    "log-mel, if they were"
                )
            return
        size = len(self.statistics.mean)
        if record.audio.shape[1] != size:
            raise InputError(
                f"{record.where}: {record.audio.shape[1]} features a frame, but the model was "
                f"trained on {size}"
            )
        if own is not None and record.front_end and record.front_end != own.kind:
            raise InputError(
                f"{record.where}: features made by {record.front_end}, but the model's are "
                f"{own.kind}"
            )

    def read(self, record: Recording) -> Iterator[np.ndarray]:
        """The raw features [n, D] of a recording, block by block."""
        self.check(record)
        return read_features(record, self.front_end, self.cache)

    def normalise(self, frames: np.ndarray) -> np.ndarray:
        """Normalises the raw features of a whole recording for the network."""
        if not len(frames):
            return np.zeros((0, self.size), np.float32)
        if self.options.normalisation == "recording":
            return add_deltas(normalise_recording(frames), self.options.deltas)
        stream = self.start_features()
        return np.concatenate([stream.accept(frames), stream.finish()])

    def encode(self, record: Recording, *, draw: int | None = None) -> Example:
        if isinstance(record.audio, str) and not record.audio:
            return Example(torch.zeros(0))
        self.check(record)
        frames = whole_features(record, self.front_end, self.cache)
        targets = self.targets(record.text)
        if draw is not None and self.varies and len(frames):
            return Example(torch.from_numpy(self.vary(frames, targets, draw)), targets)
        return Example(torch.from_numpy(self.normalise(frames)), targets)

    def vary(self, frames: np.ndarray, targets: torch.Tensor, draw: int) -> np.ndarray:
        """Augments a recording with the seed `draw`."""
        options, random = self.options, np.random.default_rng(draw)
        sped = change_speed(frames, random.uniform(1 - options.speed, 1 + options.speed))
        if self.is_spellable(len(sped), targets.tolist()):
            frames = sped
        if self.front_end is not None and options.warp:
            factor = round(1000 * random.uniform(1 - options.warp, 1 + options.warp))
            frames = frames @ warp_matrix(self.front_end, factor)
        frames = self.normalise(frames)
        if options.noise:
            frames = frames + options.noise * random.standard_normal(frames.shape, np.float32)
        return mask_features(
            frames,
            random,
            times=options.time_masks,
            time_share=options.time_mask_share,
            bands=options.frequency_masks,
            width=options.frequency_mask_width,
        )

    def tokens(self, text: str) -> list[str]:
        """Splits a transcript into tokens, the names of labels."""
        return self.units.split(normalise_text(text, self.options))

    def unknown_tokens(self, text: str) -> set[str]:
        return {token for token in self.tokens(text) if token not in self.labels}

    def targets(self, text: str) -> torch.Tensor:
        """The ids of a transcript's labels, without those never seen in training."""
        known = [token for token in self.tokens(text) if token in self.labels]
        return torch.tensor(self.labels.encode(known), dtype=torch.int64)

    def join(self, labels: Iterable[int]) -> str:
        """Labels as text."""
        return self.units.join(self.labels.decode(label for label in labels if label != BLANK))

    def is_spellable(self, frames: int, labels: Sequence[int]) -> bool:
        """Whether CTC can emit these labels in this number of frames."""
        if self.options.decoder in ("attention", "transducer"):
            return frames > 0
        return least_frames(labels) <= -(-frames // self.options.subsampling)

    def trainable_records(self, records: Any) -> Any:
        kept, bad = [], []
        sizes = self.measure(records)
        for row, (record, frames) in enumerate(zip(described(records), sizes, strict=True)):
            labels = self.targets(record.text).tolist()
            if self.is_spellable(frames, labels):
                kept.append(row)
            else:
                outputs = -(-frames // self.options.subsampling)
                bad.append(
                    f"{record.name or record.where}: {least_frames(labels)} labels and repeats for "
                    f"{outputs} frames"
                )
        notify_left_out(bad)
        if not kept:
            raise InputError(
                f"no recording has enough frames for its transcript ({bad[0]}); lower "
                f"{option_name('subsampling')}"
            )
        if isinstance(records, StoredRecordings):
            return records.take(np.array(kept))
        return [records[row] for row in kept]

    def measure(self, records: Sequence[Recording]) -> Iterator[int]:
        """The number of frames of each recording; those on disk are not read for it."""
        if not isinstance(records, StoredRecordings):
            for record in records:
                yield len(whole_features(record, self.front_end, self.cache))
            return
        self.cache.store(records, self.front_end)
        for each in records.described:
            yield self.cache.frames(each, records.given)

    def measure_examples(
        self, records: Sequence[Recording]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        if not isinstance(records, StoredRecordings):
            return None
        number = len(records)
        texts = (record.text for record in described(records))
        return (
            np.fromiter(self.measure(records), np.int32, number),
            np.fromiter((len(self.targets(text)) for text in texts), np.int32, number),
        )


def normalise_text(text: str, options: TranscriptionOptions) -> str:
    return clean(text.lower() if options.lowercase else text)
