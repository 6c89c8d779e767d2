"""Continuations of tunes, and the metric counts of their log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ostinato.data.batching.batch import Batch, collate
from ostinato.data.files.wording import format_counts, pluralise
from ostinato.data.music.abc_text import notes_text
from ostinato.data.music.tunes import Note, Tune
from ostinato.metrics import METRICS
from ostinato.models.ensemble import MusicEnsemble
from ostinato.models.loss import require_targets
from ostinato.notices import notify
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.melody.generation import TuneGenerator, check_request
from ostinato.tasks.melody.markov import model_tensors
from ostinato.tasks.melody.markov_network import build_markov_network
from ostinato.tasks.melody.options import MelodyOptions
from ostinato.tasks.melody.own_prefixes import compare_prefixes
from ostinato.tasks.melody.preprocessing import MelodyPreprocessing
from ostinato.tasks.melody.reader import MelodyReader
from ostinato.tasks.melody.tune_files import save_tunes
from ostinato.tasks.prediction import Counts, Prediction
from ostinato.tasks.predictor import Predictor, spread
from ostinato.tasks.request import Piece, Request
from ostinato.tasks.shared.inference import answer_in_batches, device_of

METRIC_NAMES = ("perplexity", "nll_per_step")
LONGEST_SHOWN = 160  # maximum characters of a tune in the report
EXAMPLE_BARS = 4  # bars of a test tune that an example in the report continues
ROWS = 16  # tunes per batch, for tunes of the maximum length


@dataclass(frozen=True)
class Continuation(Prediction):
    """The predicted continuation of a tune.

    Args:
        abc: The continuation in ABC, on one line.
        notes: Its notes; the tune that it continues begins at step 0.
        steps: Its length in steps.
    """

    abc: str
    notes: tuple[Note, ...]
    steps: int

    @property
    def text(self) -> str:
        return self.abc

    @property
    def details(self) -> dict[str, Any]:
        return {"notes": [list(note) for note in self.notes], "steps": self.steps}


class MelodyPredictor(Predictor):
    options: MelodyOptions
    preprocessing: MelodyPreprocessing

    def predict(self, network: nn.Module, records: Sequence[Tune]) -> list[Continuation]:
        generator = TuneGenerator(self.options, self.preprocessing, network)
        return [Continuation(*generator.continue_tune(record)) for record in records]

    def generate(self, network: nn.Module, request: Request) -> Iterator[Piece]:
        check_request(request, self.preprocessing.labels)
        reader = MelodyReader(self.options, self.preprocessing, task_name=self.task_name)
        prompt = reader.read_prompt(request.prompt, files=request.reads_files)
        generator = TuneGenerator(self.options, self.preprocessing, network)
        yield from generator.generate(request, prompt)

    def save_generated(self, results: Sequence[Tune], path: Path) -> list[Path]:
        return save_tunes(
            results,
            path,
            steps_per_quarter=self.options.steps_per_quarter,
            tempo=self.options.tempo,
        )

    def log_probabilities(self, network: nn.Module, records: Sequence[Tune]) -> list[float]:
        """log P of each tune, including its end if the model predicts it."""
        return answer_in_batches(
            network,
            [self.preprocessing.encode(record) for record in records],
            lambda batch: self.score_batch(network, batch),
            empty=0.0,
            tokens=ROWS * self.options.maximum_steps,
            with_targets=True,
        )

    def prefix_losses(
        self, network: nn.Module, records: Sequence[Tune]
    ) -> list[tuple[list[float], list[float], list[bool]]]:
        """-log p of the first steps of tunes on gold prefixes and on the model's own; see
        `tasks.melody.own_prefixes`.
        """
        return compare_prefixes(self.preprocessing, network, records)

    def score_batch(self, network: Any, batch: Batch) -> list[float]:
        """log P of each row, in chunks of --maximum-steps between which the state is carried."""
        state = network.initial_state(len(batch))
        total = torch.zeros(len(batch), dtype=torch.float64)
        for chunk in split_along_time(batch, self.options.maximum_steps):
            losses, state = network.losses(chunk, state)
            total += losses.double().sum(1).cpu()
        return [-value for value in total.tolist()]

    def join(self, network: nn.Module, baseline: Baseline, weight: float) -> nn.Module | None:
        model = getattr(baseline, "model", None)
        if model is None or self.options.closed_form:
            return None
        markov = build_markov_network(model_tensors(model), chords=self.preprocessing.chords)
        return MusicEnsemble([network, markov], [weight, 1 - weight]).eval()

    @torch.inference_mode()
    def unit_log_probabilities(self, network: nn.Module, records: Sequence[Tune]) -> np.ndarray:
        found: list[np.ndarray] = []
        for record in records:
            example = self.preprocessing.encode(record)
            if not len(example.inputs):
                continue
            batch = collate([example]).to(device_of(network))
            state = network.initial_state(1)  # type: ignore[operator]
            for chunk in split_along_time(batch, self.options.maximum_steps):
                losses, state = network.losses(chunk, state)  # type: ignore[operator]
                found.append(-losses[0].double().cpu().numpy())
        return np.concatenate(found) if found else np.zeros(0)

    def count_steps(self, record: Tune) -> int:
        """The number of predicted steps, including the end of a melody."""
        return record.steps + (not self.preprocessing.chords)

    def count(
        self, network: nn.Module, records: Sequence[Tune], predictions: Sequence[Continuation]
    ) -> dict[str, list[Counts]]:
        labels = self.preprocessing.labels
        unseen = [record.label for record in records if record.label not in ("", *labels)]
        if labels and unseen:
            notify(
                f"{len(unseen):,} {pluralise('tune', len(unseen))} with labels unseen in training, "
                f"scored without a label: {format_counts(unseen)}"
            )
        logs = self.log_probabilities(network, records)
        return {name: self.count_logs(logs, records, name) for name in METRIC_NAMES}

    def count_quickly(
        self, network: nn.Module, records: Sequence[Tune], metric: str
    ) -> list[Counts]:
        return self.count_logs(self.log_probabilities(network, records), records, metric)

    def count_logs(
        self, logs: Sequence[float], records: Sequence[Tune], metric: str
    ) -> list[Counts]:
        """The counts of a metric for each tune, given its log-probability."""
        return [
            METRICS[metric].count(value, self.count_steps(record))
            for value, record in zip(logs, records, strict=True)
        ]

    def examples(
        self, network: nn.Module, records: Sequence[Tune], predictions: Sequence[Continuation]
    ) -> list[dict[str, str]]:
        """The first bars of three tunes, continued; `predictions` is empty."""
        generator = TuneGenerator(self.options, self.preprocessing, network)
        chosen = [
            record.parts(EXAMPLE_BARS * generator.writer(record.metre).bar)[0]
            for record in spread(list(records), 3)
        ]
        answers = self.predict(network, chosen)
        return [self.show(record, answer) for record, answer in zip(chosen, answers, strict=True)]

    def show(self, record: Tune, prediction: Continuation) -> dict[str, str]:
        text = notes_text(record, self.options.steps_per_quarter).removesuffix(" |]")
        label = f" ({record.label})" if record.label else ""
        return {
            "tune": f"{record.title or record.where}{label}",
            "begins": shorten(" ".join(text.split())),
            "goes on": shorten(prediction.text),
        }


def split_along_time(batch: Batch, size: int) -> Iterator[Batch]:
    """The batch in chunks of at most `size` steps."""
    for start in range(0, batch.inputs.shape[1], size):
        lengths = (batch.lengths - start).clamp(0, size)
        yield replace(
            batch,
            inputs=batch.inputs[:, start : start + size],
            lengths=lengths,
            targets=require_targets(batch)[:, start : start + size],
            target_lengths=lengths,
            continues=start > 0,
        )


def shorten(text: str) -> str:
    """Shortens a text to LONGEST_SHOWN characters."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"
