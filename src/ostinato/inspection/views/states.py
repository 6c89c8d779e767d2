"""states: the positions of a corpus whose hidden state is nearest to that of this input."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ostinato.errors import InputError
from ostinato.inspection.panels import Lines, Panel, Table
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View

CONTEXT = 6  # tokens shown on either side


class Corpus(NamedTuple):
    """The states of a corpus, and those of the text that is compared with it.

    Attributes:
        states: The outputs of the last recurrent layer at each place [N, O], float32.
        texts: The tokens of each example.
        places: The example and the step of each state [N, 2].
        query: The states of the text [T, O].
        tokens: The text's tokens.
    """

    states: Tensor
    texts: Sequence[Sequence[str]]
    places: Tensor
    query: Tensor
    tokens: Sequence[str]


def view_states(subject: Subject, selection: Selection) -> View:
    """The nearest states by cosine, by exact search over all states of the corpus.

    The state is that after `selection.step`, by default the last.

    Source: Strobelt et al., LSTMVis, 2018, which matches states, too.
    """
    if subject.corpus is None:
        raise InputError("there is no corpus to search: give one")
    corpus: Corpus = subject.corpus()
    step = selection.choose_step(len(corpus.query))
    started = time.perf_counter()
    similarity, found = search(corpus.states, corpus.query[step - 1], selection.count)
    seconds = time.perf_counter() - started
    rows = []
    for value, place in zip(similarity.tolist(), found.tolist(), strict=True):
        example, at = corpus.places[place].tolist()
        tokens = corpus.texts[example]
        rows.append(
            {
                "cosine": value,
                "example": example + 1,
                "step": at + 1,
                "before": join(tokens[max(0, at - CONTEXT) : at]),
                "token": tokens[at] if at < len(tokens) else "",
                "after": join(tokens[at + 1 : at + 1 + CONTEXT]),
            }
        )
    here = f"after {corpus.tokens[step - 1]!r}, step {step} of {len(corpus.query)}"
    columns = ["cosine", "example", "step", "before", "token", "after"]
    panels: list[Panel] = [
        Table(
            f"The most similar of {len(corpus.states):,} states to that {here}",
            columns,
            [[row[column] for column in columns] for row in rows],
        )
    ]
    if len(corpus.query) > 1:
        best = [float(search(corpus.states, state, 1)[0][0]) for state in corpus.query]
        panels.append(
            Lines(
                "The cosine of the nearest state, at each step of the text",
                list(corpus.tokens),
                {"nearest state": best},
                value_name="cosine",
            )
        )
    data: dict[str, Any] = {
        "step": step,
        "states": len(corpus.states),
        "seconds": seconds,
        "nearest": rows,
    }
    return View("states", "Similar states", data, panels)


def join(tokens: Sequence[str]) -> str:
    """Tokens as text."""
    text = "".join(tokens)
    if any(token[:1] in ("▁", " ") and len(token) > 1 for token in tokens):
        return text.replace("▁", " ").strip()
    return text if all(len(token) == 1 for token in tokens) else " ".join(tokens)


def search(states: Tensor, query: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` rows of states [N, O] of largest cosine with a query [O], exactly.

    A product over all rows: a million states of 256 units take a tenth of a second.
    """
    norms = torch.linalg.vector_norm(states, dim=1).clamp(min=1e-12)
    cosines = (states @ query) / (norms * query.norm().clamp(min=1e-12))
    found = cosines.topk(min(max(1, count), len(cosines)))
    return found.values, found.indices
