"""beam: the search as a tree, with scores, pruned branches, and why the winner won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from ostinato.decoding import beam as beam_search
from ostinato.decoding.step import penalty
from ostinato.decoding.tree import Node as Kept
from ostinato.decoding.tree import search_tree
from ostinato.errors import InputError
from ostinato.inspection.panels import Edge, Graph, Node, Panel, Table
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import SearchStart, Subject
from ostinato.inspection.view import View

MOST_STEPS = 25  # of the tree that is drawn
SPACE = "▁"


class Forced(NamedTuple):
    """Where a search begins after forced tokens: their ids, the state, the last id and log p."""

    ids: list[int]
    state: Any
    bos: int
    log_probability: float


def view_beam(subject: Subject, selection: Selection) -> View:
    """Every hypothesis that the beam search kept, which of them went on, and the final ranking.

    Hypotheses of n tokens, <eos> counted, are ranked by the sum of their log-probabilities over
    ((5 + n) / 6) ^ length penalty (Wu et al. 2016, equation 14).
    """
    if subject.search is None:
        raise InputError("this model has no beam search")
    start = subject.search()
    if selection.beam is not None:
        start = replace(start, width=selection.beam)
    if selection.length_penalty is not None:
        start = replace(start, length_penalty=selection.length_penalty)
    vocabulary = subject.vocabularies.get("targets", ())
    forced = force(start, selection.force, vocabulary)
    with torch.no_grad():
        expansions = list(
            beam_search.search(
                start.step,
                forced.state,
                rows=1,
                bos=forced.bos,
                eos=start.eos,
                maximum_length=max(1, start.maximum_length - len(forced.ids)),
                width=start.width,
                length_penalty=start.length_penalty,
                forbidden=start.forbidden,
            )
        )
    kept = search_tree(expansions, eos=start.eos)
    if not kept:
        raise InputError("the search kept no hypothesis")
    texts = [name(vocabulary, node.token) for node in kept]
    ranked = rank(kept, forced, start)
    winner = trace(kept, ranked[0][0])
    nodes = describe(kept, texts, winner, forced.log_probability)
    data: dict[str, Any] = {
        "width": start.width,
        "length_penalty": start.length_penalty,
        "forced": [name(vocabulary, token) for token in forced.ids],
        "nodes": nodes,
        "ranking": [tell(kept, vocabulary, forced, start.eos, *each) for each in ranked],
    }
    panels: list[Panel] = [
        Table(
            "The ranking, best first",
            ["hypothesis", "sum of log p", "tokens", "penalty", "score", "ended"],
            [
                [*list(row.values())[:-1], "yes" if row["finished"] else "no"]
                for row in data["ranking"][:20]
            ],
        ),
        draw_tree(nodes, start.width),
    ]
    return View("beam", "Beam search", data, panels, notes=explain(data))


def name(vocabulary: Sequence[str], token: int) -> str:
    return vocabulary[token].replace(SPACE, " ").strip() or "␣" if vocabulary else str(token)


def force(start: SearchStart, text: str, vocabulary: Sequence[str]) -> Forced:
    """Reads forced tokens, so that the search goes on after them.

    Raises:
        InputError: A word that is not in the vocabulary.
    """
    state, token, total, ids = start.state(), start.bos, 0.0, []
    for word in text.split():
        choices = [f"{SPACE}{word}", word]
        found = next((vocabulary.index(each) for each in choices if each in vocabulary), None)
        if found is None:
            raise InputError(f"{word!r}: no token of the model's vocabulary; force another word")
        logits, state = start.step(torch.tensor([token]), state)
        total += float(logits.detach().double().log_softmax(-1)[0, found])
        token = found
        ids.append(found)
    return Forced(ids, state, token, total)


def rank(kept: list[Kept], forced: Forced, start: SearchStart) -> list[tuple[int, float, float]]:
    """(node, penalty, score) of every finished hypothesis, best first; of the last ones if none."""
    ends = [number for number, node in enumerate(kept) if node.finished]
    last = max(node.step for node in kept)
    ends = ends or [number for number, node in enumerate(kept) if node.step == last]
    found = []
    for number in ends:
        node = kept[number]
        divisor = float(penalty(node.step + 1 + len(forced.ids), start.length_penalty))
        total = node.log_probability + forced.log_probability
        found.append((number, divisor, total / divisor))
    return sorted(found, key=lambda each: -each[2])


def trace(kept: list[Kept], number: int | None) -> set[int]:
    """A node and all that it came from."""
    path = set()
    while number is not None:
        path.add(number)
        number = kept[number].parent
    return path


def describe(
    kept: list[Kept], texts: list[str], winner: set[int], before: float
) -> list[dict[str, Any]]:
    """Every node of the tree, with what became of it."""
    continued = {node.parent for node in kept}
    rows = []
    for number, node in enumerate(kept):
        status = "pruned"
        if number in winner:
            status = "best"
        elif node.finished:
            status = "finished"
        elif number in continued:
            status = "plain"
        rows.append(
            {
                "step": node.step + 1,
                "parent": node.parent,
                "token": texts[number],
                "log_probability": node.log_probability + before,
                "status": status,
            }
        )
    return rows


def tell(
    kept: list[Kept],
    vocabulary: Sequence[str],
    forced: Forced,
    eos: int | None,
    number: int,
    divisor: float,
    score: float,
) -> dict[str, Any]:
    """A hypothesis of the ranking."""
    path = sorted(trace(kept, number), key=lambda each: kept[each].step)
    ids = [*forced.ids, *(kept[each].token for each in path)]
    shown = [token for token in ids if token != eos]
    text = (
        "".join(vocabulary[token] for token in shown) if vocabulary else " ".join(map(str, shown))
    )
    spaced = text if SPACE in text or not vocabulary else " ".join(vocabulary[t] for t in shown)
    return {
        "hypothesis": spaced.replace(SPACE, " ").strip(),
        "log_probability": kept[number].log_probability + forced.log_probability,
        "tokens": len(ids),
        "penalty": divisor,
        "score": score,
        "finished": kept[number].finished,
    }


def draw_tree(nodes: list[dict[str, Any]], width: int) -> Graph:
    """The tree: steps across, at each step the best hypothesis on top."""
    drawn, edges, places = [Node(0, 0, "start", kind="input")], [], {}
    ranks: dict[int, int] = {}
    for number, node in enumerate(nodes):
        if node["step"] > MOST_STEPS:
            continue
        rank_here = ranks.get(node["step"], 0)
        ranks[node["step"]] = rank_here + 1
        places[number] = len(drawn)
        detail = f"{node['log_probability']:.2f}"
        drawn.append(Node(node["step"], rank_here, node["token"], detail, node["status"]))
        parent = 0 if node["parent"] is None else places[node["parent"]]
        edges.append(Edge(parent, places[number], "best" if node["status"] == "best" else "other"))
    return Graph(
        f"The {width} hypotheses kept at each step, with the sum of log p; grey ones were pruned",
        drawn,
        edges,
    )


def explain(data: dict[str, Any]) -> list[str]:
    """Why the winner won."""
    first = data["ranking"][0]
    notes = [
        f"The winner, {first['hypothesis']!r}: log p {first['log_probability']:.4f} over "
        f"{first['tokens']} tokens, score {first['score']:.4f}."
    ]
    if len(data["ranking"]) > 1:
        second = data["ranking"][1]
        likelier = max(data["ranking"], key=lambda row: row["log_probability"])
        notes.append(
            f"The second, {second['hypothesis']!r}, has score {second['score']:.4f}: "
            f"{first['score'] - second['score']:.4f} less."
        )
        if likelier is not first:
            notes.append(
                f"Without length penalty {likelier['hypothesis']!r} would have won "
                f"(log p {likelier['log_probability']:.4f})."
            )
    if not first["finished"]:
        notes.append("No hypothesis ended within the maximum length.")
    return notes
