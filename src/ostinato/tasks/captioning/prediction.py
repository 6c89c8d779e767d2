"""Captions: the decoder's hypotheses as text, and the metrics' counts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.data.batching.buckets import target_length
from ostinato.data.images.picture import Picture
from ostinato.decoding.step import Hypothesis
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.models.loss import require_targets
from ostinato.models.target_search import require_encoder_decoder
from ostinato.tasks.captioning.image_kinds import is_blank, name_of
from ostinato.tasks.captioning.options import CaptioningOptions
from ostinato.tasks.captioning.page import caption_page
from ostinato.tasks.captioning.preprocessing import CaptioningPreprocessing, split_captions
from ostinato.tasks.prediction import Counts
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.shared.inference import answer_in_batches
from ostinato.tasks.shared.ranked_answers import RankedAnswers
from ostinato.tasks.shared.search_options import search

Answer = TypeVar("Answer")

TEXT_METRICS = ("bleu", "exact_match")
CHUNK = 1000  # images in memory at once when predicting
# padded frames or feature vectors of a batch when predicting
POSITIONS = {"pictures": 128, "clips": 512, "regions": 8192, "steps": 8192}


@dataclass(frozen=True)
class Attended:
    """The tokens of a caption; `weights[t]` are token t's attention weights over the regions."""

    tokens: list[str]
    weights: list[list[float]]


@dataclass(frozen=True)
class Caption(RankedAnswers):
    """The predicted captions of one image.

    Args:
        answers: (text, log-probability) of each, the best first.
        record: The image.
        n_best: Whether several answers were asked for.
        attended: The attention weights, with the option `align`.
    """

    answers: list[tuple[str, float]]
    record: Picture = field(compare=False)
    n_best: bool = False
    attended: Attended | None = None

    @property
    def details(self) -> dict[str, Any]:
        details: dict[str, Any] = {"log_probability": self.answers[0][1]}
        if not is_blank(self.record):
            details["image"] = name_of(self.record)
        details |= self.n_best_details
        if self.attended is not None:
            details["tokens"] = self.attended.tokens
            details["looked_at"] = [
                [round(weight, 4) for weight in row] for row in self.attended.weights
            ]
        return details


class CaptioningPredictor(Predictor):
    options: CaptioningOptions
    preprocessing: CaptioningPreprocessing

    def predict(self, network: nn.Module, records: Sequence[Picture]) -> list[Caption]:
        options, model = self.options, require_encoder_decoder(network)
        found: list[list[Hypothesis]] = self.answer(
            network,
            [record._replace(captions=()) for record in records],
            lambda batch: search(
                options,
                model,
                batch,
                maximum_length=options.maximum_length,
                watch_attention=options.align and options.attention != "none",
            ),
            empty=[],
        )
        return [
            self.interpret(hypotheses, record) if hypotheses else Caption([("", 0.0)], record)
            for hypotheses, record in zip(found, records, strict=True)
        ]

    def answer(
        self,
        network: nn.Module,
        records: Sequence[Picture],
        answer: Callable[[Batch], Iterable[Answer]],
        *,
        empty: Answer,
    ) -> list[Answer]:
        """Applies `answer` to batches of the records' images.

        Args:
            network: The network.
            records: The images.
            answer: A batch -> an answer for each of its rows.
            empty: The answer for a record without an image.
        """
        answers: list[Answer] = []
        for start in range(0, len(records), CHUNK):
            answers += answer_in_batches(
                network,
                [self.preprocessing.encode(record) for record in records[start : start + CHUNK]],
                answer,
                empty=empty,
                tokens=POSITIONS[self.preprocessing.kind.name],
                key=lambda example: (len(example.inputs), target_length(example)),
                with_targets=True,
            )
        return answers

    def interpret(self, hypotheses: list[Hypothesis], record: Picture) -> Caption:
        """Makes a Caption of the hypotheses for one image."""
        tokenizer, best, attended = self.preprocessing.tokenizer, hypotheses[0], None
        if self.options.align and best.watched is not None:
            attended = Attended(
                [tokenizer.decode([token]) for token in best.tokens],
                best.watched[: len(best.tokens)].tolist(),  # [T, R]
            )
        return Caption(
            [(tokenizer.decode(each.tokens), each.log_probability) for each in hypotheses],
            record,
            n_best=self.options.n_best > 1,
            attended=attended,
        )

    def log_probabilities(self, network: nn.Module, records: Sequence[Picture]) -> list[float]:
        """log P(caption | image) of each record, summed over its captions."""
        missing = next((record for record in records if not record.captions), None)
        if missing is not None:
            raise InputError(f"{name_of(missing)}: no caption to compute the probability of")
        return [value for value, _ in self.score(network, records)]

    def score(self, network: nn.Module, records: Sequence[Picture]) -> list[tuple[float, int]]:
        """(log P(captions | image), number of tokens) of every record, summed over its captions."""
        model = require_encoder_decoder(network)
        found = iter(
            self.answer(
                network,
                split_captions(records),
                lambda batch: zip(
                    model.log_probabilities(batch).tolist(),
                    (require_targets(batch) != IGNORE).sum(1).tolist(),
                    strict=True,
                ),
                empty=(0.0, 0),
            )
        )
        scores = []
        for record in records:
            own = [next(found) for _ in record.captions]
            total = sum((value for value, _ in own), 0.0)
            scores.append((total, sum(tokens for _, tokens in own)))
        return scores

    def count(
        self, network: nn.Module, records: Sequence[Picture], predictions: Sequence[Caption]
    ) -> dict[str, list[Counts]]:
        counts = self.options.count_texts(
            [prediction.text for prediction in predictions],
            [record.captions for record in records],
            TEXT_METRICS,
        )
        return {**counts, "perplexity": self.count_perplexity(network, records)}

    def count_perplexity(self, network: nn.Module, records: Sequence[Picture]) -> list[Counts]:
        return [METRICS["perplexity"].count(*each) for each in self.score(network, records)]

    def count_quickly(
        self, network: nn.Module, records: Sequence[Picture], metric: str
    ) -> list[Counts]:
        if metric == "perplexity":
            return self.count_perplexity(network, records)
        greedy = type(self)(self.options.greedy(), self.preprocessing)
        texts = [prediction.text for prediction in greedy.predict(network, records)]
        references = [record.captions for record in records]
        return self.options.count_texts(texts, references, (metric,))[metric]

    def metric_settings(self, metric: str, records: Sequence[Picture]) -> dict[str, Any]:
        return self.options.metric_settings(metric, [record.captions for record in records])

    def format_lines(
        self, predictions: Iterator[Caption], output: str | None = None
    ) -> Iterator[str]:
        """One caption per line; for a file named .html, a page of the images with their
        captions.
        """
        if output is not None and Path(output).suffix.lower() in (".html", ".htm"):
            pairs = ((each.record, each.text) for each in predictions)
            return caption_page(pairs, self.options.pixel_maximum)
        return super().format_lines(predictions, output)

    def show(self, record: Picture, prediction: Caption) -> dict[str, str]:
        return {
            "image": name_of(record),
            "reference": " / ".join(record.captions),
            "prediction": prediction.text,
        }
