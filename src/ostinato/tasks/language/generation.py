"""Generated texts: sampled token by token, or found by beam search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ostinato.cells.state import select
from ostinato.data.files.lines import read_lines
from ostinato.data.text.streaming_detokenizer import StopSequence, StreamingDetokenizer
from ostinato.data.text.tokenizers import Tokenizer
from ostinato.data.text.vocabulary import SPECIALS, UNK
from ostinato.decoding.beam import beam_search
from ostinato.decoding.sampler import TokenStream
from ostinato.decoding.step import StepFunction
from ostinato.errors import InputError, option_name
from ostinato.models.language_model import LanguageModel
from ostinato.notices import notify
from ostinato.tasks.language.network import LanguageNetwork, with_cache
from ostinato.tasks.language.options import LanguageOptions
from ostinato.tasks.language.preprocessing import LanguagePreprocessing
from ostinato.tasks.request import Piece, Request
from ostinato.tasks.shared.inference import device_of

ROWS = 64  # samples that are generated in parallel


def generate_texts(
    options: LanguageOptions,
    preprocessing: LanguagePreprocessing,
    network: nn.Module,
    request: Request,
) -> Iterator[Piece]:
    """Continuations of the prompt, piece by piece; up to ROWS samples in parallel.

    Raises:
        InputError: The request does not suit the model; see `Request`.
    """
    options.refuse_backward("generate")
    if request.condition is not None:
        raise InputError(
            f"{option_name('condition')}: this model is unconditional; use "
            f"{option_name('prompt')} to give it a context"
        )
    prompt = read_prompt(request.prompt) if request.reads_files else request.prompt or ""
    ids = preprocessing.prompt_ids(prompt)
    check_prompt(preprocessing, prompt, ids)
    model = with_cache(options, network)
    tokens = torch.tensor([ids], device=device_of(model))  # [1, T]
    length = request.length
    if length is None:
        length = options.unit_defaults.generated_length
    if request.beam:
        yield from search_texts(preprocessing, model, request, prompt, tokens, length)
        return
    with torch.inference_mode():
        logits, state = model.read(tokens, model.initial_state(1))
    for first in range(0, request.samples, ROWS):
        samples = range(first, min(first + ROWS, request.samples))
        rows = torch.zeros(len(samples), dtype=torch.int64, device=tokens.device)
        stream = TokenStream(
            choose_step(model, options.weights),
            logits.repeat(len(samples), 1),
            select(state, rows),
            seeds=[[request.seed, sample] for sample in samples],
            temperature=request.temperature,
            top_k=request.top_k,
            top_p=request.top_p,
            forbidden=preprocessing.never_generated,
        )
        texts = [
            SampleText(preprocessing.tokenizer, sample, after=prompt, stop=request.stop)
            for sample in samples
        ]
        yield from draw_texts(texts, stream, length)


def choose_step(network: LanguageNetwork, weights: str) -> StepFunction:
    """The compiled step of the network, or its own if there is no compiled one."""
    compiled = network.compiled_step(weights) if isinstance(network, LanguageModel) else None
    if compiled is None and weights != "float32":
        raise InputError(
            f"{option_name('weights')} {weights}: only a single network of rnn, lstm or gru "
            "cells on the CPU, "
            "without zoneout, pre-norm or a cache, can have smaller weights; leave it out"
        )
    return compiled or network.step


class SampleText:
    """The text of one sample while it is generated.

    Args:
        tokenizer: The model's tokenizer.
        sample: The sample's number.
        after: The prompt.
        stop: The sample ends before this text; None for no such text.
    """

    def __init__(self, tokenizer: Tokenizer, sample: int, *, after: str, stop: str | None):
        self.sample = sample
        self.detokenize = StreamingDetokenizer(tokenizer, after=after)
        self.until_stop = StopSequence(stop)
        self.parts: list[str] = []

    def add(self, ids: Sequence[int], *, last: bool) -> Piece | None:
        """Adds tokens to the sample; returns its new text, None if there is none yet.

        Args:
            ids: The next tokens.
            last: Whether the sample is complete with them.
        """
        text = self.until_stop("".join(map(self.detokenize, ids)))
        if last:
            text += self.until_stop.flush()
        self.parts.append(text)
        if self.stopped or last:
            return Piece(self.sample, text, "".join(self.parts))
        return Piece(self.sample, text) if text else None

    @property
    def stopped(self) -> bool:
        return self.until_stop.reached


def draw_texts(texts: list[SampleText], stream: TokenStream, length: int) -> Iterator[Piece]:
    """Extends the samples by drawn tokens until each has `length` of them or has stopped."""
    if not length:
        yield from (Piece(text.sample, "", "") for text in texts)
    while length:
        tokens = stream.take(length)  # [T, N]
        length -= len(tokens)
        for text, ids in zip(texts, tokens.T.tolist(), strict=True):
            if piece := text.add(ids, last=not length):
                yield piece
        live = [row for row, text in enumerate(texts) if not text.stopped]
        if not live:
            return
        if len(live) < len(texts):
            texts = [texts[row] for row in live]
            stream.keep(live)


def search_texts(
    preprocessing: LanguagePreprocessing,
    network: LanguageNetwork,
    request: Request,
    prompt: str,
    tokens: Tensor,
    length: int,
) -> Iterator[Piece]:
    """The most probable texts of this length, by beam search after the prompt's tokens [1, T]."""
    if request.samples > request.beam:
        raise InputError(
            f"{option_name('samples')} {request.samples}: a search gives {option_name('beam')} "
            f"{request.beam} texts at most"
        )
    with torch.inference_mode():
        state = network.initial_state(1)
        if tokens.shape[1] > 1:
            _, state = network.read(tokens[:, :-1], state)
        found = beam_search(
            network.step,
            state,
            rows=1,
            bos=tokens[:, -1],
            eos=None,
            width=request.beam,
            n_best=request.samples,
            maximum_length=length,
            forbidden=preprocessing.never_generated,
        )[0]
    for sample, hypothesis in enumerate(found):
        text = SampleText(preprocessing.tokenizer, sample, after=prompt, stop=request.stop)
        if piece := text.add(hypothesis.tokens, last=True):
            yield piece


