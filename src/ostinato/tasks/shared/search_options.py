"""Options of decoding for tasks whose predictions are token sequences, and the decoding itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from ostinato.data.batching.batch import Batch
from ostinato.decoding.step import Hypothesis
from ostinato.errors import InputError, option_name
from ostinato.models.encoder_decoder import EncoderDecoder
from ostinato.models.ensemble import EncoderDecoderEnsemble
from ostinato.models.target_search import sample_targets, search_targets
from ostinato.options import option
from ostinato.tasks.task_options import TaskOptions


@dataclass(frozen=True)
class SearchOptions(TaskOptions):
    answer: ClassVar[str] = "answer for each input"

    beam: int = option(
        5, "width of the beam; 1 is greedy", minimum=1, maximum=1000, when_predicting=True
    )
    length_penalty: float = option(
        1.0,
        "0 ranks by probability alone, larger values favour longer ones (Wu et al. 2016)",
        minimum=-20,
        maximum=20,
        when_predicting=True,
    )
    sampling: bool = option(
        False,
        "sample at random instead of searching for the most probable answer",
        when_predicting=True,
    )
    temperature: float = option(
        1.0,
        "sampling: below 1 sharpens the distribution, above 1 flattens it, 0 is greedy",
        minimum=0,
        when_predicting=True,
    )
    top_k: int = option(
        0, "sampling: from the k most probable tokens; 0 for all", minimum=0, when_predicting=True
    )
    top_p: float = option(
        1.0,
        "sampling: from the most probable tokens with this total probability (nucleus)",
        minimum=0,
        maximum=1,
        when_predicting=True,
    )
    n_best: int = option(
        1,
        "number of answers for each input, the best first",
        minimum=1,
        maximum=1000,
        when_predicting=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sampling and self.n_best > 1:
            raise InputError(
                f"{option_name('sampling')} gives one {self.answer}; leave out "
                f"{option_name('n_best')}"
            )

    def greedy(self) -> Self:
        """The same options with greedy decoding, for dev scores while training."""
        return replace(self, beam=1, n_best=1, sampling=False)


@torch.inference_mode()
def search(
    options: SearchOptions,
    network: EncoderDecoder | EncoderDecoderEnsemble,
    batch: Batch,
    *,
    maximum_length: int | Tensor,
    watch_attention: bool,
) -> list[list[Hypothesis]]:
    """The n best answers to each input of a batch by beam search, or one random sample.

    Args:
        options: The options of decoding.
        network: An encoder-decoder.
        batch: The inputs, without targets.
        maximum_length: Maximum tokens of an answer, for all inputs or for each [B].
        watch_attention: Whether hypotheses carry the attention weights.

    Returns:
        For each input its hypotheses, the best first.
    """
    if options.sampling:
        return sample_targets(
            network,
            batch,
            temperature=options.temperature,
            top_k=options.top_k,
            top_p=options.top_p,
            maximum_length=maximum_length,
            watch_attention=watch_attention,
        )
    return search_targets(
        network,
        batch,
        width=max(options.beam, options.n_best),
        n_best=options.n_best,
        length_penalty=options.length_penalty,
        maximum_length=maximum_length,
        watch_attention=watch_attention,
    )
