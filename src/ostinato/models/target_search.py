"""Decoding of encoder-decoders: beam search, greedy decoding and sampling of target sequences."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ostinato.data.batching.batch import PAD, Batch
from ostinato.decoding.beam import beam_search
from ostinato.decoding.greedy import greedy
from ostinato.decoding.sample import sample
from ostinato.decoding.step import Hypothesis
from ostinato.models.encoder_decoder import EncoderDecoder
from ostinato.models.ensemble import EncoderDecoderEnsemble


def require_encoder_decoder(network: nn.Module) -> EncoderDecoder | EncoderDecoderEnsemble:
    """The network, which its task has built as an encoder-decoder."""
    if not isinstance(network, EncoderDecoder | EncoderDecoderEnsemble):
        raise TypeError(f"a {type(network).__name__} is not an encoder-decoder")
    return network


def search_targets(
    model: EncoderDecoder | EncoderDecoderEnsemble,
    batch: Batch,
    *,
    maximum_length: int | Tensor,
    width: int = 5,
    length_penalty: float = 0.0,
    n_best: int = 1,
    watch_attention: bool = False,
) -> list[list[Hypothesis]]:
    """Beam search with any model that has initial_state, step, bos and eos.

    Args:
        model: An encoder-decoder or an ensemble of them.
        batch: The sources.
        maximum_length: Tokens of a target at most, one number or one for each source [B].
        width: Beam width; 1 is greedy decoding.
        length_penalty: Of the beam search.
        n_best: Hypotheses returned for each source.
        watch_attention: Whether hypotheses have their attention weights.

    Returns:
        For each source at most `n_best` hypotheses, best first.
    """
    settings: dict[str, Any] = {
        "rows": len(batch),
        "bos": model.bos,
        "eos": model.eos,
        "forbidden": (PAD, model.bos),
        "maximum_length": maximum_length,
        "watch": model.attention_weights if watch_attention else None,
    }
    state = model.initial_state(batch)
    if width == 1 and n_best == 1:  # greedy decoding gives the same, and faster
        return [[hypothesis] for hypothesis in greedy(model.step, state, **settings)]
    return beam_search(
        model.step, state, width=width, length_penalty=length_penalty, n_best=n_best, **settings
    )


def sample_targets(
    model: EncoderDecoder | EncoderDecoderEnsemble,
    batch: Batch,
    *,
    watch_attention: bool = False,
    **settings: Any,
) -> list[list[Hypothesis]]:
    """One sampled target for each source; `settings` are keywords of `decoding.sample.sample`."""
    sampled = sample(
        model.step,
        model.initial_state(batch),
        rows=len(batch),
        bos=model.bos,
        eos=model.eos,
        forbidden=(PAD, model.bos),
        watch=model.attention_weights if watch_attention else None,
        **settings,
    )
    return [[hypothesis] for hypothesis in sampled]
