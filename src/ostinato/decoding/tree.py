"""The search itself, to look at: which hypotheses a beam search kept at each step, and from which they came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ostinato.decoding.step import Expansion


class Node(NamedTuple):
    """A candidate that the search kept: at which `step` (from 0), after which `parent` (its place in the list of nodes;
    None for the start), with which `token`, with what log-probability up to here, and whether it ended in <eos>."""

    step: int
    parent: int | None
    token: int
    log_probability: float
    finished: bool


def search_tree(
    expansions: Iterable[Expansion], sentence: int = 0, *, eos: int | None
) -> list[Node]:
    """search_tree(search(step, state, rows=1, ...), eos=3) -> the nodes of one sentence's search, best first"""
    nodes: list[Node] = []
    numbers: dict[
        int, int
    ] = {}  # a place among the candidates of the step before -> the number of its node
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
