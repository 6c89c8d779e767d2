"""Metric counts of texts against references, for tasks whose predictions are texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any

from ostinato.errors import InputError, option_name
from ostinato.metrics import METRICS, bleu
from ostinato.options import OneOf, option
from ostinato.tasks.prediction import Counts
from ostinato.tasks.task_options import TaskOptions

References = str | Sequence[str]  # the reference or references of one prediction


@dataclass(frozen=True)
class TextScoreOptions(TaskOptions):
    bleu_tokenizer: Annotated[str, OneOf(*bleu.TOKENIZERS)] | None = option(
        None,
        "sacreBLEU's tokenizer (default: by the script of the references, zh for Chinese, "
        "13a for languages with spaces)",
        when_predicting=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bleu_tokenizer is not None and not bleu.is_installed(self.bleu_tokenizer):
            package = bleu.MECAB[self.bleu_tokenizer][1]
            raise InputError(
                f"{option_name('bleu_tokenizer')} {self.bleu_tokenizer} is not installed: "
                f"pip install '{package}', or use char"
            )

    def metric_settings(self, metric: str, references: Sequence[References]) -> dict[str, Any]:
        """Keyword arguments for a metric's functions, from the references of a corpus.

        Args:
            metric: The metric's name.
            references: One reference or several for each prediction.

        Returns:
            The tokenizer for BLEU, and the number of references for the signatures of BLEU and
            chrF.
        """
        settings: dict[str, Any] = {}
        if metric in ("bleu", "chrf"):
            numbers = {1 if isinstance(each, str) else len(each) for each in references}
            settings["references"] = numbers.pop() if len(numbers) == 1 else "var"
        if metric == "bleu":
            settings["tokenizer"] = self.bleu_tokenizer or bleu.choose_tokenizer(
                each if isinstance(each, str) else " ".join(each) for each in references
            )
        return settings

    def count_texts(
        self, texts: Sequence[str], references: Sequence[References], metrics: Sequence[str]
    ) -> dict[str, list[Counts]]:
        """The counts of each text against its references, for each of the metrics."""
        counts = {}
        for metric in metrics:
            settings = self.metric_settings(metric, references)
            settings.pop("references", None)
            counts[metric] = [
                METRICS[metric].count(text, reference, **settings)
                for text, reference in zip(texts, references, strict=True)
            ]
        return counts


def too_short_for_bleu(references: Sequence[str], tokenizer: str) -> bool:
    """Whether most references have fewer than four tokens, so that BLEU is meaningless."""
    sample = references[: bleu.SAMPLE]
    return median(bleu.tokenized_length(text, tokenizer) for text in sample) < bleu.ORDER
