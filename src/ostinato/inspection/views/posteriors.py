"""posteriors: the label probabilities of each frame, by connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.decoding.ctc import BLANK
from ostinato.errors import InputError
from ostinato.inspection.panels import Heatmap, Lines, Panel, Table
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Emissions, Subject
from ostinato.inspection.view import View

SHOWN = 0.05  # labels that reach this probability somewhere have a row


def view_posteriors(subject: Subject, selection: Selection) -> View:
    """The features, the posterior of each label at each frame under them, and the alignment.

    The alignment is the most probable path of the transcript: a label occupies its frames, the
    blank those between.

    Source: Graves, Fernandez, Gomez and Schmidhuber, Connectionist temporal classification, 2006,
    figure 1.
    """
    if subject.emissions is None:
        raise InputError("this model has no posteriors by frame")
    found = subject.emissions()
    posteriors = found.log_probabilities.double().exp().numpy()  # [T', C]
    used = [
        number
        for number in range(posteriors.shape[1])
        if number == BLANK or posteriors[:, number].max(initial=0) >= SHOWN
    ]
    names = [name_label(found.labels[number], number) for number in used]
    times = [f"{frame * found.seconds:.2f}" for frame in range(len(posteriors))]
    spans = describe_spans(found)
    data = {
        "features": found.features.double().numpy(),
        "seconds_per_frame": found.seconds,
        "labels": list(found.labels),
        "posteriors": posteriors,
        "alignment": spans,
    }
    return View(
        "posteriors",
        "Posteriors of the labels by frame",
        data,
        show(data, used, names, times),
        notes=describe_path(posteriors, spans),
    )


def name_label(label: str, number: int) -> str:
    """A label that can be seen: the blank and the space have names."""
    if number == BLANK:
        return "blank"
    return "space" if label.isspace() else label


def describe_spans(found: Emissions) -> list[dict[str, Any]]:
    """Each label of the transcript with its times and its mean probability."""
    return [
        {
            "label": name_label(found.labels[span.label], span.label),
            "start": span.start * found.seconds,
            "end": span.end * found.seconds,
            "probability": float(np.exp(span.log_probability)),
        }
        for span in found.spans
    ]


def describe_path(posteriors: np.ndarray, spans: list[dict[str, Any]]) -> list[str]:
    """How much of the recording is blank, and which label is the least certain."""
    blank = float((posteriors.argmax(1) == BLANK).mean()) if len(posteriors) else 0.0
    notes = [f"The blank is the most probable label at {blank:.0%} of the frames."]
    if spans:
        least = min(spans, key=lambda span: span["probability"])
        notes.append(
            f"Least certain: {least['label']!r} at {least['start']:.2f} s, with a probability of "
            f"{least['probability']:.3g}."
        )
    return notes


def show(data: dict[str, Any], used: list[int], names: list[str], times: list[str]) -> list[Panel]:
    """The panels."""
    features, posteriors = data["features"], data["posteriors"]
    factor = max(1, round(len(features) / max(1, len(times))))
    step = data["seconds_per_frame"] / factor
    columns = [f"{frame * step:.2f}" for frame in range(len(features))]
    bins = [str(number) for number in reversed(range(features.shape[1]))]
    confidence = np.zeros(len(times))
    for span in data["alignment"]:
        first, last = (round(span[end] / data["seconds_per_frame"]) for end in ("start", "end"))
        confidence[first:last] = span["probability"]
    rows = [
        [span["label"], span["start"], span["end"], span["probability"]]
        for span in data["alignment"]
    ]
    return [
        Heatmap(
            "Features, the highest at the top",
            features.T[::-1].copy(),
            bins,
            columns,
            row_name="feature",
            column_name="seconds",
        ),
        Heatmap(
            f"Posteriors of the labels that reach {SHOWN:g}",
            posteriors[:, used].T,
            names,
            times,
            row_name="label",
            column_name="seconds",
            scale="fraction",
        ),
        Lines(
            "The blank, and the labels of the transcript",
            times,
            {
                "blank": posteriors[:, BLANK].tolist(),
                "label of the alignment": confidence.tolist(),
            },
            column_name="seconds",
            value_name="probability",
        ),
        Table("The transcript on its frames", ["label", "from second", "to", "probability"], rows),
    ]
