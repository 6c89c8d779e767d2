"""What a language model makes up: texts token after token, and the words that probably come next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ostinato.cells.state import select
from ostinato.data.files.lines import read_lines
from ostinato.data.text.detokenizer import StopSequence, StreamingDetokenizer
from ostinato.data.text.normalisation import SPACE
from ostinato.data.text.vocabulary import EOS, UNK
from ostinato.decoding.beam import beam_search
from ostinato.decoding.sampler import TokenStream
from ostinato.decoding.step import StepFunction
from ostinato.decoding.word_completion import Pieces, likely_words
from ostinato.errors import InputError
from ostinato.models.language_model import LanguageModel
from ostinato.tasks.legacy import Piece, Request

if TYPE_CHECKING:
    from ostinato.tasks.language.task import Language

TOGETHER = 64  # samples side by side


def generate(
    task: Language, network: nn.Module, request: Request, *, length: int
) -> Iterator[Piece]:
    """The text behind the prompt, piece by piece; up to 64 samples side by side."""
    if request.condition is not None:
        raise InputError(
            "--condition: a language model has learned no kinds; put what it shall go on from into --prompt"
        )
    prompt = prompt_text(request.prompt)
    tokens = torch.tensor([task.prompt(prompt)])
    refuse_unknown(task, prompt, tokens[0].tolist())
    network = task.remembering(network)
    tokens = tokens.to(next(network.parameters(), torch.zeros(())).device)
    if request.beam:
        yield from searched(task, network, request, prompt, tokens, length)
        return
    with torch.inference_mode():
        logits, state = network.read(tokens, network.initial_state(1))
    for first in range(0, request.samples, TOGETHER):
        numbers = range(first, min(first + TOGETHER, request.samples))
        rows = torch.zeros(len(numbers), dtype=torch.int64, device=tokens.device)
        stream = TokenStream(
            quickest_step(task, network),
            logits.repeat(len(numbers), 1),
            select(state, rows),
            seeds=[[request.seed, each] for each in numbers],
            temperature=request.temperature,
            top_k=request.top_k,
            top_p=request.top_p,
            forbidden=task.never,
        )
        yield from drawn(task, stream, list(numbers), request, prompt, length)


def quickest_step(task: Language, network: nn.Module) -> StepFunction:
    """The compiled step where there is one."""
    quick = network.compiled_step(task.weights) if isinstance(network, LanguageModel) else None
    if quick is None and task.weights != "float32":
        raise InputError(
            f"--weights {task.weights}: only a single network of rnn, lstm or gru cells, without zoneout, pre-norm "
            "or a cache, on the CPU, can have smaller weights; leave it out"
        )
    return quick or network.step


def drawn(
    task: Language,
    stream: TokenStream,
    samples: list[int],
    request: Request,
    prompt: str,
    length: int,
) -> Iterator[Piece]:
    """The samples side by side, until each has its length or its stop."""
    add = {sample: StreamingDetokenizer(task.units, after=prompt) for sample in samples}
    stop = {sample: StopSequence(request.stop) for sample in samples}
    made = {sample: [] for sample in samples}  # of text, which the result is made of at last
    left = length
    while left:
        tokens = stream.take(left)
        left -= len(tokens)
        for sample, own in zip(samples, tokens.T.tolist(), strict=True):
            text = stop[sample]("".join(map(add[sample], own)))
            if not left:
                text += stop[sample].flush()
            made[sample].append(text)
            ended = stop[sample].reached or not left
            if text or ended:
                yield Piece(sample, text, "".join(made[sample]) if ended else None)
        going = [row for row, sample in enumerate(samples) if not stop[sample].reached]
        if not going:
            return
        if len(going) < len(samples):
            samples = [samples[row] for row in going]
            stream.keep(going)
    if not length:
        yield from (Piece(sample, "", "") for sample in samples)


def searched(
    task: Language,
    network: nn.Module,
    request: Request,
    prompt: str,
    tokens: torch.Tensor,
    length: int,
) -> Iterator[Piece]:
    """The likeliest texts of this length, by beam search."""
    if request.samples > request.beam:
        raise InputError(
            f"--samples {request.samples}: a search gives --beam {request.beam} texts at most"
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
            forbidden=task.never,
        )[0]
    for sample, hypothesis in enumerate(found):
        stop = StopSequence(request.stop)
        text = (
            stop("".join(map(StreamingDetokenizer(task.units, after=prompt), hypothesis.tokens)))
            + stop.flush()
        )
        yield Piece(sample, text, text)


def prompt_text(prompt: str | None) -> str:
    """The prompt, or what the file of that name holds."""
    if not prompt:
        return ""
    try:
        is_file = Path(prompt).is_file()
    except (OSError, ValueError):  # too long for a file's name, or with a NUL in it
        is_file = False
    return "\n".join(read_lines(prompt)) if is_file else prompt


def refuse_unknown(task: Language, prompt: str, numbers: list[int]) -> None:
    """InputError for characters that the model has never seen; unknown words are read as <unk>, and said."""
    if UNK not in numbers:
        return
    if task.unit == "word":
        tokens = [
            token for line in prompt.split("\n") for token in [*task.units.tokenize(line), "\n"]
        ]
        words = dict.fromkeys(
            token.removeprefix("▁")
            for token, number in zip(tokens, numbers[1:], strict=False)
            if number == UNK
        )
        task.notices.append(f"--prompt: unknown to the model, read as <unk>: {', '.join(words)}")
        return
    known = set("".join(task.units.id_to_token[4:])) | {" "}
    wrong = [
        letter
        for letter in dict.fromkeys(task.units.normalise(prompt))
        if letter not in known and letter != "\n"
    ]
    raise InputError(
        f"--prompt: the model has never seen {', '.join(map(repr, wrong)) or 'some of its characters'}; leave it out"
    )


WORD = re.compile(r"[\w'’-]*")


def next_words(
    task: Language, network: nn.Module, text: str, count: int
) -> list[tuple[str, float]]:
    """The likeliest words behind a text, or, if its last word is not followed by a space, those that this word may become;
    each with its probability behind the words before."""
    prefix = half_typed(task, text)
    before = text[: len(text) - len(prefix)]
    if before and not prefix and not before[-1].isspace():  # behind a comma, say
        before += " "
    tokens = torch.tensor(
        [task.prompt(before)], device=next(network.parameters(), torch.zeros(())).device
    )
    logits, state = network.read(tokens, network.initial_state(1))
    pieces = pieces_of(task, glued=bool(before) and not before[-1].isspace())
    return likely_words(
        network.step, logits, state, pieces, count=count, prefix=task.units.normaliser(prefix)
    )


def half_typed(task: Language, text: str) -> str:
    """half_typed(task, "I am (he") -> "he": the last word, if no space follows it and it is one, not a mark."""
    if not text or text[-1].isspace():
        return ""
    last = text.split()[-1]
    if not any(map(str.isalnum, last)):  # a mark that stands alone is complete
        return ""
    return last if task.tokenized else last[len(last) - WORD.match(last[::-1]).end() :]


def pieces_of(task: Language, *, glued: bool) -> Pieces:
    """What each token is to a word; `glued` to a mark before it, a word begins without a space."""
    tokens = task.units.id_to_token
    texts = [token.removeprefix(SPACE) for token in tokens]
    spaced = np.array([token.startswith(SPACE) for token in tokens])
    wordly = np.array(
        [
            number > EOS and bool(text) and bool(WORD.fullmatch(text))
            for number, text in enumerate(texts)
        ]
    )
    none = np.zeros(len(tokens), bool)
    if task.unit == "word":
        holds_letter = np.array(
            [number > EOS and any(map(str.isalnum, text)) for number, text in enumerate(texts)]
        )
        return Pieces(texts, holds_letter & (task.tokenized | (spaced != glued)), none, ~none)
    if task.unit == "character":
        return Pieces(texts, wordly, wordly, ~wordly)
    begins = np.array(
        [number > EOS and (token == SPACE or wordly[number]) for number, token in enumerate(tokens)]
    )
    return Pieces(texts, begins & (spaced != glued), wordly & ~spaced, ~wordly | spaced)
