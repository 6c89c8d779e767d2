"""Translations: hypotheses as text, word alignment from attention, and metric counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ostinato.data.batching.buckets import target_length
from ostinato.data.text.sentence_pairs import Pair
from ostinato.data.text.vocabulary import UNK
from ostinato.decoding.step import Hypothesis
from ostinato.errors import InputError, option_name
from ostinato.metrics import METRICS
from ostinato.models.target_search import require_encoder_decoder
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.shared.inference import answer_in_batches
from ostinato.tasks.shared.ranked_answers import RankedAnswers
from ostinato.tasks.shared.search_options import search
from ostinato.tasks.translation.options import TranslationOptions
from ostinato.tasks.translation.preprocessing import TranslationPreprocessing
from ostinato.tasks.translation.word_translator import DictionaryAnswers, WordTranslator

TEXT_METRICS = ("bleu", "chrf")


@dataclass(frozen=True)
class Alignment:
    """A word alignment from attention.

    Attributes:
        source_tokens: The source tokens.
        tokens: The target tokens.
        attended: The source position that each target token attended to most.
    """

    source_tokens: list[str]
    tokens: list[str]
    attended: list[int]


@dataclass(frozen=True)
class Translation(RankedAnswers):
    """The best translations of one source sentence.

    Args:
        answers: (text, log-probability) of each, the best first.
        unknown: Share of the source's tokens that are <unk>.
        n_best: Whether several answers were asked for.
        alignment: The word alignment, with the option `align`.
    """

    answers: list[tuple[str, float]]
    unknown: float = 0.0
    n_best: bool = False
    alignment: Alignment | None = None

    @property
    def details(self) -> dict[str, Any]:
        best = self.answers[0][1]  # NaN: of a dictionary, which knows no probabilities
        details: dict[str, Any] = {} if math.isnan(best) else {"log_probability": best}
        if self.unknown:
            details["unknown"] = self.unknown
        details |= self.n_best_details
        if self.alignment is not None:
            details["source_tokens"] = self.alignment.source_tokens
            details["tokens"] = self.alignment.tokens
            details["alignment"] = self.alignment.attended
        return details


class TranslationPredictor(Predictor):
    options: TranslationOptions
    preprocessing: TranslationPreprocessing

    baseline_replaces = True

    def join(self, network: nn.Module, baseline: Baseline, weight: float) -> nn.Module | None:
        translator = getattr(baseline, "translator", None)
        if translator is None or self.options.closed_form:
            return None
        return DictionaryAnswers(network, translator).eval()

    def find_translator(self, network: nn.Module) -> nn.Module:
        """What translates: the network, or the dictionary whose translations are better, unless
        the options ask for what a dictionary does not have.
        """
        if not isinstance(network, DictionaryAnswers):
            return network
        options = self.options
        needs_network = options.sampling or options.align or options.copy_unknown
        return network.network if needs_network or options.n_best > 1 else network.translator

    def predict(self, network: nn.Module, records: Sequence[Pair]) -> list[Translation]:
        network = self.find_translator(network)
        if isinstance(network, WordTranslator):
            return [self.look_up(network, record) for record in records]
        longest, model = self.options.maximum_length, require_encoder_decoder(network)
        found: list[list[Hypothesis]] = answer_in_batches(
            network,
            [self.preprocessing.encode(record) for record in records],
            lambda batch: search(
                self.options,
                model,
                batch,
                maximum_length=10 + 2 * batch.lengths if longest is None else longest,
                watch_attention=self.options.align or self.options.copy_unknown,
            ),
            empty=[],
        )
        return [
            self.interpret(hypotheses, record) if hypotheses else self.answer_empty()
            for hypotheses, record in zip(found, records, strict=True)
        ]

    def look_up(self, translator: WordTranslator, record: Pair) -> Translation:
        """A translation without a probability, word for word."""
        unknown = translator.unknown_share(record.source)
        return Translation([(translator.translate(record.source), math.nan)], unknown=unknown)

    def answer_empty(self) -> Translation:
        """The translation of an empty source: the empty text."""
        nothing = Alignment([], [], []) if self.options.align else None
        return Translation([("", 0.0)], n_best=self.options.n_best > 1, alignment=nothing)

    def interpret(self, hypotheses: list[Hypothesis], record: Pair) -> Translation:
        """Makes a Translation of the hypotheses for one source."""
        best, ids = hypotheses[0], self.preprocessing.source.encode(record.source)
        alignment = None
        if self.options.align and best.watched is not None:
            source_tokens = self.source_tokens(record)
            tokens = [self.preprocessing.target.decode([token]) for token in best.tokens]
            alignment = Alignment(
                source_tokens,
                tokens,
                self.attended(best.watched[: len(tokens)], len(source_tokens)),
            )
        return Translation(
            [(self.to_text(each, record), each.log_probability) for each in hypotheses],
            unknown=ids.count(UNK) / len(ids) if ids else 0.0,
            n_best=self.options.n_best > 1,
            alignment=alignment,
        )

    def attended(self, weights: Tensor, length: int) -> list[int]:
        """The source position of the largest attention weight for each target token.

        Args:
            weights: The attention weights [T, S].
            length: Tokens of the source.
        """
        positions: list[int] = weights.argmax(-1).tolist()
        if self.options.reverse_source:
            return [length - 1 - position for position in positions]
        return positions

    def to_text(self, hypothesis: Hypothesis, record: Pair) -> str:
        target = self.preprocessing.target
        if not self.options.copy_unknown or hypothesis.watched is None:
            return target.decode(hypothesis.tokens)
        words = self.source_tokens(record)
        positions = self.attended(hypothesis.watched[: len(hypothesis.tokens)], len(words))
        return target.decode(hypothesis.tokens, copies=[words[position] for position in positions])

    def source_tokens(self, record: Pair) -> list[str]:
        return self.preprocessing.source.tokenize(record.source)[: self.options.maximum_tokens]

    def why_no_scores(self, network: nn.Module) -> str:
        return "a dictionary knows no probabilities" * isinstance(network, WordTranslator)

    def log_probabilities(self, network: nn.Module, records: Sequence[Pair]) -> list[float]:
        return [value for value, _ in self.score(network, records)]

    def score(self, network: nn.Module, records: Sequence[Pair]) -> list[tuple[float, int]]:
        """(log P(target | source), number of target tokens) of every pair; (0, 0) for an empty
        source.
        """
        if isinstance(network, DictionaryAnswers):
            network = network.network
        if isinstance(network, WordTranslator):
            raise InputError(
                f"a dictionary knows no probabilities; train with {option_name('model')} recurrent"
            )
        examples = [self.preprocessing.encode(record) for record in records]
        model = require_encoder_decoder(network)
        found: list[float | None] = answer_in_batches(
            network,
            examples,
            lambda batch: model.log_probabilities(batch).tolist(),
            empty=None,
            key=lambda example: (target_length(example), len(example.inputs)),
            with_targets=True,
        )
        return [
            (0.0, 0) if value is None else (value, target_length(example))
            for value, example in zip(found, examples, strict=True)
        ]

    def count(
        self, network: nn.Module, records: Sequence[Pair], predictions: Sequence[Translation]
    ) -> dict[str, list[Counts]]:
        counts = self.options.count_texts(
            [prediction.text for prediction in predictions],
            [record.target for record in records],
            TEXT_METRICS,
        )
        if isinstance(network, WordTranslator):
            return counts
        return {**counts, "perplexity": self.count_perplexity(network, records)}

    def count_perplexity(self, network: nn.Module, records: Sequence[Pair]) -> list[Counts]:
        return [METRICS["perplexity"].count(*each) for each in self.score(network, records)]

    def count_quickly(
        self, network: nn.Module, records: Sequence[Pair], metric: str
    ) -> list[Counts]:
        if metric == "perplexity":
            return self.count_perplexity(network, records)
        greedy = type(self)(self.options.greedy(), self.preprocessing)
        texts = [prediction.text for prediction in greedy.predict(network, records)]
        references = [record.target for record in records]
        return self.options.count_texts(texts, references, (metric,))[metric]

    def metric_settings(self, metric: str, records: Sequence[Pair]) -> dict[str, Any]:
        return self.options.metric_settings(metric, [record.target for record in records])

    def show(self, record: Pair, prediction: Translation) -> dict[str, str]:
        return {"source": record.source, "reference": record.target, "prediction": prediction.text}
