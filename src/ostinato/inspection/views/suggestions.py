"""suggestions: the likeliest next words while a text is typed."""

from __future__ import annotations

from typing import Any

import torch

from ostinato.errors import InputError
from ostinato.inspection.panels import ColouredText, Panel, Table
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View

MOST_WORDS = 40  # each costs a reading of the text before it


def view_suggestions(subject: Subject, selection: Selection) -> View:
    """After each word of the text the likeliest next words, and how probable each token was."""
    if subject.next_words is None:
        raise InputError("this model suggests no next words")
    words = subject.text.split()
    first = max(0, len(words) - MOST_WORDS)
    notes = [f"The last {MOST_WORDS} of {len(words)} words are shown."] if first else []
    typed: list[dict[str, Any]] = []
    for count in range(first, len(words) + 1):
        before = " ".join(words[:count])
        found = subject.next_words(before + " " if before else "", min(selection.count, 10))
        actual = words[count] if count < len(words) else None
        typed.append({"after": before, "suggestions": found, "next": actual})
    rows = [
        [
            row["after"][-40:],
            row["next"] or "",
            "yes" if row["next"] in [word for word, _ in row["suggestions"]] else "",
            "   ".join(f"{word} {probability:.1%}" for word, probability in row["suggestions"][:5]),
        ]
        for row in typed
    ]
    hits = sum(row[2] == "yes" for row in rows)
    panels: list[Panel] = [
        Table(
            "The likeliest next words",
            ["after", "next word", "suggested", "suggestions"],
            rows,
        )
    ]
    data: dict[str, Any] = {
        "typed": [
            {
                **row,
                "suggestions": [
                    {"word": word, "probability": value} for word, value in row["suggestions"]
                ],
            }
            for row in typed
        ]
    }
    targets = subject.labels.get("targets", ())
    if subject.step_scores is not None and targets:
        _, scores = subject.record_scores(gradients=False)
        probabilities = torch.exp(scores)[: len(targets)].tolist()
        data["tokens"] = list(targets)
        data["probabilities"] = probabilities
        panels.append(
            ColouredText(
                "How probable each token was after those before it",
                list(targets),
                probabilities,
                "probability",
            )
        )
    if len(words) > first:
        notes.append(f"{hits} of {len(words) - first} words were among the suggestions.")
    return View("suggestions", "Suggestions while typing", data, panels, notes=notes)
