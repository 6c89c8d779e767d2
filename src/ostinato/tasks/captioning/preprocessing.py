"""The captions' tokenizer, and images as pixels or standardised features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch

from ostinato.data.batching.batch import Example
from ostinato.data.batching.buckets import BucketedBatches, example_seed
from ostinato.data.images.image_loader import ImageLoader
from ostinato.data.images.images import augment
from ostinato.data.images.picture import Picture, find_pixel_maximum
from ostinato.data.images.pixel_range import BYTE
from ostinato.data.series.scaler import Scaler
from ostinato.data.text.tokenizers import Tokenizer, tokenizer_from_dict, train_tokenizer
from ostinato.data.text.vocabulary import EOS
from ostinato.errors import InputError, option_name
from ostinato.metrics.bleu import choose_tokenizer
from ostinato.notices import notify
from ostinato.tasks.captioning.image_kinds import (
    DESCRIPTIONS,
    ImageKind,
    check_kind,
    is_blank,
    kind_of,
)
from ostinato.tasks.captioning.options import CaptioningOptions
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.shared.text_scores import too_short_for_bleu


@dataclass(frozen=True)
class CaptioningPreprocessing(Preprocessing):
    """The captions' tokenizer, the kind of the images, and the scaler of their features.

    Args:
        options: The task's options.
        tokenizer: The tokenizer of the captions.
        kind: The kind of the images.
        scaler: Standardises features; None for pixels.
        encoder_digest: The hash of the file of --encoder.
        opened: The image loader that `fit` has used: its cache holds the decoded training images.
    """

    options: CaptioningOptions
    tokenizer: Tokenizer
    kind: ImageKind
    scaler: Scaler | None = None
    encoder_digest: str | None = None
    opened: ImageLoader | None = field(default=None, repr=False, compare=False)

    @classmethod
    def fit(
        cls, options: CaptioningOptions, records: Sequence[Picture]
    ) -> tuple[CaptioningOptions, Self]:
        maximum, loader = options.pixel_maximum, options.loader
        if maximum is None:
            maximum = find_pixel_maximum(records)
            options = replace(options, pixel_maximum=maximum)
            loader = loader.with_pixel_maximum(maximum)
        kind = kind_of(loader(records[0]), ordered=records[0].ordered)
        captions = [caption for record in records for caption in record.captions]
        tokenizer = train_tokenizer(
            options.unit,
            captions,
            size=options.vocabulary_size or (8000 if options.unit == "subword" else 20_000),
            minimum_count=options.minimum_count,
            lowercase=options.lowercase,
        )
        scaler = None
        if kind.name in ("regions", "steps"):
            scaler = Scaler.fit([loader(record) for record in records])
        bleu_tokenizer = options.bleu_tokenizer or choose_tokenizer(captions)
        options = replace(options, bleu_tokenizer=bleu_tokenizer)
        if options.dev_metric is None:
            short = too_short_for_bleu(captions, bleu_tokenizer)
            options = replace(options, dev_metric="perplexity" if short else "bleu")
        several = f", {len(captions):,} captions" if len(captions) > len(records) else ""
        pixel_range = "" if maximum is None else f" of pixels of 0 to {maximum:g}"
        notify(
            f"{len(records):,} {DESCRIPTIONS[kind.name]}{pixel_range}{several}, "
            f"{len(tokenizer):,} {options.unit}s"
        )
        digest = None if loader.encoder is None else loader.encoder.digest
        return options, cls(options, tokenizer, kind, scaler, digest, loader)

    def to_dict(self) -> dict[str, Any]:
        return {
            "units": self.tokenizer.to_dict(),
            "kind": self.kind.name,
            "size": self.kind.size,
            "encoder": self.encoder_digest,
            "scaler": None if self.scaler is None else self.scaler.to_dict(),
        }

    @classmethod
    def from_dict(cls, options: CaptioningOptions, state: dict[str, Any]) -> Self:
        return cls(
            options,
            tokenizer_from_dict(state["units"]),
            ImageKind(state["kind"], int(state["size"])),
            None if state["scaler"] is None else Scaler.from_dict(state["scaler"]),
            state["encoder"],
        )

    def vocabulary(self, side: str) -> Sequence[str]:
        return self.tokenizer.id_to_token if side == "targets" else ()

    @cached_property
    def loader(self) -> ImageLoader:
        """Decodes images; opened when the first one is needed."""
        if self.opened is not None:
            return self.opened
        loader = self.options.loader
        if loader.pixel_maximum is None:  # trained on files, or by an earlier version
            loader = loader.with_pixel_maximum(BYTE)
        if loader.encoder is not None and self.encoder_digest not in (None, loader.encoder.digest):
            raise InputError(
                f"{self.options.encoder}: not the network that the model was trained with; "
                f"name that one with {option_name('encoder')}"
            )
        return loader

    def load(self, record: Picture) -> np.ndarray:
        """The values of an image, [T, C, H, W] or [R, D].

        Raises:
            InputError: The image cannot be read, or is not of the model's kind.
        """
        values = self.loader(record)
        found = kind_of(values, ordered=record.ordered)
        check_kind(record, found, self.kind, "the model was trained on")
        return values

    def trainable_records(self, records: Sequence[Picture]) -> Sequence[Picture]:
        """One record for each caption of each image; captions that are too long are left out."""
        most = self.options.maximum_tokens
        single = split_captions(records)
        kept = [
            record for record in single if len(self.tokenizer.encode(record.captions[0])) <= most
        ]
        if not kept:
            raise InputError(f"no caption has {option_name('maximum_tokens')} {most} or less")
        if left_out := len(single) - len(kept):
            notify(f"{left_out:,} captions of more than {most} tokens left out of training")
        return kept

    def batches(
        self,
        records: Sequence[Picture],
        *,
        batch_size: int | None,
        batch_tokens: int | None,
        seed: int,
    ) -> BucketedBatches:
        """Batches of randomly chosen captions. They are not bucketed by length: length correlates
        with the kind of image, and batches should mix kinds.
        """

        def encode_varied(row: int, epoch: int) -> Example:
            return self.encode(records[row], draw=example_seed(seed, epoch, row))

        return BucketedBatches(
            [self.encode(record) for record in records],
            batch_size=batch_size,
            tokens=batch_tokens,
            seed=seed,
            pool=batch_size or 64,
            encode=encode_varied if self.varies else None,
        )

    @property
    def varies(self) -> bool:
        options = self.options
        return self.scaler is None and (options.shift > 0 or options.zoom > 0 or options.flip)

    def encode(self, record: Picture, *, draw: int | None = None) -> Example:
        """Encodes the image with the first of its captions, if it has one."""
        targets = None
        if record.captions:
            ids = [*self.tokenizer.encode(record.captions[0]), EOS]
            targets = torch.tensor(ids, dtype=torch.int64)  # [T]
        if is_blank(record):
            return Example(torch.zeros(0), targets)
        values, options = self.load(record), self.options
        if self.scaler is not None:
            values = self.scaler(values)
        elif draw is not None and self.varies:
            values = augment(
                values, draw, shift=options.shift, zoom=options.zoom, flip=options.flip
            )
        return Example(torch.from_numpy(values), targets)


def split_captions(records: Sequence[Picture]) -> list[Picture]:
    """Makes one record for each caption of each image."""
    return [
        record._replace(captions=(caption,)) for record in records for caption in record.captions
    ]
