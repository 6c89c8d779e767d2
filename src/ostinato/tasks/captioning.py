"""Captioning: a sentence that says what is to be seen in a picture, or in frames of a film. One to many."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from ostinato.baselines.nearest_neighbour import NearestNeighbour
from ostinato.cells import CELLS
from ostinato.data.batch import Example, by_length, collate
from ostinato.data.batches import Batches, drawing
from ostinato.data.captions import Features, Picture, read_captioned, read_features, read_images
from ostinato.data.gallery import Gallery
from ostinato.data.images import varied
from ostinato.data.onnx_encoder import NORMALISATIONS, OnnxEncoder
from ostinato.data.scaler import Scaler
from ostinato.data.units import Units, fit_units, units_from_dict
from ostinato.data.vocabulary import BOS, EOS
from ostinato.decoding.step import Hypothesis
from ostinato.errors import InputError
from ostinato.layers.convolution import FeatureProjection, FrameNetwork, PictureNetwork
from ostinato.layers.embedding import Embedding
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.captioner import Captioner, PictureEncoder, RegionEncoder
from ostinato.models.encoder_decoder import Decoder, Encoder, sample_targets, search_targets
from ostinato.models.ensemble import Ensemble
from ostinato.options import option
from ostinato.tasks.caption_page import Caption, caption_page
from ostinato.tasks.nearest_caption import TEXT_METRICS, NearestCaption, count_texts
from ostinato.tasks.task import Baseline, Counts, Prediction, Task

PLACES = {"pictures": 128, "clips": 512, "regions": 8192, "steps": 8192}  # frames or vectors that are encoded at once when predicting


@dataclass
class Captioning(Task):
    name = "captioning"
    reads = ("TSV, CSV or JSONL with columns image (a file, or a part of one: sheet.png#xywh=0,0,32,32) and caption; .npz of images, "
             "features or frames with captions; predict: images, or a list of them")
    example = "ostinato train captioning --train captions.tsv --image-size 64 --attention additive --out runs/captions"
    metrics = ("bleu", "exact_match", "perplexity")
    sample = "captioning"
    training: ClassVar[dict[str, Any]] = {"epochs": 30.0, "batch_size": 32, "optimizer": "adamw", "weight_decay": 0.05,
                                          "learning_rate": 0.003, "schedule": "cosine", "warmup": 50, "clip_norm": 1.0,
                                          "evaluate_every": 2.0}  # fmt: skip
    sample_training: ClassVar[dict[str, Any]] = {"dev_metric": "bleu"}

    # the data
    image_column: str | None = option(None, "the column of the image (default: image, file_name)")
    caption_column: str | None = option(None, "the column of the caption (default: caption)")
    image_size: int = option(32, "pictures are made to fit a square of so many pixels a side", minimum=8, maximum=1024)
    features: str | None = option(None, "an .npz of features [N, D] or [N, R, D] with names [N]: the table's images are looked up there",
                                  when_predicting=True)
    encoder: str | None = option(None, "a convolutional network of your own, as an ONNX file; it is not trained", when_predicting=True)
    encoder_output: str | None = option(None, "which of its outputs (default: the first)")
    normalise_pixels: Literal[tuple(NORMALISATIONS)] = option("imagenet", "how pixels are scaled for --encoder")
    feature_cache: str | None = option(None, "a folder where what --encoder computed is kept for the next time", when_predicting=True)
    shift: float = option(0.08, "while training, pictures are moved by up to this share of their side", minimum=0, maximum=0.5)
    zoom: float = option(0.08, "while training, pictures are made larger or smaller by up to this share", minimum=0, maximum=0.5)
    flip: bool = option(False, "while training, pictures are mirrored one time in two: not where captions say left or right")
    unit: Literal["word", "subword", "character"] = option("word", "what a token of a caption is")
    vocabulary_size: int | None = option(None, "most tokens of the vocabulary (default: 20,000; 8,000 subwords)", minimum=10)
    minimum_count: int = option(1, "words seen less often become <unk>", minimum=1)
    lowercase: bool = option(False, "lower-case everything")
    maximum_tokens: int = option(60, "longer captions are left out of training", minimum=1)
    # the model
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(256, "units of the decoder, and of what it knows of each region", minimum=2)
    embedding_size: int = option(128, "dimensions of a word's vector", minimum=1)
    layers: int = option(1, "recurrent layers", minimum=1)
    channels: int = option(128, "what the convolutional network knows of each region; layers before have a half and a quarter", minimum=4)
    attention: Literal["none", "dot", "general", "additive"] = option("additive", "how the decoder looks at the regions, or at frames")
    input_feeding: bool = option(False, "attention's result is an input of the next step")
    context: Literal["initial", "every"] = option("initial", "the picture's vector as first state only, or as input of every step, too")
    tied: bool = option(True, "the output layer shares the word vectors' weights")
    dropout: float = option(0.4, "on word vectors, regions, and before the output", minimum=0, maximum=0.99)
    label_smoothing: float = option(0.0, "share of probability spread over all tokens while training", minimum=0, maximum=0.99)
    teacher_forcing: float = option(1.0, "probability that a training step sees the true previous word rather than the model's own",
                                    minimum=0, maximum=1)
    dev_metric: Literal["bleu", "exact_match", "perplexity"] | None = option(
        None, "the dev score that chooses the best weights (default: bleu; perplexity where most captions have fewer than four words)")
    # decoding
    beam: int = option(5, "width of the beam; 1 is greedy", minimum=1, when_predicting=True)
    length_penalty: float = option(1.0, "0 ranks by probability alone, more favours longer ones (Wu et al. 2016)", minimum=-20, maximum=20,
                                   when_predicting=True)
    sampling: bool = option(False, "draw each caption at random instead of searching the likeliest", when_predicting=True)
    temperature: float = option(1.0, "sampling: below 1 sharper, above 1 flatter, 0 the likeliest", minimum=0, when_predicting=True)
    top_k: int = option(0, "sampling: among so many likeliest tokens only; 0 for all", minimum=0, when_predicting=True)
    top_p: float = option(1.0, "sampling: among the likeliest that hold this share of the probability", minimum=0, maximum=1,
                          when_predicting=True)
    n_best: int = option(1, "captions given for each image", minimum=1, when_predicting=True)
    maximum_length: int = option(40, "most tokens of a caption", minimum=1, when_predicting=True)
    align: bool = option(False, "with --json, how much each token looked at each region, row by row", when_predicting=True)

    units: Units = field(init=False, default=None)
    kind: str = field(init=False, default=None)  # pictures, clips (frames of pixels), regions, or steps (features of frames)
    size: int = field(init=False, default=None)  # channels of pixels, or dimensions of features
    scaler: Scaler | None = field(init=False, default=None, repr=False)
    encoder_digest: str | None = field(init=False, default=None)
    known_features: Features | None = field(init=False, default=None, repr=False)
    opened: Gallery | None = field(init=False, default=None, repr=False)
    notices: list[str] = field(init=False, default_factory=list, repr=False)

    def __post_init__(self):
        if self.input_feeding and self.attention == "none":
            raise InputError("--input-feeding needs an --attention other than none")
        if self.sampling and self.n_best > 1:
            raise InputError("--sampling gives one caption for each image; leave out --n-best")
        if self.hidden_size % 2:
            raise InputError(f"--hidden-size must be even, half of it for each direction over frames; got {self.hidden_size}")
        if self.features is not None and self.encoder is not None:
            raise InputError("--features and --encoder exclude each other: both say where features come from")

    # files to records to examples

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Picture]:
        records = read_captioned(files, image_column=self.image_column, caption_column=self.caption_column, features=self.named_features())
        for record in records:  # what is wrong with an image is said before anything is learned from the others
            self.check(record, self.gallery(record), records[0])
        return records

    def read_inputs(self, files: Sequence[str]) -> Iterator[Picture]:
        yield from read_images(files, image_column=self.image_column, features=self.named_features())

    def named_features(self) -> Features | None:
        if self.features is not None and self.known_features is None:
            self.known_features = read_features(self.features)
        return self.known_features

    @property
    def gallery(self) -> Gallery:
        """Images as numbers; opened when the first one is asked for."""
        if self.opened is None:
            encoder = None
            if self.encoder is not None:
                encoder = OnnxEncoder(self.encoder, normalise=self.normalise_pixels, cache=self.feature_cache, output=self.encoder_output)
                if self.encoder_digest not in (None, encoder.digest):
                    raise InputError(f"{self.encoder}: not the network that the model was trained with; name that one with --encoder")
                self.encoder_digest = encoder.digest
            self.opened = Gallery(self.image_size if encoder is None else encoder.size or self.image_size, encoder)
        return self.opened

    def check(self, record: Picture, values: np.ndarray, first: Picture) -> None:
        """Raises InputError for an image of another kind, or of other dimensions, than the model's or the first one."""
        if self.kind is None:
            wanted, size, than = kind_of(self.gallery(first), first.ordered), size_of(self.gallery(first)), "the first one has"
        else:
            wanted, size, than = self.kind, self.size, "the model was trained on"
        where = record.where or "the image"
        if kind_of(values, record.ordered) != wanted:
            raise InputError(f"{where}: {kind_of(values, record.ordered)}, but {than} {wanted}; give images of one kind")
        if size_of(values) != size:
            raise InputError(f"{where}: {size_of(values):,} features, but {than} {size:,}")

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
            raise InputError(f"expected a file, a Pillow image or an array of numbers; got {type(value).__name__}")
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
        self.units = fit_units(self.unit, captions, size=size, minimum_count=self.minimum_count, lowercase=self.lowercase)
        values = self.gallery(records[0])
        self.kind, self.size = kind_of(values, records[0].ordered), size_of(values)
        if values.ndim == 2:
            self.scaler = Scaler.fit([self.gallery(record) for record in records])
        if self.dev_metric is None:  # BLEU counts runs of four words: of shorter captions it says nothing
            self.dev_metric = "bleu" if np.median([len(caption.split()) for caption in captions]) >= 4 else "perplexity"
        several = f", {len(captions):,} captions" if len(captions) > len(records) else ""
        self.notices.append(f"{len(records):,} {self.shown_kind}{several}, {len(self.units):,} {self.unit}s")

    @property
    def shown_kind(self) -> str:
        return {"pictures": "pictures", "clips": "clips", "regions": "images as features", "steps": "clips as features"}[self.kind]

    def learnable(self, records: Sequence[Picture]) -> Sequence[Picture]:
        """A record for each caption of each image."""
        single = [record._replace(captions=(caption,)) for record in records for caption in record.captions]
        kept = [record for record in single if len(self.units.encode(record.captions[0])) <= self.maximum_tokens]
        if not kept:
            raise InputError(f"no caption has --maximum-tokens {self.maximum_tokens} or less")
        if len(kept) < len(single):
            self.notices.append(f"{len(single) - len(kept):,} captions of more than {self.maximum_tokens} tokens left out of training")
        return kept

    def state(self) -> dict[str, Any]:
        return {"units": self.units.to_dict(), "kind": self.kind, "size": self.size, "encoder": self.encoder_digest,
                "dev_metric": self.dev_metric,
                "scaler": None if self.scaler is None else self.scaler.to_dict()}  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        self.units, self.kind, self.size = units_from_dict(state["units"]), state["kind"], int(state["size"])
        self.scaler = None if state["scaler"] is None else Scaler.from_dict(state["scaler"])
        self.encoder_digest, self.dev_metric = state["encoder"], state["dev_metric"]

    def batches(self, records: Sequence[Picture], *, batch_size: int | None, batch_tokens: int | None, seed: int) -> Batches:
        """Batches of captions of any length: sorted by it, as texts are, each would be of one sort of picture."""
        examples = [self.encode(record) for record in records]

        def varied_example(row: int, epoch: int) -> Example:
            return self.encode(records[row], draw=drawing(seed, epoch, row))

        return Batches(examples, batch_size=batch_size, tokens=batch_tokens, seed=seed, pool=batch_size or 64,
                       encode=varied_example if self.varies else None)

    @property
    def varies(self) -> bool:
        return self.kind in ("pictures", "clips") and (self.shift > 0 or self.zoom > 0 or self.flip)

    def encode(self, record: Picture, *, draw: int | None = None) -> Example:
        """The image with the first of its captions, if it has one."""
        targets = torch.tensor([*self.units.encode(record.captions[0]), EOS], dtype=torch.int64) if record.captions else None
        if isinstance(record.image, str) and not record.image.strip():
            return Example(torch.zeros(0), targets)
        values = self.gallery(record)
        if self.scaler is not None:
            values = self.scaler(values)
        elif draw is not None and self.varies:
            values = varied(values, draw, shift=self.shift, zoom=self.zoom, flip=self.flip)
        return Example(torch.from_numpy(values), targets)

    # the network

    def network(self) -> Captioner:
        cell = CELLS[self.cell]
        settings = {"layers": self.layers, "dropout": self.dropout}
        widths = [max(1, self.channels // 4), max(1, self.channels // 2), self.channels]
        if self.kind == "pictures":
            looking = PictureNetwork(self.size, widths=widths, batch_norm=True)
            encoder: nn.Module = PictureEncoder(looking, self.image_size, cell, self.hidden_size, **settings)
        elif self.kind == "regions":
            encoder = RegionEncoder(self.size, cell, self.hidden_size, **settings)
        else:
            frames: nn.Module = FeatureProjection(self.size, self.hidden_size)
            if self.kind == "clips":
                frames = FrameNetwork(self.size, self.hidden_size, (self.image_size,) * 2, widths=widths, dropout=self.dropout)
            encoder = Encoder(frames, cell, self.hidden_size, **settings)
        words = Embedding(len(self.units), self.embedding_size)
        decoder = Decoder(words, cell, self.hidden_size, memory_size=self.hidden_size, attention=self.attention, context=self.context,
                          input_feeding=self.input_feeding, tied=self.tied, **settings)
        return Captioner(encoder, decoder, bos=BOS, eos=EOS, label_smoothing=self.label_smoothing, teacher_forcing=self.teacher_forcing)

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        return Ensemble(networks)

    # its answers

    def predict(self, network: nn.Module, records: Sequence[Picture]) -> list[Prediction]:
        predictions: list[Prediction] = [Caption("", {"log_probability": 0.0}, record) for record in records]
        for rows, batch in self.encoded(network, [record._replace(captions=()) for record in records]):
            for row, hypotheses in zip(rows, self.search(network, batch), strict=True):
                predictions[row] = self.decode(hypotheses, records[row])
        return predictions

    def encoded(self, network: nn.Module, records: Sequence[Picture]) -> Iterator[tuple[list[int], Any]]:
        """The records in batches of similar length, with the rows that they are; those without an image are left out."""
        device = next(network.parameters()).device
        for start in range(0, len(records), 1000):  # so that not all pictures have to be in memory at once
            examples = [self.encode(record) for record in records[start : start + 1000]]
            for record, example in zip(records[start:], examples, strict=False):
                if len(example.inputs):
                    self.check(record, example.inputs.numpy(), record)
            for rows in by_length(examples, tokens=PLACES[self.kind], key=lambda each: (len(each.inputs), target_length(each))):
                yield [start + row for row in rows], collate([examples[row] for row in rows]).to(device)

    @torch.inference_mode()
    def search(self, network: nn.Module, batch: Any) -> list[list[Hypothesis]]:
        settings = {"maximum_length": self.maximum_length, "watch_attention": self.align and self.attention != "none"}
        if self.sampling:
            return sample_targets(network, batch, temperature=self.temperature, top_k=self.top_k, top_p=self.top_p, **settings)
        return search_targets(network, batch, width=max(self.beam, self.n_best), n_best=self.n_best, length_penalty=self.length_penalty,
                              **settings)

    def decode(self, hypotheses: list[Hypothesis], record: Picture) -> Prediction:
        best = hypotheses[0]
        details: dict[str, Any] = {"log_probability": best.log_probability, "image": shown_image(record)}
        if self.n_best > 1:
            details["n_best"] = [{"prediction": self.units.decode(each.tokens), "log_probability": each.log_probability}
                                 for each in hypotheses]
        if self.align and best.watched is not None:
            details["tokens"] = [self.units.decode([number]) for number in best.tokens]
            details["looked_at"] = [[round(weight, 4) for weight in row] for row in best.watched[: len(best.tokens)].tolist()]
        return Caption(self.units.decode(best.tokens), details, record)

    def log_probabilities(self, network: nn.Module, records: Sequence[Picture]) -> list[float]:
        """log P(captions | image): of several captions the sum."""
        missing = next((record for record in records if not record.captions), None)
        if missing is not None:
            raise InputError(f"{shown_image(missing)}: no caption whose probability could be told")
        return [value for value, _ in self.scored(network, records)]

    @torch.inference_mode()
    def scored(self, network: nn.Module, records: Sequence[Picture]) -> list[tuple[float, int]]:
        """(log P(captions | image), tokens) of every record, its captions added up."""
        owners = [number for number, record in enumerate(records) for _ in record.captions]
        single = [record._replace(captions=(caption,)) for record in records for caption in record.captions]
        totals, counts = [0.0] * len(records), [0] * len(records)
        for rows, batch in self.encoded(network, single):
            values = network.log_probabilities(batch).tolist()
            for row, value, tokens in zip(rows, values, batch.target_lengths.tolist(), strict=True):
                totals[owners[row]] += value
                counts[owners[row]] += tokens
        return list(zip(totals, counts, strict=True))

    def measure(self, network: nn.Module, records: Sequence[Picture], predictions: Sequence[Prediction]) -> dict[str, list[Counts]]:
        counts = count_texts([prediction.text for prediction in predictions], records)
        return {**counts, "perplexity": [METRICS["perplexity"].count(*each) for each in self.scored(network, records)]}

    def quick_score(self, network: nn.Module, records: Sequence[Picture], metric: str) -> float:
        if metric not in TEXT_METRICS:
            counts: list[Counts] = [METRICS[metric].count(*each) for each in self.scored(network, records)]
        else:
            greedy = copy.copy(self)
            greedy.beam, greedy.n_best, greedy.sampling, greedy.align = 1, 1, False, False
            texts = [prediction.text for prediction in greedy.predict(network, records)]
            counts = count_texts(texts, records, (metric,))[metric]
        return corpus_score(METRICS[metric], counts)

    def with_target(self, record: Picture, text: str) -> Picture:
        return record._replace(captions=(text,))

    def text_of(self, record: Picture) -> str:
        return shown_image(record)

    def written(self, predictions: Iterator[Prediction], output: str | None = None) -> Iterator[str]:
        """A caption a line; in a file whose name ends in .html, the pictures beside them."""
        if output is not None and Path(output).suffix.lower() in (".html", ".htm"):
            return caption_page(predictions)
        return super().written(predictions, output)

    def next_commands(self, run: str, file: str | None) -> list[str]:
        test = file or self.sample_file()
        return [f"ostinato predict {run} PICTURE.png", f"ostinato predict {run} {test} --output page.html",
                f"ostinato evaluate {run} {test} --beam 10"]

    def sample_file(self) -> str:
        from ostinato.data.samples import sample

        return str(sample(self.sample)["test"])

    def show(self, record: Picture, prediction: Prediction) -> dict[str, str]:
        return {"image": shown_image(record), "reference": " / ".join(record.captions), "prediction": prediction.text}

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


def target_length(example: Example) -> int:
    return 0 if example.targets is None else len(example.targets)


def shown_image(record: Picture) -> str:
    return record.image if isinstance(record.image, str) else record.where
