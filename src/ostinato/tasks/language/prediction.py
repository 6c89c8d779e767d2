"""Continuations and suggested words, and the metric counts of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ostinato.data.batching.batch import Batch
from ostinato.data.text.corpus import Corpus, Line
from ostinato.data.text.vocabulary import UNK
from ostinato.decoding.greedy import greedy
from ostinato.errors import option_name
from ostinato.metrics import METRICS
from ostinato.models.ensemble import LanguageEnsemble
from ostinato.models.loss import require_targets
from ostinato.notices import notify
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.language.generation import ROWS, generate_texts
from ostinato.tasks.language.network import LanguageNetwork, with_cache
from ostinato.tasks.language.next_words import Suggestion, suggest_words
from ostinato.tasks.language.options import LanguageOptions
from ostinato.tasks.language.preprocessing import LanguagePreprocessing
from ostinato.tasks.language.streaming import LanguageStreamer
from ostinato.tasks.language.text_scores import score_text, sum_by_group
from ostinato.tasks.prediction import Counts, Prediction
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.request import Piece, Request
from ostinato.tasks.shared.inference import answer_in_batches, device_of
from ostinato.tasks.shared.ngram_network import NGramNetwork
from ostinato.tasks.shared.streamer import is_plain

GROUPS = 4000  # maximum groups of lines; longer texts count several lines together


@dataclass(frozen=True)
class Continuation(Prediction):
    """The most probable continuation of a line, to its end."""

    continuation: str
    log_probability: float

    @property
    def text(self) -> str:
        return self.continuation

    @property
    def candidates(self) -> list[tuple[str, float]]:
        return [(self.continuation, self.log_probability)]

    @property
    def details(self) -> dict[str, Any]:
        return {"log_probability": self.log_probability}


@dataclass(frozen=True)
class Suggestions(Prediction):
    """The most probable next words with their probabilities, the best first."""

    words: list[Suggestion]

    @property
    def text(self) -> str:
        return "\t".join(each.word for each in self.words)

    @property
    def details(self) -> dict[str, Any]:
        return {
            "suggestions": [
                {"word": each.word, "probability": each.probability}
                | ({"edits": each.edits} if each.edits else {})
                for each in self.words
            ]
        }


class LanguagePredictor(Predictor):
    options: LanguageOptions
    preprocessing: LanguagePreprocessing

    @torch.inference_mode()
    def predict(self, network: nn.Module, records: Sequence[Line]) -> list[Prediction]:
        self.options.refuse_backward("predict")
        model = with_cache(self.options, network)
        if self.options.suggest:
            return [self.suggest(model, record) for record in records]
        return list(self.continue_lines(model, records))

    def suggest(self, network: LanguageNetwork, record: Line) -> Suggestions:
        count = self.options.suggest
        return Suggestions(suggest_words(self.preprocessing, network, record.text, count))

    def continue_lines(
        self, network: LanguageNetwork, records: Sequence[Line]
    ) -> list[Continuation]:
        """Each line continued to its end by greedy decoding, in batches of equally long prompts."""
        prompts = [
            self.preprocessing.prompt_ids(record.text if record.text.strip() else "")
            for record in records
        ]
        answers: dict[int, Continuation] = {}
        most = ROWS if self.options.cache else len(prompts)
        for rows in group_by_length(prompts, most=most):
            tokens = torch.tensor([prompts[row] for row in rows], device=device_of(network))
            state = network.initial_state(len(rows))
            if tokens.shape[1] > 1:
                _, state = network.read(tokens[:, :-1], state)
            found = greedy(
                network.step,
                state,
                rows=len(rows),
                bos=tokens[:, -1],
                eos=self.preprocessing.line_end,
                maximum_length=self.options.maximum_length,
                forbidden=self.preprocessing.never_generated,
            )
            for row, hypothesis in zip(rows, found, strict=True):
                text = self.preprocessing.continue_text(records[row].text, hypothesis.tokens)
                answers[row] = Continuation(text, hypothesis.log_probability)
        return [answers[row] for row in range(len(records))]

    def streamer(self, network: Any, as_record: Callable[[Any], Any]) -> LanguageStreamer | None:
        return (
            None if self.why_no_streamer(network) else LanguageStreamer(self.preprocessing, network)
        )

    def why_no_streamer(self, network: Any) -> str:
        if self.options.direction == "backward":
            return "the model reads a line from its end: it needs the whole line"
        if self.options.cache:
            return f"the {option_name('cache')} is not part of the state that is stored"
        plain = is_plain(network.initial_state(1))
        return "" if plain else "the model's state cannot be stored"

    def generate(self, network: nn.Module, request: Request) -> Iterator[Piece]:
        return generate_texts(self.options, self.preprocessing, network, request)

    def log_probabilities(self, network: nn.Module, records: Sequence[Line]) -> list[float]:
        """log P of each line, line end included, independent of the lines before it."""
        corpus = records if isinstance(records, Corpus) else Corpus.from_lines(records)
        model = with_cache(self.options, network)

        def score(batch: Batch) -> list[float]:
            state = model.initial_state(len(batch))
            losses, _ = model.losses(batch.inputs, require_targets(batch), state)  # [B, T]
            return (-losses.double().sum(1)).tolist()

        examples = [self.preprocessing.encode(Line(text)) for text in corpus.whole_lines()]
        return answer_in_batches(model, examples, score, empty=0.0, with_targets=True)

    def count(
        self, network: nn.Module, records: Corpus, predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        ids = self.preprocessing.encode_text(records).ids
        if unknown := int((ids == UNK).sum()):
            notify(
                f"{unknown:,} of {len(ids):,} tokens are <unk>: scores do not include the "
                "probability of their spelling"
            )
        if self.options.cache and with_cache(self.options, network) is network:
            notify(
                f"{option_name('cache')}: {option_name('model')} {self.options.model} has no "
                "states to compare; scored without"
            )
        elif self.options.cache:
            settings = self.options.cache_settings._asdict()
            parts = [f"{name} {value:,}" for name, value in settings.items()]
            notify(f"with a cache: {', '.join(parts)}")
        return self.count_text(network, records)

    def join(self, network: nn.Module, baseline: Baseline, weight: float) -> nn.Module | None:
        ngram = getattr(baseline, "ngram", None)
        if ngram is None or self.options.closed_form:
            return None
        members = [network, NGramNetwork.from_ngram(ngram)]
        return LanguageEnsemble(members, [weight, 1 - weight]).eval()

    def unit_log_probabilities(self, network: nn.Module, records: Corpus) -> np.ndarray:
        ids = self.preprocessing.encode_text(records).ids
        rows = max(1, min(64, len(ids) // 2000))
        found = np.zeros(len(ids))
        for positions, losses in score_text(
            network,  # type: ignore[arg-type]
            ids,
            first=self.preprocessing.line_end,
            rows=rows,
            context=100,
        ):
            found[positions] = -losses
        return found

    def count_quickly(self, network: nn.Module, records: Corpus, metric: str) -> list[Counts]:
        return self.count_text(network, records, quick=True)[metric]

    def count_text(
        self, network: nn.Module, records: Corpus, *, quick: bool = False
    ) -> dict[str, list[Counts]]:
        """The counts of each line, or group of lines, for every metric.

        Args:
            network: A language model.
            records: The text, read from its beginning. If it has more than GROUPS lines,
                consecutive ones form a group.
            quick: Reads up to 64 parts in parallel, each with a context of a hundred tokens only,
                and without a cache.
        """
        text = self.preprocessing.encode_text(records)
        options = replace(self.options, cache=0) if quick else self.options
        model = with_cache(options, network)
        part, context = (2000, 100) if quick else (200_000, 1000)  # tokens
        # each row of a batch has its own cache, so one row reads the whole text
        rows = 1 if options.cache else max(1, min(64, len(text.ids) // part))
        size = -(-len(text.tokens) // GROUPS)  # lines of a group
        ends = np.append(np.cumsum(text.tokens)[size - 1 : -1 : size], len(text.ids))  # [G]
        first = self.preprocessing.line_end
        losses = sum_by_group(
            score_text(model, text.ids, first=first, rows=rows, context=context), ends
        )
        tokens = np.diff(ends, prepend=0)
        starts = np.arange(0, len(text.characters), size)
        characters = np.add.reduceat(text.characters, starts)
        return {
            "perplexity": count_losses("perplexity", losses, tokens),
            "bits_per_character": count_losses("bits_per_character", losses, characters),
        }

    def show(self, record: Line, prediction: Prediction) -> dict[str, str]:
        return {"prompt": record.text, "continuation": prediction.text}

    def examples(
        self, network: nn.Module, records: Corpus, predictions: Sequence[Prediction]
    ) -> list[dict[str, str]]:
        """A sample of generated text; none of a model that reads backward."""
        if self.options.direction == "backward":
            return []
        pieces = self.generate(network, Request(temperature=0.8, seed=1))
        return [{"generated": "".join(piece.text for piece in pieces).strip("\n")}]


def count_losses(metric: str, losses: np.ndarray, sizes: np.ndarray) -> list[Counts]:
    """The counts of a metric for groups with these summed losses [G] and sizes [G]."""
    return [
        METRICS[metric].count(-loss, size)
        for loss, size in zip(losses.tolist(), sizes.tolist(), strict=True)
    ]


def group_by_length(prompts: Sequence[Sequence[int]], *, most: int) -> Iterator[list[int]]:
    """Groups the indices of equally long prompts, at most `most` in a group.

    group_by_length([[1], [2, 3], [4]], most=2) -> [0, 2], [1]"""
    for length in sorted({len(prompt) for prompt in prompts}):
        rows = [row for row, prompt in enumerate(prompts) if len(prompt) == length]
        yield from (rows[start : start + most] for start in range(0, len(rows), most))
