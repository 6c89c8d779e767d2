"""Tasks whose answers are written token by token: what can be asked of the search for the best one, and the search."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from ostinato.data.batching.batch import Batch
from ostinato.decoding.step import Hypothesis
from ostinato.errors import InputError
from ostinato.models.target_search import sample_targets, search_targets
from ostinato.options import option


@dataclass
class Searching:
    """Mixed into a task, to the left of its other options: class Translation(Searching, TranslationOptions, Task)."""

    answer: ClassVar[str]  # what there is one of for each input: "translation for each sentence"

    beam: int = option(
        5, "width of the beam; 1 is greedy", minimum=1, maximum=1000, when_predicting=True
    )
    length_penalty: float = option(
        1.0,
        "0 ranks by probability alone, more favours longer ones (Wu et al. 2016)",
        minimum=-20,
        maximum=20,
        when_predicting=True,
    )
    sampling: bool = option(
        False, "draw each answer at random instead of searching the likeliest", when_predicting=True
    )
    temperature: float = option(
        1.0,
        "sampling: below 1 sharper, above 1 flatter, 0 the likeliest",
        minimum=0,
        when_predicting=True,
    )
    top_k: int = option(
        0,
        "sampling: among so many likeliest tokens only; 0 for all",
        minimum=0,
        when_predicting=True,
    )
    top_p: float = option(
        1.0,
        "sampling: among the likeliest that hold this share of the probability",
        minimum=0,
        maximum=1,
        when_predicting=True,
    )
    n_best: int = option(
        1, "answers given for each input", minimum=1, maximum=1000, when_predicting=True
    )

    def __post_init__(self):
        super().__post_init__()
        if self.sampling and self.n_best > 1:
            raise InputError(f"--sampling gives one {self.answer}; leave out --n-best")

    @torch.inference_mode()
    def search(
        self,
        network: nn.Module,
        batch: Batch,
        *,
        maximum_length: int | Tensor,
        watch_attention: bool,
    ) -> list[list[Hypothesis]]:
        """The n best answers of each input of a batch, or one drawn at random."""
        settings = {"maximum_length": maximum_length, "watch_attention": watch_attention}
        if self.sampling:
            return sample_targets(
                network,
                batch,
                temperature=self.temperature,
                top_k=self.top_k,
                top_p=self.top_p,
                **settings,
            )
        return search_targets(
            network,
            batch,
            width=max(self.beam, self.n_best),
            n_best=self.n_best,
            length_penalty=self.length_penalty,
            **settings,
        )

    def greedy(self) -> Self:
        """The same task with the quickest search, as dev scores while training are measured."""
        quick = copy.copy(self)
        quick.beam, quick.n_best, quick.sampling = 1, 1, False
        return quick