def read_prompt(prompt: str | None) -> str:
    """The prompt, or the contents of the file of that name."""
    if not prompt:
        return ""
    try:
        is_file = Path(prompt).is_file()
    except (OSError, ValueError):  # not a file name: too long, or with a NUL character
        is_file = False
    return "\n".join(read_lines(prompt)) if is_file else prompt


def check_prompt(preprocessing: LanguagePreprocessing, prompt: str, ids: Sequence[int]) -> None:
    """Notifies of words of the prompt that are unknown and read as <unk>.

    Raises:
        InputError: The prompt has characters that the model has never seen.
    """
    if UNK not in ids:
        return
    tokenizer = preprocessing.tokenizer
    if preprocessing.options.unit == "word":
        tokens = [
            token for line in prompt.split("\n") for token in (*tokenizer.tokenize(line), "\n")
        ]
        words = dict.fromkeys(
            token.removeprefix("▁")
            for token, id_ in zip(tokens, ids[1:], strict=False)
            if id_ == UNK
        )
        notify(f"{option_name('prompt')}: unknown to the model, read as <unk>: {', '.join(words)}")
        return
    known = {" ", "\n"}.union(*tokenizer.id_to_token[len(SPECIALS) :])
    wrong = [
        character
        for character in dict.fromkeys(tokenizer.normalise(prompt))
        if character not in known
    ]
    raise InputError(
        f"{option_name('prompt')}: the model has never seen "
        f"{', '.join(map(repr, wrong)) or 'some of its characters'}; leave it out"
    )
