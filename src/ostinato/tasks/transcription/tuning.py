"""Chooses the language model weight and the word bonus on a dev set.

tuned = tune_fusion(ostinato.load("runs/speech", lm="transcripts"), ["dev.tsv"])
model = ostinato.load("runs/speech", lm="transcripts", lm_weight=tuned.weight,
word_bonus=tuned.bonus)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.tasks.transcription.decoder import Decoder
from ostinato.tasks.transcription.recogniser import Recogniser

WEIGHTS = (0.3, 0.7, 1.5)
BONUSES = (0.0, 1.5)


class Tuned(NamedTuple):
    """The best settings found.

    Attributes:
        weight: The best `lm_weight`.
        bonus: The best `word_bonus`.
        wer: The dev WER with these, in percent.
        tried: (weight, bonus, WER) of all settings.
    """

    weight: float
    bonus: float
    wer: float
    tried: list[tuple[float, float, float]]


def tune_fusion(
    model: Any,
    files: Sequence[str],
    *,
    weights: Sequence[float] = WEIGHTS,
    bonuses: Sequence[float] = BONUSES,
) -> Tuned:
    """Tries every weight with every bonus on a dev set; the network runs once.

    Args:
        model: A loaded model with a language model (`lm=...`).
        files: The dev set.
        weights: Values of `lm_weight`.
        bonuses: Values of `word_bonus`.

    Raises:
        InputError: The model was loaded without a language model.
    """
    task = model.task
    if task.options.lm == "none":
        raise InputError(
            "no language model to tune: load the model with lm='transcripts' or a file"
        )
    predictor, records = task.predictor, task.reader.read(list(files))
    examples = [task.preprocessing.encode(record) for record in records]
    heard = predictor.recogniser.score_frames(model.network, examples)
    tried = []
    for weight in weights:
        for bonus in bonuses:
            options = replace(task.options, lm_weight=weight, word_bonus=bonus)
            decoder = Decoder(
                options, task.preprocessing, language_model=predictor.decoder.language_model
            )
            recogniser = Recogniser(decoder)
            texts = [recogniser.transcribe(model.network, each).text for each in heard]
            counts = predictor.count_texts(texts, records, "wer")
            tried.append((weight, bonus, corpus_score(METRICS["wer"], counts)))
    best = min(tried, key=lambda each: (each[2], each[0], abs(each[1])))
    return Tuned(*best, tried)
