"""The start of decoding: the initial state of a beam search, and pairs with their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

import torch

from ostinato.commands.run.inspected_example import encode, prepare
from ostinato.data.batching.batch import PAD, Batch
from ostinato.inspection.subject import Losses, SearchStart
from ostinato.inspection.views.forcing import measure
from ostinato.tasks.language.next_words import suggest_words
from ostinato.tasks.reader import Record
from ostinato.tasks.task import Task

MOST_PAIRS = 100  # examples on which teacher forcing and free running are compared


MOST_CONTINUED = 40  # length of a language model's beam search in tokens


def decodes(task: Task, network: Any) -> bool:
    """Whether a model has a decoder that reads its own output, as encoder-decoders and language
    models do.
    """
    reads_prompts = hasattr(task.preprocessing, "prompt_ids") and hasattr(network, "read")
    return hasattr(network, "bos") or reads_prompts


def reads_own_answers(task: Task, network: Any) -> bool:
    """Whether free running can be measured: for models that decode, and for music models."""
    return decodes(task, network) or hasattr(task.predictor, "prefix_losses")


def measure_prefixes(task: Task, network: Any, records: Iterable[Record]) -> list[Losses]:
    """The losses on gold and on own prefixes for the first records with a target."""
    if hasattr(task.predictor, "prefix_losses"):
        found = task.predictor.prefix_losses(network, list(islice(records, MOST_PAIRS)))
        return [Losses(*each) for each in found]
    return [measure(*pair) for pair in collect_pairs(task, network, records)]


def find_search(task: Task, network: Any, batch: Batch, text: str) -> SearchStart:
    """The start of a beam search for a batch of one input."""
    options, preprocessing = task.options, task.preprocessing
    if hasattr(network, "bos"):
        sources = replace(batch, targets=None, target_lengths=None)
        longest = getattr(options, "maximum_length", None)
        return SearchStart(
            network.step,
            lambda: network.initial_state(sources),
            network.bos,
            network.eos,
            (PAD, network.bos),
            longest or 10 + 2 * int(batch.lengths[0]),
            getattr(options, "beam", 5),
            getattr(options, "length_penalty", 0.0),
        )
    ids = preprocessing.prompt_ids(text)

    def read() -> Any:
        state = network.initial_state(1)
        return network.read(torch.tensor([ids[:-1]]), state)[1] if len(ids) > 1 else state

    return SearchStart(
        network.step,
        read,
        ids[-1],
        preprocessing.line_end,
        preprocessing.never_generated,
        MOST_CONTINUED,
    )


def collect_pairs(
    task: Task, network: Any, records: Iterable[Record]
) -> list[tuple[SearchStart, list[int]]]:
    """The start of decoding and the target ids, for the first records with a target.

    A language model starts from the first token of a text; the next tokens are its target.
    """
    found = []
    examples = (encode(task, record) for record in records)
    usable = (each for each in examples if each.targets is not None and len(each.inputs))
    for example in islice(usable, MOST_PAIRS):
        if hasattr(network, "bos"):
            dtype = next(network.parameters()).dtype
            batch = prepare(example)
            if batch.inputs.is_floating_point():
                batch = replace(batch, inputs=batch.inputs.to(dtype))
            start = find_search(task, network, batch, "")
            found.append((start, example.targets.tolist()))  # type: ignore[union-attr]
        else:
            ids = example.inputs.tolist()[: MOST_CONTINUED + 1]
            start = find_search(task, network, prepare(example), "")
            found.append((replace(start, bos=ids[0]), example.targets.tolist()[: len(ids)]))  # type: ignore[union-attr]
    return found


def find_next_words(task: Task, network: Any) -> Callable | None:
    """A function that suggests next words, for a language model."""
    if not hasattr(task.preprocessing, "prompt_ids") or not hasattr(network, "read"):
        return None

    @torch.inference_mode()
    def suggest(text: str, count: int) -> list[tuple[str, float]]:
        return [each[:2] for each in suggest_words(task.preprocessing, network, text, count)]

    return suggest
