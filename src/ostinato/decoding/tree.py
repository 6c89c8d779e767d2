"""The tree of a beam search, for display: the hypotheses kept at each step and their parents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ostinato.decoding.step import Expansion


class Node(NamedTuple):
    """A candidate that the search kept.

    Attributes:
        step: from 0.
        parent: its index in the list of nodes; None for the start.
        token: the last one.
        log_probability: of the hypothesis up to here.
        finished: whether it ends in <eos>.
    """

    step: int
    parent: int | None
    token: int
    log_probability: float
    finished: bool


def search_tree(
    expansions: Iterable[Expansion], sentence: int = 0, *, eos: int | None
) -> list[Node]:
    """The nodes of one sentence's search, at each step best first.

    search_tree(search(step, state, rows=1, ...), eos=3)"""
    nodes: list[Node] = []
    # the index among the candidates of the step before -> that of the node
    numbers: dict[int, int] = {}
    for step, expansion in enumerate(expansions):
        if sentence not in expansion.sentences.tolist():
            return nodes
        row = expansion.sentences.tolist().index(sentence)
        columns = [
            part[row].tolist()
            for part in (expansion.parents, expansion.tokens, expansion.log_probabilities)
        ]
        above, numbers = numbers, {}
        for slot, (parent, token, score) in enumerate(zip(*columns, strict=True)):
            if score == float("-inf"):
                continue
            numbers[row * len(columns[0]) + slot] = len(nodes)
            nodes.append(Node(step, above.get(parent), token, score, token == eos))
    return nodes
