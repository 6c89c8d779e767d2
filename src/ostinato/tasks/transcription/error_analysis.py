"""Error analysis of transcripts: wrong sentences, confused words, speakers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ostinato.metrics import METRICS
from ostinato.metrics.corpus import add_up, corpus_score
from ostinato.metrics.edit_distance import align
from ostinato.metrics.interval import interval
from ostinato.notices import notify

MOST_CONFUSIONS, MOST_SPEAKERS = 5, 10


def notify_nothing_written(texts: Sequence[str], decoder: str, *, training: bool = False) -> None:
    """Says that no recording has any text, and why that is no fault of the program.

    Args:
        texts: What the model wrote.
        decoder: "ctc", "attention" or "joint".
        training: Whether it is still being trained.
    """
    if any(texts) or not texts:
        return
    if decoder == "attention":
        what = "the decoder ends every transcript before its first label"
    else:
        what = "nothing but blanks"
    if training:
        notify(f"dev: {what} so far, which is usual in the first epochs; it learns to write later")
    else:
        notify(
            f"{what}: not one of {len(texts):,} recordings has any text, which is usual in the "
            "first epochs; train longer"
        )


def judge_transcripts(result: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """The verdict on transcripts without a right word, or worse than none; "" for others.

    The WER of the commonest transcript may exceed 100 by its insertions: a model that writes
    nothing has 100, and is not better for that.
    """
    counts, wer = result["details"]["wer"], result["metrics"]["wer"]
    words = counts["words"]
    right = words - counts["substitutions"] - counts["deletions"]
    beside = f"{baseline['name']} {baseline['metrics']['wer']:.4g}"
    if words and counts["deletions"] == words:
        return (
            f"wer {wer:.4g}, {beside}: the network writes nothing yet, which is not better; train "
            "longer"
        )
    if words and not right:
        return f"wer {wer:.4g}, {beside}: not one word of the network's is right; train longer"
    if words and wer >= 100:
        return f"wer {wer:.4g}, {beside}: the network is not better than an empty transcript, 100"
    return ""


def analyse_errors(
    texts: Sequence[str],
    references: Sequence[str],
    speakers: Sequence[str],
    counts: Sequence[tuple],
    *,
    seed: int = 1,
) -> dict[str, dict[str, Any]]:
    """The share of wrong sentences, the commonest errors, and the WER of each speaker.

    Args:
        texts, references: The transcript and the reference of each recording.
        speakers: The speaker of each recording, "" where unknown.
        counts: The WER counts of each recording.
        seed: Seed of the bootstrap for the interval by speaker.
    """
    pairs = list(zip(texts, references, strict=True))
    wrong = sum(text.split() != reference.split() for text, reference in pairs)
    found: dict[str, dict[str, Any]] = {
        "sentences": {"wrong": wrong, "of": len(pairs), "per_cent": 100 * wrong / len(pairs)}
    }
    errors = Counter(
        (given, true)
        for text, reference in pairs
        for given, true in align(text.split(), reference.split())
        if given != true
    )
    if errors:
        found["commonest errors"] = {
            describe_error(*error): number for error, number in errors.most_common(MOST_CONFUSIONS)
        }
    groups: dict[str, list[tuple]] = defaultdict(list)
    for speaker, each in zip(speakers, counts, strict=True):
        groups[speaker].append(each)
    if len(groups) > 1 and "" not in groups:
        scores = {
            speaker: corpus_score(METRICS["wer"], own) for speaker, own in sorted(groups.items())
        }
        worst = sorted(scores, key=lambda speaker: -scores[speaker])[:MOST_SPEAKERS]
        found["wer by speaker"] = {speaker: scores[speaker] for speaker in worst}
        # errors of one speaker are correlated, so whole speakers are resampled
        table = np.array([add_up(own) for own in groups.values()])
        found["wer, interval by speaker"] = dict(
            zip(("low", "high"), interval(METRICS["wer"], table, seed=seed), strict=True)
        )
    return found


def describe_error(given: str, true: str) -> str:
    """describe_error("b", "d") -> "b for d"; "+b" is an insertion, "-d" a deletion."""
    if not true:
        return f"+{given}"
    return f"{given} for {true}" if given else f"-{true}"
