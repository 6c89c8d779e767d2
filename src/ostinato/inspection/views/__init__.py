"""The views: each a function (Subject, Selection) -> View, by its name in VIEWS."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

from ostinato.data.batching.batch import Batch
from ostinato.errors import ChoiceError, InputError, nearest, option_name
from ostinato.inspection.selection import Selection, check_range
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View
from ostinato.inspection.views.attention import view_attention
from ostinato.inspection.views.beam import view_beam
from ostinato.inspection.views.connectivity import view_connectivity
from ostinato.inspection.views.encoding import view_encoding
from ostinato.inspection.views.forcing import view_forcing
from ostinato.inspection.views.gates import view_gates
from ostinato.inspection.views.gradients import view_gradients
from ostinato.inspection.views.lags import view_lags
from ostinato.inspection.views.learning import view_learning
from ostinato.inspection.views.neurons import view_neurons
from ostinato.inspection.views.parameters import view_parameters
from ostinato.inspection.views.posteriors import view_posteriors
from ostinato.inspection.views.states import view_states
from ostinato.inspection.views.suggestions import view_suggestions
from ostinato.inspection.views.unrolled import view_unrolled
from ostinato.inspection.views.words import find_embedding, view_words
from ostinato.layers.attention import Attention
from ostinato.models.classifier import AttentionPooling


class Definition(NamedTuple):
    """A view: what makes it, what it shows in a phrase, whether a model has it, and the options
    that it reads.
    """

    view: Callable[[Subject, Selection], View]
    summary: str
    suits: Callable[[Subject], bool]
    reads: tuple[str, ...] = ()


def has_layers(subject: Subject) -> bool:
    return bool(subject.parts)


def has_attention(subject: Subject) -> bool:
    kinds = Attention | AttentionPooling | nn.MultiheadAttention
    return any(isinstance(module, kinds) for module in subject.network.modules())


def has_words(subject: Subject) -> bool:
    return any(
        find_embedding(subject.network, len(tokens), side) is not None
        for side, tokens in subject.vocabularies.items()
    )


LAYERS = ("part", "layer", "direction")  # options that choose among recurrent layers

VIEWS = {
    "unrolled": Definition(
        view_unrolled,
        "the network through time: layers, directions, shared weights",
        has_layers,
        ("part", "step", "clamp", "example"),
    ),
    "encoding": Definition(
        view_encoding,
        "tokens, ids, one-hot rows, embeddings, padding and lengths of a small batch",
        lambda subject: subject.batch is not None or subject.folder is not None,
        ("example",),
    ),
    "gates": Definition(
        view_gates,
        "every gate and state over the sequence, and how often they are shut",
        has_layers,
        (*LAYERS, "unit", "clamp", "example"),
    ),
    "neurons": Definition(
        view_neurons,
        "the text coloured by one unit, and the units that follow something",
        has_layers,
        (*LAYERS, "unit", "count", "clamp", "example"),
    ),
    "gradients": Definition(
        view_gradients,
        "|dL/dh_t|, dh_t/dh_k and forget gates: do gradients vanish?",
        has_layers,
        (*LAYERS, "step", "clamp", "example"),
    ),
    "lags": Definition(
        view_lags,
        "the share of dL/dW by lag, and what truncation would lose",
        has_layers,
        (*LAYERS, "clamp", "example"),
    ),
    "connectivity": Definition(
        view_connectivity,
        "which steps a prediction came from, by gradient and by occlusion",
        lambda subject: subject.step_scores is not None and bool(subject.parts),
        ("part", "step", "clamp", "example"),
    ),
    "words": Definition(
        view_words, "nearest words by cosine, and a map of them", has_words, ("count",)
    ),
    "parameters": Definition(
        view_parameters, "how many, layer by layer and gate by gate", lambda subject: True
    ),
    "attention": Definition(
        view_attention, "where a decoder or a classifier looks", has_attention, ("clamp", "example")
    ),
    "posteriors": Definition(
        view_posteriors,
        "labels by frame over the spectrogram, with the transcript (CTC)",
        lambda subject: subject.emissions is not None,
        ("example",),
    ),
    "beam": Definition(
        view_beam,
        "the beam search as a tree, and why the winner won",
        lambda subject: subject.search is not None,
        ("force", "beam", "length_penalty", "example"),
    ),
    "forcing": Definition(
        view_forcing,
        "teacher forcing against free running: the loss on gold and on own prefixes",
        lambda subject: subject.prefix_losses is not None,
        ("example",),
    ),
    "suggestions": Definition(
        view_suggestions,
        "the likeliest next words while typing",
        lambda subject: subject.next_words is not None,
        ("count", "example"),
    ),
    "states": Definition(
        view_states,
        "places of a corpus where the state is most like this one's",
        lambda subject: subject.corpus is not None and bool(subject.parts),
        ("step", "count", "corpus", "example"),
    ),
    "learning": Definition(
        view_learning,
        "loss, gradient norms and dev scores over training",
        lambda subject: bool(subject.log),
    ),
}


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread in the block: a step of a single sequence is too small to be shared.

    On two cores that were busy with other work, two threads took eight times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def count_steps(batch: Batch) -> int:
    """The steps of a batch's longest input or target."""
    targets = batch.targets
    steps = 0 if targets is None or targets.dim() < 2 else targets.shape[1]
    return max(steps, int(batch.lengths.max()))


def list_views(subject: Subject) -> list[str]:
    """The names of the views that a model has."""
    return [name for name, definition in VIEWS.items() if definition.suits(subject)]


def check_options(names: Sequence[str], given: Iterable[str], offered: Container[str]) -> None:
    """Refuses an option that none of the views reads.

    Args:
        names: The views.
        given: The options that were given.
        offered: The options that can be given at all: a command has more than a function.

    Raises:
        ChoiceError: Such an option, with those that the views read.
    """
    read = dict.fromkeys(option for name in names for option in VIEWS[name].reads)
    for option in given:
        if option in read:
            continue
        known = ", ".join(option_name(each) for each in read if each in offered) or "no option"
        if len(names) == 1:
            what = f"the view {names[0]} does not read it; it reads {known}"
        else:
            what = f"the views {', '.join(names)} do not read it; they read {known}"
        raise ChoiceError(f"{option_name(option)}: {what}")


def build_view(subject: Subject, name: str, selection: Selection) -> View:
    """One view of a subject.

    Raises:
        InputError: No such view, a view that the model has not (with those that it has), or a
            layer, unit or step out of range.
    """
    if name not in VIEWS:
        raise InputError(f"no view {name!r}{nearest(name, VIEWS)}")
    if not VIEWS[name].suits(subject):
        raise ChoiceError(
            f"this model has no view {name!r}: it has {', '.join(list_views(subject))}"
        )
    selection.check(subject.parts)
    with one_thread():
        view = VIEWS[name].view(subject, selection)
    if selection.step is not None and subject.batch is not None:
        # after the view, whose own range is narrower where it reads the step
        check_range("step", selection.step, 1, count_steps(subject.batch))
    return replace(
        view,
        text=subject.text,
        answer=subject.answer,
        notes=[*subject.notes, *view.notes],
    )
