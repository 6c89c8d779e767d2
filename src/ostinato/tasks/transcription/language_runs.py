"""Runs of the language task as language models for decoding: words, subwords or characters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ostinato.data.audio.recordings import clean
from ostinato.data.files.lines import read_lines
from ostinato.data.text.vocabulary import SPECIALS, UNK
from ostinato.decoding.ctc import NEVER
from ostinato.errors import InputError, option_name
from ostinato.tasks.language import TASK as LANGUAGE
from ostinato.tasks.saved_task import describe, load_weights_of, read_json, restore_task
from ostinato.tasks.transcription.units import Spelling

MOST_REMEMBERED = 20_000  # histories whose distribution is cached
History = tuple[int, ...]


class RunModel:
    """Next-token log-probabilities of a trained language model, cached by history.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: str):
        description = describe(folder)
        if description["task"] != LANGUAGE.name:
            raise InputError(
                f"{option_name('lm')} {folder}: a run of {description['task']}, not of language"
            )
        task = restore_task(LANGUAGE, description, folder)
        self.folder = Path(folder)
        self.network: Any = load_weights_of(task, self.folder, "cpu")
        self.preprocessing: Any = task.preprocessing
        self.tokenizer = self.preprocessing.tokenizer
        self.unit, self.end = self.tokenizer.name, self.preprocessing.line_end
        self.remembered: dict[History, tuple[np.ndarray, Any]] = {}

    @torch.inference_mode()
    def step(self, token: int, state: Any) -> tuple[np.ndarray, Any]:
        logits, state = self.network.step(torch.tensor([token]), state)
        return logits[0].double().log_softmax(-1).numpy(), state

    def distribution(self, history: History) -> np.ndarray:
        """log P of each token [V] given the tokens of a line so far."""
        if history not in self.remembered:
            if len(self.remembered) > MOST_REMEMBERED:
                self.remembered.clear()
            if () not in self.remembered:
                self.remembered[()] = self.step(self.end, self.network.initial_state(1))
            known = max(n for n in range(len(history) + 1) if history[:n] in self.remembered)
            for length in range(known + 1, len(history) + 1):
                _, state = self.remembered[history[: length - 1]]
                self.remembered[history[:length]] = self.step(history[length - 1], state)
        return self.remembered[history][0]

    def log_probability(self, history: History, tokens: Sequence[int]) -> float:
        total = 0.0
        for token in tokens:
            total += float(self.distribution(history)[token])
            history = (*history, token)
        return total

    @cached_property
    def sentences(self) -> set[str]:
        """The lines of its training text, if the file still exists."""
        plan = self.folder / "training" / "plan.json"
        files = read_json(plan).get("train") if plan.is_file() else []
        paths = [file for file in files or [] if Path(file).is_file()]
        return {clean(line) for path in paths for line in read_lines(path)}


class RunWords(RunModel):
    """A run with units word or subword as a model of whole words; see `WordScorer`."""

    unknown: History = (UNK,)

    def start(self) -> History:
        return ()

    def find(self, word: str) -> History | None:
        """The ids of a word; None for one that the run does not know."""
        ids = tuple(self.tokenizer.encode(word))
        known = UNK not in ids and (len(ids) == 1 or self.unit == "subword")
        return ids if known and ids else None

    def extend(self, history: History, word: History) -> History:
        return history + word

    def end_score(self, history: History) -> float:
        return float(self.distribution(history)[self.end])

    def words(self) -> list[str] | None:
        """All words that it knows; None if its vocabulary is open."""
        return self.tokenizer.id_to_token[len(SPECIALS) :] if self.unit == "word" else None


class CharacterScorer:
    """Scores hypotheses of the beam with a character language model, at every label.

    Args:
        model: The language model.
        spellings: The text that each label adds to the transcript, by id.
        weight: The weight of its log-probability.
        bonus: Added for every word.
    """

    def __init__(
        self, model: RunModel, spellings: Sequence[Spelling], *, weight: float, bonus: float
    ):
        self.model, self.spellings = model, spellings
        self.weight, self.bonus = weight, bonus

    def start(self) -> History:
        return ()

    def extend(self, state: Any, label: int) -> tuple[History, float]:
        begins, letters = self.spellings[label]
        if not state and not letters:
            return state, NEVER  # no space before the first word
        boundary = begins and bool(state)
        ids = tuple(self.model.tokenizer.encode(" " * boundary + letters))
        score = self.weight * self.model.log_probability(state, ids)
        return (*state, *ids), score + self.bonus * boundary

    def finish(self, state: Any) -> float:
        score = self.weight * float(self.model.distribution(state)[self.model.end])
        return score + self.bonus * bool(state)
