"""Captioning: a sentence that says what is to be seen in a picture, or in frames of a film. One to many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from ostinato.baselines.nearest_neighbour import NearestNeighbour
from ostinato.data.batching.batch import Batch, Example
from ostinato.data.batching.buckets import BucketedBatches, example_seed
from ostinato.data.images.captioned import (
    Features,
    Picture,
    read_captioned,
    read_features,
    read_images,
)
from ostinato.data.images.image_cache import ImageLoader
from ostinato.data.images.images import varied
from ostinato.data.images.onnx_encoder import OnnxEncoder
from ostinato.data.series.scaler import Scaler
from ostinato.data.text.tokenizers import Tokenizer, train_tokenizer, units_from_dict
from ostinato.data.text.vocabulary import EOS
from ostinato.decoding.step import Hypothesis
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.ensemble import EncoderDecoderEnsemble
from ostinato.notices import NoticeList
from ostinato.options import option
from ostinato.tasks.captioning import captioners
from ostinato.tasks.captioning.nearest import TEXT_METRICS, NearestCaption, count_texts
from ostinato.tasks.captioning.options import CaptioningOptions
from ostinato.tasks.captioning.page import Caption, caption_page
from ostinato.tasks.legacy import Baseline, Counts, Prediction, Task
from ostinato.tasks.searching import Searching


@dataclass
class Captioning(Searching, CaptioningOptions, Task):
    name = "captioning"
    reads = (
        "TSV, CSV or JSONL with columns image (a file, or a part of one: sheet.png#xywh=0,0,32,32) and caption; .npz of images, "
        "features or frames with captions; predict: images, or a list of them"
    )
    example = "ostinato train captioning --train captions.tsv --image-size 64 --attention additive --out runs/captions"
    metrics = ("bleu", "exact_match", "perplexity")
    sample = "captioning"
    answer = "caption for each image"
    training: ClassVar[dict[str, Any]] = {
        "epochs": 30.0,
        "batch_size": 32,
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "learning_rate": 0.006,
        "schedule": "cosine",
        "warmup": 50,
        "clip_norm": 1.0,
        "evaluate_every": 2.0,
    }
    sample_training: ClassVar[dict[str, Any]] = {
        "attention": "none",
        "channels": 64,
        "members": 2,
        "epochs": 30.0,
        "shift": 0.03,
        "zoom": 0.03,
        "dev_metric": "bleu",
    }

    # decoding, beside the search's own options
    maximum_length: int = option(40, "most tokens of a caption", minimum=1, when_predicting=True)
    align: bool = option(
        False,
        "with --json, how much each token looked at each region, row by row",
        when_predicting=True,
    )

    units: Tokenizer = field(init=False, default=None)
    kind: str = field(
        init=False, default=None
    )  # pictures, clips (frames of pixels), regions, or steps (features of frames)
    size: int = field(init=False, default=None)  # channels of pixels, or dimensions of features
    scaler: Scaler | None = field(init=False, default=None, repr=False)
    encoder_digest: str | None = field(init=False, default=None)
    known_features: Features | None = field(init=False, default=None, repr=False)
    opened: ImageLoader | None = field(init=False, default=None, repr=False)
    notices: list[str] = field(init=False, default_factory=NoticeList, repr=False)

    # files to records to examples

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Picture]:
        records = read_captioned(
            files,
            image_column=self.image_column,
            caption_column=self.caption_column,
            features=self.named_features(),
        )
        for record in (
            records
        ):  # what is wrong with an image is said before anything is learned from the others
            self.check(record, self.gallery(record), records[0])
        return records

    def read_inputs(self, files: Sequence[str]) -> Iterator[Picture]:
        yield from read_images(
            files, image_column=self.image_column, features=self.named_features()
        )

    def named_features(self) -> Features | None:
        if self.features is not None and self.known_features is None:
            self.known_features = read_features(self.features)
        return self.known_features

    @property
    def gallery(self) -> ImageLoader:
        """Images as numbers; opened when the first one is asked for."""
        if self.opened is None:
            encoder = None
            if self.encoder is not None:
                encoder = OnnxEncoder(
                    self.encoder,
                    normalise=self.normalise_pixels,
                    cache=self.feature_cache,
                    output=self.encoder_output,
                )
                if self.encoder_digest not in (None, encoder.digest):
                    raise InputError(
                        f"{self.encoder}: not the network that the model was trained with; name that one with --encoder"
                    )
                self.encoder_digest = encoder.digest
            self.opened = ImageLoader(
                self.image_size if encoder is None else encoder.size or self.image_size, encoder
            )
        return self.opened

    def check(self, record: Picture, values: np.ndarray, first: Picture) -> None:
        """Raises InputError for an image of another kind, or of other dimensions, than the model's or the first one."""
        if self.kind is None:
            wanted, size, than = (
                kind_of(self.gallery(first), first.ordered),
                size_of(self.gallery(first)),
                "the first one has",
            )
        else:
            wanted, size, than = self.kind, self.size, "the model was trained on"
        where = record.where or "the image"
        if kind_of(values, record.ordered) != wanted:
            raise InputError(
                f"{where}: {kind_of(values, record.ordered)}, but {than} {wanted}; give images of one kind"
            )
        if size_of(values) != size:
            raise InputError(f"{where}: {size_of(values):,} features, but {than} {size:,}")

    def accept(self, records: Sequence[Picture]) -> None:
        for record in records:
            self.check(record, self.gallery(record), record)

    def as_record(self, value: Any) -> Picture:
        """A file, a Pillow image, an array (pixels [H, W, 3] of uint8, features [D] or [R, D], frames [T, H, W, C]); or a pair of one
        of these and its caption or captions."""
        captions: tuple[str, ...] = ()
        if isinstance(value, Picture):
            return value
        if isinstance(value, tuple) and len(value) == 2:
            value, said = value
            captions = (said,) if isinstance(said, str) else tuple(said)
        if isinstance(value, str) or hasattr(value, "__fspath__"):
            return Picture(str(value), captions)
        values = np.asarray(value)
        if values.dtype.kind not in "uif":
            raise InputError(
                f"expected a file, a Pillow image or an array of numbers; got {type(value).__name__}"
            )
        if values.dtype.kind == "f" and values.ndim <= 2:
            if not values.size or not np.isfinite(values).all():
                raise InputError("expected finite features [D] or [R, D] with at least one region")
            values = np.atleast_2d(values).astype(np.float32)
        return Picture(values, captions, ordered=values.ndim == 4 or self.kind == "steps")

    def key(self, record: Picture) -> str | bytes:
        return record.image if isinstance(record.image, str) else record.image.tobytes()

    def fit(self, records: Sequence[Picture]) -> None:
        captions = [caption for record in records for caption in record.captions]
        size = self.vocabulary_size or (8000 if self.unit == "subword" else 20_000)
        self.units = train_tokenizer(
            self.unit,
            captions,
            size=size,
            minimum_count=self.minimum_count,
            lowercase=self.lowercase,
        )
        values = self.gallery(records[0])
        self.kind, self.size = kind_of(values, records[0].ordered), size_of(values)
        if values.ndim == 2:
            self.scaler = Scaler.fit([self.gallery(record) for record in records])
        if (
            self.dev_metric is None
        ):  # BLEU counts runs of four words: of shorter captions it says nothing
            self.dev_metric = (
                "bleu"
                if np.median([len(caption.split()) for caption in captions]) >= 4
                else "perplexity"
            )
        several = f", {len(captions):,} captions" if len(captions) > len(records) else ""
        self.notices.append(
            f"{len(records):,} {self.shown_kind}{several}, {len(self.units):,} {self.unit}s"
        )

    @property
    def shown_kind(self) -> str:
        return {
            "pictures": "pictures",
            "clips": "clips",
            "regions": "images as features",
            "steps": "clips as features",
        }[self.kind]

    def learnable(self, records: Sequence[Picture]) -> Sequence[Picture]:
        """A record for each caption of each image."""
        single = [
            record._replace(captions=(caption,))
            for record in records
            for caption in record.captions
        ]
        kept = [
            record
            for record in single
            if len(self.units.encode(record.captions[0])) <= self.maximum_tokens
        ]
        if not kept:
            raise InputError(f"no caption has --maximum-tokens {self.maximum_tokens} or less")
        if len(kept) < len(single):
            self.notices.append(
                f"{len(single) - len(kept):,} captions of more than {self.maximum_tokens} tokens left out of training"
            )
        return kept

    def state(self) -> dict[str, Any]:
        return {
            "units": self.units.to_dict(),
            "kind": self.kind,
            "size": self.size,
            "encoder": self.encoder_digest,
            "dev_metric": self.dev_metric,
            "scaler": None if self.scaler is None else self.scaler.to_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.units, self.kind, self.size = (
            units_from_dict(state["units"]),
            state["kind"],
            int(state["size"]),
        )
        self.scaler = None if state["scaler"] is None else Scaler.from_dict(state["scaler"])
        self.encoder_digest, self.dev_metric = state["encoder"], state["dev_metric"]

    def batches(
        self,
        records: Sequence[Picture],
        *,
        batch_size: int | None,
        batch_tokens: int | None,
        seed: int,
    ) -> BucketedBatches:
        """Batches of captions of any length: sorted by it, as texts are, each would be of one sort of picture."""
        examples = [self.encode(record) for record in records]

        def varied_example(row: int, epoch: int) -> Example:
            return self.encode(records[row], draw=example_seed(seed, epoch, row))

        return BucketedBatches(
            examples,
            batch_size=batch_size,
            tokens=batch_tokens,
            seed=seed,
            pool=batch_size or 64,
            encode=varied_example if self.varies else None,
        )

    @property
    def varies(self) -> bool:
        return self.kind in ("pictures", "clips") and (self.shift > 0 or self.zoom > 0 or self.flip)

    def encode(self, record: Picture, *, draw: int | None = None) -> Example:
        """The image with the first of its captions, if it has one."""
        targets = (
            torch.tensor([*self.units.encode(record.captions[0]), EOS], dtype=torch.int64)
            if record.captions
            else None
        )
        if isinstance(record.image, str) and not record.image.strip():
            return Example(torch.zeros(0), targets)
        values = self.gallery(record)
        if self.scaler is not None:
            values = self.scaler(values)
        elif draw is not None and self.varies:
            values = varied(values, draw, shift=self.shift, zoom=self.zoom, flip=self.flip)
        return Example(torch.from_numpy(values), targets)

    # the network

    def network(self) -> nn.Module:
        return captioners.network(self)

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        return EncoderDecoderEnsemble(networks)

    # its answers

    def predict(self, network: nn.Module, records: Sequence[Picture]) -> list[Prediction]:
        predictions: list[Prediction] = [
            Caption("", {"log_probability": 0.0}, record) for record in records
        ]
        for rows, batch in captioners.encoded(
            self, network, [record._replace(captions=()) for record in records]
        ):
            for row, hypotheses in zip(rows, self.searched(network, batch), strict=True):
                predictions[row] = self.decode(hypotheses, records[row])
        return predictions

    def searched(self, network: nn.Module, batch: Batch) -> list[list[Hypothesis]]:
        watch = self.align and self.attention != "none"
        return self.search(
            network, batch, maximum_length=self.maximum_length, watch_attention=watch
        )

    def decode(self, hypotheses: list[Hypothesis], record: Picture) -> Prediction:
        best = hypotheses[0]
        details: dict[str, Any] = {
            "log_probability": best.log_probability,
            "image": shown_image(record),
        }
        if self.n_best > 1:
            details["n_best"] = [
                {
                    "prediction": self.units.decode(each.tokens),
                    "log_probability": each.log_probability,
                }
                for each in hypotheses
            ]
        if self.align and best.watched is not None:
            details["tokens"] = [self.units.decode([number]) for number in best.tokens]
            details["looked_at"] = [
                [round(weight, 4) for weight in row]
                for row in best.watched[: len(best.tokens)].tolist()
            ]
        return Caption(self.units.decode(best.tokens), details, record)

    def log_probabilities(self, network: nn.Module, records: Sequence[Picture]) -> list[float]:
        """log P(captions | image): of several captions the sum."""
        missing = next((record for record in records if not record.captions), None)
        if missing is not None:
            raise InputError(f"{shown_image(missing)}: no caption whose probability could be told")
        return [value for value, _ in captioners.scored(self, network, records)]

    def measure(
        self, network: nn.Module, records: Sequence[Picture], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        counts = count_texts([prediction.text for prediction in predictions], records)
        return {
            **counts,
            "perplexity": [
                METRICS["perplexity"].count(*each)
                for each in captioners.scored(self, network, records)
            ],
        }

    def quick_score(self, network: nn.Module, records: Sequence[Picture], metric: str) -> float:
        if metric not in TEXT_METRICS:
            counts: list[Counts] = [
                METRICS[metric].count(*each) for each in captioners.scored(self, network, records)
            ]
        else:
            texts = [prediction.text for prediction in self.greedy().predict(network, records)]
            counts = count_texts(texts, records, (metric,))[metric]
        return corpus_score(METRICS[metric], counts)

    def with_target(self, record: Picture, text: str) -> Picture:
        return record._replace(captions=(text,))

    def text_of(self, record: Picture) -> str:
        return shown_image(record)

    def written(
        self, predictions: Iterator[Prediction], output: str | None = None
    ) -> Iterator[str]:
        """A caption a line; in a file whose name ends in .html, the pictures beside them."""
        if output is not None and Path(output).suffix.lower() in (".html", ".htm"):
            return caption_page(predictions)
        return super().written(predictions, output)

    def next_commands(self, run: str, file: str | None) -> list[str]:
        test = file or self.sample_file()
        return [
            f"ostinato predict {run} PICTURE.png",
            f"ostinato predict {run} {test} --output page.html",
            f"ostinato evaluate {run} {test} --beam 10",
        ]

    def sample_file(self) -> str:
        from ostinato.data.files.samples import sample

        return str(sample(self.sample)["test"])

    def show(self, record: Picture, prediction: Prediction) -> dict[str, str]:
        return {
            "image": shown_image(record),
            "reference": " / ".join(record.captions),
            "prediction": prediction.text,
        }

    def baseline(self, records: Sequence[Picture]) -> Baseline:
        return NearestCaption.fit(records, self.gallery)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return NearestCaption(NearestNeighbour.from_dict(state), self.gallery)


def kind_of(values: np.ndarray, ordered: bool) -> str:
    """Which of the four kinds of images these numbers are."""
    if values.ndim == 2:
        return "steps" if ordered else "regions"
    return "clips" if ordered else "pictures"


def size_of(values: np.ndarray) -> int:
    """Channels of pixels [T, C, H, W], dimensions of features [R, D]: dimension 1 in both."""
    return values.shape[1]


def shown_image(record: Picture) -> str:
    return record.image if isinstance(record.image, str) else record.where
