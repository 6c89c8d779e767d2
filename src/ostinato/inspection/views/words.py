"""The view `words`: nearest words by the cosine of their embeddings, and a map of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.errors import InputError, nearest
from ostinato.inspection.panels import Heatmap, Panel, Scatter, Table
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View

SPACE = "▁"  # begins a token that follows a space
SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>", "<blank>")  # those of a vocabulary come first


def view_words(subject: Subject, selection: Selection) -> View:
    """The nearest words of each word of the input, and all of them on a map.

    The map shows the first two principal components of the vectors, scaled to length 1.
    """
    side = "inputs" if subject.vocabularies.get("inputs") else "targets"
    tokens = subject.vocabularies.get(side, ())
    table = find_embedding(subject.network, len(tokens), side)
    if table is None:
        raise InputError("this model has no embedding of words")
    vectors = nn.functional.normalize(table.weight.detach(), dim=1)  # [V, E]
    asked = find_words(subject.text, tokens, selection)
    cosines = vectors[asked] @ vectors.T  # [N, V]
    rows, shown = [], dict.fromkeys(asked)
    for word, values in zip(asked, cosines, strict=True):
        near = find_nearest(values, word, selection.count, count_specials(tokens))
        rows.append((word, [(other, float(values[other])) for other in near]))
        shown.update(dict.fromkeys(near))
    names = {word: tokens[word].removeprefix(SPACE) for word in shown}
    places = project(vectors[list(shown)])
    panels: list[Panel] = [
        Table(
            "Nearest words by cosine",
            ["word", "nearest", "cosine"],
            [[names[word], names[other], value] for word, near in rows for other, value in near],
        ),
        Scatter(
            "A map of these words: the first two principal components",
            list(names.values()),
            places[:, 0].tolist(),
            places[:, 1].tolist(),
            [word in asked for word in shown],
        ),
    ]
    among = cosines[:, asked].numpy()
    labels = [names[word] for word in asked]
    if len(asked) > 1:
        panels.append(
            Heatmap(
                "Cosines of these words", among, labels, labels, row_name="word", column_name="word"
            )
        )
    data: dict[str, Any] = {
        "side": side,
        "words": labels,
        "cosines": among,
        "nearest": {
            names[word]: [{"word": names[other], "cosine": value} for other, value in near]
            for word, near in rows
        },
        "map": dict(zip(names.values(), places.tolist(), strict=True)),
    }
    return View("words", "Words that are alike", data, panels)


def count_specials(tokens: Sequence[str]) -> int:
    """count_specials(["<blank>", "a", "b"]) -> 1"""
    return sum(1 for _ in takewhile(SPECIALS.__contains__, tokens[:4]))


def find_embedding(network: nn.Module, size: int, side: str) -> nn.Embedding | None:
    """The embedding layer whose vocabulary has `size` tokens.

    The first such layer for side "inputs", the last for "targets".
    """
    found = [
        module
        for module in network.modules()
        if isinstance(module, nn.Embedding) and module.num_embeddings == size
    ]
    if not found or not size:
        return None
    return found[-1] if side == "targets" else found[0]


def find_words(text: str, tokens: Sequence[str], selection: Selection) -> list[int]:
    """The ids of the words of a text, or of the most frequent words if the text is empty.

    Raises:
        InputError: No word of the text is in the vocabulary.
    """
    found, first_word = look_up(text, tokens), count_specials(tokens)
    if text.strip() and not found:
        first = text.split()[0]
        known = [token.removeprefix(SPACE) for token in tokens[first_word:]]
        raise InputError(f"{first!r}: not in the model's vocabulary{nearest(first, known[:5000])}")
    return found or list(range(first_word, min(len(tokens), first_word + selection.count)))


def look_up(text: str, tokens: Sequence[str]) -> list[int]:
    """The ids of the known words of a text, or of its characters for a character vocabulary."""
    ids: dict[str, int] = {}
    first_word = count_specials(tokens)
    for id, token in enumerate(tokens):
        if id >= first_word:
            ids.setdefault(token.removeprefix(SPACE), id)
    words = text.split() if any(len(token) > 1 for token in ids) else text.replace(" ", "")
    found = []
    for word in dict.fromkeys(words):
        spellings = (word, word.lower(), word.strip(".,;:!?\"'"))
        known = [ids[each] for each in spellings if each in ids]
        if known and known[0] not in found:
            found.append(known[0])
    return found


def find_nearest(values: Tensor, word: int, count: int, specials: int) -> list[int]:
    """The ids of the largest cosines, without the word itself and the special tokens."""
    values = values.clone()
    values[:specials] = -torch.inf
    values[word] = -torch.inf
    return values.topk(min(count, len(values) - specials - 1)).indices.tolist()


def project(vectors: Tensor) -> Tensor:
    """[N, E] -> the first two principal components [N, 2]."""
    centred = vectors - vectors.mean(0)
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)
    flat = centred @ axes[:2].T
    return torch.cat([flat, flat.new_zeros(len(flat), 2 - flat.shape[1])], 1)
