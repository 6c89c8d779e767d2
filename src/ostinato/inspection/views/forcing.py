"""forcing: the loss with teacher forcing against that of free running, by position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from ostinato.errors import InputError
from ostinato.inspection.panels import Lines, Panel, Table
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Losses, SearchStart, Subject
from ostinato.inspection.view import View


def view_forcing(subject: Subject, selection: Selection) -> View:
    """-log p of every target token on gold prefixes and on the model's own prefixes.

    In training a decoder reads the true tokens before each position; when it answers it reads its
    own. What free running costs at a position is the gap between the two lines there. Own tokens
    are the most probable ones, and the targets stay where they are: a prefix that is only shifted
    counts as wrong.

    Source: Bengio et al., Scheduled sampling, 2015; Ranzato et al., 2016, on exposure bias.
    """
    if subject.prefix_losses is None:
        raise InputError("this model decodes nothing: it has no prefixes of its own")
    found = subject.prefix_losses()
    if not found:
        raise InputError("no example with a target: give one after a tab, or a file")
    data = summarise(found)
    notes = [
        f"{len(found)} examples: free running costs {data['gap']:.4g} nats a token more than "
        "teacher forcing."
    ]
    title = "Teacher forcing against free running"
    return View("forcing", title, data, show(data), notes=notes)


def summarise(found: Sequence[Losses]) -> dict[str, Any]:
    """The means over all examples, by position and over all positions."""
    longest = max(len(each.forced) for each in found)
    by_position: dict[str, list[float]] = {
        "teacher_forcing": [],
        "free_running": [],
        "prefix_right": [],
        "examples": [],
    }
    for u in range(longest):
        here = [each for each in found if u < len(each.forced)]
        by_position["teacher_forcing"].append(mean(each.forced[u] for each in here))
        by_position["free_running"].append(mean(each.free[u] for each in here))
        by_position["prefix_right"].append(mean(each.agreed[u] for each in here))
        by_position["examples"].append(len(here))
    forced = mean(value for each in found for value in each.forced)
    free = mean(value for each in found for value in each.free)
    return {
        "examples": len(found),
        "teacher_forcing": forced,
        "free_running": free,
        "gap": free - forced,
        "by_position": by_position,
    }


def show(data: dict[str, Any]) -> list[Panel]:
    """The panels."""
    by_position = data["by_position"]
    positions = [str(u + 1) for u in range(len(by_position["examples"]))]
    rows = [
        ["gold (teacher forcing)", data["teacher_forcing"], math.exp(data["teacher_forcing"])],
        ["own (free running)", data["free_running"], math.exp(data["free_running"])],
    ]
    return [
        Lines(
            "-log p of the target at each position, mean over examples",
            positions,
            {
                "teacher forcing: gold prefix": by_position["teacher_forcing"],
                "free running: own prefix": by_position["free_running"],
            },
            column_name="position",
            value_name="-log p",
        ),
        Lines(
            "Share of examples whose own prefix is still the gold one",
            positions,
            {"prefix right": by_position["prefix_right"]},
            column_name="position",
            value_name="share",
        ),
        Table("Over all positions", ["prefix", "-log p a token", "perplexity"], rows),
    ]


def mean(values: Any) -> float:
    """The mean of an iterable of numbers."""
    listed = list(values)
    return float(sum(listed)) / max(1, len(listed))


@torch.no_grad()
def measure(start: SearchStart, targets: Sequence[int]) -> Losses:
    """-log p of each target under both kinds of prefix."""
    losses: dict[bool, list[float]] = {}
    agreed: list[bool] = []
    for free in (False, True):
        state, token, right = start.state(), start.bos, True
        losses[free] = []
        for target in targets:
            logits, state = start.step(torch.tensor([token]), state)
            scores = logits[0].double().log_softmax(-1)
            losses[free].append(-float(scores[target]))
            if free:
                agreed.append(right)
                scores[list(start.forbidden)] = -torch.inf
                token = int(scores.argmax())
                right = right and token == target
            else:
                token = target
    return Losses(losses[False], losses[True], agreed)
